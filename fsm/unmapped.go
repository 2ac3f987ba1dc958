package fsm

import (
	"time"

	"github.com/mptcp-go/mptcp/dataseq"
	"github.com/mptcp-go/mptcp/wire"
)

// held is the octets of a subflow that wait for their mapping.
type held struct {
	pieces []heldPiece
	octets int
	acked  int // octets of them that were acknowledged at the subflow
	bare   int // octets of them that came without any option, and none came behind them
	bareTo uint64
	since  int64 // when the oldest came; 0: nothing is held
	opted  bool  // a segment with an option came with the oldest, or after it

	// The octet at which the subflow stands for want of a mapping, how often it came
	// so, and since when.
	head   uint64
	first  int64
	seen   uint8
	copies uint8 // segments without any option that brought again what was held
}

type heldPiece struct {
	off   uint64
	b     []byte
	acked bool
}

// withholds reports whether octets of s without a mapping are not even acknowledged at
// the subflow level: on an only subflow of which nothing was ever given up. The peer's
// TCP then repeats them, with their mapping if the path lets it, in their place. So
// the subflow stays an image of the stream, and either end can go on as plain TCP at
// any moment, which no repetition at the data level would allow.
//
// RFC 8684 section 3.3.1 says that they SHOULD be acknowledged (R3.3.1-09), and so
// they are where there are other subflows to send them on. docs/fsm.md has the reasons.
//
// While a join of ours waits for the answer to its proof it is not known whether there
// is another subflow; the octets wait, too.
//
// On a join without any mapping yet nobody knows where they belong, but where something
// merges segments the repetition of one may bring its mapping.
func (c *Conn) withholds(s *subflow) bool { return c.last(s) && (c.fb.failed || c.image(s)) }

// takeUnmapped takes octets that no mapping covers, and holds them for a while in case
// their mapping is on another segment (R3.3.1-10). It returns how many were kept, and
// whether the connection fell back so that they are to be taken again.
func (c *Conn) takeUnmapped(now time.Time, s *subflow, off uint64, p []byte, o *options) (kept int, again bool) {
	if !s.anyMap && !o.data() && !c.several && c.sole(s) && !c.awaits(now) {
		// The sender has to map every segment until it hears a DATA_ACK (R3.7-02): a
		// first one without any option has lost it, or was never dressed.
		c.fb.announce = true // our own segments may have kept their options
		c.fallBack(now, s, &c.ep.stats.MPCapableDataFallback, "MPCapableDataFallback")
		return 0, true
	}
	if c.withholds(s) {
		return 0, c.withhold(now, s, off, p, o)
	}
	h := &s.held
	if !h.room(len(p), c.ep.cfg.MaxUnmapped) {
		c.unmappedOver(now, s)
		if s.doomed {
			return 0, false
		}
	}
	if !h.room(len(p), c.ep.cfg.MaxUnmapped) {
		return 0, false
	}
	c.hold(now, s, off, p, o, true)
	return len(p), false
}

// maxPieces bounds the pieces held on one subflow, each of which costs more than its
// octets and is looked at with every segment that comes.
const maxPieces = 512

// room reports whether one more piece, of n octets, may be held.
func (h *held) room(n, most int) bool { return h.octets+n <= most && len(h.pieces) < maxPieces }

// hold keeps p aside.
func (c *Conn) hold(now time.Time, s *subflow, off uint64, p []byte, o *options, acked bool) {
	h := &s.held
	c.awaitMapping(now, s, o)
	h.pieces = append(h.pieces, heldPiece{off, append([]byte(nil), p...), acked})
	h.octets += len(p)
	if acked {
		h.acked += len(p)
	}
	if !o.data() {
		h.bare = min(h.bare+len(p), h.octets)
		h.bareTo = max(h.bareTo, off+uint64(len(p)))
	}
}

// awaitMapping starts the clock for octets that wait for their mapping, which came with o.
func (c *Conn) awaitMapping(now time.Time, s *subflow, o *options) {
	if h := &s.held; h.since == 0 {
		h.since, h.opted = nanos(now), o.data()
		if !c.timers.armed(timerUnmapped) {
			c.timers.arm(timerUnmapped, h.since+min(int64(s.flow.BaseRTO()), int64(time.Second)))
		}
	}
}

