package main

import "io"

// screen is stdout for the data of one side. A terminal gets what it can show: a
// stranger's octets shall not steer it.
func (a *app) screen(side int) io.Writer {
	if !a.terminal {
		return a.out
	}
	return &display{a, [...]string{cyan, plain}[side]}
}

type display struct {
	a      *app
	colour string
}

func (d *display) Write(p []byte) (int, error) {
	safe := make([]byte, len(p))
	for i, c := range p {
		if c >= ' ' && c < 0x7f || c == '\n' || c == '\t' {
			safe[i] = c
		} else {
			safe[i] = '.'
		}
	}
	if _, err := d.a.out.WriteString(d.a.paint.as(d.colour, string(safe))); err != nil {
		return 0, err
	}
	return len(p), nil
}
