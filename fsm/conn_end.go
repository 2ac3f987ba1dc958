package fsm

import (
	"time"

	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

// reap looks at flows that closed.
func (c *Conn) reap(now time.Time) {
	for i := 0; i < len(c.subflows); i++ {
		s := c.subflows[i]
		st := s.flow.State()
		if st == tcp.TimeWait && c.snd.nothingToSend(s) {
			if w, ok := s.flow.TimeWaiter(); ok && !s.flow.AckDue() {
				c.dropSubflow(i)
				i--
				c.ep.waits.add(s.id, w)
				c.lost(now, s, nil)
			}
			continue
		}
		if st != tcp.Closed || s.flow.ResetDue() {
			continue
		}
		c.dropSubflow(i)
		i--
		c.lost(now, s, s.flow.Err())
	}
}

func (c *Conn) dropSubflow(i int) {
	s := c.subflows[i]
	c.remember(s)
	c.ep.subflows.remove(s)
	// What the peer drops of the subflow that is left, or of the next, is not known: alone
	// it may be one of which it withholds what has no mapping.
	c.snd.dropper, c.snd.repeated = false, nil
	if cc := s.flow.Controller(); c.group != nil && cc != nil {
		c.group.Remove(cc)
	}
	c.subflows = append(c.subflows[:i], c.subflows[i+1:]...)
	c.restUnmapped()
}

// lost is what follows the end of a subflow.
func (c *Conn) lost(now time.Time, s *subflow, err error) {
	if c.ended {
		return
	}
	c.happened(SubflowDown)
	if s.join.pre && !s.refused(err) {
		c.ep.stats.MPJoinNoAnswer++
		c.notAlone(s) // the peer may have taken our proof
	}
	c.part(now, s, err)
	c.abandonData(now, s)
	if x := c.only(); x != nil && !x.joined && s.join.active && !s.worked {
		c.snd.again = c.snd.again[:0] // nothing else ever had any: TCP repeats it there
	}
	defer c.subflowLost(now, s, err)
	if len(c.subflows) > 0 && (c.fast.waiting || c.mode != multi || c.finished || c.anyUp() != nil) {
		return
	}
	switch {
	case c.fast.waiting:
		c.end(now, c.err)
	case c.mode != multi, !c.opened:
		c.end(now, c.flowError(err))
	case c.finished, c.snd.finAcked && c.rcv.finDone:
		c.end(now, nil)
	case c.opener && !c.hs.proven && err != nil && !s.doomed:
		// The peer may never have had the third packet, and no join is allowed before
		// it has shown that it did (R3.1-21): this is what a refused TCP looks like.
		c.end(now, c.flowError(err))
	case s.unknownThere():
		c.end(now, &PeerError{Reason: Reset})
	default:
		c.startAfresh()
		c.askFarewells(now)
		// A RST or FIN ends its subflow only (R3.3-07, R3.3.3-01, R4-05). The time runs
		// from the loss of the last: joins that are not proven do not stretch it.
		if !c.timers.armed(timerLonely) {
			c.timers.arm(timerLonely, nanos(now)+int64(c.ep.cfg.NoSubflow))
		}
		c.tryAgain(now, s, err)
	}
}

// unknownThere reports whether s was a join to where the connection began, and the answer to
// its SYN was that nobody there knows the token (R3.2-16, R3.2-18): the peer has ended
// the connection, or it is another host by now. As the last subflow that ends it here.
func (s *subflow) unknownThere() bool {
	return s.join.opener && !s.worked && !s.join.pre && s.id.remote == s.conn.remote && s.rst.has && !s.rst.Transient &&
		s.rst.MPTCPRst.Reason == wire.ResetMPTCPError
}

// flowError turns the end of the only flow into that of the connection.
func (c *Conn) flowError(err error) error {
	switch err := err.(type) {
	case *tcp.PeerError:
		if err.Reason == tcp.Refused {
			return &PeerError{Reason: Refused}
		}
		return &PeerError{Reason: Reset}
	case *tcp.LocalError:
		r := TimedOut
		if err.Reason == tcp.Aborted {
			r = Aborted
			if c.err != nil {
				return c.err
			}
		}
		return &LocalError{Reason: r, Err: err}
	}
	return c.err
}

// end closes the connection for the application.
func (c *Conn) end(now time.Time, err error) {
	if c.ended {
		return
	}
	c.ended = true
	c.err = err
	c.timers = timers{}
	c.forget()
	c.happened(Ended | Readable)
}

// forget takes the connection out of the endpoint's tables; flows that still wait to
// close stay.
func (c *Conn) forget() {
	c.late()
	c.dropToken()
	if c.opened {
		if c.hs.estab {
			c.hs.estab = false
			c.ep.stats.MPCurrEstab--
		}
	}
}

// abandon ends the connection now; subflows that are open are reset.
func (c *Conn) abandon(now time.Time, err error) {
	c.end(now, err)
	for _, s := range c.subflows {
		s.flow.Abort(now)
		s.doomed = true
	}
	c.ep.wake(c)
}
