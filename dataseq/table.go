package dataseq

import "errors"

// Errors of Table.Add. The table is unchanged by an Add that returns one.
var (
	// ErrConflict: an octet is mapped to another place already, or the same range
	// was declared with another checksum. The first declaration stands (R3.3.1-01).
	ErrConflict = errors.New("dataseq: mapping contradicts an earlier one")
	// ErrFull: the bound of the table. Refuse the segment before it is
	// acknowledged: octets are never kept without their mapping.
	ErrFull = errors.New("dataseq: mapping table is full")
	// ErrRange: no octets, more than MaxLen, or past the end of a stream.
	ErrRange = errors.New("dataseq: mapping is no range of the stream")
)

// DefaultMax is the bound of a Table that names none, in entries.
const DefaultMax = 1024

// maxTrimmed bounds the checksummed mappings that overlap an earlier one. Each
// makes every octet it shares be summed once more, so a peer must not have many.
const maxTrimmed = 8

// A Table holds the mappings that a peer declared on one subflow. The zero value
// is an empty table with the default bound; set its fields before the first call.
//
// An octet belongs to the first mapping that covered it. A later mapping that
// places it alike but has other bounds brings only what is new; one that places
// it elsewhere is refused whole. Since the mappings that were taken all agree
// where they meet, Lookup returns each as it was declared: also a mapping of which
// a part belongs to another is right from Sub to End, and only its declared bounds
// fit its checksum. Feed therefore sums an octet for every mapping that covers it.
//
// Add and Lookup cost O(1) when mappings and octets come in order, else a binary
// search; an Add out of order also moves the entries behind, 24 octets each.
// A table that has reached its size allocates no more.
type Table struct {
	Data Space // the peer's data sequence space; needed by Feed only
	Max  int   // entries at the most; 0 for DefaultMax

	// Rel converts the SSNs that checksums cover: it differs from its zero value only
	// where the subflow begins with octets outside the data sequence space (RFC 8684
	// appendix B.2).
	Rel Subflow

	below   uint64  // octets before are forgotten
	pieces  []piece // ascending and disjoint
	head    int     // pieces before are free: Discard need not move the rest
	hint    int     // piece that Lookup found last
	slots   []slot  // mappings; pieces refer to them by index
	free    []int32 // unused slots
	trimmed int     // slots in use that do not own all they cover
	stats   TableStats
}

// A piece is a range of subflow octets that belong to the mapping in a slot.
type piece struct {
	lo, hi uint64
	slot   int32
}

type slot struct {
	m       Mapping
	v       Verifier
	refs    int32 // pieces
	trimmed bool
}

// TableStats counts what Add met, in calls.
type TableStats struct {
	Added      uint64 // brought new octets
	Duplicates uint64 // declared again with the same bounds, as TSO does
	Overlaps   uint64 // agreed with an earlier one, with other bounds
	Old        uint64 // lay below what was discarded
	Conflicts  uint64 // ErrConflict
	Refused    uint64 // ErrFull
	Invalid    uint64 // ErrRange
}

// Stats returns the counters.
func (t *Table) Stats() TableStats { return t.stats }

// Len returns the number of entries in use. It is the number of mappings, more
// when one mapping fills several gaps between others.
func (t *Table) Len() int { return len(t.pieces) - t.head }

func (t *Table) max() int {
	if t.Max > 0 {
		return t.Max
	}
	return DefaultMax
}

// Add declares m. The same mapping again is no error, nor is one that says
// nothing new. Errors are ErrConflict, ErrFull and ErrRange. A mapping below what
// was discarded is ignored, or the part of it that is.
func (t *Table) Add(m Mapping) error {
	if !m.valid() {
		t.stats.Invalid++
		return ErrRange
	}
	lo, hi := max(m.Sub, t.below), m.End()
	if hi <= lo {
		t.stats.Old++
		return nil
	}
	n := len(t.pieces)
	if (n == t.head || t.pieces[n-1].hi <= lo) && lo == m.Sub { // in order
		if t.Len() == t.max() {
			t.stats.Refused++
			return ErrFull
		}
		t.room(1)
		t.pieces = append(t.pieces, piece{lo, hi, t.take(m, false, 1)})
		t.stats.Added++
		return nil
	}
	return t.addAmong(m, lo, hi)
}

// addAmong adds m among the pieces that may overlap it, or lie behind it.
func (t *Table) addAmong(m Mapping, lo, hi uint64) error {
	first := t.search(lo)
	last, gaps, same := first, 0, false
	from := lo
	for ; last < len(t.pieces) && t.pieces[last].lo < hi; last++ {
		p := t.pieces[last]
		old := t.slots[p.slot].m
		switch {
		case !old.Agrees(m):
			t.stats.Conflicts++
			return ErrConflict
		case old == m:
			same = true
		case old.Sub == m.Sub && old.Length() == m.Length() && old.Fin == m.Fin:
			t.stats.Conflicts++ // another checksum for the same octets
			return ErrConflict
		}
		if from < p.lo {
			gaps++
		}
		from = p.hi
	}
	if from < hi {
		gaps++
	}
	trimmed := gaps > 0 && (last > first || lo > m.Sub)
	switch {
	case same:
		t.stats.Duplicates++
		return nil
	case gaps == 0:
		t.stats.Overlaps++
		return nil
	case t.Len()+gaps > t.max(), trimmed && m.HasSum && t.trimmed == maxTrimmed:
		t.stats.Refused++
		return ErrFull
	}
	if last > first {
		t.stats.Overlaps++
	}
	t.stats.Added++
	t.fill(first, last, gaps, lo, hi, t.take(m, trimmed, gaps))
	return nil
}

// Lookup returns the mapping that the octet at subflow offset off belongs to, as
// it was declared. An octet that was discarded has none.
func (t *Table) Lookup(off uint64) (Mapping, bool) {
	if off < t.below {
		return Mapping{}, false
	}
	i := t.find(off)
	if i < 0 {
		return Mapping{}, false
	}
	t.hint = i
	return t.slots[t.pieces[i].slot].m, true
}

// Discard forgets the octets below the subflow offset below, and every mapping
// that has none left. A Discard that goes back does nothing.
func (t *Table) Discard(below uint64) {
	t.below = max(t.below, below)
	for t.head < len(t.pieces) && t.pieces[t.head].hi <= t.below {
		t.release(t.pieces[t.head].slot)
		t.head++
	}
	if t.head == len(t.pieces) {
		t.pieces, t.head = t.pieces[:0], 0
	}
}

// Trim gives back the memory of an empty table, for a connection that falls idle.
// It does nothing while the table holds something.
func (t *Table) Trim() {
	if t.Len() == 0 {
		t.pieces, t.head, t.slots, t.free = nil, 0, nil, nil
	}
}
