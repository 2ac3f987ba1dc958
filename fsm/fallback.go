package fsm

import (
	"time"

	"github.com/mptcp-go/mptcp/dataseq"
	"github.com/mptcp-go/mptcp/wire"
)

// fallback is how a connection became plain TCP (RFC 8684 section 3.7).
type fallback struct {
	done     bool
	failed   bool   // a checksum failed on the only subflow: what follows is held
	mine     bool   // ...and we said so first
	since    int64  // when
	announce bool   // the next data carries the infinite mapping
	told     uint64 // subflow offset behind the segment that did
	cause    string
	tries    int // MP_FAILs sent on expiry

	infinite bool // the peer's infinite mapping has come
	await    await
	pieces   int    // octets that came in pieces
	ackFin   bool   // a DATA_FIN is to be acknowledged, although this is plain TCP
	finAck   uint64 // ...with this

	// From subflow offset sub on, the peer's octets are those of its stream from
	// data on, whatever any option says.
	sub, data uint64
	unplaced  bool // ...but where they begin only its infinite mapping can tell: see placeRaw
}

// sole reports whether s is the only subflow that data can be on. Joins that are not
// proven do not count: they end with a fallback. But the peer may have our proof
// already, have repeated data there, and reset s for what it lacks.
func (c *Conn) sole(s *subflow) bool { return c.last(s) && !c.proving() }

// last reports whether no subflow but s is up.
func (c *Conn) last(s *subflow) bool {
	for _, x := range c.subflows {
		if x != s && (x.up || x.maps.len() > 0) && !x.doomed {
			return false
		}
	}
	return s.up
}

// proving reports whether a join of ours waits to hear that the peer has our proof.
func (c *Conn) proving() bool {
	for _, x := range c.subflows {
		if x.join.pre && !x.doomed {
			return true
		}
	}
	return false
}

// awaits reports whether to put off a fallback that nobody asked for, since a join of the
// peer's was answered and its proof may be on its way: with another subflow there is no
// need for a fallback, and the peer, who has sent its proof, could not tell what became of
// it. Version 0 has no MP_TCPRST to tell it, so there the wait goes on when the timer of the
// answer has expired. Only so long: whoever knows the token can send SYNs.
func (c *Conn) awaits(now time.Time) bool {
	for _, k := range c.halfJoins {
		if h := c.ep.joins.at(k); h.SYNs() > 0 && (h.Backoff() == 0 || c.version == wire.V0) {
			if c.awaitEnd == 0 {
				c.awaitEnd = nanos(now) + maxAwait
			}
			return nanos(now) < c.awaitEnd
		}
	}
	return false
}

// maxAwait is for how long a fallback is put off for joins that do not come up.
const maxAwait = int64(2 * time.Second)

// notAlone notes that data of the peer's may be on s, beside all others of which that is
// so.
func (c *Conn) notAlone(s *subflow) {
	c.several = true
	for _, x := range c.subflows {
		if x != s && !x.doomed && (x.up || x.join.pre) {
			x.shared, s.shared = true, s.shared || x.up
		}
	}
}

// raw reports whether octets of s are taken in subflow order, without mappings.
func (c *Conn) raw(s *subflow) bool { return c.mode == plain || c.fb.failed }

// rawOff is the place in the stream of the octet at subflow offset off.
func (c *Conn) rawOff(off uint64) uint64 { return off - c.fb.sub + c.fb.data }

// contiguous reports whether the peer's stream can go on in subflow order: nothing is
// missing that the only subflow will not bring (RFC 8684 section 3.7).
//
// That the peer has repeated nothing on it cannot be seen, only that it had no reason
// to: it was never told of a gap.
func (c *Conn) contiguous(s *subflow) bool {
	if c.fb.failed {
		return true // it is taken so already
	}
	return c.image(s) && (c.allHere(s) || c.based(s))
}

// allHere reports whether nothing more of the peer's stream can come on s, where that
// matters: with one subflow only there are other ways to tell.
func (c *Conn) allHere(s *subflow) bool { return c.rcv.finDone && c.several && s.proven() }

