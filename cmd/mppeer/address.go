package main

import (
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/mptcp-go/mptcp/cmd/internal/screen"
	"github.com/mptcp-go/mptcp/fsm/netsim/mbox"
)

// hostPort checks HOST:PORT, and lets a bare number be a port.
func hostPort(text, host string) (string, error) {
	if !strings.Contains(text, ":") && strings.Trim(text, "0123456789") == "" && text != "" {
		text = host + ":" + text
	}
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", fmt.Errorf("%q: want HOST:PORT, an IPv6 address in brackets", text)
	}
	if port == "" {
		return "", fmt.Errorf("%q: no port", text)
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return "", fmt.Errorf("%q: no port is %q: want 0 to 65535, or the name of a service", text, port)
	}
	return text, nil
}

// showsStatus reports whether a status line would disturb no data on the terminal.
func (a *app) showsStatus() bool {
	_, out := screen.Terminal(a.stdout)
	return a.showable() && (a.opt.quietIO() || !out)
}

// showable reports whether there is somewhere to show a status.
func (a *app) showable() bool { return a.terminal && !a.opt.json && !a.opt.quiet }

// lieHelp lists the lies.
func lieHelp(w io.Writer) {
	for _, line := range mbox.Usage() {
		if what, ok := strings.CutPrefix(line, "lie WHAT... [by=N]: say what is not so: "); ok {
			fmt.Fprintf(w, "\nLies: %s\n", screen.Wrap(what, "      ", 96))
		}
	}
}
