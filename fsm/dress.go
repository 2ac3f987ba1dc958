package fsm

import (
	"time"

	"github.com/mptcp-go/mptcp/dataseq"
	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

// pollSubflow fills in the next segment of one flow and dresses it with options. The
// flow's own SACK blocks come last and take what room is left (NOTES 1.24).
func (c *Conn) pollSubflow(now time.Time, s *subflow, seg *wire.Segment) bool {
	f := s.flow
	c.fillSYN(s)
	out, ok := f.Poll(now, seg)
	if !ok {
		return false
	}
	var data []byte
	var m *sent
	carried := carriage{}
	switch out.Kind {
	case tcp.KindSYN:
		c.dressSYN(now, s, seg)
		if out.Max > 0 {
			data = c.snd.buf.slice(0, out.Max)
		}
	case tcp.KindReset:
		c.dressReset(s, seg)
	case tcp.KindData, tcp.KindProbe:
		if out.Max > 0 {
			m = s.maps.find(out.Off)
			if m == nil {
				return false
			}
			skip := out.Off - m.sub
			data = c.snd.buf.slice(m.data+skip, min(out.Max, m.len-int(skip)))
			c.dressData(s, m, len(data), seg)
			break
		}
		// A FIN, which repeats the DATA_FIN beside it for as long as that is not known.
		s.dataFin = s.dataFin || c.snd.finSent && !c.snd.finAcked && c.mode == multi && c.snd.next == c.snd.buf.end
		c.dressAck(s, seg, &carried)
	case tcp.KindAskPeer:
		if s.overdue && c.mode == multi {
			m = s.maps.find(out.Off)
		}
		if s.overdue = false; m == nil || c.failing() {
			m = nil
			c.dressAsk(s, seg)
			break
		}
		data = c.snd.buf.slice(m.data+out.Off-m.sub, 1)
		c.dressData(s, m, 1, seg)
	default:
		c.dressAck(s, seg, &carried)
	}
	if !f.Commit(now, &out, seg, data) {
		return false
	}
	if m != nil && m.len == len(seg.Payload) && m.flags&sentPlain == 0 && c.checksum {
		// One sum for both checksums (paper section 3.3.6, P-3.3.6-03).
		seg.Sum, seg.PayloadSum = wire.SumGood, m.payload
	}
	if m != nil && m.data+(out.Off-m.sub)+uint64(len(seg.Payload)) < c.snd.buf.end {
		// RFC 9293 section 3.9.1.2: more follows, as the flow cannot know, and receivers
		// that join segments do so up to a PSH.
		seg.Flags &^= wire.PSH
	}
	c.sentOn(s, out.Kind, &carried)
	return true
}

// carriage notes what an ACK carried, to be acted on once it was committed.
type carriage struct {
	dataFin, fail, fastclose bool
	finAck                   bool // of a peer that has not fallen back
	signal                   int  // its index and one; 0: none
	later                    bool // a signal found no room beside the DATA_ACK
}

func (c *Conn) sentOn(s *subflow, k tcp.Kind, w *carriage) {
	if k == tcp.KindReset {
		s.fastOut = false
		return
	}
	if w.dataFin {
		s.dataFin = false
		c.hs.shown = false // a repetition repeats the keys, too
	}
	if w.fail {
		s.sendFail = false
		c.ep.stats.MPFailTx++
	}
	if w.finAck {
		c.fb.ackFin = false
	}
	if w.fastclose {
		s.fastOut = false
		c.ep.stats.MPFastcloseTx++
	}
	if w.signal > 0 {
		c.signalSent(s, w.signal-1)
	}
	if w.later {
		s.flow.RequestAck()
	}
}

// dressData puts the mapping m on a segment with n of its octets, and the DATA_ACK.
func (c *Conn) dressData(s *subflow, m *sent, n int, seg *wire.Segment) {
	switch {
	case m.flags&sentInfinite != 0:
		c.dressInfinite(s, m, seg)
		return
	case c.mode == plain || m.flags&sentPlain != 0:
		return // no option after a fallback (R3.1-20)
	case m.flags&sentCapable != 0:
		o := c.bothKeys()
		o.HasData, o.DataLen = true, m.wireLen()
		o.HasSum, o.Sum = c.checksum, m.sum
		seg.Options, _ = o.Append(seg.Options)
		return
	}
	d := c.ackDSS(s)
	d.Flags |= wire.DSSMap
	if m.flags&sentShort == 0 {
		d.Flags |= wire.DSSMap8
	}
	if m.flags&sentFin != 0 {
		d.Flags |= wire.DSSFin
	}
	d.DSN = c.own.space.DSN(m.data)
	d.SSN = s.relOut.SSN(m.sub)
	d.DataLen = m.wireLen()
	d.HasSum, d.Sum = c.checksum, m.sum
	if room := s.flow.MSS() - (len(seg.Options)+d.Size()+3)&^3; n > room && n <= room+4 {
		d.Flags &^= wire.DSSAck8 // whole, where that suffices: a repetition is not to be cut
	}
	c.appendDSS(seg, &d)
}

// ackDSS is a DSS with the DATA_ACK alone: as wide as the peer's last DSN asks for
// (R3.3.2-02).
func (c *Conn) ackDSS(s *subflow) wire.DSS {
	if !c.peer.known || c.doubts(s) {
		return wire.DSS{}
	}
	a := c.rcv.next
	if c.rcv.finDone {
		a++
	}
	s.gap = s.gap || s.held.acked > 0 || s.dropped
	d := wire.DSS{Flags: wire.DSSAck, DataAck: c.peer.space.DSN(a)}
	if s.ackWide {
		d.Flags |= wire.DSSAck8
	}
	return d
}

// doubts reports whether octets came last of which it is not known if they have no
// mapping because something merged segments, or because the path or the peer is plain
// TCP now. Until that is decided nothing is DATA_ACKed: the peer would take the
// silence about those octets for a loss and repeat them, into what may be a TCP
// stream by then (NOTES 1.18).
//
// The same while a checksum that failed is not answered: what follows is held, and
// must not be repeated (R3.7-15).
func (c *Conn) doubts(s *subflow) bool {
	return s.held.bare > 0 && c.sole(s) || c.fb.failed
}

// appendDSS appends d; where there is no room, its DATA_ACK shrinks to 4 octets.
func (c *Conn) appendDSS(seg *wire.Segment, d *wire.DSS) {
	if len(seg.Options)+d.Size() > wire.MaxOptions {
		d.Flags &^= wire.DSSAck8
	}
	seg.Options, _ = d.Append(seg.Options) // without, where even that finds no room
}

// dressAck puts options on a segment without data: the DATA_ACK, and signals.
func (c *Conn) dressAck(s *subflow, seg *wire.Segment, w *carriage) {
	if s.fastOut {
		seg.Options, _ = wire.MPFastclose{Key: c.peer.key}.Append(seg.Options)
		w.fastclose = true
		return
	}
	if s.sendFail || c.failing() {
		seg.Options, _ = wire.MPFail{DSN: s.failDSN}.Append(seg.Options)
		w.fail = true
	}
	if c.mode == plain && c.fb.ackFin {
		d := wire.DSS{Flags: wire.DSSAck | wire.DSSAck8, DataAck: c.peer.space.DSN(c.fb.finAck)}
		seg.Options, _ = d.Append(seg.Options)
		w.finAck = true
	}
	if c.mode != multi {
		return
	}
	if s.join.active && !c.dressJoinACK(s, seg) {
		return
	}
	if c.opener && s.index == 0 && !c.hs.proven && !c.hs.shown && s.flow.State() != tcp.SynSent {
		// The third ACK, and until the peer has shown that it has our key (R3.1-03).
		seg.Options, _ = c.bothKeys().Append(seg.Options)
		if !s.dataFin {
			if d := c.ackDSS(s); d.Flags != 0 && c.rcv.next > 0 { // there was data already
				d.Flags &^= wire.DSSAck8
				seg.Options, _ = d.Append(seg.Options)
			}
			return
		}
	}
	d := c.ackDSS(s)
	if d.Flags == 0 && !s.dataFin && len(c.signals) == 0 {
		return
	}
	if s.dataFin {
		d.Flags |= wire.DSSMap | wire.DSSMap8 | wire.DSSFin
		d.DSN = c.own.space.DSN(c.snd.buf.end)
		d.SSN, d.DataLen = 0, 1 // R3.3.3-03
		if d.HasSum = c.checksum; d.HasSum {
			d.Sum = dataseq.PseudoSum(d.DSN, 0, 1).Checksum()
		}
		if len(seg.Options)+d.Size() > wire.MaxOptions {
			d.Flags &^= wire.DSSAck8
		}
		w.dataFin = true
		if len(seg.Options)+d.Size() > wire.MaxOptions {
			if !c.failing() { // MP_FAIL is on every ACK: the timer tries again
				w.dataFin, w.later = false, true // no room beside MP_CAPABLE: an ACK of its own
				c.hs.shown = true
			}
			return
		}
		seg.Options, _ = d.Append(seg.Options)
		return
	}
	c.dressSignals(s, seg, &d, w)
}

// dressAsk puts on a keepalive what every ACK has. What is said once waits for an ACK: a
// peer may take nothing from a segment that begins below what it has (R3-03).
func (c *Conn) dressAsk(s *subflow, seg *wire.Segment) {
	if c.failing() {
		seg.Options, _ = wire.MPFail{DSN: s.failDSN}.Append(seg.Options)
	}
	switch {
	case c.mode != multi || s.join.active && !c.dressJoinACK(s, seg):
	case c.opener && s.index == 0 && !c.hs.proven:
		seg.Options, _ = c.bothKeys().Append(seg.Options)
	default:
		if d := c.ackDSS(s); d.Flags != 0 {
			c.appendDSS(seg, &d)
		}
	}
}

// dressReset puts on a RST what it has to say.
func (c *Conn) dressReset(s *subflow, seg *wire.Segment) {
	if s.fastOut && c.peer.known {
		seg.Options, _ = wire.MPFastclose{Key: c.peer.key}.Append(seg.Options)
		c.ep.stats.MPFastcloseTx++
	}
	if s.sendFail {
		seg.Options, _ = wire.MPFail{DSN: s.failDSN}.Append(seg.Options)
		c.ep.stats.MPFailTx++
	}
	if s.reset.has && c.version == wire.V1 { // version 0 has none (V0-09)
		seg.Options, _ = mpTCPRst(wire.ResetReason(s.reset.reason)).Append(seg.Options)
		c.ep.stats.MPRstTx++
	}
}

// mpTCPRst says why, and whether it may pass: a lack of resources or a slow path may,
// what a policy or a box does will not (R3.6-02).
func mpTCPRst(why wire.ResetReason) wire.MPTCPRst {
	return wire.MPTCPRst{Reason: why, Transient: why == wire.ResetNoResources || why == wire.ResetUnacceptable || why == wire.ResetTooMuchData}
}

// resetSubflow ends s with a RST that gives the reason.
func (c *Conn) resetSubflow(now time.Time, s *subflow, why wire.ResetReason) {
	if s.doomed {
		return
	}
	if s.join.pre {
		c.notAlone(s) // the peer may have taken our proof
	}
	s.doomed, s.up = true, false
	s.reset = resetOption{has: c.mode == multi || s.join.active, reason: uint8(why)}
	c.ep.trace(now, c, "reset subflow: "+why.String())
	s.flow.Abort(now)
}
