package peer

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/mptcp-go/mptcp/fsm"
)

// Conn is a connection: a net.Conn. Its methods may be called from any goroutine; of
// several Reads, or several Writes, at once each is done as a whole.
type Conn struct {
	stack *Stack
	fc    *fsm.Conn

	rd     half
	wr     writeHalf
	closed bool
	opened chan struct{} // of a connection being dialled
	ended  chan struct{} // where somebody waits for the end

	announced []netip.AddrPort // by us, on links that share the kernel's addresses
}

// half is one direction of a connection. All but serial is guarded by the stack's mutex.
type half struct {
	serial   sync.Mutex // one call at a time
	waiting  bool
	ready    chan struct{} // of a call that waits; lent by the stack
	deadline time.Time
	timer    *time.Timer
}

// writeHalf is that of Write, which leaves what found no room to whoever makes some.
type writeHalf struct {
	half
	rest []byte // of a Write that waits
	err  error  // why it cannot go on
}

// arm is called with the stack locked, by a call that is about to wait. When it has
// waited it calls disarm.
func (h *half) arm(s *Stack) chan struct{} {
	if n := len(s.spares); h.ready != nil {
	} else if n > 0 {
		h.ready, s.spares = s.spares[n-1], s.spares[:n-1]
	} else {
		h.ready = make(chan struct{}, 1)
	}
	h.waiting = true
	return h.ready
}

// disarm gives the channel back, which nobody will send to.
func (h *half) disarm(s *Stack) {
	if h.ready != nil && !h.waiting {
		if len(s.spares) < maxSpares {
			s.spares = append(s.spares, h.ready)
		}
		h.ready = nil
	}
}

const maxSpares = 64

func (h *half) wake() {
	if h.waiting {
		h.waiting = false
		h.ready <- struct{}{} // empty: one who waits for each who wakes
	}
}

func (h *half) expired(now time.Time) bool { return !h.deadline.IsZero() && !now.Before(h.deadline) }

func (s *Stack) newConn(fc *fsm.Conn) *Conn {
	c := &Conn{stack: s, fc: fc}
	s.conns[fc] = c
	return c
}

// happened passes events on to those who wait. It reports whether it gave the endpoint
// something to send.
func (c *Conn) happened(now time.Time, ev fsm.Event) (again bool) {
	if ev&(fsm.Opened|fsm.Ended) != 0 && c.opened != nil {
		close(c.opened)
		c.opened = nil
	}
	if ev&fsm.Ended != 0 && c.ended != nil {
		close(c.ended)
		c.ended = nil
	}
	if ev&(fsm.Writable|fsm.Ended) != 0 && len(c.wr.rest) > 0 {
		// The writer sleeps until all of it found room.
		n, err := c.fc.Write(now, c.wr.rest)
		c.wr.rest, again = c.wr.rest[n:], n > 0
		if c.wr.err = err; err != nil || len(c.wr.rest) == 0 {
			c.wr.wake()
		}
	}
	if ev&(fsm.Readable|fsm.Ended) != 0 {
		c.rd.wake()
	}
	return again
}

// Read reads octets of the peer's stream. At its end the error is io.EOF; otherwise a
// *net.OpError: of os.ErrDeadlineExceeded, of net.ErrClosed, or with the *fsm.PeerError
// or *fsm.LocalError that ended the connection in it.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c.rd.serial.Lock()
	defer c.rd.serial.Unlock()
	for {
		n, wait, err := c.tryRead(p)
		if n > 0 || err != nil {
			return n, c.opError("read", err)
		}
		<-wait
	}
}

func (c *Conn) tryRead(p []byte) (n int, wait chan struct{}, err error) {
	s := c.stack
	now := s.lock()
	defer s.unlock()
	c.rd.disarm(s)
	switch {
	case c.closed:
		return 0, nil, net.ErrClosed
	case c.rd.expired(now):
		return 0, nil, os.ErrDeadlineExceeded
	}
	if n, err = c.fc.Read(now, p); n > 0 {
		s.turn(now) // the window may have opened
		return n, nil, nil
	}
	if err != nil {
		return 0, nil, err
	}
	if s.closed {
		return 0, nil, net.ErrClosed
	}
	return 0, c.rd.arm(s), nil
}

// Write writes octets to our stream. It returns when all are in the send buffer, so not
// when the peer has them. For errors see Read.
func (c *Conn) Write(p []byte) (int, error) {
	c.wr.serial.Lock()
	defer c.wr.serial.Unlock()
	n, err := c.write(p)
	return n, c.opError("write", err)
}

