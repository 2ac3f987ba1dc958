package fsm

import (
	"time"

	"github.com/mptcp-go/mptcp/dataseq"
	"github.com/mptcp-go/mptcp/wire"
)

// takeOptions acts on the options of an acceptable segment. It reports whether the
// segment is to be processed on.
func (c *Conn) takeOptions(now time.Time, s *subflow, seg *wire.Segment, o *options) bool {
	if c.mode == plain {
		if c.fb.unplaced && !c.placeRaw(now, s, seg, o) {
			return false
		}
		c.lateFail(now, s, o)
		if o.hasDSS && c.peer.known {
			c.lateInfinite(s, seg, &o.dss)
			c.lateFin(now, s, seg, &o.dss)
		}
		return true
	}
	if o.data() {
		s.heardOption(nanos(now), seg)
	}
	if o.hasRst && seg.Flags.Has(wire.RST) { // without the RST flag it means nothing
		c.ep.stats.MPRstRx++
		s.rst = heardReset{o.rst, true}
	}
	if o.hasFastclose && !c.takeFastclose(now, s, seg, o) {
		return false
	}
	if c.fast.waiting {
		return true // nothing else matters any more
	}
	if o.hasFail && !c.takeFail(now, s, seg, o) {
		return false
	}
	if seg.Flags.Has(wire.RST) {
		return true
	}
	if c.takeSignals(now, s, o); s.doomed {
		return false
	}
	if o.hasCapable && !o.hasDSS {
		return c.takeCapable(now, s, seg, o)
	}
	if o.hasDSS {
		// What a listener sends before the third packet is here proves nothing.
		c.hs.proven = c.hs.proven || c.fo.sent == 0 || o.dss.Flags.Has(wire.DSSAck)
		return c.takeDSS(now, s, seg, &o.dss)
	}
	return true
}

// takeCapable takes the mapping that the first data has in MP_CAPABLE instead of a
// DSS (R3.1-17). Copies by TSO and retransmissions say the same again (R3.1-19).
func (c *Conn) takeCapable(now time.Time, s *subflow, seg *wire.Segment, o *options) bool {
	m := &o.capable
	if !m.HasData || c.opener || s.index != 0 || m.Receiver != c.own.key || m.Sender != c.peer.key {
		return true
	}
	d := wire.DSS{Flags: wire.DSSMap | wire.DSSMap8, DSN: c.peer.space.DSN(uint64(c.fo.got)), SSN: 1, DataLen: m.DataLen, HasSum: m.HasSum, Sum: m.Sum}
	if m.DataLen == 0 {
		return true
	}
	c.hs.proven = true // the mapping proves as much as a DSS would
	return c.takeDSS(now, s, seg, &d)
}

