package trace

import (
	"sort"

	"github.com/mptcp-go/mptcp/dataseq"
	"github.com/mptcp-go/mptcp/wire"
)

// dss takes the Data Sequence Signal of a segment of a known connection.
// off is where its payload begins.
func (t *Tracker) dss(sf *Subflow, dir int, s *wire.Segment, sg *signals, off uint64) {
	c := sf.Conn
	side := sf.Side(dir)
	d := &c.Dir[side]
	o := &sg.dss
	if c.FirstDSS == 0 {
		c.FirstDSS = t.ref
	}
	if c.Inferred && len(t.keys) > 0 {
		t.useKeys(c, side, o)
	}
	if o.Flags&wire.DSSAck != 0 {
		d.DataAcks++
		wide := o.Flags&wire.DSSAck8 != 0
		if wide {
			d.DataAck64++
		} else {
			d.DataAck32++
		}
		t.dataAck(&c.Dir[side^1], o.DataAck, wide)
	}
	if o.Flags&wire.DSSFin != 0 {
		d.DataFinPackets++
		if d.FinRef == 0 {
			d.FinRef = t.ref
		}
	}
	if o.Flags&wire.DSSMap == 0 {
		if o.Flags&wire.DSSFin != 0 && t.cfg.Events {
			t.event(sf, Event{Kind: "data_fin"})
		}
		return
	}
	d.Mappings++
	if o.HasSum {
		d.WithChecksum++
	}
	wide := o.Flags&wire.DSSMap8 != 0
	if wide {
		d.DSN64++
	} else {
		d.DSN32++
	}
	pos := d.pos(o.DSN, wide)
	if o.DataLen == 0 {
		t.infinite(sf, dir, o, pos)
		return
	}
	t.mapped(sf, dir, s, o, pos, off)
}

// dataAck takes an acknowledgment of d's data.
func (t *Tracker) dataAck(d *ConnDir, raw uint64, wide bool) {
	d.LastDataAck, d.HasDataAck = raw, true
	if !d.hasOrigin {
		if !wide {
			return // no reference for its high half
		}
		d.pos(raw, true)
	}
	pos := d.pos(raw, wide)
	if pos <= d.Acked || pos >= 1<<63 || !d.believable(pos) {
		return
	}
	d.Acked, d.AckedRef = pos, t.ref
	if pos > d.contig && d.contig != 0 { // the receiver has what the capture lost
		d.contig = d.ledger.contiguous(pos)
	}
	if d.sample.on && pos >= d.sample.end {
		d.Latency.add(t.now - d.sample.at)
		d.sample.on = false
	}
	if d.HasFin && pos > d.Fin && d.FinAcked == 0 {
		d.FinAcked = t.ref
	}
}

// mapped declares a mapping of data, of a DATA_FIN or of both.
func (t *Tracker) mapped(sf *Subflow, dir int, s *wire.Segment, o *wire.DSS, pos, off uint64) {
	c, fd := sf.Conn, &sf.Dir[dir]
	side := sf.Side(dir)
	d := &c.Dir[side]
	fin := o.Flags&wire.DSSFin != 0
	n := uint64(o.DataLen)
	if fin {
		n--
		d.Fin, d.HasFin = pos+n, true
		d.finDSN(d.DSN(pos + n))
		if t.cfg.Events {
			t.event(sf, Event{Kind: "data_fin", DSN: d.DSN(pos + n), Len: int(o.DataLen)})
		}
	}
	if n == 0 {
		if o.SSN != 0 {
			t.find(sf, finForm, t.ref, o.SSN)
		}
		if o.HasSum {
			sum := dataseq.PseudoSum(d.DSN(pos), o.SSN, o.DataLen).AddUint16(o.Sum)
			if sum.Checksum() == 0 {
				d.FinSumOK++
			} else {
				d.FinSumBad++
				t.sumBad(c, side, t.ref)
			}
		}
		return
	}
	if !fd.hasSSN {
		fd.guessSSN(s.Seq, o.SSN)
	} else if fd.guessed {
		fd.refineSSN(s.Seq, o.SSN)
	}
	sub := fd.ssnOff(o.SSN)
	if !fd.guessed && s.PayloadLen > 0 && (sub >= off+uint64(s.PayloadLen) || sub+n <= off) {
		t.find(sf, mapElsewhere, t.ref)
	}
	if last := fd.maps.last(); last != nil && last.Sub == sub && last.Data == pos && last.Len == n {
		d.RepeatedMappings++ // TSO repeats the option on each segment it cuts
		return
	}
	m := mapping{
		Mapping: dataseq.Mapping{Sub: sub, Data: pos, Len: n, Fin: fin, Sum: o.Sum, HasSum: o.HasSum},
		ref:     t.ref,
	}
	if fd.infinite && m.Sub >= fd.infiniteOff {
		t.find(sf, afterFallback, t.ref, sideName(side))
	}
	t.conformMap(sf, s, o.HasSum)
	t.declare(sf, dir, m, d.DSN(pos), o.SSN)
}

