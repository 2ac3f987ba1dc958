package fsm

import (
	"time"

	"github.com/mptcp-go/mptcp/dataseq"
	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

// A box that shortens what was mapped leaves a mapping whose checksum would never be known
// (RFC 8684 section 3.7). It shows when the peer says that nothing more is on its way,
// though nothing came for a while: by a segment without data where what arrived ends.
//
// Once is not enough. A host that slept, this one or the peer's, finds what was said before
// it did, and the rest of the mapping right behind. So the first such word starts a clock,
// the peer is asked, and its word after that counts.

// shortWait is how long the peer has nothing to add before it is believed, nanoseconds.
func shortWait(s *subflow) int64 { return min(int64(s.flow.BaseRTO()), int64(time.Second)) }

// fellShort looks at a segment without data.
func (c *Conn) fellShort(now time.Time, s *subflow, seg *wire.Segment) {
	t := nanos(now)
	if t-c.rcv.grewAt < shortWait(s) {
		return
	}
	at := s.flow.Received()
	if off, ok := s.segmentOff(seg); !ok || off != at && off+1 != at {
		return
	}
	m, ok := c.shortOf(s)
	switch {
	case !ok:
	case c.rcv.shortAt <= c.rcv.grewAt:
		c.rcv.shortAt, c.rcv.shortAsks = t, 0
		c.timers.arm(timerShort, t+shortWait(s))
	case t-c.rcv.shortAt >= shortWait(s):
		c.timers.stop(timerShort)
		c.badChecksum(now, s, m)
	}
}

// shortOf returns the mapping that what came on s ends in, where a fallback could be the
// answer to its end.
func (c *Conn) shortOf(s *subflow) (dataseq.Mapping, bool) {
	if c.mode != multi || c.fb.failed || len(c.rcv.pending) == 0 || !c.withholds(s) {
		return dataseq.Mapping{}, false
	}
	at := s.flow.Received()
	for _, p := range c.rcv.pending {
		if p.s == s && p.m.Sub < at && at < p.m.End() {
			return p.m, true
		}
	}
	return dataseq.Mapping{}, false
}

// onShort asks the peer, whose answer fellShort takes, again and again later.
func (c *Conn) onShort(now time.Time) {
	s := c.only()
	if s == nil || c.rcv.shortAt <= c.rcv.grewAt || c.rcv.shortAsks >= failTries || s.flow.State() == tcp.Closed {
		return
	}
	if _, ok := c.shortOf(s); !ok {
		return
	}
	s.flow.AskPeer()
	c.timers.arm(timerShort, nanos(now)+shortWait(s)<<c.rcv.shortAsks)
	c.rcv.shortAsks++
	c.ep.wake(c)
}
