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

// setStatus changes the status line; empty takes it away.
func (a *app) setStatus(line string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := a.width - 1; len(line) > n {
		line = line[:n]
	}
	a.clear()
	a.status = line
	a.redraw()
}