// image reports whether s is an image of the stream, as far as is known, although perhaps
// not of which part: on a join without any mapping yet. Where all of the peer's stream is
// here, only the order of ours matters, whatever the peer repeats.
func (c *Conn) image(s *subflow) bool {
	switch {
	case !c.inOrder(s):
		return false
	case c.allHere(s):
		return true
	case s.gap && (c.rcv.next < c.rcv.top || s.held.acked > 0):
		return false
	}
	return !s.shared && (c.based(s) || !s.anyMap) && c.whole(s)
}

// based reports whether it is known where in the stream the octets behind the last mapping
// of s belong: at its end, if no other subflow has brought a mapping from beyond it, and
// at the beginning of the first subflow.
func (c *Conn) based(s *subflow) bool {
	return s.endData == c.rcv.top && (s.anyMap || s.index == 0)
}

// ordered reports whether our stream could go on in the order of s, without mappings: all
// that is not acknowledged is on it, once and in order, or is still to follow there.
func (c *Conn) ordered(s *subflow) bool {
	snd, m := &c.snd, &s.maps
	for i := 1; i < m.len(); i++ {
		if m.at(i).data != m.at(i-1).dataEnd() {
			return false
		}
	}
	if m.len() > 0 && m.at(0).data > snd.una {
		return false
	}
	end := c.boundTo(s)
	for _, x := range snd.again {
		if lo := max(x.lo, snd.una); lo < x.hi {
			if lo != end {
				return false
			}
			end = x.hi
		}
	}
	return end == snd.next
}

// boundTo is where our stream ends on s, the only subflow.
func (c *Conn) boundTo(s *subflow) uint64 {
	if n := s.maps.len(); n > 0 {
		return s.maps.at(n - 1).dataEnd()
	}
	return c.snd.una
}

// inOrder is ordered for a connection that ever had another subflow. With one only there
// are other ways to tell.
func (c *Conn) inOrder(s *subflow) bool { return !c.several || c.ordered(s) }

// whole is contiguous for a peer that says itself that its stream goes on in subflow
// order.
func (c *Conn) whole(s *subflow) bool {
	switch {
	case s.dropped || !c.orderly(s):
		return false
	case c.rcv.next == c.rcv.top, s.flow.Received() < s.end:
		return true
	}
	// All of the subflow is here up to the last mapping: what is missing must be what
	// is held for want of a mapping.
	beyond := c.rcv.buf.Buffered() - int(c.rcv.buf.Edge()-c.rcv.buf.Offset())
	missing := int(c.rcv.top-c.rcv.buf.Edge()) - beyond
	for _, p := range s.held.pieces {
		if p.off < s.end {
			missing -= int(min(uint64(len(p.b)), s.end-p.off))
		}
	}
	return missing == 0
}

// orderly reports whether the mappings of s leave its octets in the order of the stream,
// as far as can be told: one that was changed on its way, and is not complete yet, would
// lead a fallback astray.
func (c *Conn) orderly(s *subflow) bool {
	if !c.checksum || s.index != 0 && s.good.sub == 0 {
		return true // nothing is known to be right
	}
	shift := s.good.data - s.good.sub
	for i := range c.rcv.pending {
		if p := &c.rcv.pending[i]; p.s == s && p.m.Data-p.m.Sub != shift {
			return false
		}
	}
	if c.rcv.next == c.rcv.top {
		return s.end <= s.flow.Received()
	}
	return c.rcv.top-s.end == shift
}

