package fsm

import "time"

// A receiver may acknowledge octets on a subflow before it has looked at their mappings,
// and say nothing when it has: Linux does so while its application reads. A sender whose
// buffer, or the connection's window, is full of such octets has nothing to send that would
// bring the DATA_ACK, and the data-level retransmission comes after a second. So it asks.
//
// It repeats the last octet that left, on the subflow and with the mapping that it had: a
// keepalive (RFC 9293 section 3.8.4), to which a receiver answers at once with what it has
// now. To TCP it is an old octet, whatever the receiver has become.

// maxOverdue bounds the questions without progress; they take half a second together where
// the round trip is short.
const maxOverdue = 8

// leastOverdue is how long a DATA_ACK may be behind at the least, as a tail loss probe waits:
// a busy host may need that to get round to it.
const leastOverdue = 2 * time.Millisecond

// watchOverdue arms the timer of the question, or stops it. It is called when there is
// nothing more to send.
func (c *Conn) watchOverdue(now time.Time) {
	snd := &c.snd
	if snd.una == snd.next {
		c.timers.stop(timerOverdue)
		return
	}
	if c.timers.armed(timerOverdue) {
		return // progress stops it, and so does new data
	}
	wait := leastOverdue
	if c.mode != multi || c.ended || snd.overdue >= maxOverdue || !snd.full && snd.next == snd.buf.end {
		return
	}
	for _, s := range c.subflows {
		if s.flow.InFlight() > 0 || !c.bound(s) {
			return // its acknowledgment will tell
		}
		if s.up {
			rtt, _ := s.flow.RTT()
			wait = max(wait, 2*rtt)
		}
	}
	c.timers.arm(timerOverdue, nanos(now)+int64(wait)<<snd.overdue)
}

// onOverdue is the expiry.
func (c *Conn) onOverdue(now time.Time) {
	if s := c.anyUp(); s != nil && c.mode == multi && c.snd.una < c.snd.next {
		c.snd.overdue++
		c.ep.stats.DataAckAsked++
		s.overdue = true
		s.flow.AskPeer()
	}
}
