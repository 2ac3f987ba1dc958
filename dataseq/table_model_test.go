package dataseq

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// tableModel is the table told octet by octet: which declaration each belongs to.
type tableModel struct {
	tab   Table
	owner map[uint64]int // subflow octet -> index in decl
	decl  []Mapping
	below uint64
	sums  bool
}

// modelSpan keeps the octets few, so that mappings meet often.
const modelSpan = 120

// want returns what Add(m) has to answer and does it to the model.
func (md *tableModel) add(m Mapping) error {
	if m.Len == 0 {
		return ErrRange
	}
	owner, runs, known := maps.Clone(md.owner), 0, 0
	for o := m.Sub; o < m.End(); o++ {
		i, ok := md.owner[o]
		switch {
		case !ok && o >= md.below:
			owner[o] = len(md.decl)
		case !ok:
		case md.decl[i].Shift(o) != m.Shift(o):
			return ErrConflict
		default:
			known++
			d := md.decl[i]
			if d.Sub == m.Sub && d.Len == m.Len && d.Fin == m.Fin && d != m {
				return ErrConflict
			}
		}
	}
	if len(owner) == len(md.owner) {
		return nil
	}
	for o, i := range owner {
		if before, ok := owner[o-1]; !ok || before != i {
			runs++
		}
	}
	if runs > md.tab.max() {
		return ErrFull
	}
	md.owner = owner
	md.decl = append(md.decl, m)
	return nil
}

// runs is the number of entries: ranges that belong to one declaration.
func (md *tableModel) runs() (n int) {
	for o, i := range md.owner {
		if before, ok := md.owner[o-1]; !ok || before != i {
			n++
		}
	}
	return n
}

func (md *tableModel) Add(t *rapid.T) {
	sub := rapid.Uint64Range(0, modelSpan).Draw(t, "sub")
	m := Mapping{
		Sub:  sub,
		Data: sub + rapid.SampledFrom([]uint64{1000, 1000, 1000, 1000, 1001, 999}).Draw(t, "placement"),
		Len:  rapid.Uint64Range(0, 30).Draw(t, "len"),
		Fin:  rapid.IntRange(0, 9).Draw(t, "fin") == 0,
	}
	if md.sums {
		m.HasSum, m.Sum = true, uint16(rapid.IntRange(0, 1).Draw(t, "sum"))
	}
	md.check1(t, m)
}

func (md *tableModel) Again(t *rapid.T) {
	if len(md.decl) == 0 {
		t.Skip("nothing declared")
	}
	md.check1(t, rapid.SampledFrom(md.decl).Draw(t, "declared"))
}

func (md *tableModel) check1(t *rapid.T, m Mapping) {
	if md.sums && md.tab.trimmed == maxTrimmed {
		t.Skip("the bound on sums has its own test")
	}
	before := md.tab.Stats()
	require.Equal(t, md.add(m), md.tab.Add(m), "%+v", m)
	after := md.tab.Stats()
	total := func(s TableStats) uint64 {
		return s.Added + s.Duplicates + s.Old + s.Conflicts + s.Refused + s.Invalid
	}
	// An overlap that brings octets counts as added too.
	n := total(after) - total(before)
	require.True(t, n == 1 || n == 0 && after.Overlaps == before.Overlaps+1, "every call is counted")
}

func (md *tableModel) Discard(t *rapid.T) {
	below := rapid.Uint64Range(0, modelSpan+30).Draw(t, "below")
	if rapid.Bool().Draw(t, "a little") {
		below = min(md.below+below%8, modelSpan+30)
	}
	md.tab.Discard(below)
	md.below = max(md.below, below)
	maps.DeleteFunc(md.owner, func(o uint64, _ int) bool { return o < md.below })
}

func (md *tableModel) Check(t *rapid.T) {
	require.Equal(t, md.runs(), md.tab.Len(), "entries")
	require.LessOrEqual(t, md.tab.Len(), md.tab.max())
	for o := range uint64(modelSpan + 40) {
		got, ok := md.tab.Lookup(o)
		i, want := md.owner[o]
		require.Equal(t, want, ok, "octet %d is mapped", o)
		if ok {
			require.Equal(t, md.decl[i], got, "octet %d", o)
			require.True(t, got.Contains(o))
		}
	}
	md.invariants(t)
}

// invariants looks into the table: order, references and counters agree.
func (md *tableModel) invariants(t *rapid.T) {
	refs, trimmed := map[int32]int32{}, 0
	end := uint64(0)
	for _, p := range md.tab.pieces[md.tab.head:] {
		require.Less(t, p.lo, p.hi)
		require.LessOrEqual(t, end, p.lo, "ascending and disjoint")
		end = p.hi
		refs[p.slot]++
	}
	for i, n := range refs {
		require.Equal(t, n, md.tab.slots[i].refs)
		if md.tab.slots[i].trimmed {
			trimmed++
		}
	}
	require.Equal(t, trimmed, md.tab.trimmed)
	require.Equal(t, len(md.tab.slots), len(md.tab.free)+len(refs), "every slot is used or free")
}

func TestTableAgainstModel(t *testing.T) { // R3.3.1-01, NOTES 1.15
	for _, sums := range []bool{false, true} {
		rapid.Check(t, func(t *rapid.T) {
			md := &tableModel{owner: map[uint64]int{}, sums: sums}
			md.tab.Max = rapid.IntRange(1, 12).Draw(t, "max")
			t.Repeat(rapid.StateMachineActions(md))
		})
	}
}
