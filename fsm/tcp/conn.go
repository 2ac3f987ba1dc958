package tcp

import (
	"io"
	"time"

	"github.com/mptcp-go/mptcp/reasm"
	"github.com/mptcp-go/mptcp/wire"
)

// Conn is a plain TCP connection: a Flow with a send buffer and a receive queue.
//
// Getters: State, Err, Flow, Deadline, Readable, Writable.
//
// Handle: HandleSegment and HandleTimer.
//
// Application calls: Write, Read, CloseWrite, Abort, Trim.
//
// Poll: PollSegment, until it reports false, after each of the above but the
// getters.
type Conn struct {
	flow  *Flow
	out   sendBuffer
	in    *reasm.Buffer
	win   RecvWindow
	eof   bool // the application closed its side
	freed uint64
}

// Dial returns a connection that will send a SYN to p.Remote. cfg comes from
// Config.Validate. The error is a *LocalError.
func Dial(now time.Time, cfg *Config, p Params) (*Conn, error) {
	f, err := Open(now, cfg, p)
	if err != nil {
		return nil, err
	}
	return newConn(now, f), nil
}

// AcceptSYN returns a connection for a SYN that arrived at a listener, which will
// answer it. p.Local and p.Remote are taken from the SYN. cookies, if not nil,
// grants and checks Fast Open cookies. ok is false when the segment is no SYN.
func AcceptSYN(now time.Time, cfg *Config, p Params, syn *wire.Segment, cookies *FastOpener) (c *Conn, ok bool, err error) {
	e, ok := ParseSYN(syn)
	if !ok {
		return nil, false, nil
	}
	p.Local, p.Remote = syn.Dst, syn.Src
	cookie, asked := FastOpenRequest(syn)
	p.FastOpen = cookies != nil && len(cookie) > 0 && cookies.Valid(p.Remote.Addr(), cookie)
	f, err := Accept(now, cfg, p, e)
	if err != nil {
		return nil, true, err
	}
	if asked && cookies != nil && !p.FastOpen {
		if len(cookie) > 0 {
			f.stats.FastOpenPassiveFail++
		}
		granted := cookies.Cookie(p.Remote.Addr())
		f.GrantCookie(granted[:])
	}
	c = newConn(now, f)
	if in := f.SYNData(syn); len(in.Data) > 0 {
		c.take(now, in)
	}
	return c, true, nil
}

func newConn(now time.Time, f *Flow) *Conn {
	c := &Conn{flow: f, in: reasm.NewAllShortcuts(reasm.Config{Octets: rangeBound(f.cfg), Nodes: f.cfg.MaxRanges})}
	c.updateWindow(now)
	return c
}

// State returns the connection state.
func (c *Conn) State() State { return c.flow.State() }

// Err returns why the connection ended, see Flow.Err.
func (c *Conn) Err() error { return c.flow.Err() }

// Flow returns the flow, to be looked at.
func (c *Conn) Flow() *Flow { return c.flow }

// Deadline returns when HandleTimer is due; zero: never.
func (c *Conn) Deadline() time.Time { return c.flow.Deadline() }

// Readable returns how many octets Read would find at once, and whether the
// stream ends behind them.
func (c *Conn) Readable() (n int, eof bool) {
	return int(c.in.Edge() - c.in.Offset()), c.flow.PeerClosed()
}

// Writable returns how many octets Write would take now.
func (c *Conn) Writable() int {
	if c.eof || c.flow.State() == Closed {
		return 0
	}
	return max(c.flow.cfg.SendBuffer-int(c.out.end-c.flow.Acked()), 0)
}

// HandleSegment takes a segment that arrived. seg is not kept.
func (c *Conn) HandleSegment(now time.Time, seg *wire.Segment) {
	in := c.flow.HandleSegment(now, seg, 0)
	if len(in.Data) > 0 {
		c.take(now, in)
	}
	c.release()
}

func (c *Conn) take(now time.Time, in In) {
	_, refused := c.in.Insert(0, in.Off, in.Data)
	c.flow.Keep(now, len(in.Data)-refused)
	c.updateWindow(now)
}

// release frees what was acknowledged; only then, as segments alias it until the
// next call.
func (c *Conn) release() {
	if acked := c.flow.Acked(); acked != c.freed {
		c.freed = acked
		c.out.free(acked)
	}
}

func (c *Conn) updateWindow(now time.Time) {
	f := c.flow
	if f.PeerClosed() {
		return
	}
	_, scale := f.WindowScales()
	size := f.cfg.ReceiveBuffer
	free := size - int(c.in.Edge()-c.in.Offset())
	f.SetWindow(now, c.win.Size(c.in.Edge(), free, size, 1<<scale, f.rcv.mss))
}

// HandleTimer does what is due; call it at Deadline. Early calls do nothing.
func (c *Conn) HandleTimer(now time.Time) { c.flow.HandleTimer(now) }

// Write copies octets into the send buffer and returns how many found room: fewer
// than len(p), perhaps none, when it is full, which is no error. After CloseWrite
// or the end of the connection the error is that of the connection, or a
// *LocalError.
func (c *Conn) Write(now time.Time, p []byte) (int, error) {
	if c.eof || c.flow.State() == Closed {
		if err := c.flow.Err(); err != nil {
			return 0, err
		}
		return 0, &LocalError{NotOpen, "Write"}
	}
	n := c.out.write(p, c.flow.Acked(), c.flow.cfg.SendBuffer)
	return n, c.flow.Extend(n)
}

// Read copies octets in order to p and returns how many: none when there are none
// yet. The error is io.EOF behind the last, or why the connection ended.
func (c *Conn) Read(now time.Time, p []byte) (n int, err error) {
	for n < len(p) {
		b := c.in.Next()
		if len(b) == 0 {
			break
		}
		k := copy(p[n:], b)
		c.in.Discard(k)
		n += k
	}
	if n > 0 {
		c.updateWindow(now)
		return n, nil
	}
	switch {
	case c.flow.PeerClosed():
		return 0, io.EOF
	case c.flow.Err() != nil:
		return 0, c.flow.Err()
	case c.flow.State() == Closed:
		return 0, io.EOF
	}
	return 0, nil
}

// CloseWrite sends a FIN behind what was written; reading goes on.
func (c *Conn) CloseWrite(now time.Time) {
	c.eof = true
	c.flow.Close(now)
}

// Abort ends the connection with a RST.
func (c *Conn) Abort(now time.Time) {
	c.eof = true
	c.flow.Abort(now)
}

// Trim gives back the memory that a connection without data holds for later.
func (c *Conn) Trim() {
	c.out.trim()
	c.in.Trim()
	c.flow.Trim()
}

// PollSegment fills in the segment to be sent next and reports whether there is
// one. Options are appended to seg.Options[:0]; seg.Payload is valid until the
// next Handle or application call.
func (c *Conn) PollSegment(now time.Time, seg *wire.Segment) bool {
	out, ok := c.flow.Poll(now, seg)
	if !ok {
		return false
	}
	var data []byte
	if out.Max > 0 {
		data = c.out.slice(out.Off, out.Max)
	}
	return c.flow.Commit(now, &out, seg, data)
}
