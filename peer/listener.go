package peer

import (
	"context"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/mptcp-go/mptcp/fsm"
)

// Listener accepts connections: a net.Listener. Its fields are guarded by the stack's
// mutex.
type Listener struct {
	stack    *Stack
	parts    []*fsm.Listener // one, or one for each family
	locals   []netip.AddrPort
	wait     half // of those who accept; woken one by one
	closed   bool
	accepted uint64
}

// Listen accepts connections to addr, "host:port", where an empty host stands for all
// addresses of the stack, those of links added later included, and port 0 for any that
// is free. Network is "tcp", "tcp4" or "tcp6". Errors are *net.OpError.
func (s *Stack) Listen(network, addr string) (*Listener, error) {
	l, err := s.listen(network, addr)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: explain(err)}
	}
	return l, nil
}

func (s *Stack) listen(network, addr string) (*Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if host == "" {
		host = "::"
		if network == "tcp4" {
			host = "0.0.0.0"
		}
	}
	at, err := resolve(context.Background(), network, net.JoinHostPort(host, port))
	if err != nil {
		return nil, err
	}
	locals := at[:1]
	if network == "tcp" && at[0].Addr() == netip.IPv6Unspecified() {
		locals = append(locals, netip.AddrPortFrom(netip.IPv4Unspecified(), at[0].Port()))
	}
	now := s.lock()
	defer s.unlock()
	if s.closed {
		return nil, net.ErrClosed
	}
	tries := 1
	if at[0].Port() == 0 {
		tries = ephemeralPorts
	}
	for range tries {
		if at[0].Port() == 0 {
			s.ephemeral++
			for i := range locals {
				locals[i] = netip.AddrPortFrom(locals[i].Addr(), firstEphemeral+s.ephemeral%ephemeralPorts)
			}
		}
		l := &Listener{stack: s, locals: locals}
		if err = l.open(now); err == nil {
			s.listeners[l] = true
			return l, nil
		}
		if at[0].Port() == 0 {
			locals[0] = netip.AddrPortFrom(locals[0].Addr(), 0)
		}
	}
	return nil, err
}

// The ports that nobody was assigned, RFC 6335 section 6.
const (
	firstEphemeral = 49152
	ephemeralPorts = 16384
)

func (l *Listener) open(now time.Time) error {
	s := l.stack
	for _, local := range l.locals {
		part, err := s.ep.Listen(local)
		if err == nil {
			l.parts = append(l.parts, part)
			err = s.holdListener(local)
		}
		if err != nil {
			for _, part := range l.parts {
				part.Close(now)
			}
			return err
		}
	}
	return nil
}

// holdListener holds a listener's port on all links that want it so: at the addresses
// that it takes connections at, and, if it can, at those that a path manager may announce
// to be joined at.
func (s *Stack) holdListener(local netip.AddrPort) error {
	for _, e := range s.paths {
		holder, ok := sharedBy(e.port.link)
		listens := covers(local.Addr(), e.Local)
		if !ok || !listens && s.cfg.Endpoint.PathManager == nil {
			continue
		}
		if _, err := s.holdNew(holder, netip.AddrPortFrom(e.Local, local.Port()), true); err != nil && listens {
			return err
		}
	}
	return nil
}

// covers reports whether a listener at an address takes what comes for another.
func covers(listen, a netip.Addr) bool {
	return listen == a || listen.IsUnspecified() && listen.Is4() == a.Is4()
}

// arrived tells a listener that a connection is there to be accepted.
func (s *Stack) arrived(fc *fsm.Conn) {
	for l := range s.listeners {
		for _, at := range l.locals {
			if at.Port() == fc.Local().Port() && covers(at.Addr(), fc.Local().Addr()) {
				l.wait.wake()
			}
		}
	}
}

// Accept returns the next connection, a *Conn, whose handshake is done. The error is a
// *net.OpError of net.ErrClosed or os.ErrDeadlineExceeded.
func (l *Listener) Accept() (net.Conn, error) {
	c, err := l.AcceptConn()
	if err != nil {
		return nil, err
	}
	return c, nil
}

// AcceptConn is Accept with the type that it returns.
func (l *Listener) AcceptConn() (*Conn, error) {
	l.wait.serial.Lock()
	defer l.wait.serial.Unlock()
	for {
		c, wait, err := l.tryAccept()
		if err != nil {
			return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: err}
		}
		if c != nil {
			return c, nil
		}
		<-wait
	}
}

func (l *Listener) tryAccept() (*Conn, chan struct{}, error) {
	now := l.stack.lock()
	defer l.stack.mu.Unlock()
	l.wait.disarm(l.stack)
	switch {
	case l.closed:
		return nil, nil, net.ErrClosed
	case l.wait.expired(now):
		return nil, nil, os.ErrDeadlineExceeded
	}
	for _, part := range l.parts {
		for fc, ok := part.Accept(); ok; fc, ok = part.Accept() {
			if fc.State() == fsm.Closed && fc.Err() != nil {
				if n, _ := fc.Readable(); n == 0 {
					continue // reset while it waited
				}
			}
			l.accepted++
			c := l.stack.newConn(fc)
			if fc.State() == fsm.Closed {
				delete(l.stack.conns, fc) // its end was told before anybody listened
			}
			if l.stack.events.wanted && fc.State() != fsm.Opening { // of that it will be told
				l.stack.note(now, c, fsm.Opened)
			}
			return c, nil, nil
		}
	}
	return nil, l.wait.arm(l.stack), nil
}

// Close ends the listener. Connections that were not accepted are reset.
func (l *Listener) Close() error {
	now := l.stack.lock()
	defer l.stack.unlock()
	if l.closed {
		return &net.OpError{Op: "close", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
	}
	l.close(now)
	l.stack.turn(now)
	return nil
}

func (l *Listener) close(now time.Time) {
	l.closed = true
	for _, part := range l.parts {
		part.Close(now)
	}
	delete(l.stack.listeners, l)
	for at, h := range l.stack.holds.m {
		if at.Port() != l.locals[0].Port() {
			continue
		}
		h.listener = false
		for other := range l.stack.listeners {
			h.listener = h.listener || other.locals[0].Port() == at.Port()
		}
	}
	l.wait.stop()
}

// Addr is the address that was asked for, a *net.TCPAddr with the port chosen.
func (l *Listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.locals[0]) }

// SetDeadline sets the time from which on Accept fails; the zero time: never.
func (l *Listener) SetDeadline(t time.Time) error {
	s := l.stack
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.closed {
		return &net.OpError{Op: "set", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
	}
	l.wait.setDeadline(s, t)
	return nil
}

var _ net.Listener = (*Listener)(nil)
