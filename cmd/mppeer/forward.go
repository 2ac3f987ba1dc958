package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/spf13/pflag"
)

func forwardCommand() *command {
	return &command{
		name:  "forward",
		usage: "[HOST]:PORT HOST:PORT [flags]",
		args:  2,
		short: "carry unmodified TCP programs over our stack, in either direction",
		examples: `
			sudo mppeer forward localhost:8080 server.example:80 --path raw:wlan0 --path raw:wwan0
			curl http://localhost:8080/
			sudo mppeer forward --reverse :8080 localhost:80 --path raw:eth0,10.99.1.3/24`,
		text: `Listens at the first address as an ordinary TCP server of this machine and carries each
connection to the second one over our Multipath TCP. With --reverse it is the other way
round: our stack listens, and connections go on to an ordinary TCP server. Ends of streams
and resets are passed on.`,
		more: lieHelp,
		flags: func(f *pflag.FlagSet, o *options) {
			f.BoolVar(&o.reverse, "reverse", false, "listen on our stack, connect with the kernel's TCP")
			o.host(f)
		},
		run: (*app).forward,
	}
}

func (a *app) forward(cmd *command) int {
	at, err := hostPort(a.opt.args[0], "")
	if err != nil {
		return a.usageError(cmd, "%v", err)
	}
	to, err := hostPort(a.opt.args[1], "localhost")
	if err != nil {
		return a.usageError(cmd, "%v", err)
	}
	a.live = a.showable()
	remote := to
	if a.opt.reverse {
		remote = ""
	}
	h, err := a.openHost(remote)
	if err != nil {
		return a.failure(err)
	}
	s := a.newSessions(h)
	if a.opt.reverse {
		err = a.forwardIn(s, at, to)
	} else {
		err = a.forwardOut(s, at, to)
	}
	if e := s.end(); e != nil {
		return a.failure(e)
	}
	if err != nil {
		return a.failure(err)
	}
	return exitClean
}

// forwardIn carries what our stack accepts to an ordinary server.
func (a *app) forwardIn(s *sessions, at, to string) error {
	l, err := s.host.Listen(a.opt.network(), at)
	if err != nil {
		return err
	}
	s.closeFirst(l)
	a.announce(s.host, l)
	return a.serveAll(s, l, func(c net.Conn) error {
		kernel, err := dialTCP(s.ctx, a.opt.network(), to)
		if err != nil {
			return err
		}
		return a.relay(kernel, c.(closeWriter))
	})
}

// forwardOut carries what an ordinary listener accepts over our stack.
func (a *app) forwardOut(s *sessions, at, to string) error {
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	l, err := lc.Listen(s.ctx, a.opt.network(), at)
	if err != nil {
		return err
	}
	s.closeFirst(l)
	a.record("listening", record{"addresses": []string{l.Addr().String()}}, "listening on "+l.Addr().String())
	var running sync.WaitGroup
	defer running.Wait()
	for {
		kernel, err := l.Accept()
		if err != nil {
			return s.unlessEnding(err)
		}
		running.Go(func() {
			c, err := s.host.Dial(s.ctx, a.opt.network(), to)
			if err != nil {
				a.complain("%v", err)
				reset(kernel.(*net.TCPConn))
				return
			}
			_ = s.serve(c, true, func(c net.Conn) error { return a.relay(kernel.(*net.TCPConn), c.(closeWriter)) })
		})
	}
}

// dialTCP connects with the kernel's plain TCP.
func dialTCP(ctx context.Context, network, to string) (*net.TCPConn, error) {
	var d net.Dialer
	d.SetMultipathTCP(false)
	c, err := d.DialContext(ctx, network, to)
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// relay joins two connections: the end of each stream is passed on, and where one side
// fails so does the other. The error is the first that there was.
func (a *app) relay(kernel *net.TCPConn, ours closeWriter) error {
	up := make(chan error, 1)
	go func() {
		err := carry(ours, kernel)
		if err != nil && !a.closing() {
			_ = ours.SetReadDeadline(time.Now()) // ends the other copy
		}
		up <- err
	}()
	err := carry(kernel, ours)
	if err != nil {
		reset(kernel)
	}
	if e := <-up; e != nil && (err == nil || errors.Is(err, os.ErrDeadlineExceeded)) {
		err = e
	}
	if err != nil {
		reset(kernel)
		return err
	}
	return kernel.Close()
}

// closing reports whether the first interrupt came.
func (a *app) closing() bool {
	select {
	case <-a.interrupted:
		return true
	default:
		return false
	}
}

// carry copies one stream and its end.
func carry(to closeWriter, from net.Conn) error {
	if _, err := io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, copySize)); err != nil {
		return err
	}
	return to.CloseWrite()
}

// reset closes a connection with a RST.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}
