package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"

	"github.com/mptcp-go/mptcp/peer"
	"github.com/spf13/pflag"
)

func listenCommand() *command {
	return &command{
		name:  "listen",
		usage: "[HOST]:PORT [flags]",
		args:  1,
		short: "accept connections: stdin and stdout, echo, discard, files by HTTP",
		examples: `
			sudo mppeer listen :8080 --path tun:tun0,10.9.0.2/24
			sudo mppeer listen :8080 --echo --path raw:eth0,10.99.1.3/24 --path raw:eth1,10.99.2.3/24
			sudo mppeer listen :8080 --http . --path tun:tun0,10.9.0.2/24`,
		text: `Accepts Multipath TCP connections in user space. Without a mode one connection is joined
to the standard input and output, as netcat does; with one, connections are served until
Ctrl-C. Of each it says on stderr whether it was Multipath TCP, or why not. The second
Ctrl-C sends MP_FASTCLOSE. Without --path the packet sockets of all Ethernet interfaces are
used, with the kernel's addresses.`,
		more: lieHelp,
		flags: func(f *pflag.FlagSet, o *options) {
			o.pump(f)
			f.StringVar(&o.http, "http", "", "serve the files of `DIR` by HTTP")
			f.BoolVar(&o.once, "once", false, "end after the first connection")
			o.host(f)
		},
		run: (*app).listen,
	}
}

func (a *app) listen(cmd *command) int {
	at, err := hostPort(a.opt.args[0], "")
	if err != nil {
		return a.usageError(cmd, "%v", err)
	}
	if a.opt.http != "" && a.opt.quietIO() {
		return a.usageError(cmd, "--http and --echo, --discard, --send exclude each other")
	}
	if d, err := os.Stat(a.opt.http); a.opt.http != "" && (err != nil || !d.IsDir()) {
		return a.usageError(cmd, "--http %s: no such directory", a.opt.http)
	}
	a.live = a.opt.http != "" || a.showsStatus()
	a.live = a.live && a.showable()
	h, err := a.openHost("")
	if err != nil {
		return a.failure(err)
	}
	l, err := h.Listen(a.opt.network(), at)
	if err != nil {
		h.shut()
		return a.failure(err)
	}
	s := a.newSessions(h)
	s.closeFirst(l)
	a.announce(h, l)
	switch {
	case a.opt.http != "":
		err = a.serveHTTP(s, l)
	case a.opt.once || !a.opt.quietIO():
		err = a.serveOne(s, l)
	default:
		err = a.serveAll(s, l, a.work)
	}
	if e := s.end(); e != nil {
		return a.failure(e)
	}
	if err != nil {
		return exitFailed
	}
	return exitClean
}

// announce says where connections are accepted.
func (a *app) announce(h *host, l *peer.Listener) {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	var at []string
	for _, addr := range h.Addrs() {
		at = append(at, net.JoinHostPort(addr.String(), port))
	}
	text := "listening on"
	for _, x := range at {
		text += " " + x
	}
	a.record("listening", record{"addresses": at}, text)
}

// serveOne serves the first connection.
func (a *app) serveOne(s *sessions, l *peer.Listener) error {
	c, err := l.AcceptConn()
	if err != nil {
		return s.unlessEnding(err)
	}
	_ = l.Close()
	return s.serve(c, false, a.work)
}

// serveAll serves connections, each on its own, until the listener is closed. How they
// end is their own affair.
func (a *app) serveAll(s *sessions, l *peer.Listener, work func(net.Conn) error) error {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		c, err := l.AcceptConn()
		if err != nil {
			return s.unlessEnding(err)
		}
		running.Go(func() { _ = s.serve(c, false, work) })
	}
}

// unlessEnding is err, but for the one that an interrupt causes.
func (s *sessions) unlessEnding(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.graceful || errors.Is(err, net.ErrClosed) {
		return nil
	}
	s.app.complain("%v", err)
	return err
}

// closeFirst has the first interrupt close a listener.
func (s *sessions) closeFirst(l interface{ Close() error }) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listen = append(s.listen, l)
}

// serveHTTP serves files. Each connection is tracked as the others are: what package
// http gets is its own end of it.
func (a *app) serveHTTP(s *sessions, l *peer.Listener) error {
	handler := http.FileServer(http.Dir(a.opt.http))
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.record("request", record{"remote": r.RemoteAddr, "method": r.Method, "path": r.URL.Path}, fmt.Sprintf("%s %s %s", r.RemoteAddr, r.Method, r.URL.Path))
		handler.ServeHTTP(w, r)
	})}
	accepted := &handover{conns: make(chan net.Conn), closed: make(chan struct{}), addr: l.Addr()}
	go server.Serve(accepted)
	defer server.Close()
	go func() {
		<-s.ctx.Done()
		server.SetKeepAlivesEnabled(false) // closes those that are idle
	}()
	return a.serveAll(s, l, func(c net.Conn) error {
		w := &watchedConn{closeWriter: c.(closeWriter), done: make(chan struct{})}
		select {
		case accepted.conns <- w:
			<-w.done
			return w.err
		case <-accepted.closed:
			return net.ErrClosed
		}
	})
}

// handover is a listener that is given its connections.
type handover struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	addr   net.Addr
}

func (h *handover) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

func (h *handover) Close() error   { h.once.Do(func() { close(h.closed) }); return nil }
func (h *handover) Addr() net.Addr { return h.addr }

// watchedConn tells when its user has closed it.
type watchedConn struct {
	closeWriter
	once sync.Once
	done chan struct{}
	err  error
}

func (w *watchedConn) Close() error {
	w.once.Do(func() {
		w.err = w.closeWriter.CloseWrite()
		close(w.done)
	})
	return nil
}