// fallBack makes the connection plain TCP, for good. s is nil before there is data.
func (c *Conn) fallBack(now time.Time, s *subflow, counter *uint64, name string) {
	if c.mode == plain {
		return
	}
	if counter != nil {
		*counter++
	}
	if name != "" {
		c.ep.trace(now, c, name)
		c.blame(name)
	}
	c.mode = plain
	c.fb.done, c.fb.since = true, nanos(now)
	c.uncouple()
	c.refuseHalfJoins()
	c.dropToken()
	if c.hs.estab {
		c.hs.estab = false
		c.ep.stats.MPCurrEstab--
	}
	if !c.fb.failed && s != nil && s.anyMap {
		c.fb.sub, c.fb.data = s.end, s.endData
	}
	c.rcv.pending = nil
	c.rcv.hasFin = c.rcv.hasFin && c.rcv.finDone
	for _, t := range []timer{timerResend, timerPersist, timerUnmapped, timerSignal, timerJoin, timerRejoin, timerOverdue, timerShort} {
		c.timers.stop(t)
	}
	if s != nil && len(c.snd.again) > 0 && c.several {
		c.snd.next = c.boundTo(s) // the rest, repeated, is as good as new
	}
	c.snd.again, c.signals = nil, nil
	c.happened(FellBack)
	if s == nil {
		return
	}
	for _, x := range c.subflows {
		if x != s { // R3.7-16
			c.resetSubflow(now, x, wire.ResetProhibited)
		}
	}
	s.dataFin = false
	c.awaitInfinite(now, s)
	c.plainAcked(s)
	c.releaseHeld(now, s)
	c.advance(now)
	c.openWindow(now)
	if s.flow.PeerClosed() {
		c.rcv.hasFin, c.rcv.fin = true, c.rawOff(s.flow.Received())
		c.advance(now)
	}
}

// blame notes what made the connection fall back: the first reason counts.
func (c *Conn) blame(name string) {
	if c.fb.cause == "" {
		c.fb.cause = name
	}
}

// takeRaw takes octets in subflow order, after a fallback or while one is awaited.
// Where an earlier mapping still tells, as for what TCP repeats, it does.
func (c *Conn) takeRaw(off uint64, p []byte, s *subflow) (kept int) {
	for len(p) > 0 {
		n, data := len(p), c.rawOff(off)
		if off < c.fb.sub && !c.fb.failed {
			n = int(min(uint64(n), c.fb.sub-off))
			if m, ok := s.table.Lookup(off); ok {
				n, data = int(min(uint64(n), m.End()-off)), m.Shift(off)
			}
		}
		k := c.insert(s, data, p[:n])
		kept += k
		if k < n {
			return kept
		}
		off, p = off+uint64(n), p[n:]
	}
	return kept
}

// fallBackSender falls back because the peer's segments have lost their options. The
// infinite mapping tells a peer whose segments have not (R3.7-04).
func (c *Conn) fallBackSender(now time.Time, s *subflow) bool {
	if c.awaits(now) {
		return false
	}
	quiet := !c.contiguous(s) && c.quiet(s)
	if !c.ordered(s) || !c.sole(s) || !c.contiguous(s) && !quiet {
		// The only subflow carries data twice, or something was given up: no TCP could
		// make a stream of it. The peer may merely be in doubt, so be slow to despair.
		if s.bare != 0 && nanos(now)-s.bare < 4*int64(s.flow.RTO()) {
			return false
		}
		c.ep.stats.FallbackFailed++
		c.resetSubflow(now, s, wire.ResetMiddlebox)
		return true
	}
	counter, name := &c.ep.stats.DssFallback, "DssFallback"
	if !c.snd.proven {
		counter, name = &c.ep.stats.MPCapableDataFallback, "MPCapableDataFallback"
	}
	c.fb.announce = true
	if quiet {
		c.fb.data, c.fb.unplaced = c.rcv.next, true
	}
	c.fallBack(now, s, counter, name)
	return true
}

// quiet reports whether the peer has sent nothing on s, a join that is the only subflow, and
// nothing is missing of what came before. It is not known from where on it would send: its
// last DATA_ACKs may be lost. But a FIN would end the stream here, and its infinite mapping
// may tell.
func (c *Conn) quiet(s *subflow) bool {
	return s.join.active && s.proven() && !s.anyMap && !s.shared && s.flow.Received() == 0 && s.held.since == 0 && c.rcv.next == c.rcv.top && c.inOrder(s)
}

