package main

import (
	"fmt"

	"github.com/mptcp-go/mptcp/pcap/trace"
	"github.com/mptcp-go/mptcp/wire"
)

// mark is what is known about a segment as soon as it was taken.
type mark struct{ text, colour string }

// marker finds out what a segment changed in the tracker's books.
type marker struct {
	t     *trace.Tracker
	flows []flowCounts // by subflow
	conns map[*trace.Conn]*connCounts
	loose map[*trace.Subflow]bool // flows whose first mark was given
	list  []mark
}

type flowCounts struct {
	retransmitted [2]uint32
	gaps          [2]uint32
	zero          [2]uint32
}

type connCounts struct {
	dir      [2]dataCounts
	findings int
	fallback bool
}

type dataCounts struct {
	bad, finBad, conflicts, mapConflicts, reinjections uint32
	resent                                             uint64
	finAcked                                           bool
}

func newMarker(t *trace.Tracker) *marker {
	return &marker{t: t, conns: map[*trace.Conn]*connCounts{}, loose: map[*trace.Subflow]bool{}}
}

func (m *marker) add(colour, format string, args ...any) {
	m.list = append(m.list, mark{fmt.Sprintf(format, args...), colour})
}

// marks says what stands out about the segment that was taken last. Call it once for
// each segment. The result is valid until the next call.
func (m *marker) marks(hit trace.Hit) []mark {
	m.list = m.list[:0]
	sf, s := hit.Subflow, hit.Segment
	m.sum(s)
	m.tcp(sf, hit.Dir)
	m.join(sf, s)
	if c := sf.Conn; c != nil {
		m.conn(c)
	}
	return m.list
}

// sum looks at the TCP checksum; offloaded ones are no news.
func (m *marker) sum(s *wire.Segment) {
	if s.Sum == wire.SumBad {
		m.add(red, "TCP checksum wrong")
	}
}

func (m *marker) tcp(sf *trace.Subflow, dir int) {
	for len(m.flows) <= sf.ID {
		m.flows = append(m.flows, flowCounts{})
	}
	k, d := &m.flows[sf.ID], &sf.Dir[dir]
	if d.RetransSegs > k.retransmitted[dir] {
		m.add(yellow, "TCP retransmission")
	}
	if d.Gaps > k.gaps[dir] {
		m.add(yellow, "gap before it")
	}
	if d.ZeroWindow > k.zero[dir] {
		m.add(yellow, "window closed")
	}
	k.retransmitted[dir], k.gaps[dir], k.zero[dir] = d.RetransSegs, d.Gaps, d.ZeroWindow
}

// join gives the verdict on an MP_JOIN of this very segment.
func (m *marker) join(sf *trace.Subflow, s *wire.Segment) {
	j := sf.Join()
	if j == nil {
		return
	}
	opt, ok := s.Options.FindMPTCP(wire.SubMPJoin)
	if !ok {
		return
	}
	join, err := wire.ParseMPJoin(opt)
	if err != nil {
		return
	}
	verdict := func(what string, v trace.Tri) {
		switch v {
		case trace.Right:
			m.add(green, "%s right", what)
		case trace.Wrong:
			m.add(red, "%s WRONG", what)
		default:
			m.add(dim, "%s not verifiable", what)
		}
	}
	switch join.Form {
	case wire.JoinSYN:
		if j.TokenMatch == trace.Wrong {
			m.add(yellow, "token of no connection here")
		} else {
			verdict("token", j.TokenMatch)
		}
	case wire.JoinSYNACK:
		verdict("HMAC", j.SYNACKHMAC)
	case wire.JoinACK:
		verdict("HMAC", j.ACKHMAC)
	}
}

func (m *marker) conn(c *trace.Conn) {
	if c.Compacted { // what is found about it now is no news of this segment
		delete(m.conns, c)
		return
	}
	k := m.conns[c]
	if k == nil {
		k = &connCounts{}
		m.conns[c] = k
	}
	for side := range c.Dir {
		d, was := &c.Dir[side], &k.dir[side]
		now := dataCounts{
			d.SumBad, d.FinSumBad, d.Conflicts, d.MapConflicts, d.ReinjectionPackets, d.DupNewSSN, d.FinAcked != 0,
		}
		if now == *was {
			continue
		}
		if now.bad > was.bad {
			m.add(red, "DSS checksum WRONG")
		}
		if now.finBad > was.finBad {
			m.add(red, "DSS checksum of the DATA_FIN WRONG")
		}
		if now.conflicts > was.conflicts {
			m.add(red, "other octets than the first copy")
		}
		if now.mapConflicts > was.mapConflicts {
			m.add(red, "mapping contradicts an earlier one")
		}
		if now.reinjections > was.reinjections {
			m.add(yellow, "reinjected")
		}
		if now.resent > was.resent {
			m.add(yellow, "re-sent")
		}
		if now.finAcked && !was.finAcked {
			m.add(plain, "DATA_FIN of %s acknowledged", sideName(side))
		}
		*was = now
	}
	for ; k.findings < len(c.Findings); k.findings++ {
		f := &c.Findings[k.findings]
		m.add(severityColour(f.Severity), "%s", f.ID)
	}
	if fallen := c.Infinite != [2]trace.Ref{}; fallen && !k.fallback {
		k.fallback = true
		m.add(yellow, "infinite mapping: TCP from here on")
	}
}
