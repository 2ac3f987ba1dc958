package fsm

import (
	"cmp"
	"slices"
	"time"

	"github.com/mptcp-go/mptcp/dataseq"
	"github.com/mptcp-go/mptcp/fsm/sched"
	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

// armResend arms the data-level retransmission timer while anything is not
// DATA_ACKed.
func (c *Conn) armResend(now time.Time) {
	snd := &c.snd
	if c.mode != multi || snd.una == snd.next && (!snd.finSent || snd.finAcked) || c.ended {
		c.timers.stop(timerResend)
		return
	}
	d := 200 * time.Millisecond
	for _, s := range c.subflows {
		if s.up && s.missed == 0 {
			d = max(d, s.flow.RTO())
		}
	}
	if snd.una < snd.next && !snd.dropper && c.only() != nil {
		// What the subflow has delivered is in the receiver's hands: there is time to
		// find out what it does with it (see repeatAfter).
		d = max(d, time.Second)
	}
	for range min(snd.tries, 10) { // R3.3.3-11: the exponent is bounded
		d *= 2
	}
	c.timers.arm(timerResend, nanos(now)+int64(min(d, maxInterval)))
}

// onResend is the expiry (RFC 8684 section 3.3.6, R3.3.6-02): what the subflows have
// delivered is not acknowledged at the data level.
func (c *Conn) onResend(now time.Time) {
	snd := &c.snd
	if c.mode != multi {
		return
	}
	if s := c.only(); s != nil && c.vanished(now, s) {
		return
	}
	if snd.una < snd.next {
		switch {
		case !c.inTransit(snd.una):
			snd.tries++
			if s := c.only(); s != nil && (snd.tries < repeatAfter && !snd.dropper || !c.mayRepeat(s, snd.una)) {
				s.flow.AskPeer()
				snd.askedAt = nanos(now)
				break
			}
			snd.recover, snd.repeated = snd.next, c.only()
			c.resendHead(now)
			c.askClosed()
		case c.only() == nil:
			snd.tries++
			c.resendElsewhere(now)
		}
	} else if snd.finSent && !snd.finAcked {
		if snd.tries++; snd.tries > maxDataFins && nanos(now)-c.rcv.grewAt > int64(maxInterval) {
			c.abort(now, &LocalError{Reason: TimedOut})
			return
		}
		c.sendDataFin(now)
	}
	c.armResend(now)
}

// askClosed asks for the window on the subflows that can carry nothing because it is
// closed. What is to be sent again may be the octet of a window probe whose subflow has
// died, and with it the news that the window is open.
func (c *Conn) askClosed() {
	for _, s := range c.subflows {
		if c.sendable(s) && s.flow.InFlight() == 0 && s.flow.PeerWindow() == 0 {
			s.flow.AskPeer()
		}
	}
}

// vanished looks, on the only subflow, for a path that no longer passes options or a
// peer that fell back in silence (NOTES 1.18), and falls back then: new data, or the
// DATA_FIN, was delivered and nothing since came with an option.
func (c *Conn) vanished(now time.Time, s *subflow) bool {
	snd := &c.snd
	if s.optAt > snd.quietAt {
		snd.quietAt, snd.quiet = s.optAt, 0
	}
	snd.quiet++
	delivered := snd.una < snd.next && !c.inTransit(snd.una)
	if delivered && snd.quiet > maxFinTries ||
		delivered && s.bare != 0 && nanos(now)-s.bare >= int64(s.flow.RTO()) ||
		snd.una == snd.next && snd.finSent && snd.quiet > maxFinTries {
		return c.fallBackSender(now, s)
	}
	return false
}

// repeatAfter is the expiry at which data is sent again on an only subflow that has
// delivered it already, as far as TCP can tell. Until then the peer is asked, and
// whatever keeps it from answering, or made it a TCP, may show.
const repeatAfter = 4

// maxFinTries is how many DATA_FINs go without any answer before the FIN of plain TCP
// has to do.
const maxFinTries = 6

// maxDataFins is how many DATA_FINs go without a DATA_ACK, on subflows that are alive and
// bring nothing new either, before the connection is given up: some eleven minutes, as long
// as a TCP has patience with a peer (RFC 9293 section 3.8.3).
const maxDataFins = 15

// inTransit reports whether the octet at data offset off is still being delivered by
// TCP on some subflow.
func (c *Conn) inTransit(off uint64) bool {
	for _, s := range c.subflows {
		if s.doomed || s.flow.State() == tcp.Closed {
			continue
		}
		acked := s.flow.Acked()
		for i := s.maps.index(acked); i < s.maps.len(); i++ {
			m := s.maps.at(i)
			if m.data <= off && off < m.dataEnd() && m.sub+(off-m.data) >= acked {
				return true
			}
			if s.maps.odd == 0 && m.data > off {
				break
			}
		}
	}
	return false
}

// resendHead queues the first octets that are not DATA_ACKed to be sent again, unless
// a subflow still has them.
func (c *Conn) resendHead(now time.Time) {
	snd := &c.snd
	if c.mode != multi || snd.una >= snd.next || c.inTransit(snd.una) {
		return
	}
	for _, x := range snd.again {
		if x.lo <= snd.una && snd.una < x.hi {
			return
		}
	}
	if s := c.only(); s != nil && !c.mayRepeat(s, snd.una) {
		return
	}
	// One segment at a time: a box that merges neighbours and keeps one mapping would
	// undo the repetition of two (paper section 3.3.5).
	// So it is one on whichever subflow the scheduler takes.
	n := c.headLen()
	for _, s := range c.subflows {
		if c.sendable(s) {
			n = min(n, c.segmentRoom(s))
		}
	}
	hi := min(snd.una+uint64(n), snd.next)
	snd.again = append(snd.again, extent{snd.una, hi})
}

// resendElsewhere queues data for other subflows that one does not deliver: first
// what is missed at the head, and if that did not help all it carries. It stays on the
// first subflow, too, which repeats it like any TCP (R3.3.6-01), but gets no new data
// until it shows signs of life (R3.3.6-04).
func (c *Conn) resendElsewhere(now time.Time) {
	snd := &c.snd
	for _, s := range c.subflows {
		if !c.carries(s, snd.una) {
			continue
		}
		if s.missed++; s.missed >= c.ep.cfg.StaleAfter && !s.stale {
			s.stale = true
			c.ep.stats.SubflowStale++
			c.ep.trace(now, c, "SubflowStale")
			c.queueAgain(s, 0)
			return
		}
	}
	if len(snd.again) == 0 {
		snd.again = append(snd.again, extent{snd.una, min(snd.una+uint64(c.headLen()), snd.next)})
	}
}

// timedOut is called when the retransmission timer of s expired: what it carries is sent
// again on others (RFC 8684 section 3.3.6), and s keeps trying to deliver it. When it has
// delivered nothing for as many intervals as make it stale it gets no new data. Each wait is
// twice as long as the last, so that after n of them 2^n - 1 intervals are over.
func (c *Conn) timedOut(now time.Time, s *subflow) {
	if c.mode != multi || c.ended || s.doomed || !c.elsewhere(s) {
		return
	}
	if n := s.flow.Timeouts(); 1<<min(n, 10)-1 >= c.ep.cfg.StaleAfter && !s.stale {
		s.stale = true
		c.ep.stats.SubflowStale++
		c.ep.trace(now, c, "SubflowStale")
	} else if n > 1 {
		return
	}
	c.queueAgain(s, s.flow.Acked())
}

// elsewhere reports whether a subflow but s could carry its data.
func (c *Conn) elsewhere(s *subflow) bool {
	for _, x := range c.subflows {
		if x != s && c.sendable(x) {
			return true
		}
	}
	return false
}

// alsoOn returns the end of what a living subflow but s still delivers of the data at off,
// or off. What a subflow has delivered and is not DATA_ACKed may have been dropped.
func (c *Conn) alsoOn(s *subflow, off uint64) uint64 {
	for _, x := range c.subflows {
		if x != s && !x.stale && !x.doomed {
			if m := x.maps.covering(off); m != nil && m.sub+(off-m.data) >= x.flow.Acked() {
				return m.dataEnd()
			}
		}
	}
	return off
}

// queued returns the end of what is queued of the data at off, or off.
func queued(again []extent, off uint64) uint64 {
	for _, x := range again {
		if x.lo <= off && off < x.hi {
			return x.hi
		}
	}
	return off
}

// queueAgain queues what s carries from subflow offset from on and that is not DATA_ACKed.
// What another subflow is delivering is not sent there twice: should its options vanish, the
// peer would take the second for what follows the first.
func (c *Conn) queueAgain(s *subflow, from uint64) {
	snd := &c.snd
	for i := s.maps.index(from); i < s.maps.len(); i++ {
		m := s.maps.at(i)
		lo := max(m.data+(max(from, m.sub)-m.sub), snd.una)
		for lo < m.dataEnd() {
			had := max(c.alsoOn(s, lo), queued(snd.again, lo))
			if had == lo {
				break
			}
			lo = had
		}
		if lo >= m.dataEnd() {
			continue
		}
		if n := len(snd.again); n > 0 && snd.again[n-1].hi == lo {
			snd.again[n-1].hi = m.dataEnd()
		} else {
			snd.again = append(snd.again, extent{lo, m.dataEnd()})
		}
	}
	// What was sent again on s already is not in the order of the stream there.
	slices.SortFunc(snd.again, func(a, b extent) int { return cmp.Compare(a.lo, b.lo) })
}

// headLen is the length of the mapping at the head, which is what is likely missing.
func (c *Conn) headLen() int {
	for _, s := range c.subflows {
		for i := range s.maps.len() {
			m := s.maps.at(i)
			if m.data <= c.snd.una && c.snd.una < m.dataEnd() {
				return int(m.dataEnd() - c.snd.una)
			}
		}
	}
	return 1400
}

// mayRepeat reports whether the octet at off may be sent again on the only subflow: a
// DATA_ACK must have come after the octet was acknowledged there, and since the peer
// was asked. A peer that fell back in silence would take the repetition for new data
// (NOTES 1.18).
func (c *Conn) mayRepeat(s *subflow, off uint64) bool {
	if c.snd.heardAt <= c.snd.askedAt {
		return false
	}
	for i := range s.maps.len() {
		m := s.maps.at(i)
		if m.data <= off && off < m.dataEnd() && m.end() > s.heard {
			return false
		}
	}
	return true
}

// only returns the subflow of a connection that has one, and has none to come.
func (c *Conn) only() *subflow {
	if s := c.anyUp(); s != nil && c.sole(s) {
		return s
	}
	return nil
}

// assignAgain binds data that is to be sent again.
func (c *Conn) assignAgain(now time.Time) bool {
	snd := &c.snd
	for len(snd.again) > 0 {
		x := &snd.again[0]
		x.lo = max(x.lo, snd.una)
		if x.lo >= x.hi {
			snd.again = snd.again[1:]
			continue
		}
		from := -1
		for i, s := range c.subflows {
			if from < 0 && c.carries(s, x.lo) {
				from = i
			}
		}
		paths, _ := c.candidates(now, x.lo, x.hi, true)
		c.passOver(paths, x.lo)
		set := c.sched.Reinject(paths, from)
		for i, s := range c.subflows {
			if set.Has(i) {
				n := paths[i].Room
				c.turn = i
				c.bind(now, s, x.lo, n, sentAgain)
				c.ep.stats.MPTCPRetrans++
				x.lo += uint64(n)
				return true
			}
		}
		return false
	}
	return false
}

// passOver leaves those out to which the octet at off was given before, if there are others
// of their kind: one that delivered it without a DATA_ACK coming of it may lose its mapping
// every time.
func (c *Conn) passOver(paths []sched.Path, off uint64) {
	fresh := false
	for i, s := range c.subflows {
		fresh = fresh || paths[i].Usable && !paths[i].Backup && !s.had(off)
	}
	for i, s := range c.subflows {
		if !s.joined && paths[i].Usable && c.only() == nil && s.had(off) {
			// The peer, who may know of no other, could take a repetition for new data.
			paths[i].Usable, paths[i].Room = false, 0
		}
	}
	for i, s := range c.subflows {
		if fresh && paths[i].Usable && s.had(off) {
			paths[i].Usable, paths[i].Room = false, 0
		}
	}
}

// had reports whether the octet at off was ever given to s.
func (s *subflow) had(off uint64) bool {
	for i := range s.maps.len() {
		if m := s.maps.at(i); m.data <= off && off < m.dataEnd() {
			return true
		}
	}
	return false
}

// carries reports whether s is still delivering the octet at off.
func (c *Conn) carries(s *subflow, off uint64) bool {
	acked := s.flow.Acked()
	for i := s.maps.index(acked); i < s.maps.len(); i++ {
		if m := s.maps.at(i); m.data <= off && off < m.dataEnd() && m.sub+(off-m.data) >= acked {
			return true
		}
	}
	return false
}

// afterAck looks at what a segment acknowledged on its subflow, acked before it came.
func (c *Conn) afterAck(now time.Time, s *subflow, seg *wire.Segment, acked uint64, option, dataAck bool) {
	moved := s.flow.Acked() > acked
	if c.mode == plain {
		if moved {
			c.plainAcked(s)
		}
		return
	}
	if dataAck && len(seg.Payload) == 0 {
		// Data may have been held and repeated by a box that puts its own
		// acknowledgment on it; a pure ACK is the peer's word.
		c.snd.heardAt = nanos(now)
		// What this very segment acknowledged counts: it may be a late one.
		if off, ok := (dataseq.Subflow{ISN: s.flow.ISS()}).Off(s.flow.Acked(), seg.Ack); ok {
			s.heard = max(s.heard, min(off, s.flow.Acked()))
		}
	}
	if c.mode == multi && (moved || c.snd.advanced) {
		c.release() // after both levels were looked at
	}
	if c.mode != multi || seg.Flags.Has(wire.SYN) { // a SYN/ACK acknowledges what has no DATA_ACK
		return
	}
	if !moved {
		if !option && s.bare == 0 && c.snd.askedAt > s.optAt && s.flow.Acked() == s.flow.Sent() {
			s.bare = nanos(now) // the answer to a question has no option
		}
		return
	}
	s.missed = 0
	if s.stale {
		s.stale = false
		c.ep.stats.SubflowRecover++
	}
	if option || c.fb.failed || c.ep.opts.signal {
		return // beside another option there may be no room for a DSS: Linux leaves it out beside an ADD_ADDR
	}
	t := nanos(now)
	if s.bare == 0 {
		s.bare = t
	}
	switch {
	case s.join.active && !s.join.proven:
		c.resetSubflow(now, s, 6) // R3.7-03
	case !c.sole(s):
		// Its acknowledgments have lost their options for good: nothing that it delivers
		// is known to be, and others do better (R3.7-05).
		if c.otherUp(s) && t-s.bare >= 4*int64(s.flow.RTO()) {
			c.resetSubflow(now, s, wire.ResetMiddlebox)
		}
	case !c.snd.proven:
		c.fallBackSender(now, s) // R3.7-04: data acknowledged, and never a DATA_ACK
	case t-s.bare >= int64(s.flow.RTO()):
		c.fallBackSender(now, s) // NOTES 1.18
	}
}

// plainAcked frees what TCP has delivered after a fallback (R3.7-14).
func (c *Conn) plainAcked(s *subflow) {
	snd := &c.snd
	acked := s.flow.Acked()
	if i := s.maps.index(acked); i < s.maps.len() {
		m := s.maps.at(i)
		snd.una = max(snd.una, m.data+(max(acked, m.sub)-m.sub))
	} else {
		snd.una = snd.next
	}
	c.tuneSend()
	c.release()
}
