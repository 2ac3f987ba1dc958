package dataseq

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestUnwrap32ReturnsTheNearest(t *testing.T) { // R3.3.1-13, R3.3.1-17, R3.3.1-18
	for _, c := range []struct {
		why  string
		ref  uint64
		low  uint32
		want uint64
	}{
		{"no wrap", 100, 200, 200},
		{"the low half wraps: the high word rises", 0x1_ffff_fff0, 0x10, 0x2_0000_0010},
		{"late, from before the wrap: the high word falls", 0x2_0000_0010, 0xffff_fff0, 0x1_ffff_fff0},
		{"late, far from any wrap", 0x2_8000_0000, 0x7fff_0000, 0x2_7fff_0000},
		{"the 64-bit number wraps", math.MaxUint64 - 5, 4, 4},
		{"late, from before the 64-bit wrap", 4, 0xffff_fffa, math.MaxUint64 - 5},
		{"just less than 2^31 ahead", 0x1_8000_0000, 0xffff_ffff, 0x1_ffff_ffff},
		{"exactly 2^31 away: the lower of the two", 0x2_0000_0000, 0x8000_0000, 0x1_8000_0000},
		{"2^31+1 ahead is 2^31-1 behind", 0x2_0000_0000, 0x8000_0001, 0x1_8000_0001},
	} {
		require.Equal(t, c.want, Unwrap32(c.ref, c.low), c.why)
	}
}

func TestUnwrap32AnyReferenceAnyDistance(t *testing.T) { // R3.3.1-17
	rapid.Check(t, func(t *rapid.T) {
		ref := aroundWraps.Draw(t, "ref")
		d := rapid.Int64Range(-1<<31+1, 1<<31-1).Draw(t, "distance")
		want := ref + uint64(d)
		require.Equal(t, want, Unwrap32(ref, uint32(want)))
	})
}

// A window of 2^30 octets, sent over a path that reorders, always unwraps to the
// numbers that were sent, however often the low word wraps.
func TestReorderingAcrossWraps(t *testing.T) { // R3.3.1-18
	rapid.Check(t, func(t *rapid.T) {
		next := aroundWraps.Draw(t, "expected")
		for range 200 {
			sent := next + uint64(rapid.Int64Range(-1<<30, 1<<30).Draw(t, "distance"))
			require.Equal(t, sent, Unwrap32(next, uint32(sent)))
			next = max(next, sent)
		}
	})
}

func TestSpace(t *testing.T) { // R3.1 IDSN, R3.3.1-13
	s := Space{IDSN: 0x6842b501b1712fb5} // NOTES section 2
	require.Equal(t, uint64(0x6842b501b1712fb6), s.DSN(0), "the first octet is IDSN+1")
	_, ok := s.Off(s.IDSN)
	require.False(t, ok, "the IDSN itself is no octet of the stream")
	off, ok := s.Off32(0, 0xb1712fb6)
	require.True(t, ok)
	require.Zero(t, off)
	_, ok = s.Off32(0, 0xb1712fb5)
	require.False(t, ok, "32 bits before the stream")

	rapid.Check(t, func(t *rapid.T) {
		s := Space{IDSN: aroundWraps.Draw(t, "idsn")}
		off := rapid.Uint64Range(0, maxOff).Draw(t, "off")
		got, ok := s.Off(s.DSN(off))
		require.True(t, ok)
		require.Equal(t, off, got)
		ref := off + uint64(rapid.Int64Range(-1<<31+1, 1<<31-1).Draw(t, "distance"))
		got, ok = s.Off32(ref, uint32(s.DSN(off)))
		require.True(t, ok)
		require.Equal(t, off, got)
	})
}

func TestSubflow(t *testing.T) { // R3.3.1-03
	require.Equal(t, uint32(1), Subflow{}.SSN(0), "the first octet has relative SSN 1")
	_, ok := Subflow{}.Off(0, 0)
	require.False(t, ok, "the SYN is no octet")
	require.Equal(t, uint32(0), Subflow{ISN: math.MaxUint32}.SSN(0), "the header's number may wrap at once")

	rapid.Check(t, func(t *rapid.T) {
		s := Subflow{ISN: rapid.Uint32().Draw(t, "isn")}
		off := rapid.Uint64Range(0, 1<<40).Draw(t, "off")
		ref := off + rapid.Uint64Range(0, 1<<31-1).Draw(t, "ahead")
		got, ok := s.Off(ref, s.SSN(off))
		require.True(t, ok)
		require.Equal(t, off, got)
		// A middlebox that rewrites the ISN leaves relative numbers as they are.
		require.Equal(t, Subflow{}.SSN(off), s.SSN(off)-s.ISN)
	})
}

// aroundWraps draws numbers of which many are near a 32-bit or 64-bit wrap.
var aroundWraps = rapid.Custom(func(t *rapid.T) uint64 {
	near := rapid.SampledFrom([]uint64{0, 1 << 31, 1 << 32, 3 << 32, 1 << 63, math.MaxUint64}).Draw(t, "near")
	if rapid.Bool().Draw(t, "anywhere") {
		near = rapid.Uint64().Draw(t, "number")
	}
	return near + uint64(rapid.Int64Range(-1<<20, 1<<20).Draw(t, "shift"))
})
