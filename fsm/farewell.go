package fsm

import (
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// farewell is the end of a subflow that the peer may not have heard of: a RST is not
// acknowledged, and one without a reason may be a box's. While it does not know, it may send the same data there and, in any order, on
// the next subflow, and if that loses its options a fallback would take a repetition for the
// stream going on (docs/fsm.md). So when no subflow is left, and the next is to be an image of
// the stream, the peer is asked: a segment of a connection that does not exist is answered by
// a RST (RFC 9293 section 3.10.7.1), one of a connection that does by something else, which
// meets another RST of ours.
type farewell struct {
	id   flowID
	path uint16
	seq  uint32 // what we would send next
	ack  uint32 // what we would receive next: the sequence number of a RST in answer
}

// maxFarewells bounds those that are kept; with more, no subflow is an image of the stream.
const maxFarewells = 16

// farewellTries is how often the peer is asked, at growing intervals.
const farewellTries = 8

// part notes that s ended, by err, unless the peer is known to know: both FINs are there, or
// its RST had MP_TCPRST, which no box makes up.
func (c *Conn) part(now time.Time, s *subflow, err error) {
	told := err == nil || s.refused(err)
	if told || !s.worked && !s.join.pre && s.index > 0 || c.mode != multi || c.finished {
		return
	}
	w := farewell{id: s.id, path: s.flow.Path()}
	w.seq, w.ack = s.flow.Next()
	if len(c.farewells) == maxFarewells {
		c.unheard = true
		return
	}
	c.farewells = append(c.farewells, w)
	if c.ep.farewells == nil {
		c.ep.farewells = map[flowID]*Conn{}
	}
	c.ep.farewells[w.id] = c
	if len(c.farewells) == maxFarewells/2 {
		c.askFarewells(now) // make room
	}
}

// askFarewells begins to ask, when no subflow is left.
func (c *Conn) askFarewells(now time.Time) {
	c.farewellAsks = 0
	if len(c.farewells) > 0 {
		c.onFarewell(now)
	}
}

// onFarewell asks about each subflow of which it is not known that the peer knows its end.
func (c *Conn) onFarewell(now time.Time) {
	if c.farewellAsks >= farewellTries || len(c.farewells) == 0 {
		return
	}
	for _, w := range c.farewells {
		if c.ep.busy(w.id) {
			continue // a join between the same ports tells as much
		}
		if out := c.ep.replies.next(); out != nil {
			*out = wire.Segment{Src: w.id.local, Dst: w.id.remote, Path: w.path, Seq: w.seq, Ack: w.ack, Flags: wire.ACK, Options: out.Options[:0]}
			c.ep.replies.commit()
		}
	}
	c.timers.arm(timerFarewell, nanos(now)+int64(200*time.Millisecond)<<c.farewellAsks)
	c.farewellAsks++
}

// takeFarewell takes a RST that belongs to no flow: the peer's answer.
func (e *Endpoint) takeFarewell(id flowID, seg *wire.Segment) {
	c := e.farewells[id]
	if c == nil || !seg.Flags.Has(wire.RST) {
		return
	}
	for _, w := range c.farewells {
		if w.id == id && seg.Seq == w.ack {
			c.parted(id)
			return
		}
	}
}

// parted notes that the peer knows that the subflow between the addresses of id has ended.
func (c *Conn) parted(id flowID) {
	k := 0
	for _, w := range c.farewells {
		if w.id != id {
			c.farewells[k] = w
			k++
		}
	}
	if k < len(c.farewells) {
		c.farewells = c.farewells[:k]
		delete(c.ep.farewells, id)
	}
	if k == 0 {
		c.timers.stop(timerFarewell)
	}
}

// haunt notes, when s comes up, that the peer may still have subflows that are gone here: a
// SYN/ACK, or a SYN, between the addresses of one says that it has not.
func (c *Conn) haunt(s *subflow) {
	c.parted(s.id)
	if c.unheard || len(c.farewells) > 0 {
		c.several, s.shared = true, true
	}
}

// forgetFarewells is for a connection that is TCP, or has ended.
func (c *Conn) forgetFarewells() {
	for _, w := range c.farewells {
		delete(c.ep.farewells, w.id)
	}
	c.farewells = nil
	c.timers.stop(timerFarewell)
}
