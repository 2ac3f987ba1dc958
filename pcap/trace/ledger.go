package trace

import "sort"

// owned is a range of positions with who sent it first: which subflow, and at
// which distance from its sequence space.
type owned struct {
	lo, hi uint64
	delta  uint64 // position minus offset in the subflow
	sub    int32
	whole  bool // its octets are in the store
}

// ledger remembers which data was seen and who owns it: ascending, disjoint.
// Neighbours of one owner are one entry.
type ledger struct {
	at    []owned
	head  int
	floor uint64 // what lies below was forgotten
	// Of what was forgotten, [first, sound) was seen whole and without a gap.
	first, sound uint64
}

// find returns the index of the entry that contains pos or, if none does, of the
// first one above it.
func (l *ledger) find(pos uint64) int {
	n := len(l.at)
	if n == l.head || l.at[n-1].hi <= pos {
		return n
	}
	if l.at[n-1].lo <= pos {
		return n - 1
	}
	live := l.at[l.head:]
	return l.head + sort.Search(len(live), func(i int) bool { return live[i].hi > pos })
}

// add inserts a range that overlaps nothing. At most limit entries are kept, fewer
// of what lies below acked. It returns the index of the entry that holds e.
func (l *ledger) add(e owned, acked uint64, limit int) int {
	n := len(l.at)
	if n > l.head {
		if last := &l.at[n-1]; last.hi == e.lo && last.sub == e.sub && last.delta == e.delta && last.whole == e.whole {
			last.hi = e.hi
			return n - 1
		}
	}
	i := n
	if n > l.head && l.at[n-1].lo > e.lo {
		i = l.find(e.lo)
		if i > l.head {
			if p := &l.at[i-1]; p.hi == e.lo && p.sub == e.sub && p.delta == e.delta && p.whole == e.whole {
				p.hi = e.hi
				return i - 1
			}
		}
		if q := &l.at[i]; q.lo == e.hi && q.sub == e.sub && q.delta == e.delta && q.whole == e.whole {
			q.lo = e.lo
			return i
		}
	}
	const ackedMax, step = 2048, 512
	if n-l.head >= ackedMax && l.at[l.head+step-1].hi <= acked {
		limit = 4 * step
	}
	if n-l.head >= limit { // forget the oldest quarter
		cut := l.head + max(limit/4, 1)
		l.forget(cut)
		if i < cut {
			return -1
		}
	}
	if l.head > 64 && l.head > len(l.at)/2 {
		k := copy(l.at, l.at[l.head:])
		i -= l.head
		l.at, l.head = l.at[:k], 0
	}
	l.at = append(l.at, owned{})
	copy(l.at[i+1:], l.at[i:])
	l.at[i] = e
	return i
}

// forget drops the entries before index cut.
func (l *ledger) forget(cut int) {
	if l.floor == 0 {
		l.first = l.at[l.head].lo
		l.sound = l.first
	}
	for _, e := range l.at[l.head:cut] {
		if e.whole && e.lo == l.sound {
			l.sound = e.hi
		}
	}
	l.floor, l.head = l.at[cut-1].hi, cut
}

// follows reports whether a range of that owner continues entry i and overlaps
// nothing behind it.
func (l *ledger) follows(i int, lo, hi, delta uint64, sub int32, whole bool) bool {
	if i < l.head || i >= len(l.at) {
		return false
	}
	e := &l.at[i]
	return e.hi == lo && e.sub == sub && e.delta == delta && e.whole == whole &&
		(i+1 == len(l.at) || l.at[i+1].lo >= hi)
}

// contiguous returns the first position at or above from that was not seen.
func (l *ledger) contiguous(from uint64) uint64 {
	if from < l.floor {
		from = l.floor // what was forgotten had been seen, or its gap was given up
	}
	for i := l.find(from); i < len(l.at) && l.at[i].lo <= from; i++ {
		from = l.at[i].hi
	}
	return from
}

// prefix is contiguous over segments captured whole only.
func (l *ledger) prefix(from uint64) uint64 {
	if from < l.floor {
		if from < l.first {
			return from
		}
		from = max(from, l.sound)
	}
	for i := l.find(from); i < len(l.at) && l.at[i].lo <= from && l.at[i].whole; i++ {
		from = l.at[i].hi
	}
	return from
}
