package fsm

import "time"

// windowLimited is called when subflow s, at place i, could send new data and only the
// connection's window keeps it from that: it does what the paper's section 4.2 has a
// sender do then. It reports whether data was bound.
func (c *Conn) windowLimited(now time.Time, s *subflow, i int) bool {
	snd := &c.snd
	if c.mode != multi || snd.una >= snd.next {
		return false
	}
	c.ep.stats.WindowLimited++
	if !c.ep.cfg.NoPenalty {
		c.penalize(now, s)
	}
	if c.ep.cfg.NoOpportunistic {
		return false
	}
	return c.opportunistic(now, s, i)
}

// opportunistic is mechanism 1, opportunistic retransmission: s repeats what holds up
// the trailing edge of the window and was sent on another subflow. It takes one segment,
// the first that is neither acknowledged nor on its way on s already; by the time that s
// can send once more that is the next one. A subflow that is slower than the one which
// carries the segment cannot help, unless that one had a timeout.
func (c *Conn) opportunistic(now time.Time, s *subflow, i int) bool {
	at := max(c.snd.una, s.copied)
	for at < c.snd.next {
		m := s.maps.covering(at)
		if m == nil {
			break
		}
		at = m.dataEnd()
	}
	if s.copied = at; at >= c.snd.next {
		return false
	}
	own, _ := s.flow.RTT()
	var late *sent
	for _, h := range c.subflows {
		if h == s || !c.carries(h, at) {
			continue
		}
		if rtt, _ := h.flow.RTT(); rtt < own && h.flow.Timeouts() == 0 {
			return false
		}
		late = h.maps.covering(at)
	}
	if late == nil {
		return false // delivered, or lost with its subflow: the data-level timer sees to it
	}
	n, _ := c.flowRoom(s, at, late.dataEnd())
	if n == 0 {
		return false
	}
	c.turn = i
	c.bind(now, s, at, n, sentAgain)
	s.copied = at + uint64(n)
	c.ep.stats.OpportunisticRetrans++
	return true
}

// penalize is mechanism 2: the slower subflow that holds up the window gets half its
// congestion window, once in a round trip of its own, so that it has less in its queues
// and the window fills less soon.
func (c *Conn) penalize(now time.Time, s *subflow) {
	fast, _ := s.flow.RTT()
	for _, h := range c.subflows {
		if h == s || h.doomed || h.maps.covering(c.snd.una) == nil {
			continue
		}
		slow, _ := h.flow.RTT()
		if slow <= fast || nanos(now)-h.penalized < int64(slow) {
			continue
		}
		if cwnd, _ := h.flow.Cwnd(); cwnd < 3*h.flow.MSS() { // a round trip takes half of it back
			c.slower(now, h, int64(slow))
		}
		h.penalized = nanos(now)
		h.flow.Penalize(now)
		c.ep.stats.SubflowPenalized++
		return
	}
}

// slower goes on where halving a window leads nowhere: a subflow that holds up the stream
// with a segment or two in flight gets new data only after a pause of 2, 4, ... 32 of its
// round trips, until it has carried some for four without holding up anything. Without
// this each of its segments costs the fast subflow a round trip.
func (c *Conn) slower(now time.Time, s *subflow, rtt int64) {
	t := nanos(now)
	if t < s.restEnd {
		return // what holds up the stream was sent before
	}
	if t-s.restEnd > 4*rtt {
		s.rests = 0
	}
	s.rests = min(s.rests+1, maxRests)
	s.restEnd = t + rtt<<s.rests
	c.ep.stats.SubflowPaused++
}

// maxRests bounds the doublings.
const maxRests = 5

// resting reports whether s is to be spared for a while, others being there: one that the
// scheduler would use in its place, and that does not rest as well. No timer ends a rest.
func (c *Conn) resting(now time.Time, s *subflow) bool {
	if !s.paused(now) {
		return false
	}
	for _, x := range c.subflows {
		if x != s && c.sendable(x) && (!x.spare() || s.spare()) && !x.paused(now) {
			return true
		}
	}
	return false
}

func (s *subflow) paused(now time.Time) bool { return s.restEnd != 0 && nanos(now) < s.restEnd }
