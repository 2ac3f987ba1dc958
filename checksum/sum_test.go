package checksum

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// rfc1071 is the data of RFC 1071 section 3.
var rfc1071 = []byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}

func TestRFC1071Example(t *testing.T) { // RFC 1071 section 3
	eachKernel(t, func(t *testing.T, k kernel) {
		require.Equal(t, Sum(0xddf2), k.sum(rfc1071))
		require.Equal(t, uint16(0x220d), k.sum(rfc1071).Checksum())
		require.Equal(t, Sum(0xf201), k.sum(rfc1071[:3]), "the group before the odd cut")
		require.Equal(t, Sum(0xf0eb), k.sum(rfc1071[3:]), "the group after it, on its own")
		require.Equal(t, Sum(0xddf2), k.sum(rfc1071[:3]).AddAt(k.sum(rfc1071[3:]), 3))
	})
}

// TestDSSChecksumInPieces sums a mapping of one octet as a sender would: DSN, SSN,
// data-level length, a checksum of zero, payload (RFC 8684 section 3.3.1).
func TestDSSChecksumInPieces(t *testing.T) {
	s := Sum(0).AddUint64(0x6842b501b1712fb6).AddUint32(1).AddUint16(1).AddUint16(0).Add(Of([]byte{0x63}))
	require.Equal(t, Sum(0x616e), s)
	require.Equal(t, uint16(0x9e91), s.Checksum())
	require.True(t, s.AddUint16(0x9e91).Valid())
	require.False(t, s.AddUint16(0x9e92).Valid())
}

// TestSplitAnywhere: the DSS checksum of a mapping may be computed as its segments
// arrive, wherever they were cut (RFC 8684 section 3.3.1, R3.3.1-06).
func TestSplitAnywhere(t *testing.T) {
	eachKernel(t, func(t *testing.T, k kernel) {
		for name, data := range patterns() {
			for _, n := range []int{0, 1, 2, 3, 8, 63, 64, 65, 255, 1459, 1460} {
				b := data[:n]
				whole := naive(b)
				for cut := range n + 1 {
					s := k.sum(b[:cut]).AddAt(k.sum(b[cut:]), uint64(cut))
					require.Equal(t, whole, s, "%s, %d octets cut at %d", name, n, cut)
				}
			}
		}
	})
}

// TestPiecesInAnyOrder is TestSplitAnywhere for many pieces, which subflows may
// deliver in any order (R3.3.1-06).
func TestPiecesInAnyOrder(t *testing.T) {
	type piece struct{ from, to int }
	rapid.Check(t, func(t *rapid.T) {
		b := octets(1000).Draw(t, "data")
		var pieces []piece
		for from := 0; from < len(b); {
			to := rapid.IntRange(from, len(b)).Draw(t, "cut")
			pieces = append(pieces, piece{from, to})
			from = to
		}
		var s Sum
		for _, p := range rapid.Permutation(pieces).Draw(t, "order") {
			s = s.AddAt(Of(b[p.from:p.to]), uint64(p.from))
		}
		require.Equal(t, naive(b), s)
	})
}

// TestTwoZeros is what the package comment says of 0x0000 and 0xffff.
func TestTwoZeros(t *testing.T) {
	eachKernel(t, func(t *testing.T, k kernel) {
		for n := range 300 {
			b := make([]byte, n)
			require.Equal(t, Sum(0), k.sum(b), "%d zeros", n)
			for i := range b {
				b[i] = 0xff
				require.NotEqual(t, Sum(0), k.sum(b), "0xff at %d of %d", i, n)
				b[i] = 0
			}
		}
		require.Equal(t, Sum(0xffff), k.sum([]byte{0xff, 0xff}))
		require.Equal(t, Sum(0xffff), k.sum([]byte{0x12, 0x34, 0xed, 0xcb}))
	})
	require.Equal(t, Sum(0), Sum(0).Add(0))
	require.Equal(t, Sum(0xffff), Sum(0xffff).Add(0xffff))
	require.Equal(t, Sum(0xffff), Sum(0xffff).AddAt(0xffff, 1))
	require.Equal(t, Sum(0), Sum(0).Sub(0))
	require.False(t, Sum(0).Valid())
	require.Equal(t, uint16(0xffff), Sum(0).Checksum())
	require.Equal(t, uint16(0), Sum(0xffff).Checksum())
}

func TestFold(t *testing.T) {
	for _, v := range []uint64{0, 1, 0xffff, 0x10000, 0xffffffff, 1 << 32, 0xffff0000ffff0000, 1<<64 - 1, 1<<64 - 2} {
		require.Equal(t, fold(v), foldUint64(v), "%x", v)
		require.Equal(t, fold(v&0xffffffff), foldUint32(uint32(v)), "%x", v)
	}
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Uint64().Draw(t, "v")
		require.Equal(t, fold(v), foldUint64(v))
	})
}

func TestAddIntegers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := octets(100).Draw(t, "before")
		b = b[:len(b)&^1]
		s, v := Of(b), rapid.Uint64().Draw(t, "v")
		require.Equal(t, naive(binary.BigEndian.AppendUint64(b, v)), s.AddUint64(v))
		require.Equal(t, naive(binary.BigEndian.AppendUint32(b, uint32(v))), s.AddUint32(uint32(v)))
		require.Equal(t, naive(binary.BigEndian.AppendUint16(b, uint16(v))), s.AddUint16(uint16(v)))
	})
}

func TestSub(t *testing.T) {
	for _, x := range []Sum{0, 1, 0x00ff, 0x1234, 0xfffe, 0xffff} {
		for y := range 1 << 16 {
			got, want := x.Add(Sum(y)).Sub(Sum(y)), x
			if x == 0 && y != 0 {
				want = 0xffff
			}
			if got != want {
				t.Fatalf("%04x + %04x - %04x = %04x, want %04x", x, y, y, got, want)
			}
			if got := x.Sub(Sum(y)); got == 0 && (x != 0 || y != 0) {
				t.Fatalf("%04x - %04x = 0", x, y)
			}
		}
	}
}

// TestRunningSum takes the sum of a part from those of two prefixes.
func TestRunningSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := octets(300).Draw(t, "data")
		j := rapid.IntRange(0, len(b)).Draw(t, "to")
		i := rapid.IntRange(0, j).Draw(t, "from")
		got, want := Sum(0).AddAt(Of(b[:j]).Sub(Of(b[:i])), uint64(i)), naive(b[i:j])
		if want == 0 && got == 0xffff {
			return // all zero: Sub cannot know
		}
		require.Equal(t, want, got)
	})
}

// octets draws data of up to n octets with more than the usual share of zeros and ones.
func octets(n int) *rapid.Generator[[]byte] {
	return rapid.SliceOfN(rapid.OneOf(rapid.Byte(), rapid.SampledFrom([]byte{0, 0xff})), 0, n)
}
