package fsm

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/mptcp-go/mptcp/dataseq"
	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// witness stands between an endpoint and its network and holds every segment of its
// connection, on whatever subflow, against the invariants of DESIGN section 7; state and
// world.check hold the endpoint against the rest after every step.
type witness struct {
	netsim.Host
	w   *world
	end int

	flows    map[flowID]*flowLog
	arrived  map[flowID]*arrivals
	came     uint64          // octets that arrived, on all subflows together, each once
	ack      uint64          // highest DATA_ACK sent, as an offset
	edge     uint64          // highest right edge sent
	heard    bool            // a DSS came
	proofs   map[flowID]bool // joins of which the HMAC came that proves them
	infinite string          // the mapping that announced a fallback
	stats    Stats
	err      error
	forge    func(seg *wire.Segment) // makes a liar of the endpoint, for TestWitnessSees
}

func newWitness(w *world, end int, h netsim.Host) *witness {
	return &witness{Host: h, w: w, end: end, flows: map[flowID]*flowLog{}, arrived: map[flowID]*arrivals{}, proofs: map[flowID]bool{}}
}

// flowLog is what an end sent on one subflow.
type flowLog struct {
	isn      uint32
	octets   []byte
	maps     []mapLog
	answered bool // a segment without SYN came on it
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
	id := flowID{seg.Dst, seg.Src}
	v.note(id, seg)
	for o := range seg.Options.MPTCP() {
		if j, err := wire.ParseMPJoin(o); err == nil && j.Form != wire.JoinSYN {
			v.proofs[id] = true
		}
	}
	if !seg.Flags.Has(wire.SYN) {
		if f := v.flows[id]; f != nil {
			f.answered = true
		}
		for o := range seg.Options.MPTCP() {
			k, err := wire.ParseMPCapable(o) // with data it is as good as a DSS
			v.heard = v.heard || o.Subtype() == wire.SubDSS || err == nil && k.HasData
		}
	}
	v.Host.HandleSegment(now, seg)
}

func (v *witness) PollSegment(now time.Time, seg *wire.Segment) bool {
	ok := v.Host.PollSegment(now, seg)
	if ok {
		if v.forge != nil {
			v.forge(seg)
		}
		if err := v.judge(seg); err != nil && v.err == nil {
			v.err = fmt.Errorf("%w\nend %d sent %s", err, v.end, wire.AppendText(nil, seg, wire.TextBase{}))
		}
	}
	return ok
}

// arrivals are the octets that came on one subflow, as ranges of its offsets.
type arrivals struct {
	first  uint32 // the sequence number of offset 0
	ranges []extent
}

// note counts the octets that seg brings and that did not come before.
func (v *witness) note(id flowID, seg *wire.Segment) {
	seq := seg.Seq
	if seg.Flags.Has(wire.SYN) {
		seq++
	}
	a := v.arrived[id]
	if a == nil || seg.Flags.Has(wire.SYN) && a.first != seq {
		a = &arrivals{first: seq}
		v.arrived[id] = a
	}
	if len(seg.Payload) == 0 {
		return
	}
	r := a.ranges
	end := uint64(0)
	if len(r) > 0 {
		end = r[len(r)-1].hi
	}
	const base = 1 << 40 // what lies before the first is counted, too
	lo := dataseq.Unwrap32(max(end, base), seq-a.first+uint32(base&(1<<32-1)))
	hi := lo + uint64(len(seg.Payload))
	v.came += hi - lo
	i := len(r)
	for i > 0 && r[i-1].hi >= lo {
		i--
	}
	k := i
	for k < len(r) && r[k].lo <= hi {
		v.came -= min(hi, r[k].hi) - max(lo, r[k].lo)
		k++
	}
	x := extent{lo, hi}
	if i < k {
		x = extent{min(lo, r[i].lo), max(hi, r[k-1].hi)}
	}
	a.ranges = slices.Replace(r, i, k, x)
}

// judge holds one segment against the invariants that can be seen on it.
func (v *witness) judge(seg *wire.Segment) error {
	if len(seg.Options) > wire.MaxOptions || seg.Options.Check() != nil {
		return fmt.Errorf("invariant 7: options %x", []byte(seg.Options))
	}
	id := flowID{seg.Src, seg.Dst}
	f := v.flows[id]
	if seg.Flags.Has(wire.SYN) {
		if f == nil || f.isn != seg.Seq {
			f = &flowLog{isn: seg.Seq}
			v.flows[id] = f
		}
		if len(f.octets) == 0 {
			f.octets = append(f.octets, seg.Payload...) // Fast Open
		}
		for o := range seg.Options.MPTCP() {
			if o.Subtype() == wire.SubMPJoin && !seg.Flags.Has(wire.ACK) && !v.heard {
				return fmt.Errorf("invariant 11: a join before the connection is proven")
			}
		}
		return nil
	}
	s := v.w.ep[v.end].subflows.find(id)
	if f == nil || s == nil || v.w.app[v.end].conn != nil && s.conn != v.w.app[v.end].conn {
		return nil
	}
	if seg.Flags.Has(wire.RST) {
		if s.conn.mode == plain && !s.conn.ended && !s.doomed {
			for range seg.Options.MPTCP() {
				return fmt.Errorf("invariant 8: an option on a RST after the fallback")
			}
		}
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
			if one := fmt.Sprint(d.DSN, d.SSN, s.id); v.infinite == "" {
				v.infinite = one
			} else if v.infinite != one {
				return fmt.Errorf("invariant 8: a second infinite mapping")
			}
			return nil
		case err == nil && d.Flags == wire.DSSAck|wire.DSSAck8 && c.rcv.finDone && d.DataAck == c.peer.space.DSN(c.fb.finAck):
			return nil // the answer to a DATA_FIN of a peer that has not fallen back
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
		first := uint64(-s.relOut.ISN) // behind the octets of a Fast Open SYN
		m = mapLog{off: first, dsn: c.own.space.DSN(first), wide: true, octets: int(k.DataLen), sum: k.Sum}
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
		m = mapLog{off: dataseq.Unwrap32(off, d.SSN-s.relOut.SSN(0)), dsn: d.DSN, wide: d.Flags.Has(wire.DSSMap8), octets: int(d.DataLen), sum: d.Sum, fin: d.Flags.Has(wire.DSSFin)}
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
	if arrived := v.came + sent - uint64(v.w.app[1-v.end].wrote); a > arrived {
		return fmt.Errorf("invariant 2: DATA_ACK of %d, and only %d octets arrived", a, arrived)
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
