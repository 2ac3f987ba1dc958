package dataseq

import "slices"

// find returns the index of the piece that holds the subflow octet off, or -1.
// Octets come mostly in order, so the piece found last and the one behind it are
// tried first.
func (t *Table) find(off uint64) int {
	for i := max(t.hint, t.head); i < len(t.pieces) && i <= t.hint+1; i++ {
		if p := t.pieces[i]; p.lo <= off && off < p.hi {
			return i
		}
	}
	if i := t.search(off); i < len(t.pieces) && t.pieces[i].lo <= off {
		return i
	}
	return -1
}

// search returns the index of the first piece that ends behind off. The last one
// is tried first: copies of a mapping come right after it (NOTES section 3).
func (t *Table) search(off uint64) int {
	lo, hi := t.head, len(t.pieces)
	if lo < hi && t.pieces[hi-1].lo <= off {
		lo = hi - 1
	}
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if t.pieces[mid].hi <= off {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// fill puts what the pieces first to last-1 leave open between lo and hi, which
// are gaps ranges, into that many new pieces of slot s. It works from the end, so
// that everything moves once, however many gaps there are.
func (t *Table) fill(first, last, gaps int, lo, hi uint64, s int32) {
	moved := t.room(gaps)
	first, last = first-moved, last-moved
	n := len(t.pieces)
	t.pieces = t.pieces[:n+gaps]
	copy(t.pieces[last+gaps:], t.pieces[last:n])
	to, w := hi, last+gaps-1
	for i := last - 1; i >= first; i-- {
		p := t.pieces[i]
		if p.hi < to {
			t.pieces[w] = piece{p.hi, to, s}
			w--
		}
		t.pieces[w] = p
		w--
		to = p.lo
	}
	if lo < to {
		t.pieces[w] = piece{lo, to, s}
	}
}

// room makes room for k more pieces and returns by how much it lowered the index
// of those there are. It closes the gap at the head only when that is as large as
// what has to move, so each piece moves once on average.
func (t *Table) room(k int) (moved int) {
	if len(t.pieces)+k <= cap(t.pieces) {
		return 0
	}
	if t.head < k || t.head < t.Len() {
		t.pieces = slices.Grow(t.pieces, k)
		return 0
	}
	moved = t.head
	t.pieces = t.pieces[:copy(t.pieces, t.pieces[t.head:])]
	t.head, t.hint = 0, 0
	return moved
}

// take puts m into a slot that refs pieces will refer to.
func (t *Table) take(m Mapping, trimmed bool, refs int) int32 {
	if len(t.free) == 0 {
		t.slots = append(t.slots, slot{})
		t.free = append(t.free, int32(len(t.slots)-1))
	}
	i := t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	s := &t.slots[i]
	s.m, s.refs, s.trimmed = m, int32(refs), trimmed
	if m.HasSum {
		s.v.reset(m, t.Data, t.Rel)
	}
	if trimmed {
		t.trimmed++
	}
	return i
}

// release takes one piece's reference to slot i away.
func (t *Table) release(i int32) {
	s := &t.slots[i]
	if s.refs--; s.refs > 0 {
		return
	}
	if s.trimmed {
		t.trimmed--
	}
	s.v = Verifier{spans: s.v.spans[:0]}
	s.trimmed = false
	t.free = append(t.free, i)
}