// takeDSS takes a DATA_ACK and a mapping. It reports false when the segment is not to
// be processed since the subflow was reset.
func (c *Conn) takeDSS(now time.Time, s *subflow, seg *wire.Segment, d *wire.DSS) bool {
	if d.Flags.Has(wire.DSSMap) && d.HasSum != c.checksum && d.DataLen != 0 {
		// R3.3-04, R3.3-05, R3.3-06.
		c.ep.stats.DSSCorruptionReset++
		c.resetSubflow(now, s, wire.ResetMPTCPError)
		return false
	}
	if d.Flags.Has(wire.DSSAck) {
		c.takeDataAck(now, s, seg, d)
	}
	if !d.Flags.Has(wire.DSSMap) {
		return true
	}
	s.ackWide = d.Flags.Has(wire.DSSMap8)
	var off uint64
	var ok bool
	if s.ackWide {
		off, ok = c.peer.space.Off(d.DSN)
	} else {
		off, ok = c.peer.space.Off32(c.rcv.next, uint32(d.DSN))
	}
	if !ok {
		return true
	}
	if d.DataLen == 0 {
		return c.takeInfinite(now, s, off, d)
	}
	sub, ok := s.relIn.Off(s.flow.Received(), d.SSN)
	alone := d.Flags.Has(wire.DSSFin) && d.DataLen == 1
	m, _ := dataseq.NewMapping(sub, off, d.DataLen, d.Flags.Has(wire.DSSFin))
	m.Sum, m.HasSum = d.Sum, d.HasSum
	if alone {
		m.Sub = 0
		c.takeFinAlone(now, s, m)
		if c.failing() {
			c.lateFin(now, s, seg, d)
		}
		return true
	}
	window := overrun * uint64(c.ep.cfg.ReceiveBuffer)
	switch {
	case !ok, m.End() <= s.settled():
		return true // nothing new can come under it
	case m.Sub > s.flow.Received()+window+dataseq.MaxLen, m.Data > c.rcv.buf.Offset()+window+dataseq.MaxLen:
		return true // lies far beyond what was ever allowed (R3.8-02)
	}
	if m.Sub > s.flow.Received() && s.table.Len() >= c.ep.cfg.MaxMappings-c.ep.cfg.MaxMappings/8 {
		// The rest is for what comes next in order: refused for want of room, it would
		// never make any.
		c.ep.stats.MappingsFull++
		c.ep.opts.refused = true
		return true
	}
	if s.held.octets > 0 {
		if off, ok := s.segmentOff(seg); ok {
			s.held.forget(off, len(seg.Payload))
		}
	}
	if c.fb.failed && c.several && m.Sub >= c.fb.sub && m.Data-m.Sub != c.fb.data-c.fb.sub {
		// What follows the failed mapping is not in the order of the stream: other
		// subflows had the rest (R3.7-12).
		c.ep.stats.FallbackFailed++
		c.resetSubflow(now, s, wire.ResetMiddlebox)
		return false
	}
	switch s.table.Add(m) {
	case dataseq.ErrFull:
		c.ep.opts.refused = true // before it is acknowledged
		return true
	case dataseq.ErrConflict:
		// NOTES 1.15: the first stands (R3.3.1-02).
		c.ep.stats.DSSNotMatching++
		if st := s.table.Stats(); st.Conflicts >= maxConflicts && st.Conflicts > st.Added/8 && !c.fb.failed {
			c.ep.stats.DSSCorruptionReset++
			c.resetSubflow(now, s, wire.ResetMPTCPError)
			return false
		}
		return true
	case nil:
		s.anyMap, s.givenUp = true, 0
		if m.End() >= s.end {
			s.end, s.endData = m.End(), m.DataEnd()
		}
		c.rcv.top = max(c.rcv.top, m.DataEnd())
		if m.Fin && !m.HasSum {
			c.noteFin(m.DataEnd())
		}
		if s.held.octets > 0 {
			c.placeHeld(now, s)
		}
	}
	return true
}

// maxConflicts is how many contradicting mappings a subflow may bring before it is
// reset.
const maxConflicts = 16

// noteFin notes where the peer's stream ends. The first word stands.
func (c *Conn) noteFin(off uint64) {
	if c.rcv.hasFin || off < c.rcv.next || c.fb.failed {
		return
	}
	c.rcv.fin, c.rcv.hasFin = off, true
	c.ep.stats.DataFinRx++
}

// takeFinAlone takes a DATA_FIN without data (R3.3.3-03).
func (c *Conn) takeFinAlone(now time.Time, s *subflow, m dataseq.Mapping) {
	if m.HasSum {
		v := dataseq.NewVerifier(m, c.peer.space)
		if v.Verdict() == dataseq.Bad {
			c.ep.stats.DataCsumErr++
			return // it will be repeated, and there is no payload that could be wrong
		}
	}
	if m.Data > c.rcv.buf.Offset()+overrun*uint64(c.ep.cfg.ReceiveBuffer)+dataseq.MaxLen {
		return
	}
	c.noteFin(m.Data)
	if c.fb.failed {
		return // an MP_FAIL for each that is repeated would make the peer repeat it
	}
	s.flow.RequestAck() // a pure ACK is not answered by the flow
}

// heardOption notes that seg has an option. Where octets without one are held, only a
// segment from behind them tells anything: others were merely late.
func (s *subflow) heardOption(t int64, seg *wire.Segment) {
	if off, ok := (dataseq.Subflow{ISN: s.flow.ISS()}).Off(s.flow.Acked(), seg.Ack); ok && off >= s.flow.Acked() {
		s.bare = 0 // it acknowledges what was acknowledged without
	}
	if s.held.bare > 0 {
		off, ok := s.segmentOff(seg)
		if !ok || off < s.held.bareTo {
			return
		}
	}
	s.optAt, s.bare, s.held.bare = t, 0, 0
	s.held.opted = s.held.since != 0
}