func (c *Conn) write(p []byte) (int, error) {
	s, w := c.stack, &c.wr
	now := s.lock()
	defer s.unlock()
	switch {
	case c.closed:
		return 0, net.ErrClosed
	case w.expired(now):
		return 0, os.ErrDeadlineExceeded
	}
	n, err := c.fc.Write(now, p)
	if err != nil {
		return n, err
	}
	s.turn(now)
	w.rest, w.err = p[n:], nil
	for len(w.rest) > 0 && w.err == nil && !c.closed && !s.closed {
		if w.expired(s.now()) {
			w.err = os.ErrDeadlineExceeded
			break
		}
		wait := w.arm(s)
		s.unlock()
		<-wait
		s.mu.Lock()
		w.disarm(s)
	}
	n = len(p) - len(w.rest)
	switch err = w.err; {
	case len(w.rest) == 0:
		err = nil
	case err == nil:
		err = net.ErrClosed
	}
	w.rest, w.err = nil, nil
	return n, err
}

// Close ends both directions: what was written is still delivered. Where octets were
// not read, or come later, the connection is reset, as TCP would (RFC 9293 section
// 3.6.1). It does not wait for the peer; Stack.Drain does.
func (c *Conn) Close() error {
	now := c.stack.lock()
	defer c.stack.unlock()
	if c.closed {
		return c.opError("close", net.ErrClosed)
	}
	c.shut()
	c.fc.Close(now)
	c.stack.turn(now)
	return nil
}

// CloseWrite ends our stream; reading goes on.
func (c *Conn) CloseWrite() error {
	now := c.stack.lock()
	defer c.stack.unlock()
	if c.closed {
		return c.opError("close", net.ErrClosed)
	}
	c.fc.CloseWrite(now)
	c.stack.turn(now)
	return nil
}

// Abort ends the connection at once, by MP_FASTCLOSE (RFC 8684 section 3.5) or, of a
// plain TCP one, by a RST. What was not delivered is lost.
func (c *Conn) Abort() error {
	now := c.stack.lock()
	defer c.stack.unlock()
	if c.closed {
		return c.opError("close", net.ErrClosed)
	}
	c.abort(now)
	c.stack.turn(now)
	return nil
}

// Done returns a channel that is closed when the connection has ended: in order, both
// streams being over, or because it failed, or because the stack was closed.
func (c *Conn) Done() <-chan struct{} {
	s := c.stack
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.ended != nil {
		return c.ended
	}
	if s.conns[c.fc] != c {
		return endedAlready
	}
	c.ended = make(chan struct{})
	return c.ended
}

var endedAlready = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

func (c *Conn) abort(now time.Time) {
	c.shut()
	c.fc.Abort(now)
}

// shut has every call of the application fail from now on.
func (c *Conn) shut() {
	c.closed = true
	c.rd.stop()
	c.wr.stop()
}

func (h *half) stop() {
	if h.timer != nil {
		h.timer.Stop()
	}
	h.wake()
}

// LocalAddr and RemoteAddr are the *net.TCPAddr of the first subflow, also after its
// end (RFC 8684 section 4, R4-07).
func (c *Conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.fc.Local()) }

// RemoteAddr is the peer's address; see LocalAddr.
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.fc.Remote()) }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error { return c.setDeadline(t, &c.rd, &c.wr.half) }

// SetReadDeadline sets the time from which on Read fails with os.ErrDeadlineExceeded;
// the zero time: never.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadline(t, &c.rd) }

// SetWriteDeadline does the same for Write.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadline(t, &c.wr.half) }

func (c *Conn) setDeadline(t time.Time, halves ...*half) error {
	s := c.stack
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.closed {
		return c.opError("set", net.ErrClosed)
	}
	for _, h := range halves {
		h.setDeadline(s, t)
	}
	return nil
}

// setDeadline has whoever waits look at the time when it has come. How long that is from now
// is decided here and once, by the stack's clock: the system's may be set meanwhile, and t may
// have no reading of one that cannot.
func (h *half) setDeadline(s *Stack, t time.Time) {
	if h.timer != nil {
		h.timer.Stop()
		h.timer = nil
	}
	if t.IsZero() {
		h.deadline = t
		return
	}
	now := s.now()
	d := time.Until(t)
	h.deadline = now.Add(d)
	if d <= 0 {
		h.wake()
		return
	}
	h.timer = time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		h.wake()
	})
}

var _ net.Conn = (*Conn)(nil)