// placeRaw takes the infinite mapping that tells where the peer's octets belong. Without it
// they belong nowhere, and s is reset. It reports whether the segment is to be processed.
func (c *Conn) placeRaw(now time.Time, s *subflow, seg *wire.Segment, o *options) bool {
	if len(seg.Payload) == 0 {
		return true
	}
	if o.hasDSS && o.dss.Flags.Has(wire.DSSMap) && o.dss.DataLen == 0 {
		sub, ok := s.relIn.Off(s.flow.Received(), o.dss.SSN)
		off, ok2 := c.peer.space.Off(o.dss.DSN)
		if ok && ok2 && sub == 0 && off <= c.rcv.next {
			c.ep.stats.InfiniteMapRx++
			c.fb.data, c.fb.unplaced = off, false
			return true
		}
	}
	c.ep.stats.FallbackFailed++
	c.resetSubflow(now, s, wire.ResetMiddlebox)
	return false
}

// dressInfinite puts the infinite mapping on its segment: one that reaches back to
// the last octets known to have arrived (R3.7-10).
func (c *Conn) dressInfinite(s *subflow, m *sent, seg *wire.Segment) {
	d := wire.DSS{Flags: wire.DSSMap | wire.DSSMap8, DSN: c.own.space.DSN(m.data), SSN: s.relOut.SSN(m.sub), HasSum: c.checksum}
	seg.Options, _ = d.Append(seg.Options)
}

// infiniteSize is the room, octets, that the infinite mapping takes of a segment.
const infiniteSize = 20

// takeInfinite takes an infinite mapping: data offset off at the SSN of d. It reports
// whether the segment is to be processed.
func (c *Conn) takeInfinite(now time.Time, s *subflow, off uint64, d *wire.DSS) bool {
	c.ep.stats.InfiniteMapRx++
	c.ep.trace(now, c, "InfiniteMapRx")
	if !c.sole(s) {
		c.resetSubflow(now, s, wire.ResetMPTCPError)
		return false
	}
	if !c.fb.failed {
		sub, ok := s.relIn.Off(s.flow.Received(), d.SSN)
		if !ok || !c.whole(s) || !c.inOrder(s) {
			c.ep.stats.FallbackFailed++
			c.resetSubflow(now, s, wire.ResetMiddlebox)
			return false
		}
		if s.anyMap && off-sub != c.rcv.top-s.end && (off != c.rcv.top || sub < s.end) {
			return true // agrees with nothing that was said before
		}
		c.blame("InfiniteMapRx")
		c.fallBack(now, s, nil, "")
		c.fb.sub, c.fb.data = max(sub, s.end), off+(max(sub, s.end)-sub)
		c.openWindow(now)
		return true
	}
	c.fb.infinite = true
	c.fallBack(now, s, nil, "")
	return true
}

// badChecksum answers a mapping whose checksum failed (RFC 8684 section 3.7).
func (c *Conn) badChecksum(now time.Time, s *subflow, m dataseq.Mapping) {
	c.ep.stats.DataCsumErr++
	c.ep.trace(now, c, "DataCsumErr")
	s.failDSN, s.sendFail = c.peer.space.DSN(m.Data), true
	lo := max(m.Data, c.rcv.next)
	if !c.sole(s) || m.Data > c.rcv.next && !c.whole(s) || m.Data < c.rcv.next || !c.plausible(s, m) || !c.alone(s, m) {
		// R3.7-06, R3.7-12: what this subflow brought from there on is worth nothing.
		c.rcv.buf.Remove(lo, max(lo, m.DataEnd()))
		c.resetSubflow(now, s, wire.ResetMiddlebox)
		return
	}
	c.blame("DataCsumErr")
	c.fb.failed, c.fb.mine = true, true
	c.fb.sub, c.fb.data = m.Sub, m.Data
	c.rcv.pending = nil
	for _, x := range c.subflows {
		if x != s { // a join under way: no subflow can come to a connection that will be TCP
			c.resetSubflow(now, x, wire.ResetProhibited)
		}
	}
	c.rcv.hasFin = false // the stream ends with the FIN now, wherever that is
	s.flow.RequestAck()  // R3.7-09
	c.releaseHeld(now, s)
	c.timers.arm(timerUnmapped, nanos(now)+int64(s.flow.BaseRTO()))
}

