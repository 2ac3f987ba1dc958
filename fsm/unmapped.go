package fsm

import (
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// takeUnmapped takes octets that no mapping covers. They are acknowledged on the
// subflow but not at the data level (R3.3.1-09), and held for a short while in case
// their mapping is on another segment (R3.3.1-10). It returns how many were kept, and
// whether the connection fell back so that they are to be taken again.
func (c *Conn) takeUnmapped(now time.Time, s *subflow, off uint64, p []byte, o *options) (kept int, again bool) {
	if !s.anyMap && !o.data() && s.index == 0 && c.sole(s) {
		// The sender has to map every segment until it hears a DATA_ACK (R3.7-02): a
		// first one without any option has lost it, or was never dressed.
		c.fb.announce = true // our own segments may have kept their options
		c.fallBack(now, s, &c.ep.stats.MPCapableDataFallback, "MPCapableDataFallback")
		return 0, true
	}
	h := &s.held
	if h.octets+len(p) > c.ep.cfg.MaxUnmapped {
		c.unmappedOver(now, s)
		if c.mode == plain {
			return 0, true
		}
		if s.doomed {
			return 0, false
		}
	}
	if h.octets+len(p) > c.ep.cfg.MaxUnmapped {
		return 0, false
	}
	if h.since == 0 {
		h.since = nanos(now)
		if !c.timers.armed(timerUnmapped) {
			c.timers.arm(timerUnmapped, h.since+int64(s.flow.RTO()))
		}
	}
	h.pieces = append(h.pieces, heldPiece{off, append([]byte(nil), p...)})
	h.octets += len(p)
	if !o.data() {
		h.bare += len(p)
		h.bareTo = max(h.bareTo, off+uint64(len(p)))
	}
	return len(p), false
}

// onUnmapped is called when the time for held octets is over, on one subflow at least.
func (c *Conn) onUnmapped(now time.Time) {
	next := int64(0)
	for _, s := range c.subflows {
		if s.held.since == 0 || s.doomed {
			continue
		}
		if at := s.held.since + int64(s.flow.RTO()); nanos(now) < at {
			next = sooner(next, at)
			continue
		}
		c.unmappedOver(now, s)
		if c.mode != multi {
			return
		}
	}
	c.timers.arm(timerUnmapped, next)
}

// unmappedOver decides what becomes of held octets. Where no option came behind them,
// the path has begun to remove them, or the peer fell back: so do we if the stream can
// go on (paper section 3.3.6, NOTES 1.18). Else, and where something merged segments
// (paper section 3.3.5), the octets are given up and will be sent again at the data
// level; a subflow that brings more than a window of them is broken (R3.3.1-12,
// R3.7-05).
func (c *Conn) unmappedOver(now time.Time, s *subflow) {
	h := &s.held
	gone := s.optAt < h.since || h.bare > c.ep.cfg.MaxUnmapped/4
	if gone && c.sole(s) && c.contiguous(s) {
		c.fb.announce = true
		c.fallBack(now, s, &c.ep.stats.DssFallback, "DssFallback")
		return
	}
	c.ep.stats.NoDSSInWindow += uint64(h.octets)
	s.givenUp += max(h.octets, c.ep.cfg.MaxUnmapped/16)
	// They belong at or before this place in the stream.
	until := c.rcv.top
	for _, p := range h.pieces {
		if p.off >= s.end {
			until += uint64(len(p.b))
		}
	}
	*h = held{}
	s.dropped, s.owed = true, max(s.owed, until)
	s.flow.RequestAck() // the DATA_ACK shows what is missing
	if gone && s.givenUp > c.ep.cfg.MaxUnmapped || s.givenUp > max(c.ep.cfg.ReceiveBuffer, c.ep.cfg.MaxUnmapped) {
		c.ep.stats.FallbackFailed++
		c.resetSubflow(now, s, wire.ResetMiddlebox)
	}
}

// placeHeld looks again at held octets, now that a mapping has come.
func (c *Conn) placeHeld(now time.Time, s *subflow) {
	h := s.held
	s.held = held{}
	for _, p := range h.pieces {
		off, b := p.off, p.b
		for len(b) > 0 {
			m, ok := s.table.Lookup(off)
			if !ok {
				n := s.unmapped(off, len(b))
				s.held.pieces = append(s.held.pieces, heldPiece{off, b[:n]})
				s.held.octets += n
				s.held.since = h.since
				off, b = off+uint64(n), b[n:]
				continue
			}
			n := int(min(uint64(len(b)), m.End()-off))
			if m.HasSum {
				s.table.Feed(off, b[:n])
			}
			if k := c.insert(s, m.Shift(off), b[:n]); k < n {
				s.dropped, s.owed = true, max(s.owed, m.DataEnd()) // acknowledged already: it comes again at the data level
			}
			if m.HasSum {
				c.judge(now, s, m, off)
			}
			off, b = off+uint64(n), b[n:]
		}
	}
	s.held.bare, s.held.bareTo = min(h.bare, s.held.octets), h.bareTo
	if s.held.octets == 0 {
		c.timers.stop(timerUnmapped)
	}
}

// releaseHeld takes held octets in subflow order, after a fallback.
func (c *Conn) releaseHeld(now time.Time, s *subflow) {
	h := s.held
	s.held = held{}
	for _, p := range h.pieces {
		c.takeRaw(p.off, p.b, s)
	}
}

// settled is the subflow offset below which no mapping is needed any more.
func (s *subflow) settled() uint64 {
	off := s.flow.Received()
	for _, p := range s.held.pieces {
		off = min(off, p.off)
	}
	return off
}
