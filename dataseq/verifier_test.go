package dataseq

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mptcp-go/mptcp/checksum"
)

// payloadSum is written out, so that a slip in the fast sum shows.
func payloadSum(p []byte) (s checksum.Sum) {
	for i, b := range p {
		if i%2 == 0 {
			s = s.AddUint16(uint16(b) << 8)
		} else {
			s = s.AddUint16(uint16(b))
		}
	}
	return s
}

// The worked example: one octet 0x63 of the connection whose opener has the key
// 9b59be3d695e66a7, version 0.
func TestWorkedChecksum(t *testing.T) { // R3.3.1-05
	s := Space{IDSN: 0x6842b501b1712fb5}
	require.Equal(t, checksum.Sum(0xfe6d), PseudoSum(s.DSN(0), 1, 1))
	require.Equal(t, uint16(0x9e91), PseudoSum(s.DSN(0), 1, 1).Add(checksum.Of([]byte{0x63})).Checksum())

	v := NewVerifier(Mapping{Len: 1, Sum: 0x9e91, HasSum: true}, s)
	require.Equal(t, Incomplete, v.Verdict())
	v.Add(0, []byte{0x63})
	require.Equal(t, Good, v.Verdict())
}

func TestDataFinAloneIsCompleteAtOnce(t *testing.T) { // R3.3.3-03
	s := Space{IDSN: 7}
	m, _ := NewMapping(0, 100, 1, true)
	m.Sum, m.HasSum = PseudoSum(s.DSN(100), 0, 1).Checksum(), true
	v := NewVerifier(m, s)
	require.Equal(t, Good, v.Verdict())
}

// Segments in any order, of any parity, overlapping and repeated with other
// contents: what was seen first counts, once.
func TestVerifierAnyOrder(t *testing.T) { // R3.3.1-02, R3.3.1-06
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "payload")
		s := Space{IDSN: aroundWraps.Draw(t, "idsn")}
		m := Mapping{
			Sub: rapid.Uint64Range(0, 1<<33).Draw(t, "sub"), Data: rapid.Uint64Range(0, 1<<33).Draw(t, "data"),
			Len: uint64(len(want)), Fin: rapid.Bool().Draw(t, "fin"), HasSum: true,
		}
		m.Sum = m.PseudoSum(s).Add(payloadSum(want)).Checksum()
		corrupt := rapid.IntRange(-1, len(want)-1).Draw(t, "corrupt octet")

		v := NewVerifier(m, s)
		seen := make([]bool, len(want))
		left := len(want)
		for step := 0; left > 0; step++ {
			lo := rapid.IntRange(-5, len(want)).Draw(t, "lo")
			n := rapid.IntRange(0, 60).Draw(t, "len")
			if step > 50 {
				lo, n = -1, len(want)+2 // finish
			}
			p := make([]byte, n)
			for i := range p {
				switch o := lo + i; {
				case o < 0 || o >= len(want) || seen[o]:
					p[i] = byte(step) // must not count
				default:
					p[i] = want[o]
					if o == corrupt {
						p[i] ^= 0x40
					}
					seen[o] = true
					left--
				}
			}
			if rapid.Bool().Draw(t, "sum known") {
				require.Zero(t, v.AddSum(int64(lo), p, checksum.Of(p)))
			} else {
				require.Zero(t, v.Add(int64(lo), p))
			}
			for end, i := v.next, 0; i < len(v.spans); i++ {
				require.Less(t, end, v.spans[i].lo, "islands never touch")
				end = v.spans[i].hi
				require.Less(t, v.spans[i].lo, end)
			}
			if left > 0 {
				require.Equal(t, Incomplete, v.Verdict())
			}
		}
		if corrupt >= 0 {
			require.Equal(t, Bad, v.Verdict())
		} else {
			require.Equal(t, Good, v.Verdict())
		}
	})
}

func TestVerifierRefusesMoreIslandsThanItsBound(t *testing.T) {
	p := make([]byte, 4*maxSpans)
	for i := range p {
		p[i] = byte(i * i)
	}
	m := Mapping{Len: uint64(len(p)), HasSum: true}
	m.Sum = m.PseudoSum(Space{}).Add(payloadSum(p)).Checksum()
	v := NewVerifier(m, Space{})
	for i := range maxSpans {
		require.Zero(t, v.Add(int64(2*i+1), p[2*i+1:2*i+2]))
	}
	require.Equal(t, 3, v.Add(200, p[200:203]), "one island more")
	require.Zero(t, v.Add(1, p[1:4]), "but islands may still grow together")
	require.Zero(t, v.Add(200, p[200:203]), "and make room")
	require.Zero(t, v.Add(0, p), "all in order is never refused")
	require.Equal(t, Good, v.Verdict())
}

func TestVerifierInOrderAllocatesNothing(t *testing.T) {
	p := make([]byte, 60000)
	m := Mapping{Len: uint64(len(p)), HasSum: true}
	require.Zero(t, testing.AllocsPerRun(20, func() {
		v := NewVerifier(m, Space{})
		for off := 0; off < len(p); off += 1500 {
			v.Add(int64(off), p[off:off+1500])
		}
		if v.Verdict() == Incomplete {
			t.Fatal("all octets were given")
		}
	}))
}

func BenchmarkVerifier(b *testing.B) {
	p := make([]byte, 60000)
	m := Mapping{Len: uint64(len(p)), HasSum: true}
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		v := NewVerifier(m, Space{})
		for off := 0; off < len(p); off += 1500 {
			v.Add(int64(off), p[off:off+1500])
		}
	}
}