// alone reports whether the octets of s from m on are those of the stream, as far as is
// known, and not a part of them of which subflows that are gone had the rest; and the same
// of our own octets there, as a fallback is one of both directions.
func (c *Conn) alone(s *subflow, m dataseq.Mapping) bool {
	return !c.several || s.endData == c.rcv.top && s.endData-s.end == m.Data-m.Sub && c.ordered(s)
}

// plausible reports whether m, whose checksum is wrong, goes on where the mappings did
// that were right. If not, it may be the mapping itself that was changed on its way:
// nobody knows where its octets belong, and it is no place to begin a fallback at.
func (c *Conn) plausible(s *subflow, m dataseq.Mapping) bool {
	return m.Data-m.Sub == s.good.data-s.good.sub || m.Sub == s.good.sub && m.Data == c.rcv.next
}

// startAfresh is called when no subflow is left: the peer will send all that was not
// DATA_ACKed again, on another, in the order of the stream. Nothing is kept of what came
// beyond that, nor of a fallback that was under way, so that there can be one later.
func (c *Conn) startAfresh() {
	c.rcv.buf.Remove(c.rcv.next, c.rcv.next+1<<40)
	c.rcv.top = c.rcv.next
	if c.snd.una < c.snd.next {
		c.snd.again = append(c.snd.again[:0], extent{c.snd.una, c.snd.next})
	}
	if c.fb.failed {
		c.fb = fallback{cause: c.fb.cause}
		c.timers.stop(timerUnmapped)
	}
}

// failing reports whether an MP_FAIL of ours waits for its answer: it goes on every
// ACK until then, since each may be lost.
func (c *Conn) failing() bool { return c.fb.failed && c.fb.mine && !c.fb.done }

// failTries is how many MP_FAILs go without an answer before what follows the failed
// mapping is taken as plain TCP all the same. The peer may never have got one, but was
// told of no gap and so has repeated nothing.
const failTries = 6

// onFailing is the expiry while an MP_FAIL is not answered.
func (c *Conn) onFailing(now time.Time) {
	s := c.only()
	if s == nil {
		return
	}
	if !c.inOrder(s) {
		c.ep.stats.FallbackFailed++
		c.resetSubflow(now, s, wire.ResetMiddlebox)
		return
	}
	if c.fb.tries++; c.fb.tries > failTries {
		c.fallBack(now, s, nil, "")
		return
	}
	s.flow.RequestAck()
	c.timers.arm(timerUnmapped, nanos(now)+int64(s.flow.BaseRTO()))
}

// takeFail takes an MP_FAIL. It reports whether the segment is to be processed.
func (c *Conn) takeFail(now time.Time, s *subflow, seg *wire.Segment, o *options) bool {
	off, ok := c.own.space.Off(o.fail.DSN)
	if !ok || off > c.snd.next {
		return true // of data that was never sent
	}
	c.ep.stats.MPFailRx++
	c.ep.trace(now, c, "MPFailRx")
	if seg.Flags.Has(wire.RST) || !c.sole(s) {
		return true
	}
	if c.fb.failed && c.ordered(s) {
		c.fb.announce = true
		c.fallBack(now, s, nil, "") // the answer to ours
		return true
	}
	if c.fb.failed || !c.ordered(s) || !c.rcv.finDone && (!c.based(s) || !c.whole(s)) {
		c.ep.stats.FallbackFailed++
		c.resetSubflow(now, s, wire.ResetMiddlebox)
		return false
	}
	c.fb.announce = true
	c.blame("MPFailRx")
	c.fallBack(now, s, nil, "")
	c.answerFail(s)
	return true
}

// answerFail answers an MP_FAIL with one of ours (R3.7-11).
func (c *Conn) answerFail(s *subflow) {
	s.failDSN, s.sendFail = c.peer.space.DSN(c.rcv.next), true
	s.flow.RequestAck()
}

// lateFail repeats the answer to an MP_FAIL when the first was lost.
func (c *Conn) lateFail(now time.Time, s *subflow, o *options) {
	if o.hasFail && c.fb.done && !c.fb.mine && c.peer.known {
		if off, ok := c.own.space.Off(o.fail.DSN); ok && off <= c.snd.next {
			c.answerFail(s)
		}
	}
}
