package fsm

import (
	"time"

	"github.com/mptcp-go/mptcp/dataseq"
	"github.com/mptcp-go/mptcp/wire"
)

// await is how far the wait for the peer's infinite mapping has come, behind an MP_FAIL of
// ours on the only subflow (RFC 8684 section 3.7).
//
// Linux 6.18 forgets the option when it sizes the segment with its infinite mapping: a full
// one is larger than its own path MTU, never leaves the host, and is all that it tries from
// then on. A window that has room for less than a full segment makes it send less; a smaller
// window it takes only behind a closed one. So where nothing comes, the window is closed,
// which makes a peer probe that has something to send, and then opened for a small piece at
// a time until the segment with the infinite mapping is through. Its beginning may have
// come by then, cut while the option was still reckoned with. A peer that has nothing to
// send loses the time of a window probe before its next octets.
type await uint8

const (
	awaitNothing await = iota
	awaitInfinite
	awaitProbe // the window is closed
	awaitPiece // the window takes a small piece
)

const (
	// With headers and options less than most MTUs, octets.
	pieceWindow = 1 << 10
	// What the mapping of a segment may have at the most, octets.
	pieceLimit = dataseq.MaxLen + pieceWindow
	// No path has an MSS of less: what is shorter is the end of what was to be sent (RFC 9293
	// section 3.7.1), octets.
	leastMSS = 536
)

// awaitInfinite begins to wait.
func (c *Conn) awaitInfinite(now time.Time, s *subflow) {
	if !c.fb.failed || !c.fb.mine || s.flow.PeerClosed() {
		return
	}
	if _, scale := s.flow.WindowScales(); 1<<scale > pieceWindow {
		return // no window is that small
	}
	c.fb.await, c.fb.tries = awaitInfinite, 0
	c.timers.arm(timerUnmapped, nanos(now)+int64(s.flow.BaseRTO()))
}

// onAwait is the expiry while the infinite mapping is awaited.
func (c *Conn) onAwait(now time.Time) {
	s := c.anyUp()
	if s == nil || s.flow.PeerClosed() || c.rcv.finDone {
		c.fb.await = awaitNothing
		return
	}
	rto := int64(s.flow.BaseRTO())
	switch c.fb.await {
	case awaitInfinite:
		if at := c.rcv.grewAt + rto; nanos(now) < at {
			c.timers.arm(timerUnmapped, at)
			return
		}
		c.fb.await = awaitProbe
	case awaitProbe:
		if c.fb.tries++; c.fb.tries > failTries {
			return // it has nothing to say
		}
	default:
		return
	}
	c.openWindow(now)
	s.flow.RequestAck()
	c.timers.arm(timerUnmapped, nanos(now)+rto<<(c.fb.tries+1))
}

// awaitedWindow is what is advertised of a window of n octets.
func (c *Conn) awaitedWindow(n int) int {
	switch c.fb.await {
	case awaitProbe:
		return 0
	case awaitPiece:
		return min(n, pieceWindow)
	}
	return n
}

// awaited looks at a segment while the infinite mapping is awaited, after it was taken.
func (c *Conn) awaited(now time.Time, s *subflow, seg *wire.Segment, o *options) {
	if seg.Flags&(wire.SYN|wire.RST) != 0 {
		return
	}
	off, ok := s.segmentOff(seg)
	end := off + uint64(len(seg.Payload))
	was := c.fb.await
	if !ok || end > s.flow.Received() && was != awaitProbe {
		return
	}
	infinite := o.hasDSS && o.dss.Flags.Has(wire.DSSMap) && o.dss.DataLen == 0
	switch {
	case len(seg.Payload) == 0 && (was != awaitProbe || off+1 != s.flow.Received()):
		return
	case len(seg.Payload) == 0, end > s.flow.Received():
		c.fb.await, c.fb.pieces = awaitPiece, 0 // it asks for room
		c.timers.stop(timerUnmapped)
	case was == awaitInfinite && !c.fb.infinite:
		return // sent before the MP_FAIL was heard
	case was != awaitPiece && (!c.fb.infinite || infinite && len(seg.Payload) >= leastMSS):
		c.fb.await = awaitInfinite // it was merely late, or there is more of it
		c.timers.arm(timerUnmapped, nanos(now)+int64(s.flow.BaseRTO()))
		if was == awaitInfinite {
			return
		}
	case was == awaitPiece && infinite && len(seg.Payload) == pieceWindow && c.fb.pieces < pieceLimit:
		c.fb.pieces += len(seg.Payload)
	default:
		c.fb.await = awaitNothing
		c.timers.stop(timerUnmapped)
	}
	c.openWindow(now)
	s.flow.RequestAck()
}

