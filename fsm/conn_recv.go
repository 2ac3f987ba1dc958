package fsm

import (
	"time"

	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/reasm"
	"github.com/mptcp-go/mptcp/wire"
)

// receiveState is the peer's stream.
type receiveState struct {
	buf      *reasm.Buffer
	next     uint64 // below it everything is here and verified: what DATA_ACK says
	top      uint64 // end of the data mapped farthest
	edge     uint64 // right edge of the window
	win      tcp.RecvWindow
	grewAt   int64        // when octets of the peer's stream came last
	finAsked int64        // when a probe that cannot be believed had us ask for the end of the stream
	shortAt  int64        // when the peer first said that no more comes, behind that: see short.go
	pending  []pendingMap // mappings whose checksum is not known yet

	size     int // of the buffer now: see tuneReceive
	tune     tuning
	fin      uint64 // where the stream ends
	hasFin   bool
	finDone  bool // everything up to the end is here
	finFirst bool // ...before we closed our side

	shortAsks uint8 // questions since shortAt
}

// overrun is by how much more than the receive buffer a connection may hold. Linux learns
// of a smaller window only from segments that acknowledge or carry something new on
// their own subflow, but of the DATA_ACK from all. So it may send a whole window behind
// the DATA_ACK, whatever part of that is taken by octets that were not read yet.
const overrun = 2

func (r *receiveState) init(e *Endpoint) {
	r.size = e.cfg.ReceiveBuffer
	if e.cfg.Autotune {
		r.size = e.cfg.InitialBuffer
	}
	slack := 1<<14 + 1 // a scaled window may be rounded up
	r.buf = reasm.NewAllShortcuts(reasm.Config{Octets: overrun*e.cfg.ReceiveBuffer + slack,
		Nodes: max(256, e.cfg.ReceiveBuffer/512), Pool: &e.pages})
}

// handleSegment takes a segment of one of the subflows: its options first, then the
// flow, then the data.
func (c *Conn) handleSegment(now time.Time, s *subflow, seg *wire.Segment) {
	o := &c.ep.opts
	o.parse(seg.Options, c.version)
	ok := s.flow.Acceptable(now, seg) // R3-03
	if !s.up {
		if s.join.active {
			if !c.shakeJoin(now, s, seg, o, ok) {
				return
			}
		} else if !c.shake(now, s, seg, o, ok) {
			return
		}
	}
	var hint tcp.Hint
	if o.signal {
		hint = tcp.NotCongestion // R3.4.1-19, R4-02
	}
	if ok && !seg.Flags.Has(wire.SYN) && c.mode != asking && !s.doomed {
		if !c.takeOptions(now, s, seg, o) {
			return
		}
		if o.refused {
			// What it acknowledges counts all the same: every ACK may be on a segment
			// that is refused.
			only := *seg
			only.Payload, only.Flags = nil, seg.Flags&^wire.FIN
			seg = &only
			s.flow.RequestAck()
		}
	}
	if !ok && o.hasDSS {
		c.askFin(now, s, seg, &o.dss)
	}
	acked, state := s.flow.Acked(), s.flow.State()
	in := s.flow.HandleSegment(now, seg, hint)
	switch {
	case s.up:
	case s.join.active:
		c.joined(now, s, seg, ok)
	case shookHands(s.flow):
		c.shook(now, s)
		c.firstWindow(seg, s)
	}
	if len(in.Data) > 0 {
		c.rcv.grewAt = nanos(now)
		holding := s.held.octets
		kept := c.takeData(now, s, in, seg, o)
		if kept == 0 && c.mode == multi && s.held.octets > holding && s.held.acked == 0 {
			s.flow.Hold(now)
		} else {
			s.flow.Keep(now, kept)
		}
		c.tuneReceive(now)
		if c.failing() {
			s.flow.RequestAck() // data has no room for MP_FAIL
			c.openWindow(now)   // what is held uses it up
		}
	}
	if s.flow.State() == tcp.Closed && state != tcp.Closed {
		return
	}
	if c.fb.await != awaitNothing {
		c.awaited(now, s, seg, o)
	}
	c.afterAck(now, s, seg, acked, o.data() || o.hasCapable && o.capable.HasReceiver, o.hasDSS && o.dss.Flags.Has(wire.DSSAck))
	if len(seg.Payload) == 0 && (o.hasDSS || nanos(now)-s.optAt > int64(5*time.Second)) {
		// The peer's word, not that of a proxy; or nobody's words have options any more.
		c.fellShort(now, s, seg)
	}
	if s.flow.PeerClosed() && !s.closed {
		s.closed = true
		c.subflowClosed(now, s, o)
	}
	c.settleHeld(s)
	below := s.settled()
	c.dropHopeless(s, below)
	c.advance(now)
	s.table.Discard(below)
}

func shookHands(f *tcp.Flow) bool {
	switch f.State() {
	case tcp.SynSent, tcp.SynReceived, tcp.Closed:
		return false
	}
	return true
}

// advance moves the edge of what may be read and acknowledged.
func (c *Conn) advance(now time.Time) {
	r := &c.rcv
	limit := r.buf.Edge()
	for i := range r.pending {
		if p := &r.pending[i]; p.from < p.m.DataEnd() {
			limit = min(limit, p.from)
		}
	}
	if c.fb.failed && !c.fb.done {
		limit = min(limit, c.fb.data)
	}
	ev := Event(0)
	if limit > r.next {
		r.next = limit
		ev = Readable
		for _, s := range c.subflows {
			s.dropped = s.dropped && r.next < s.owed
		}
	}
	if c.deaf && ev != 0 {
		c.Abort(now)
		return
	}
	if r.hasFin && !r.finDone && r.next >= r.fin {
		r.finDone, r.finFirst = true, !c.snd.closed
		ev = Readable
	}
	if ev != 0 {
		c.happened(ev)
		c.openWindow(now)
	}
}

// subflowClosed is called when the peer's FIN is here and everything before it.
func (c *Conn) subflowClosed(now time.Time, s *subflow, o *options) {
	if c.mode == multi && !o.data() && c.sole(s) && c.contiguous(s) {
		// Each ACK of a Multipath TCP peer has an option: this one has lost its own,
		// or the peer fell back in silence, and the FIN is what it seems.
		c.fb.announce = true
		c.fallBack(now, s, &c.ep.stats.DssFallback, "DssFallback")
	}
	if c.fb.failed && !c.fb.done {
		c.fallBack(now, s, nil, "")
	}
	if c.mode == plain {
		c.noteFin(c.rawOff(s.flow.Received()))
		c.rcv.hasFin, c.rcv.fin = true, c.rawOff(s.flow.Received())
	}
}
