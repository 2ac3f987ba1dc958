package dataseq

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTableSameMappingAgain(t *testing.T) { // R3.3.1-01, NOTES section 3
	var tab Table
	m := Mapping{Sub: 0, Data: 5000, Len: 60000, Sum: 1, HasSum: true}
	for range 41 { // as TSO repeats it, one segment of 1460 octets after the other
		require.NoError(t, tab.Add(m))
	}
	require.Equal(t, 1, tab.Len())
	require.Equal(t, TableStats{Added: 1, Duplicates: 40}, tab.Stats())
}

func TestTableKeepsTheFirstOfTwoThatContradict(t *testing.T) { // R3.3.1-01, CVE-2024-50185
	first := Mapping{Sub: 100, Data: 500, Len: 50, Sum: 1, HasSum: true}
	for why, m := range map[string]Mapping{
		"moved":                      {Sub: 100, Data: 501, Len: 50, Sum: 1, HasSum: true},
		"another checksum":           {Sub: 100, Data: 500, Len: 50, Sum: 2, HasSum: true},
		"the checksum gone":          {Sub: 100, Data: 500, Len: 50},
		"one octet of the end":       {Sub: 149, Data: 1000, Len: 50},
		"one octet of the beginning": {Sub: 51, Data: 0, Len: 50},
		"around it":                  {Sub: 0, Data: 0, Len: 1000},
		"far in the future":          {Sub: 120, Data: 1 << 60, Len: 1},
	} {
		var tab Table
		require.NoError(t, tab.Add(first))
		require.ErrorIs(t, tab.Add(m), ErrConflict, why)
		require.Equal(t, uint64(1), tab.Stats().Conflicts)
		require.Equal(t, 1, tab.Len(), "%s: nothing of it is taken", why)
		got, ok := tab.Lookup(149)
		require.True(t, ok)
		require.Equal(t, first, got, why)
	}
}

func TestTableTakesWhatIsNewOfAnOverlap(t *testing.T) { // NOTES 1.15
	var tab Table
	middle := Mapping{Sub: 100, Data: 500, Len: 50}
	wide := Mapping{Sub: 80, Data: 480, Len: 100}
	require.NoError(t, tab.Add(middle))
	require.NoError(t, tab.Add(wide))
	require.NoError(t, tab.Add(wide), "the same overlap again")
	require.Equal(t, 3, tab.Len(), "it fills two gaps")
	require.Equal(t, TableStats{Added: 2, Overlaps: 1, Duplicates: 1}, tab.Stats())
	for off, want := range map[uint64]Mapping{80: wide, 99: wide, 100: middle, 149: middle, 150: wide, 179: wide} {
		got, ok := tab.Lookup(off)
		require.True(t, ok)
		require.Equal(t, want, got, "octet %d, with the bounds that were declared", off)
	}
	_, ok := tab.Lookup(180)
	require.False(t, ok)
}

// The sender declares 0-1399, then repeats with other bounds. Both sums are over
// their own bounds, so octets that both cover count for both.
func TestTableVerifiesMappingsThatOverlap(t *testing.T) { // NOTES 1.15, R3.3.1-06
	payload := make([]byte, 2000)
	for i := range payload {
		payload[i] = byte(i * 7)
	}
	tab := Table{Data: Space{IDSN: 1 << 63}}
	sum := func(m Mapping) Mapping {
		m.Sum, m.HasSum = m.PseudoSum(tab.Data).Add(payloadSum(payload[m.Sub:m.End()])).Checksum(), true
		return m
	}
	a, b := sum(Mapping{Sub: 0, Data: 70, Len: 1401}), sum(Mapping{Sub: 1001, Data: 1071, Len: 999})
	require.NoError(t, tab.Add(a))
	require.Zero(t, tab.Feed(0, payload[:1001]))
	require.Equal(t, Incomplete, tab.Verdict(0))
	require.NoError(t, tab.Add(b))
	for off := 1001; off < 2000; off += 200 { // segments that only one of them owns
		require.Zero(t, tab.Feed(uint64(off), payload[off:min(off+200, 2000)]))
	}
	require.Equal(t, Good, tab.Verdict(0))
	require.Equal(t, Good, tab.Verdict(1200))
	require.Equal(t, Good, tab.Verdict(1999))

	tab.Discard(1401)
	require.Equal(t, Incomplete, tab.Verdict(1200), "discarded")
	require.Equal(t, Good, tab.Verdict(1999))
}