// lateInfinite takes an infinite mapping after the fallback. A peer that had no DATA_ACK
// for what was held may repeat that under it, and says so: octets from before the last
// mapping's end, where the subflow is. They are dropped.
func (c *Conn) lateInfinite(s *subflow, seg *wire.Segment, d *wire.DSS) {
	if c.fb.infinite || !d.Flags.Has(wire.DSSMap) || d.DataLen != 0 || !c.fb.failed || !c.fb.mine {
		return
	}
	at, ok := s.segmentOff(seg)
	sub, ok2 := s.relIn.Off(s.flow.Received(), d.SSN)
	off, ok3 := c.peer.space.Off(d.DSN)
	if !ok || !ok2 || !ok3 || len(seg.Payload) == 0 || at != s.flow.Received() {
		return
	}
	c.fb.infinite = true
	c.ep.stats.InfiniteMapRx++
	if sub == at && off < c.rcv.top && c.rawOff(at) == c.rcv.top {
		c.fb.sub += c.rcv.top - off
	}
}

// lateFin takes a DATA_FIN of a peer that has not fallen back: it has nothing more to send,
// so it has no segment for an infinite mapping, or did not hear of the fallback, and waits
// for a DATA_ACK. Where all that it sent is here its stream is at its end. Linux would ask
// for a minute otherwise.
func (c *Conn) lateFin(now time.Time, s *subflow, seg *wire.Segment, d *wire.DSS) {
	if !d.Flags.Has(wire.DSSMap|wire.DSSFin) || d.DataLen != 1 || d.SSN != 0 || len(seg.Payload) != 0 || !d.Flags.Has(wire.DSSMap8) {
		return
	}
	fin, ok := c.peer.space.Off(d.DSN)
	at, ok2 := s.segmentOff(seg)
	if !ok || !ok2 || at != s.flow.Received() {
		return
	}
	end := c.rawOff(at)
	if !c.rcv.finDone {
		// A box may have changed the length of what was sent, or hold some of it.
		late := c.fb.mine && nanos(now)-c.rcv.grewAt > failTries*int64(s.flow.BaseRTO())
		if end != fin && !late {
			return
		}
		if c.mode == multi {
			c.fb.announce = true
			c.fallBack(now, s, nil, "")
		}
		c.rcv.hasFin, c.rcv.fin = true, end
		c.ep.stats.DataFinRx++
		c.advance(now)
	}
	if c.rcv.finDone && !c.tells(now, s) {
		c.fb.finAck, c.fb.ackFin = fin+1, true
		s.flow.RequestAck()
	}
}

// tells reports whether our infinite mapping is under way to a peer that waits for the
// acknowledgment of its DATA_FIN, or is to be expected soon. It says all that the peer needs:
// Linux 6.18 sends its FIN then. Where the acknowledgment comes first Linux sends none, and at
// times takes no end of our stream from our FIN.
func (c *Conn) tells(now time.Time, s *subflow) bool {
	snd := &c.snd
	switch {
	case !c.fb.announce:
		return s.flow.Acked() < c.fb.told
	case snd.next < snd.buf.end:
		return true
	case snd.closed:
		return false // there is no segment for it
	}
	return nanos(now) < c.fb.since+int64(s.flow.BaseRTO())
}
