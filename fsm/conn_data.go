package fsm

import (
	"time"

	"github.com/mptcp-go/mptcp/dataseq"
	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

// pendingMap is a mapping of which octets are in the buffer but must not be
// delivered before its checksum is known to be right.
type pendingMap struct {
	s *subflow
	m dataseq.Mapping
	// from is where in the stream its octets begin that no other mapping has shown to be
	// right.
	from uint64
	lost extent // of it, what the buffer holds came later, on other subflows; empty: none
}

// takeData places octets of a subflow in the data stream. It returns how many of them
// are kept: what is not kept is not acknowledged.
func (c *Conn) takeData(now time.Time, s *subflow, in tcp.In, seg *wire.Segment, o *options) (kept int) {
	off, p := in.Off, in.Data
	if c.raw(s) {
		return c.takeRaw(off, p, s)
	}
	known := len(p) == len(seg.Payload) && seg.Sum == wire.SumGood
	behind := false // something before was withheld, so that what is kept is no beginning
	keep := func(off uint64, k int) {
		if behind {
			s.flow.Accept(now, off, k)
		} else {
			kept += k
		}
	}
	for len(p) > 0 {
		m, ok := s.table.Lookup(off)
		if !ok {
			n := s.unmapped(off, len(p))
			k, again := c.takeUnmapped(now, s, off, p[:n], o)
			if again { // the connection fell back
				keep(off, c.takeRaw(off, p, s))
				return kept
			}
			keep(off, k)
			if k < n {
				if s.doomed || !c.withholds(s) {
					return kept
				}
				behind = true
			}
			off, p = off+uint64(n), p[n:]
			continue
		}
		n := int(min(uint64(len(p)), m.End()-off))
		if m.HasSum {
			if known && n == len(in.Data) {
				n -= s.table.FeedSum(off, p[:n], seg.PayloadSum)
			} else {
				n -= s.table.Feed(off, p[:n])
			}
		}
		if m.HasSum {
			c.supersede(s, m.Shift(off), n)
		}
		k := c.insert(s, m.Shift(off), p[:n])
		keep(off, k)
		if m.HasSum {
			c.judge(now, s, m, off)
			if c.raw(s) || s.doomed {
				// It was wrong: what follows is taken as it comes, or not at all.
				if s.doomed {
					return 0
				}
				keep(off+uint64(k), c.takeRaw(off+uint64(k), p[k:], s))
				return kept
			}
		}
		if k < n || n == 0 {
			return kept
		}
		off, p = off+uint64(n), p[n:]
	}
	return kept
}

// unmapped returns how many of the n octets from off on, the first of which has no
// mapping, lie before the next that has one.
func (s *subflow) unmapped(off uint64, n int) int {
	for i := 1; i < n; i++ {
		if _, ok := s.table.Lookup(off + uint64(i)); ok {
			return i
		}
	}
	return n
}

// insert puts octets at a data offset and returns how many are kept.
func (c *Conn) insert(s *subflow, data uint64, p []byte) int {
	if len(p) == 0 {
		return 0
	}
	if data > c.rcv.next {
		c.ep.stats.OFOQueue++
	}
	if c.rcv.hasFin && data+uint64(len(p)) > c.rcv.fin {
		// Beyond the end of the stream: as good as kept.
		if data >= c.rcv.fin {
			return len(p)
		}
		return c.insert(s, data, p[:c.rcv.fin-data]) + int(data+uint64(len(p))-c.rcv.fin)
	}
	added, refused := c.rcv.buf.Insert(s.index&63, data, p)
	c.rcv.tune.count += added
	c.ep.stats.DuplicateData += uint64(len(p) - added - refused)
	c.ep.stats.RcvPruned += uint64(refused)
	return len(p) - refused
}

// judge looks at the checksum of the mapping m, to which the octet at off belongs.
func (c *Conn) judge(now time.Time, s *subflow, m dataseq.Mapping, off uint64) {
	v := s.table.Verdict(off)
	i := c.findPending(s, m)
	switch v {
	case dataseq.Incomplete:
		if i < 0 && m.DataEnd() > c.rcv.next {
			c.rcv.pending = append(c.rcv.pending, pendingMap{s: s, m: m, from: m.Data})
		}
		return
	case dataseq.Good:
		if m.End() > s.good.sub {
			s.good = goodEnd{m.End(), m.DataEnd()}
		}
		if m.Fin {
			c.noteFin(m.DataEnd())
		}
	}
	var lost extent
	if i >= 0 {
		lost = c.rcv.pending[i].lost
		n := len(c.rcv.pending) - 1
		c.rcv.pending[i] = c.rcv.pending[n]
		c.rcv.pending[n] = pendingMap{}
		c.rcv.pending = c.rcv.pending[:n]
	}
	switch v {
	case dataseq.Good:
		c.vouch(s, m, lost)
	case dataseq.Bad:
		c.badChecksum(now, s, m)
	}
}

// dropHopeless forgets what came under mappings that end below the subflow offset
// below, and so are as complete as they will ever be, but whose checksum is still not
// known: a part of them was given up before they came. All of it is sent again.
func (c *Conn) dropHopeless(s *subflow, below uint64) {
	p := c.rcv.pending
	n := 0
	for i := range p {
		if p[i].s != s || p[i].m.End() > below {
			p[n] = p[i]
			n++
			continue
		}
		lo := max(p[i].from, c.rcv.next)
		c.rcv.buf.Remove(lo, max(lo, p[i].m.DataEnd()))
	}
	clear(p[n:])
	c.rcv.pending = p[:n]
}

// supersede makes room for octets that come again, on s: those of mappings on other
// subflows that are not known to be right may be wrong, or never will be known to be
// right, because their subflow is dead. The latest are kept, and their mapping decides.
func (c *Conn) supersede(s *subflow, data uint64, n int) {
	for i := range c.rcv.pending {
		p := &c.rcv.pending[i]
		lo, hi := max(data, p.from, c.rcv.next), min(data+uint64(n), p.m.DataEnd())
		if p.s != s && lo < hi {
			c.rcv.buf.Remove(lo, hi)
			if p.lost == (extent{}) {
				p.lost = extent{lo, hi}
			}
			p.lost = extent{min(p.lost.lo, lo), max(p.lost.hi, hi)}
		}
	}
}

// vouch notes that m, on s, was shown to be right: what other subflows brought of the same
// octets and is still pending waits no more, from its beginning on, or from what was delivered:
// of the copies of a mapping one may have been changed on its way, and tell of more octets.
// The checksum says nothing of octets that were superseded since: lost is where.
func (c *Conn) vouch(s *subflow, m dataseq.Mapping, lost extent) {
	for i := range c.rcv.pending {
		p := &c.rcv.pending[i]
		from := max(p.from, c.rcv.next)
		switch {
		case p.s == s || from < m.Data || from >= m.DataEnd():
		case from < lost.lo:
			p.from = min(lost.lo, m.DataEnd())
		case from >= lost.hi:
			p.from = m.DataEnd()
		}
	}
}

func (c *Conn) findPending(s *subflow, m dataseq.Mapping) int {
	for i := range c.rcv.pending {
		if p := &c.rcv.pending[i]; p.s == s && p.m.Sub == m.Sub {
			return i
		}
	}
	return -1
}
