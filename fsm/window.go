package fsm

import (
	"time"

	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

// openWindow computes the right edge of the receive window, which belongs to the
// connection and never moves back (RFC 8684 section 3.3.4, R3.3.4-01), and tells the
// flows, which advertise it relative to the DATA_ACK.
func (c *Conn) openWindow(now time.Time) {
	if len(c.subflows) == 0 {
		return
	}
	r := &c.rcv
	f := c.subflows[0].flow
	_, scale := f.WindowScales()
	size := r.size
	free := size - int(r.next-r.buf.Offset())
	r.edge = r.next + uint64(r.win.Size(r.next, free, size, 1<<scale, f.MSS()))
	for _, s := range c.subflows {
		at := r.next
		if r.finDone {
			// Nothing more will come, and no ACK is worth it. But the edge that a younger
			// subflow shows may not lie before what others have shown.
			if c.mode == multi {
				s.flow.HoldWindow(int(max(r.edge, at+1) - (at + 1)))
			}
			continue
		}
		if c.mode == plain || c.raw(s) {
			at = max(at, c.rawOff(s.flow.Received()))
		}
		s.flow.SetWindow(now, c.awaitedWindow(int(max(r.edge, at)-at)))
	}
}

// firstWindow takes the window of the segment that ended the handshake.
func (c *Conn) firstWindow(seg *wire.Segment, s *subflow) {
	c.snd.edge = max(c.snd.edge, c.snd.una+uint64(s.flow.PeerWindow()))
}

// takeDataAck takes a DATA_ACK and the window beside it.
func (c *Conn) takeDataAck(now time.Time, s *subflow, seg *wire.Segment, d *wire.DSS) {
	snd := &c.snd
	var a uint64
	var ok bool
	if d.Flags.Has(wire.DSSAck8) {
		a, ok = c.own.space.Off(d.DataAck)
	} else {
		a, ok = c.own.space.Off32(snd.una, uint32(d.DataAck)) // R3.3.1-15, R3.3.1-17
	}
	limit := snd.next
	if snd.finSent && snd.next == snd.buf.end {
		limit++
	}
	if !ok || a > limit {
		if ok {
			c.ep.stats.DataAckBeyond++ // R3.3.2-09
		}
		return
	}
	first := !snd.proven
	snd.proven, s.join.proven = true, true
	// The edge only moves forward (R3.3.5-01), and only a segment with a DATA_ACK
	// moves it (R3.3.2-04). What the handshake said is no word on data: Linux 6.18 gives its
	// first DATA_ACK less than its SYN/ACK, and drops what lies beyond.
	scale, _ := s.flow.WindowScales()
	if edge := a + uint64(seg.Window)<<scale; edge > snd.edge || first {
		snd.edge = edge
		c.timers.stop(timerPersist)
		snd.probes = 0
	}
	if a > snd.una || a == limit && limit > snd.next && !snd.finAcked {
		c.dataAcked(now, a)
	}
}

// dataAcked moves on: everything below a is acknowledged.
func (c *Conn) dataAcked(now time.Time, a uint64) {
	snd := &c.snd
	if snd.finSent && snd.next == snd.buf.end && a == snd.buf.end+1 {
		snd.finAcked = true
		a--
	}
	progress := a > snd.una
	snd.una = max(snd.una, a)
	if progress {
		c.rejoins, snd.overdue = 0, 0
		c.timers.stop(timerOverdue)
	}
	snd.tries = 0
	snd.advanced = true
	c.tuneSend()
	c.timers.stop(timerResend)
	c.armResend(now)
	if s := c.only(); progress && s != nil && s == snd.repeated {
		snd.dropper = true // it had dropped what it acknowledged, and may again
	}
	if progress && snd.una < snd.recover {
		c.resendHead(now) // it stopped at the next hole
	}
}

// release frees what was acknowledged at both levels: by DATA_ACK, and on each living
// subflow that carried it (R3.3.2-05, R3.3.6-03); after a fallback by subflow ACKs
// alone (R3.7-14). What a slow subflow alone has still to deliver, though the receiver
// has it, is put aside: it must not keep the stream that lies behind it in memory.
func (c *Conn) release() {
	c.snd.advanced = false
	una := c.snd.una
	low, buf := una, &c.snd.buf
	for _, s := range c.subflows {
		acked := s.flow.Acked()
		if l, ok := s.maps.lowest(acked); ok {
			low = min(low, l)
		}
		s.maps.release(acked, una)
	}
	edge := buf.edge(una)
	if low < edge && buf.first < edge {
		for _, s := range c.subflows {
			acked := s.flow.Acked()
			for i := s.maps.index(acked); i < s.maps.len(); i++ {
				m := s.maps.at(i)
				done := max(acked, m.sub) - m.sub
				if m.data+done >= buf.first && m.data < edge {
					buf.stray(m.data+done, m.len-int(done))
				}
			}
		}
	}
	buf.free(max(low, edge))
	if len(buf.strays) > 0 {
		buf.forget(low)
	}
	if c.snd.full && c.Writable() > 0 {
		c.snd.full = false
		c.happened(Writable)
	}
}

// armPersist arms the timer of window probes when there is data, no room for it, and
// nothing in flight whose acknowledgment could bring any.
func (c *Conn) armPersist(now time.Time, s *subflow) {
	if c.mode == multi && c.snd.una < c.snd.next {
		return // the data-level retransmission asks as well
	}
	if c.timers.armed(timerPersist) || s.flow.InFlight() > 0 || s.flow.State() == tcp.Closed {
		return
	}
	d := s.flow.RTO()
	for range min(c.snd.probes, 10) {
		d *= 2
	}
	c.timers.arm(timerPersist, nanos(now)+int64(min(d, maxInterval)))
}

// maxInterval bounds all backoff at the data level.
const maxInterval = 2 * time.Minute

// onPersist sends one octet into the closed window: mapped, like all data.
func (c *Conn) onPersist(now time.Time) {
	c.snd.probes++
	for _, s := range c.subflows {
		if !s.up || s.doomed || s.flow.InFlight() > 0 {
			continue
		}
		if s.flow.Sent() == s.flow.Available() && c.snd.next < c.snd.buf.end {
			c.bind(now, s, c.snd.next, 1, 0)
		}
		c.ep.stats.WinProbe++
		s.flow.Probe()
		return
	}
}
