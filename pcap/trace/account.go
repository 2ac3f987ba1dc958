package trace

// account enters n octets of data at pos, sent on sf, into the books. It reports
// whether some had been sent on another subflow before.
func (t *Tracker) account(sf *Subflow, dir int, pos, n uint64, have []byte, whole, mapped bool) (reinjected bool) {
	c, fd := sf.Conn, &sf.Dir[dir]
	side := sf.Side(dir)
	d := &c.Dir[side]
	delta := fd.delta
	end := pos + n
	if end < pos || c.Compacted {
		return false
	}
	if pos < d.ledger.floor {
		k := min(end, d.ledger.floor) - pos
		d.OldUnjudged += k
		fd.DataDup += k
		pos, have = pos+k, have[min(uint64(len(have)), k):]
	}
	if i := fd.tail; d.ledger.follows(i, pos, end, fd.delta, int32(sf.ID), whole) {
		d.ledger.at[i].hi = end // the usual case: what this subflow sends next
		t.fresh(sf, dir, pos, n, have, whole)
		return false
	}
	for pos < end {
		i := d.ledger.find(pos)
		stop := end
		if i < len(d.ledger.at) {
			e := &d.ledger.at[i]
			if e.lo <= pos { // seen before
				stop = min(end, e.hi)
				k := stop - pos
				if t.again(c, side, sf, fd, e, delta, pos, k, have) {
					reinjected = true
				}
				have = have[min(uint64(len(have)), k):]
				pos = stop
				continue
			}
			stop = min(end, e.lo)
		}
		k := stop - pos
		fd.tail = d.ledger.add(owned{pos, stop, fd.delta, int32(sf.ID), whole}, d.Acked, t.cfg.Limits.Spans)
		t.fresh(sf, dir, pos, k, have[:min(uint64(len(have)), k)], whole)
		have = have[min(uint64(len(have)), k):]
		pos = stop
	}
	return reinjected
}

// again accounts for k octets that e's owner sent before.
func (t *Tracker) again(c *Conn, side int, sf *Subflow, fd *FlowDir, e *owned, delta, pos, k uint64, have []byte) (reinjected bool) {
	d := &c.Dir[side]
	fd.DataDup += k
	switch {
	case e.sub != int32(sf.ID):
		d.Reinjected += k
		reinjected = true
	case e.delta == delta:
		d.DupSameSubflow += k
		d.DupTCPRetrans += k
	default:
		d.DupSameSubflow += k
		d.DupNewSSN += k
		if d.FirstResent == 0 {
			d.FirstResent = t.ref
		}
	}
	if k == 1 && pos < d.Acked {
		// Linux asks at a closed window with a mapping of the octet before the DATA_ACK,
		// and any octet in it. Nobody takes it.
		return reinjected
	}
	if p := have[:min(uint64(len(have)), k)]; e.whole && len(p) > 0 && d.store.differ(pos, p) {
		d.Conflicts++
		if d.ConflictRef == 0 {
			d.ConflictRef = t.ref
		}
	}
	return reinjected
}

// fresh accounts for k octets never seen before, which are in the ledger already.
func (t *Tracker) fresh(sf *Subflow, dir int, pos, k uint64, have []byte, whole bool) {
	c, fd := sf.Conn, &sf.Dir[dir]
	side := sf.Side(dir)
	d := &c.Dir[side]
	end := pos + k
	d.NewBytes += k
	d.early = d.early || d.Acked > pos
	fd.DataNew += k
	if d.FirstNew == 0 {
		d.FirstNew = t.now
	}
	d.LastNew = max(d.LastNew, t.now)
	if whole {
		t.stored += d.store.put(pos, have, t.cfg.Limits.Store, t.cfg.Limits.Total-t.stored)
	}
	if t.cfg.Streams && d.HasStart {
		if d.stream == nil {
			d.stream = newStream(d.Start)
		}
		if whole {
			t.pending += d.stream.add(pos, have, t.cfg.Limits.Pending-t.pending)
		}
	}
	if t.cfg.OnData != nil {
		t.cfg.OnData(Piece{
			Conn: c, Subflow: sf, Side: side, Pos: pos, Len: int(k), Octets: have, Ref: t.ref, Mapped: true,
		})
	}
	if !d.believable(end) {
		return
	}
	if end > d.end {
		d.end = end
		if !d.sample.on {
			d.sample = sample{end, t.now, true}
		}
	}
	if d.contig == 0 {
		d.contig = pos
		if d.HasStart {
			d.contig = min(pos, d.Start)
		}
	}
	if pos <= d.contig && end > d.contig {
		d.contig = end
		if end < d.end {
			d.contig = d.ledger.contiguous(end)
		}
	} else if pos > d.contig {
		depth := d.end - d.contig
		d.MaxDepth = max(d.MaxDepth, depth)
		fd.OOODepth = max(fd.OOODepth, pos-d.contig)
	}
}