// declare enters a mapping of data into the log.
func (t *Tracker) declare(sf *Subflow, dir int, m mapping, dsn uint64, ssn uint32) {
	c, fd := sf.Conn, &sf.Dir[dir]
	side := sf.Side(dir)
	d := &c.Dir[side]
	if m.HasSum {
		// The checksum covers the numbers on the wire; those of m are the tracker's.
		w := m.Mapping
		w.Sub, w.Data = uint64(ssn-1), dsn
		m.v = dataseq.NewVerifier(w, dataseq.Space{IDSN: ^uint64(0)})
	}
	switch fd.maps.add(c, side, m, fd.ackMax, t.cfg.Limits.Mappings) {
	case repeated:
		d.RepeatedMappings++
	case contradicted:
		d.MapConflicts++
		if d.MapConflictRef == 0 {
			d.MapConflictRef = t.ref
		}
	}
}

// infinite takes an infinite mapping (RFC 8684 section 3.7): from its SSN on, data
// follows TCP order.
func (t *Tracker) infinite(sf *Subflow, dir int, o *wire.DSS, pos uint64) {
	c, fd := sf.Conn, &sf.Dir[dir]
	side := sf.Side(dir)
	c.Dir[side].InfiniteMappings++
	if c.Infinite[side] == 0 {
		c.Infinite[side] = t.ref
	}
	fd.infinite = true
	if fd.hasSSN {
		fd.infiniteOff = fd.ssnOff(o.SSN)
		fd.raw, fd.rawDelta = true, pos-fd.infiniteOff
	}
	if t.cfg.Events {
		t.event(sf, Event{Kind: "infinite_mapping", DSN: o.DSN, SSN: o.SSN})
	}
}

func (d *ConnDir) finDSN(dsn uint64) {
	for _, v := range d.FinDSNs {
		if v == dsn {
			return
		}
	}
	if len(d.FinDSNs) < 16 {
		d.FinDSNs = append(d.FinDSNs, dsn)
	}
}

// guessSSN infers where SSN 1 lies from the first mapping of a flow whose SYN is
// not in the capture: mappings begin where their first segment does.
func (d *FlowDir) guessSSN(seq, ssn uint32) {
	d.ssn1, d.hasSSN, d.guessed = seq-ssn+1, true, true
}

// refineSSN corrects the guess when the capture began inside a mapping: a segment
// that opens a new mapping tells the truth, and the true SSN 1 is never later.
func (d *FlowDir) refineSSN(seq, ssn uint32) {
	if got := seq - ssn + 1; int32(got-d.ssn1) < 0 {
		d.ssn1 = got
	}
}

