package trace

func (c judgment) judgeData(side int) {
	d := &c.Dir[side]
	who := sideName(side)
	if n := d.SumBad; n > 0 {
		c.Findings = append(c.Findings, sumBad.make(c.Conn, nil, []any{count(n, "mapping"), who}, d.SumBadFrames...))
		c.Findings[len(c.Findings)-1].Count = int(n)
	}
	if d.FinSumBad > 0 {
		c.report(finSumBad, nil, refs(d.FinRef), who)
	}
	if d.SumIncomplete > 0 {
		c.report(cutCapture, nil, nil, count(d.SumIncomplete, "mapping"))
	}
	if d.Conflicts > 0 {
		c.report(conflict, nil, refs(d.ConflictRef), count(d.Conflicts, "repeat"), who)
	}
	if d.MapConflicts > 0 {
		c.report(mapConflict, nil, refs(d.MapConflictRef), count(d.MapConflicts, "mapping"), who)
	}
	if d.Reinjected > 0 {
		c.report(reinjected, nil, refs(d.FirstReinjection), d.Reinjected, who, d.ReinjectionPackets)
	}
	if d.DupNewSSN > 0 {
		c.report(resent, nil, refs(d.FirstResent), d.DupNewSSN, who)
	}
	if n := c.ackedBeyond(side); n > 0 {
		c.report(ackBeyond, nil, refs(d.AckedRef), sideName(side^1), n, who)
	}
	if d.OldUnjudged > 0 {
		c.report(evidence, nil, nil, d.OldUnjudged)
	}
}

// ackedBeyond is how many octets were acknowledged at the data level behind the last that
// was sent. It is 0 where something may have been sent that the capture does not have, on
// another interface too: what was acknowledged before it was sent was not there.
func (c judgment) ackedBeyond(side int) uint64 {
	d := &c.Dir[side]
	end := max(d.end, d.Start)
	if d.HasFin {
		end = max(end, d.Fin+1)
	}
	if !d.HasStart || d.Acked <= end || !d.early || d.NewBytes != d.end-d.Start || c.Inferred || c.MPFail != [2]Ref{} || c.Infinite != [2]Ref{} {
		return 0
	}
	for _, sf := range c.Subflows {
		dir := &sf.Dir[sf.dirOf(side)]
		if sf.MidStream || dir.GapOctets > 0 || dir.unseen {
			return 0
		}
	}
	return d.Acked - end
}
