package checksum

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestRFC1624Example(t *testing.T) { // RFC 1624 section 4
	// A header with this checksum and a field that goes from 0x5555 to 0x3285. The older
	// equation of RFC 1141 would give 0xffff.
	require.Equal(t, uint16(0x0000), FromChecksum(0xdd2f).Update16(0x5555, 0x3285).Checksum())
}

func TestFromChecksum(t *testing.T) {
	for s := 1; s <= 0xffff; s++ {
		require.Equal(t, Sum(s), FromChecksum(Sum(s).Checksum()))
	}
	require.Equal(t, Sum(0xffff), FromChecksum(0xffff), "data with a header is not all zero")
}

func TestUpdateEqualsRecomputing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := append(octets(100).Draw(t, "data"), 0, 0, 0, 0)
		at := 2 * rapid.IntRange(0, (len(b)-4)/2).Draw(t, "at")
		after := rapid.OneOf(rapid.Uint32(), rapid.SampledFrom([]uint32{0, 0xffff, 0xffff0000, 1<<32 - 1})).Draw(t, "after")
		before := binary.BigEndian.Uint32(b[at:])
		s := Of(b)

		c := append([]byte(nil), b...)
		binary.BigEndian.PutUint32(c[at:], after)
		requireSame(t, c, s.Update32(before, after))

		c = append([]byte(nil), b...)
		binary.BigEndian.PutUint16(c[at:], uint16(after))
		requireSame(t, c, s.Update16(uint16(before>>16), uint16(after)))
	})
}

// requireSame compares got with the sum of b. If b has become all zero an update
// cannot tell; no data with a header is.
func requireSame(t *rapid.T, b []byte, got Sum) {
	want := naive(b)
	if want == 0 && got == 0xffff {
		return
	}
	require.Equal(t, want, got)
}
