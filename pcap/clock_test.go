package pcap

import (
	integer "math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestClockKnown(t *testing.T) {
	for _, c := range []struct {
		name       string
		resolution byte
		offset     int64
		ticks      uint64
		ns         int64
		ok         bool
	}{
		{"microseconds", 6, 0, 1_700_000_000_123_456, 1_700_000_000_123_456_000, true},
		{"nanoseconds", 9, 0, 1_700_000_000_123_456_789, 1_700_000_000_123_456_789, true},
		{"seconds", 0, 0, 1_700_000_000, 1_700_000_000e9, true},
		{"picoseconds, rounded down", 12, 0, 1999, 1, true},
		{"10^-28 s", 28, 0, 1<<64 - 1, 1, true},
		{"10^-29 s", 29, 0, 1<<64 - 1, 0, true},
		{"halves", 0x81, 0, 3, 1_500_000_000, true},
		{"2^-20 s", 0x94, 0, 1 << 20, 1e9, true},
		{"2^-64 s", 0xc0, 0, 1 << 63, 500_000_000, true},
		{"2^-127 s", 0xff, 0, 1<<64 - 1, 0, true},
		{"2^0 s", 0x80, 0, 7, 7e9, true},
		{"offset forward", 6, 10, 5, 10_000_005_000, true},
		{"offset back", 6, -10, 5, -9_999_995_000, true},
		{"too late", 6, 0, 1<<64 - 1, 0, false},
		{"too late by one", 9, 0, 1 << 63, 0, false},
		{"offset brings it back into range", 9, -1, 1 << 63, 1<<63 - 1e9, true},
		{"offset too far", 9, 1 << 62, 0, 0, false},
		{"offset too far back", 9, -1 << 63, 0, 0, false},
	} {
		clk := newClock(c.resolution, c.offset)
		ns, ok := clk.nanos(c.ticks)
		assert.Equal(t, c.ok, ok, c.name)
		if ok {
			assert.Equal(t, c.ns, ns, c.name)
		}
	}
}

// The model: floor(ticks * 10^9 / ticks per second) + offset * 10^9, in big numbers.
func TestClockModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		resolution := rapid.Byte().Draw(t, "resolution")
		ticks := rapid.Uint64().Draw(t, "ticks")
		offset := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(-1e10, 1e10), rapid.Int64()).Draw(t, "offset")

		base := int64(10)
		if resolution&0x80 != 0 {
			base = 2
		}
		perSec := new(integer.Int).Exp(integer.NewInt(base), integer.NewInt(int64(resolution&0x7f)), nil)
		want := new(integer.Int).Mul(new(integer.Int).SetUint64(ticks), integer.NewInt(1e9))
		want.Div(want, perSec)
		want.Add(want, new(integer.Int).Mul(integer.NewInt(offset), integer.NewInt(1e9)))

		clk := newClock(resolution, offset)
		ns, ok := clk.nanos(ticks)
		if ok != want.IsInt64() || ok && ns != want.Int64() {
			t.Fatalf("%d, %v; want %v", ns, ok, want)
		}
	})
}
