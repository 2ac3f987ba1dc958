package fsm

import (
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// declareFin notes that the DATA_FIN has a place in the data sequence space.
func (c *Conn) declareFin() {
	c.snd.finSent = true
	c.ep.stats.DataFinTx++
}

// assignFin sends the end of our stream once all data is bound: a DATA_FIN on an ACK
// of its own, or the FIN of plain TCP.
func (c *Conn) assignFin(now time.Time) bool {
	snd := &c.snd
	if !snd.closed || snd.finSent || c.mode != multi {
		return false
	}
	s := c.anyUp()
	if s == nil {
		return false
	}
	c.declareFin()
	c.sendDataFin(now)
	return true
}

// sendDataFin queues the DATA_FIN on every subflow (section 3.3.3 has it on one at
// least; Linux does so too).
func (c *Conn) sendDataFin(now time.Time) {
	for _, s := range c.subflows {
		if s.up && !s.doomed {
			s.dataFin = true
			s.flow.RequestAck()
		}
	}
	if !c.timers.armed(timerResend) {
		c.armResend(now)
	}
}

func (c *Conn) anyUp() *subflow {
	for _, s := range c.subflows {
		if s.up && !s.doomed {
			return s
		}
	}
	return nil
}

// closeSubflows sends FINs where their time has come: on all subflows when both ends
// of the data stream are acknowledged (R3.3.3-05 to R3.3.3-07), of plain TCP behind
// the last octet.
func (c *Conn) closeSubflows(now time.Time) {
	snd := &c.snd
	if c.mode == plain && len(c.subflows) == 1 && c.subflows[0].flow.FinAcked() {
		snd.finAcked = true
	}
	if c.deaf && snd.finAcked && !c.timers.armed(timerLinger) {
		c.timers.arm(timerLinger, nanos(now)+int64(c.ep.cfg.CloseWait)) // FIN-WAIT-2 is not for ever
	}
	if c.mode == plain {
		if snd.closed && (snd.next == snd.buf.end || !c.opened && snd.buf.end == 0) && !c.ended {
			for _, s := range c.subflows {
				if !s.fin && !s.doomed && !c.finWaits(s) {
					s.fin = true
					s.flow.Close(now)
				}
			}
		}
		if c.opened && snd.closed && c.rcv.finDone && len(c.subflows) == 1 && c.subflows[0].flow.FinAcked() && !c.finished {
			c.finish(now)
		}
		return
	}
	if c.mode != multi || !c.opened {
		return
	}
	done := snd.finAcked && c.rcv.finDone
	for _, s := range c.subflows {
		if s.fin || s.doomed || !s.up {
			continue
		}
		if done || c.closesEarly() || (s.flow.PeerClosed() && snd.finAcked || s.leaving() && c.otherUp(s)) && s.flow.Acked() == s.flow.Available() {
			s.fin = true
			s.dataFin = s.dataFin || snd.finSent && !snd.finAcked
			s.flow.Close(now)
		}
	}
	if done && !c.finished {
		c.finish(now)
	}
}

// finWaits reports whether the FIN of plain TCP waits until all else is acknowledged: behind
// a fallback in mid-connection. Linux 6.18 takes a FIN that comes with data, and while its
// application reads, for the end of what was read so far: the rest is lost, or the end is.
func (c *Conn) finWaits(s *subflow) bool {
	return c.fb.done && c.peer.known && s.up && s.flow.Acked() != s.flow.Available()
}

// leaving reports whether the peer has closed s although its stream goes on: so do we, on
// another. Had it sent its DATA_FIN, the FIN would mean nothing for our direction.
func (s *subflow) leaving() bool { return s.flow.PeerClosed() && !s.conn.rcv.hasFin }

// closesEarly reports whether FINs go together with the DATA_FIN, on all subflows (the
// second of the two ways of the paper's section 3.4): once nothing but the DATA_FIN is
// outstanding, lest data be left that no subflow can repeat (RFC 8684 section 3.3.3).
func (c *Conn) closesEarly() bool {
	return c.ep.cfg.EarlyFIN && c.snd.finSent && c.snd.una == c.snd.buf.end
}

// finish notes that both directions are done. The application is told; subflows have
// some time to close, and joins that are under way have no use any more.
func (c *Conn) finish(now time.Time) {
	c.finished = true
	c.timers.stop(timerResend)
	c.timers.stop(timerPersist)
	c.timers.stop(timerOverdue)
	c.timers.arm(timerLinger, nanos(now)+int64(c.ep.cfg.CloseWait))
	for _, x := range c.subflows {
		if x.join.active && !x.up && !x.fin {
			c.resetSubflow(now, x, wire.ResetUnspecified)
		}
	}
}