// payload maps the octets of a segment to connection data and accounts for them.
func (t *Tracker) payload(sf *Subflow, dir int, s *wire.Segment, off uint64) {
	c, fd := sf.Conn, &sf.Dir[dir]
	side := sf.Side(dir)
	d := &c.Dir[side]
	octets := s.Payload
	end := off + uint64(s.PayloadLen)
	if s.PayloadLen == 1 && end == fd.ackMax {
		octets = nil // a keepalive's octet may be garbage (RFC 9293 section 3.8.4)
	}
	reinjected := false
	for off < end {
		m := fd.maps.find(off)
		var n uint64
		if m == nil {
			n = fd.maps.gapFrom(off, end) - off
			t.unmapped(sf, dir, off, n, octets)
		} else {
			n = min(end, m.End()) - off
			pos := m.Shift(off)
			have := octets[:min(uint64(len(octets)), n)]
			whole := uint64(len(have)) == n
			if m.HasSum && !m.settled {
				t.verify(c, side, m, off-m.Sub, n, have, s)
			}
			fd.delta, fd.hasDelta = pos-off, true
			if t.account(sf, dir, pos, n, have, whole, true) {
				reinjected = true
			}
		}
		off += n
		octets = octets[min(uint64(len(octets)), n):]
	}
	if reinjected {
		d.ReinjectionPackets++
		if d.FirstReinjection == 0 {
			d.FirstReinjection = t.ref
		}
	}
}

// verify feeds a piece of a mapping to its checksum.
func (t *Tracker) verify(c *Conn, side int, m *mapping, at, n uint64, have []byte, s *wire.Segment) {
	if len(have) == 0 {
		return
	}
	if len(have) == len(s.Payload) && s.Sum != wire.SumUnknown {
		m.v.AddSum(int64(at), have, s.PayloadSum)
	} else {
		m.v.Add(int64(at), have)
	}
	d := &c.Dir[side]
	switch m.v.Verdict() {
	case dataseq.Good:
		m.settled = true
		d.SumOK++
	case dataseq.Bad:
		m.settled = true
		d.SumBad++
		t.sumBad(c, side, m.ref)
	}
}

func (t *Tracker) sumBad(c *Conn, side int, ref Ref) {
	d := &c.Dir[side]
	if len(d.SumBadFrames) < 64 {
		d.SumBadFrames = append(d.SumBadFrames, ref)
	}
}

// gapFrom returns where the unmapped range that begins at off ends.
func (l *mapLog) gapFrom(off, end uint64) uint64 {
	live := l.at[l.head:]
	i := sort.Search(len(live), func(i int) bool { return live[i].Sub > off })
	if i == len(live) {
		return end
	}
	return min(end, live[i].Sub)
}

// unmapped accounts for payload that no mapping covers.
func (t *Tracker) unmapped(sf *Subflow, dir int, off, n uint64, octets []byte) {
	c, fd := sf.Conn, &sf.Dir[dir]
	d := &c.Dir[sf.Side(dir)]
	fd.unmapped += n
	if fd.infinite {
		d.UnmappedAfterInfinite += n
	} else {
		d.Unmapped += n
	}
	if t.cfg.OnData == nil {
		return
	}
	if !fd.raw && c.fallen() {
		fd.raw, fd.rawDelta = true, 0
		if fd.hasDelta {
			fd.rawDelta = fd.delta
		} else if d.HasStart {
			fd.rawDelta = d.Start - baseOff
		}
	}
	if fd.raw {
		have := octets[:min(uint64(len(octets)), n)]
		t.cfg.OnData(Piece{
			Conn: c, Subflow: sf, Side: sf.Side(dir), Pos: off + fd.rawDelta, Len: int(n), Octets: have, Ref: t.ref,
		})
	}
}

// fallen reports whether octets without a mapping are the stream itself: MPTCP
// never began, was given up, or the flow is the only one.
func (c *Conn) fallen() bool {
	return c.FirstDSS == 0 || c.MPFail != [2]Ref{} || c.Infinite != [2]Ref{} || c.sole()
}
