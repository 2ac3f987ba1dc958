package main

import "fmt"

// clear takes the status line away; a.mu is held.
func (a *app) clear() {
	if a.status != "" {
		fmt.Fprint(a.stderr, "\r\x1b[K")
	}
}

// redraw puts it back; a.mu is held.
func (a *app) redraw() {
	if a.status != "" {
		fmt.Fprint(a.stderr, "\r\x1b[K"+a.status)
	}
}