// withhold keeps p aside, as far as it is new and there is room, without acknowledging
// it. It reports whether the connection fell back.
func (c *Conn) withhold(now time.Time, s *subflow, off uint64, p []byte, o *options) (fell bool) {
	h := &s.held
	s.stands(nanos(now))
	if off <= h.head && h.head < off+uint64(len(p)) {
		h.seen = min(h.seen, 254) + 1
	}
	known := h.octets
	c.awaitMapping(now, s, o)
	end := off + uint64(len(p))
	for n := len(p); n > 0; n = len(p) {
		if k := h.known(off, n); k > 0 {
			off, p = off+uint64(k), p[k:]
			continue
		}
		for i := range h.pieces {
			if at := h.pieces[i].off; at > off {
				n = int(min(uint64(n), at-off))
			}
		}
		if !h.room(n, c.ep.cfg.MaxUnmapped) {
			break // refused: it comes again
		}
		c.hold(now, s, off, p[:n], o, false)
		off, p = off+uint64(n), p[n:]
	}
	if h.bare == 0 && !o.data() { // there was no room to hold it
		h.bare, h.bareTo = 1, end
	}
	if h.octets == known && !o.data() {
		h.copies = min(h.copies, 254) + 1
	}
	if !c.hopeless(nanos(now), s) || !c.sole(s) || c.awaits(now) {
		return false
	}
	return c.decide(now, s)
}

// decide falls back where withheld octets will not come with a mapping any more, or resets s
// where it is not known where they belong (R3.7-03). It reports whether it fell back.
func (c *Conn) decide(now time.Time, s *subflow) bool {
	if !c.contiguous(s) {
		c.ep.stats.FallbackFailed++
		c.resetSubflow(now, s, wire.ResetMiddlebox)
		return false
	}
	c.fb.announce = true
	c.fallBack(now, s, &c.ep.stats.DssFallback, "DssFallback")
	return true
}

// stands notes at which octet s stands, and since when.
func (s *subflow) stands(t int64) {
	if at, h := s.flow.Received(), &s.held; h.first == 0 || h.head != at {
		h.head, h.seen, h.first = at, 0, t
	}
}

// known returns how many of the n octets from off on are held already, beginning with
// the first.
func (h *held) known(off uint64, n int) int {
	for i := range h.pieces {
		if p := &h.pieces[i]; p.off <= off && off < p.off+uint64(len(p.b)) {
			return int(min(uint64(n), p.off+uint64(len(p.b))-off))
		}
	}
	return 0
}

// hopeless reports whether octets that are withheld will not come with a mapping any
// more: the path has begun to remove options, the peer fell back (paper section 3.3.6,
// NOTES 1.18), or something acknowledged and merged what the peer sent, and the peer
// cannot know. Falling back then is right even where the guess is wrong: the
// subflow is an image of the stream.
func (c *Conn) hopeless(t int64, s *subflow) bool {
	h := &s.held
	if h.since == 0 {
		return false
	}
	rto := min(int64(s.flow.BaseRTO()), int64(time.Second))
	if !h.opted && h.bare > 0 {
		// Nothing from behind them had an option.
		return h.copies > 0 || t-h.since >= rto || h.octets >= c.ep.cfg.MaxUnmapped/2
	}
	s.stands(t)
	waited := t - h.first
	return h.seen >= 3 && h.copies >= 2 || h.seen >= 2 && waited >= 4*rto || waited >= patience*rto && h.known(h.head, 1) > 0
}

// patience is how many RTOs, of a second at the most, a subflow may stand still for want
// of a mapping while options pass: less than its sender's (see repeatAfter).
const patience = 12

// onUnmapped is called when the time for held octets is over, on one subflow at least.
func (c *Conn) onUnmapped(now time.Time) {
	if c.failing() {
		c.onFailing(now)
		return
	}
	if c.fb.await != awaitNothing {
		c.onAwait(now)
		return
	}
	next := int64(0)
	for _, s := range c.subflows {
		if s.held.since == 0 || s.doomed {
			continue
		}
		rto := min(int64(s.flow.BaseRTO()), int64(time.Second))
		switch {
		case nanos(now) < s.held.since+rto:
			next = sooner(next, s.held.since+rto)
		case c.withholds(s) && s.held.acked == 0:
			if c.hopeless(nanos(now), s) && c.sole(s) && !c.awaits(now) {
				c.decide(now, s)
				return
			}
			next = sooner(next, nanos(now)+rto)
		default:
			c.unmappedOver(now, s)
		}
	}
	if c.mode == multi {
		c.timers.arm(timerUnmapped, next)
	}
}

