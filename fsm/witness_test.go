package fsm

import (
	"bytes"
	"fmt"
	"time"

	"github.com/mptcp-go/mptcp/dataseq"
	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// witness stands between an endpoint and its network and holds every segment against
// the invariants of DESIGN section 7; world.check holds the state of connections
// against the rest after every step.
type witness struct {
	netsim.Host
	w   *world
	end int

	flows  map[[2]string]*flowLog
	ack    uint64 // highest DATA_ACK sent, as an offset
	edge   uint64 // highest right edge sent
	heard  bool   // a DSS came
	err    error
	packet int
}

// flowLog is what an end sent on one subflow.
type flowLog struct {
	isn      uint32
	octets   []byte
	maps     []mapLog
	infinite string // the one that announced a fallback
	answered bool   // a segment without SYN came on it
}

type mapLog struct {
	off, dsn uint64
	wide     bool
	octets   int // of data
	sum      uint16
	fin      bool
}

func (v *witness) HandlePath(now time.Time, p netsim.PathInfo) {
	v.Host.(netsim.PathHandler).HandlePath(now, p)
}

func (v *witness) HandleSegment(now time.Time, seg *wire.Segment) {
	if !seg.Flags.Has(wire.SYN) {
		if f := v.flows[flowName(seg.Dst, seg.Src)]; f != nil {
			f.answered = true
		}
		for o := range seg.Options.MPTCP() {
			v.heard = v.heard || o.Subtype() == wire.SubDSS
		}
	}
	v.Host.HandleSegment(now, seg)
}

func (v *witness) PollSegment(now time.Time, seg *wire.Segment) bool {
	ok := v.Host.PollSegment(now, seg)
	if ok {
		v.packet++
		if err := v.judge(seg); err != nil && v.err == nil {
			v.err = fmt.Errorf("%w\nend %d sent %s", err, v.end, wire.AppendText(nil, seg, wire.TextBase{}))
		}
	}
	return ok
}

func flowName(a, b fmt.Stringer) [2]string { return [2]string{a.String(), b.String()} }

// judge holds one segment against the invariants that can be seen on it.
func (v *witness) judge(seg *wire.Segment) error {
	if len(seg.Options) > wire.MaxOptions || seg.Options.Check() != nil {
		return fmt.Errorf("invariant 7: options %x", []byte(seg.Options))
	}
	name := flowName(seg.Src, seg.Dst)
	f := v.flows[name]
	if seg.Flags.Has(wire.SYN) {
		if f == nil || f.isn != seg.Seq {
			f = &flowLog{isn: seg.Seq}
			v.flows[name] = f
		}
		for o := range seg.Options.MPTCP() {
			if o.Subtype() == wire.SubMPJoin && v.end == 0 && !seg.Flags.Has(wire.ACK) && !v.heard {
				return fmt.Errorf("invariant 11: a join before the connection is proven")
			}
		}
		return nil
	}
	s := v.w.ep[v.end].subflows.find(flowID{seg.Src, seg.Dst})
	if f == nil || s == nil || seg.Flags.Has(wire.RST) {
		return nil
	}
	off, err := f.payload(seg)
	if err != nil {
		return err
	}
	if len(seg.Payload) > 0 && s.join.active && s.join.opener && !f.answered {
		return fmt.Errorf("invariant 10: data before the fourth ACK")
	}
	for o := range seg.Options.MPTCP() {
		if err := v.option(s, f, seg, off, o); err != nil {
			return err
		}
	}
	return nil
}

// payload notes what was sent where.
func (f *flowLog) payload(seg *wire.Segment) (off uint64, err error) {
	off = dataseq.Unwrap32(uint64(len(f.octets)), seg.Seq-f.isn-1)
	if len(seg.Payload) == 0 {
		return off, nil
	}
	if off > uint64(len(f.octets)) {
		return off, fmt.Errorf("invariant 6: octets %d to %d of the subflow were never sent", len(f.octets), off)
	}
	old := f.octets[off:]
	if n := min(len(old), len(seg.Payload)); !bytes.Equal(old[:n], seg.Payload[:n]) {
		return off, fmt.Errorf("invariant 6: other octets for the same sequence numbers")
	}
	if len(old) < len(seg.Payload) {
		f.octets = append(f.octets, seg.Payload[len(old):]...)
	}
	return off, nil
}

// option holds one option against the connection it speaks of.
func (v *witness) option(s *subflow, f *flowLog, seg *wire.Segment, off uint64, o wire.Option) error {
	c := s.conn
	if c.mode == plain {
		d, err := wire.ParseDSS(o)
		switch {
		case o.Subtype() == wire.SubMPFail:
			return nil
		case err == nil && d.Flags.Has(wire.DSSMap) && d.DataLen == 0 && !d.Flags.Has(wire.DSSAck):
			if one := fmt.Sprint(d.DSN, d.SSN); f.infinite == "" {
				f.infinite = one
			} else if f.infinite != one {
				return fmt.Errorf("invariant 8: a second infinite mapping")
			}
			return nil
		}
		return fmt.Errorf("invariant 8: an option after the fallback")
	}
	var m mapLog
	switch o.Subtype() {
	case wire.SubMPCapable:
		k, err := wire.ParseMPCapable(o)
		if err != nil || !k.HasData {
			return err
		}
		m = mapLog{off: 0, dsn: c.own.space.DSN(0), wide: true, octets: int(k.DataLen), sum: k.Sum}
	case wire.SubDSS:
		d, err := wire.ParseDSS(o)
		if err != nil {
			return err
		}
		if d.Flags.Has(wire.DSSAck) {
			if err := v.dataAck(s, seg, &d); err != nil {
				return err
			}
		}
		if !d.Flags.Has(wire.DSSMap) || d.SSN == 0 {
			return nil
		}
		m = mapLog{off: dataseq.Unwrap32(off, d.SSN-1), dsn: d.DSN, wide: d.Flags.Has(wire.DSSMap8), octets: int(d.DataLen), sum: d.Sum, fin: d.Flags.Has(wire.DSSFin)}
		if m.fin {
			m.octets--
		}
		if d.HasSum != c.checksum {
			return fmt.Errorf("a checksum that was not agreed on, or none")
		}
	default:
		return nil
	}
	return v.mapping(c, f, seg, off, m)
}

// mapping holds a mapping against those before it, and against the stream.
func (v *witness) mapping(c *Conn, f *flowLog, seg *wire.Segment, off uint64, m mapLog) error {
	known := false
	for i := len(f.maps) - 1; i >= 0 && !known; i-- {
		if old := f.maps[i]; old.off == m.off {
			if old != m {
				return fmt.Errorf("invariant 5: %+v was declared as %+v", m, old)
			}
			known = true
		} else if old.off+uint64(old.octets) <= m.off {
			break
		} else if old.off < m.off+uint64(m.octets) && m.off < old.off+uint64(old.octets) {
			return fmt.Errorf("invariant 5: %+v overlaps %+v", m, old)
		}
	}
	if !known {
		f.maps = append(f.maps, m)
	}
	if off < m.off || off+uint64(len(seg.Payload)) > m.off+uint64(m.octets) {
		return fmt.Errorf("R3.3.1-19: the mapping is not of this segment's octets")
	}
	var at uint64
	if m.wide {
		at, _ = c.own.space.Off(m.dsn)
	} else {
		at, _ = c.own.space.Off32(c.snd.una, uint32(m.dsn))
	}
	out := v.w.app[v.end].out
	at += off - m.off
	if end := at + uint64(len(seg.Payload)); end > uint64(len(out)) || !bytes.Equal(out[at:end], seg.Payload) {
		return fmt.Errorf("invariant 1: not the octets of the stream at %d", at)
	}
	if m.fin && at+uint64(len(seg.Payload)) > uint64(len(out)) {
		return fmt.Errorf("invariant 1: DATA_FIN at %d of %d", at, len(out))
	}
	return nil
}

// dataAck holds a DATA_ACK and the window beside it against those before.
func (v *witness) dataAck(s *subflow, seg *wire.Segment, d *wire.DSS) error {
	c := s.conn
	var a uint64
	if d.Flags.Has(wire.DSSAck8) {
		a, _ = c.peer.space.Off(d.DataAck)
	} else {
		a, _ = c.peer.space.Off32(c.rcv.next, uint32(d.DataAck))
	}
	sent := uint64(v.w.app[1-v.end].wrote)
	if c.rcv.finDone {
		sent++
	}
	if a < v.ack || a > sent {
		return fmt.Errorf("invariant 2: DATA_ACK of %d after %d, the peer wrote %d", a, v.ack, sent)
	}
	v.ack = a
	_, scale := s.flow.WindowScales()
	edge := a + uint64(seg.Window)<<scale
	if edge+1<<scale <= v.edge && seg.Window < 0xffff {
		return fmt.Errorf("invariant 3: right edge of %d after %d", edge, v.edge)
	}
	v.edge = max(v.edge, edge)
	return nil
}

// state holds what can be seen of an endpoint and its connection, not of segments,
// against the invariants.
func (v *witness) state() error {
	if v.err != nil {
		return v.err
	}
	ep, c := v.w.ep[v.end], v.w.app[v.end].conn
	if c == nil {
		return nil
	}
	estab := uint64(0)
	if c.hs.estab {
		estab = 1
	}
	ids := map[uint8]bool{}
	for _, s := range c.subflows {
		if s.join.active && s.up && ids[s.join.peerID] && s.join.opener {
			return fmt.Errorf("invariant 12: address id %d twice", s.join.peerID)
		}
		ids[s.join.peerID] = true
		if s.held.octets > ep.cfg.MaxUnmapped || s.table.Len() > ep.cfg.MaxMappings {
			return fmt.Errorf("invariant 14: %d octets held, %d mappings", s.held.octets, s.table.Len())
		}
		held := 0
		for _, p := range s.held.pieces {
			held += len(p.b)
		}
		if held != s.held.octets || s.held.acked > held || s.held.bare > max(held, 1) {
			return fmt.Errorf("invariant 14: %d octets held, counted %d, %d acknowledged, %d bare", held, s.held.octets, s.held.acked, s.held.bare)
		}
		if low, ok := s.maps.lowest(s.flow.Acked()); ok && !s.doomed && low < c.snd.buf.start && len(c.snd.buf.strays) == 0 {
			return fmt.Errorf("invariant 4: freed up to %d, and %d is not acknowledged on a subflow", c.snd.buf.start, low)
		}
	}
	if ep.stats.MPCurrEstab != estab {
		return fmt.Errorf("invariant 12: MPCurrEstab is %d", ep.stats.MPCurrEstab)
	}
	if n := c.rcv.buf.Buffered(); n > ep.cfg.ReceiveBuffer+1<<15 || int(c.snd.buf.end-c.snd.una) > ep.cfg.SendBuffer {
		return fmt.Errorf("invariant 14: %d octets received, %d to be sent", n, c.snd.buf.end-c.snd.una)
	}
	return v.armed(c)
}

// armed is invariant 13: timers run only where their expiry would do something.
func (v *witness) armed(c *Conn) error {
	t := &c.timers
	held := c.failing()
	for _, s := range c.subflows {
		held = held || s.held.since != 0
	}
	data := c.snd.una < c.snd.next || c.snd.finSent && !c.snd.finAcked
	for _, k := range []struct {
		timer timer
		may   bool
	}{
		{timerResend, c.mode == multi && data},
		{timerPersist, c.mode == multi || c.snd.next < c.snd.buf.end},
		{timerUnmapped, c.mode == multi && held},
		{timerFastclose, c.fast.waiting},
		{timerLonely, c.anyUp() == nil},
		{timerJoin, c.mode == multi},
	} {
		if t.armed(k.timer) && (!k.may || c.ended) {
			return fmt.Errorf("invariant 13: timer %d is armed, %v", k.timer, c.State())
		}
	}
	return nil
}
