package fsm

import (
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// ask is a question to the peer whether a subflow is alive, after a REMOVE_ADDR that
// says it is not (RFC 8684 section 3.4.2): anyone who sees the connection can forge
// that, so the path is asked first.
type ask struct {
	since int64 // when the first keepalive was due
	next  int64 // when the next one is
	wait  int64 // how long the last was waited for
	tries int
}

// maxAsks is how many keepalives go unanswered before the subflow is given up.
const maxAsks = 3

// askPath begins to ask on s. Until the answer comes s is as good as a backup.
func (c *Conn) askPath(now time.Time, s *subflow) {
	if s.ask != nil || !s.up || s.doomed {
		return // it is being asked: a flood of REMOVE_ADDRs causes no flood of probes
	}
	s.ask = &ask{since: nanos(now), wait: int64(s.flow.RTO())}
	c.askAgain(now, s)
	c.timers.arm(timerAsk, sooner(c.timers[timerAsk], s.ask.next))
}

func (c *Conn) askAgain(now time.Time, s *subflow) {
	s.flow.AskPeer()
	s.ask.next = nanos(now) + s.ask.wait
	s.ask.wait = min(2*s.ask.wait, int64(maxInterval))
	s.ask.tries++
	c.ep.wake(c)
}

// onAsk looks for answers: any acceptable segment is one, and then the path is kept
// (R3.4.2-05). Without one the subflow is reset, if there is another (R3.4.2-09).
func (c *Conn) onAsk(now time.Time) {
	next, t := int64(0), nanos(now)
	for _, s := range c.subflows {
		switch {
		case s.ask == nil || s.doomed:
		case nanos(s.flow.LastHeard()) > s.ask.since:
			s.ask = nil
			c.ep.trace(now, c, "RmAddr: the path answers")
		case t < s.ask.next:
			next = sooner(next, s.ask.next)
		case s.ask.tries < maxAsks:
			c.askAgain(now, s)
			next = sooner(next, s.ask.next)
		case c.otherUp(s):
			s.ask = nil
			c.ep.stats.RmSubflow++
			c.resetSubflow(now, s, wire.ResetUnacceptable)
		default:
			s.ask = nil // the last one: TCP's own patience decides
		}
	}
	c.timers.arm(timerAsk, next)
}

// otherUp reports whether data can be on a subflow other than s.
func (c *Conn) otherUp(s *subflow) bool {
	for _, x := range c.subflows {
		if x != s && x.up && !x.doomed && !x.fin && !x.leaving() {
			return true
		}
	}
	return false
}

// askFin asks a peer that has closed its stream without our knowing. Its keepalive probe says
// so, but begins an octet too low to be believed (R3-03); the answer to one of ours will not.
// Linux repeats a DATA_FIN that was lost nowhere else, where nothing else is to be sent.
func (c *Conn) askFin(now time.Time, s *subflow, seg *wire.Segment, d *wire.DSS) {
	if !d.Flags.Has(wire.DSSMap|wire.DSSFin) || d.DataLen != 1 || d.SSN != 0 || c.rcv.hasFin || c.mode != multi || !s.up || s.doomed {
		return
	}
	off, ok := s.segmentOff(seg)
	if !ok || off+1 != s.flow.Received() || len(seg.Payload) > 1 || nanos(now) < c.rcv.finAsked+int64(time.Second) {
		return
	}
	c.rcv.finAsked = nanos(now)
	s.flow.AskPeer()
}