// unmappedOver gives up held octets where something merged segments (paper section
// 3.3.5) and they will be sent again at the data level, perhaps on another subflow; a
// subflow that brings more than a window of them is broken (R3.3.1-12, R3.7-05).
func (c *Conn) unmappedOver(now time.Time, s *subflow) {
	h := &s.held
	gone := !h.opted || h.bare > c.ep.cfg.MaxUnmapped/4
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
		if !p.acked {
			s.flow.Accept(now, p.off, len(p.b))
		}
	}
	*h = held{}
	c.restUnmapped()
	s.dropped, s.owed = true, max(s.owed, until)
	s.flow.RequestAck() // the DATA_ACK shows what is missing
	limit := c.ep.cfg.MaxUnmapped
	if !c.sole(s) || c.several {
		limit /= 8 // there is something better, or a join is
	}
	if gone && s.givenUp > limit || s.givenUp > max(c.ep.cfg.ReceiveBuffer, c.ep.cfg.MaxUnmapped) {
		c.ep.stats.FallbackFailed++
		c.resetSubflow(now, s, wire.ResetMiddlebox)
	}
}

// forget drops what is held and not acknowledged of the n octets from off on: they
// have come again.
func (h *held) forget(off uint64, n int) {
	k := 0
	for _, p := range h.pieces {
		if !p.acked && p.off >= off && p.off+uint64(len(p.b)) <= off+uint64(n) {
			h.octets -= len(p.b)
			continue
		}
		h.pieces[k] = p
		k++
	}
	clear(h.pieces[k:])
	h.pieces = h.pieces[:k]
	h.bare = min(h.bare, h.octets)
}

// settleHeld forgets what it noted of octets that were not held, or not for long, once
// the octet at which s stood for want of a mapping has come.
func (c *Conn) settleHeld(s *subflow) {
	if h := &s.held; h.since != 0 && h.octets == 0 && h.head != s.flow.Received() {
		*h = held{}
		c.restUnmapped()
	}
}

// restUnmapped stops the timer where nothing is held any more.
func (c *Conn) restUnmapped() {
	for _, s := range c.subflows {
		if s.held.since != 0 {
			return
		}
	}
	if !c.failing() {
		c.timers.stop(timerUnmapped)
	}
}

// segmentOff returns where in the subflow seg begins.
func (s *subflow) segmentOff(seg *wire.Segment) (uint64, bool) {
	return dataseq.Subflow{ISN: s.flow.IRS()}.Off(s.flow.Received(), seg.Seq)
}

// placeHeld looks again at held octets, now that a mapping has come.
func (c *Conn) placeHeld(now time.Time, s *subflow) {
	h := s.held
	s.held = held{}
	for i, p := range h.pieces {
		off, b := p.off, p.b
		for len(b) > 0 {
			m, ok := s.table.Lookup(off)
			if !ok {
				n := s.unmapped(off, len(b))
				s.held.pieces = append(s.held.pieces, heldPiece{off, b[:n], p.acked})
				s.held.octets += n
				if p.acked {
					s.held.acked += n
				}
				off, b = off+uint64(n), b[n:]
				continue
			}
			n := int(min(uint64(len(b)), m.End()-off))
			if m.HasSum {
				s.table.Feed(off, b[:n])
			}
			k := c.insert(s, m.Shift(off), b[:n])
			if !p.acked {
				s.flow.Accept(now, off, k)
			} else if k < n {
				s.dropped, s.owed = true, max(s.owed, m.DataEnd()) // acknowledged already: it comes again at the data level
			}
			if m.HasSum {
				if c.judge(now, s, m, off); c.raw(s) || s.doomed {
					// It was wrong: the rest is taken as it came, or not at all.
					s.held.pieces = append(s.held.pieces, heldPiece{off + uint64(n), b[n:], p.acked})
					s.held.pieces = append(s.held.pieces, h.pieces[i+1:]...)
					if !s.doomed {
						c.releaseHeld(now, s)
					}
					return
				}
			}
			off, b = off+uint64(n), b[n:]
		}
	}
	if s.held.octets == 0 {
		c.restUnmapped()
		return
	}
	s.held.since, s.held.opted = h.since, h.opted
	s.held.bare, s.held.bareTo = min(h.bare, s.held.octets), h.bareTo
	s.held.head, s.held.seen, s.held.first, s.held.copies = h.head, h.seen, h.first, h.copies
}

// releaseHeld takes held octets in subflow order, after a fallback.
func (c *Conn) releaseHeld(now time.Time, s *subflow) {
	h := s.held
	s.held = held{}
	for _, p := range h.pieces {
		k := c.takeRaw(p.off, p.b, s)
		if !p.acked {
			s.flow.Accept(now, p.off, k)
		}
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