func TestTableBoundsMappingsThatAreSummedTwice(t *testing.T) { // lying mappings: overlap
	var tab Table
	require.NoError(t, tab.Add(Mapping{Sub: 1000, Data: 1000, Len: 1000, HasSum: true}))
	var err error
	n := uint64(0)
	for ; err == nil; n++ { // each covers all the first one has, and one octet more
		err = tab.Add(Mapping{Sub: 1000, Data: 1000, Len: 1001 + n, HasSum: true})
	}
	require.ErrorIs(t, err, ErrFull)
	require.Equal(t, uint64(maxTrimmed+1), n)
	tab.Discard(1 << 20)
	require.NoError(t, tab.Add(Mapping{Sub: 2 << 20, Data: 1, Len: 5, HasSum: true}))
	require.Zero(t, tab.trimmed)
}

func TestTableIsBounded(t *testing.T) { // NOTES section 4, R3.3.1-22
	var tab Table
	for i := range uint64(DefaultMax) {
		require.NoError(t, tab.Add(Mapping{Sub: 20 * i, Data: 20 * i, Len: 10}))
	}
	require.ErrorIs(t, tab.Add(Mapping{Sub: 1 << 30, Data: 1 << 30, Len: 10}), ErrFull)
	require.ErrorIs(t, tab.Add(Mapping{Sub: 5, Data: 5, Len: 10}), ErrFull, "in a gap")
	require.NoError(t, tab.Add(Mapping{Sub: 0, Data: 0, Len: 10}), "the same again needs no room")
	require.NoError(t, tab.Add(Mapping{Sub: 2, Data: 2, Len: 7}), "nor does what is known")
	require.Equal(t, uint64(2), tab.Stats().Refused)
	tab.Discard(10)
	require.NoError(t, tab.Add(Mapping{Sub: 1 << 30, Data: 1 << 30, Len: 10}))

	for _, m := range []Mapping{
		{Len: 0}, {Len: MaxLen + 1}, {Len: MaxLen, Fin: true},
		{Sub: 1<<63 - 5, Len: 10}, {Data: 1<<64 - 5, Len: 10},
	} {
		require.ErrorIs(t, tab.Add(m), ErrRange, "%+v", m)
	}
}

func TestTableIgnoresWhatIsBelowTheDiscarded(t *testing.T) {
	var tab Table
	tab.Discard(1000)
	require.NoError(t, tab.Add(Mapping{Sub: 900, Data: 900, Len: 100}), "a late retransmission")
	require.Zero(t, tab.Len())
	require.NoError(t, tab.Add(Mapping{Sub: 950, Data: 950, Len: 100}))
	_, ok := tab.Lookup(999)
	require.False(t, ok)
	_, ok = tab.Lookup(1000)
	require.True(t, ok)
	tab.Discard(10)
	_, ok = tab.Lookup(999)
	require.False(t, ok, "a Discard that goes back brings nothing back")
}

// window moves a full window of mappings along, with a fifth of them out of order.
func window(tab *Table, base uint64, order []int) error {
	for _, i := range order {
		m := Mapping{Sub: base + uint64(i)*1000, Data: uint64(i), Len: 1000, HasSum: true}
		m.Data = m.Sub + 77
		if err := tab.Add(m); err != nil {
			return err
		}
		if _, ok := tab.Lookup(m.Sub + 500); !ok {
			return errors.New("not found")
		}
	}
	tab.Discard(base + uint64(len(order))*1000)
	return nil
}

func steadyOrder(n int) []int {
	rnd := rand.New(rand.NewPCG(1, 2))
	order := rnd.Perm(n)
	for i := range order {
		if i%5 != 0 {
			order[i] = i
		}
	}
	return order
}

func TestTableAllocatesNothingInSteadyState(t *testing.T) {
	var tab Table
	order, base := steadyOrder(500), uint64(0)
	step := func() {
		if err := window(&tab, base, order); err != nil {
			t.Fatal(err)
		}
		base += 500_000
	}
	step()
	step()
	require.Zero(t, testing.AllocsPerRun(20, step))
	tab.Trim()
	require.Zero(t, cap(tab.pieces)+cap(tab.slots)+cap(tab.free), "an idle table holds no memory")
	step()
}

func BenchmarkTable(b *testing.B) {
	for name, order := range map[string][]int{"in-order": nil, "random": rand.New(rand.NewPCG(1, 2)).Perm(1000)} {
		b.Run(name, func(b *testing.B) {
			if order == nil {
				for i := range 1000 {
					order = append(order, i)
				}
			}
			var tab Table
			base := uint64(0)
			for b.Loop() {
				if err := window(&tab, base, order); err != nil {
					b.Fatal(err)
				}
				base += 1_000_000
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/mapping")
		})
	}
}
