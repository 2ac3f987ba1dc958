package trace

import (
	"sort"

	"github.com/mptcp-go/mptcp/dataseq"
)

// mapping is one declared mapping and what its checksum says so far.
type mapping struct {
	dataseq.Mapping // Sub: offset in the flow; Data: position
	v               dataseq.Verifier
	ref             Ref
	settled         bool // its checksum was judged, or never will be
}

// mapLog keeps the mappings of one direction of a subflow, by offset. Entries may
// overlap: a capture shows what was declared, not what should have been.
type mapLog struct {
	at    []mapping
	head  int
	hint  int
	floor uint64 // highest end of what was forgotten
}

// outcome of declaring a mapping.
type outcome uint8

const (
	declared outcome = iota
	repeated         // the same again, as TSO and retransmissions do
	contradicted
)

// keepAcked is how many acknowledged mappings are remembered for late repeats.
const keepAcked = 256

// reach is how many mappings that begin earlier are looked at for one that covers an
// octet: those of a sender overlap seldom, and never deep.
const reach = 4

// add declares m. What is not acknowledged, up to offset acked, is remembered until
// limit others came.
func (l *mapLog) add(c *Conn, side int, m mapping, acked uint64, limit int) outcome {
	n := len(l.at)
	i := n
	if n > l.head {
		last := &l.at[n-1]
		switch {
		case same(last, &m):
			return repeated
		case last.Sub >= m.Sub:
			live := l.at[l.head:]
			i = l.head + sort.Search(len(live), func(i int) bool { return live[i].Sub >= m.Sub })
			for j := i; j < n && l.at[j].Sub == m.Sub; j++ {
				if same(&l.at[j], &m) {
					return repeated
				}
			}
		}
	}
	out := declared
	if m.End() <= l.floor {
		out, m.settled = repeated, true // sent again so late that the first was forgotten
	}
	for j := max(i-reach, l.head); j <= i && j < n; j++ {
		if e := &l.at[j]; e.Sub < m.End() && m.Sub < e.End() && !e.Agrees(m.Mapping) {
			out = contradicted
		}
	}
	if n-l.head >= limit || n-l.head >= keepAcked && l.at[l.head].End() <= acked && i > l.head {
		l.forget(c, side, l.head)
		l.head++
		i = max(i, l.head)
	}
	if l.head > 32 && l.head > len(l.at)/2 {
		k := copy(l.at, l.at[l.head:])
		clear(l.at[k:])
		i -= l.head
		l.at, l.head = l.at[:k], 0
	}
	l.at = append(l.at, mapping{})
	copy(l.at[i+1:], l.at[i:])
	l.at[i] = m
	return out
}

func same(a, b *mapping) bool {
	return a.Sub == b.Sub && a.Data == b.Data && a.Len == b.Len
}

// last is the mapping that begins last; nil if there is none.
func (l *mapLog) last() *mapping {
	if n := len(l.at); n > l.head {
		return &l.at[n-1]
	}
	return nil
}

// find returns the mapping that covers the octet at off: of several, the one that
// begins last.
func (l *mapLog) find(off uint64) *mapping {
	n := len(l.at)
	if n == l.head {
		return nil
	}
	if e := &l.at[n-1]; e.Sub <= off {
		if off < e.End() {
			return e
		}
		// Retransmitted octets lie below the last mapping; above it nothing does,
		// unless an earlier, longer one reaches further.
	}
	if l.hint >= l.head && l.hint < n {
		if e := &l.at[l.hint]; e.Contains(off) && (l.hint+1 == n || l.at[l.hint+1].Sub > off) {
			return e
		}
	}
	live := l.at[l.head:]
	i := l.head + sort.Search(len(live), func(i int) bool { return live[i].Sub > off })
	for j := i - 1; j >= l.head && j >= i-reach; j-- {
		if e := &l.at[j]; e.Contains(off) {
			l.hint = j
			return e
		}
	}
	return nil
}

// forget settles entry i before it is dropped.
func (l *mapLog) forget(c *Conn, side, i int) {
	e := &l.at[i]
	l.floor = max(l.floor, e.End())
	if e.settled || !e.HasSum || e.Len == 0 {
		return
	}
	e.settled = true
	c.Dir[side].SumIncomplete++
}

// settle is called once, when no more octets will come.
func (l *mapLog) settle(c *Conn, side int) {
	for i := l.head; i < len(l.at); i++ {
		l.forget(c, side, i)
	}
}
