package fsm

import (
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// fastclose is the state of an MP_FASTCLOSE of ours on an ACK (RFC 8684 section 3.5,
// option A).
type fastclose struct {
	waiting bool
	tries   int // retransmissions
}

// Abort ends the connection at once, in both directions; what was not delivered is
// lost.
func (c *Conn) Abort(now time.Time) { c.abort(now, &LocalError{Reason: Aborted}) }

func (c *Conn) abort(now time.Time, err error) {
	if c.ended || c.fast.waiting {
		return
	}
	if c.mode == multi && c.opened && c.ep.cfg.FastcloseByAck {
		if s := c.anyUp(); s != nil {
			c.fastcloseByAck(now, s, err)
			return
		}
	}
	for _, s := range c.subflows {
		if c.mode == multi && !s.doomed {
			s.fastOut = true // R3.5-03
			s.reset = resetOption{has: true}
		}
	}
	c.abandon(now, err)
}

// fastcloseByAck sends MP_FASTCLOSE on an ACK of s, and RSTs on all others (R3.5-02).
func (c *Conn) fastcloseByAck(now time.Time, s *subflow, err error) {
	c.fast.waiting = true
	c.err = err
	c.timers = timers{}
	for _, x := range c.subflows {
		if x != s {
			x.doomed = true
			x.flow.Abort(now)
		}
	}
	s.fastOut = true
	s.flow.RequestAck()
	c.timers.arm(timerFastclose, nanos(now)+int64(s.flow.RTO()))
	c.settle(now)
}

// onFastclose repeats it (R3.5-08, R3.5-09), and gives up with a RST that has it, too
// (R3.5-10).
func (c *Conn) onFastclose(now time.Time) {
	s := c.anyUp()
	if s == nil || c.fast.tries >= c.ep.cfg.FastcloseTries {
		err := c.err
		for _, s := range c.subflows {
			s.fastOut = !s.doomed
		}
		c.abandon(now, err)
		return
	}
	c.fast.tries++
	s.fastOut = true
	s.flow.RequestAck()
	d := s.flow.RTO() << min(c.fast.tries, 10)
	c.timers.arm(timerFastclose, nanos(now)+int64(min(d, maxInterval)))
}

// takeFastclose takes an MP_FASTCLOSE. It reports whether the segment is to be
// processed on.
func (c *Conn) takeFastclose(now time.Time, s *subflow, seg *wire.Segment, o *options) bool {
	if o.fastclose.Key != c.own.key {
		// R3.5-06: on an ACK it is ignored, a RST ends its subflow only.
		c.ep.stats.MPFastcloseKeyError++
		return true
	}
	c.ep.stats.MPFastcloseRx++
	c.ep.trace(now, c, "MPFastcloseRx")
	err := error(&PeerError{Reason: FastClosed})
	if c.fast.waiting {
		err = c.err // R3.5-07: they crossed
	}
	for _, x := range c.subflows {
		x.reset = resetOption{has: true}
		x.fastOut = false
	}
	if seg.Flags.Has(wire.RST) {
		// The flow takes the RST itself; the others are reset (R3.5-05).
		for _, x := range c.subflows {
			if x != s {
				x.flow.Abort(now)
			}
			x.doomed = true
		}
		c.end(now, err)
		return true
	}
	c.abandon(now, err) // R3.5-04
	return false
}

// abandonData takes care of what a dead subflow carried: our data goes to others, and
// what is pending of the peer's is forgotten, as it will come again.
func (c *Conn) abandonData(now time.Time, s *subflow) {
	if c.mode != multi {
		return
	}
	c.queueAgain(s, 0)
	s.maps = mappings{}
	keep := c.rcv.pending[:0]
	for _, p := range c.rcv.pending {
		if p.s != s {
			keep = append(keep, p)
			continue
		}
		lo := max(p.m.Data, c.rcv.next)
		c.rcv.buf.Remove(lo, max(lo, p.m.DataEnd()))
	}
	clear(c.rcv.pending[len(keep):])
	c.rcv.pending = keep
	if c.snd.finSent && !c.snd.finAcked {
		for _, x := range c.subflows {
			if x.up {
				x.dataFin = c.snd.next == c.snd.buf.end
				x.flow.RequestAck()
			}
		}
	}
	c.release()
}
