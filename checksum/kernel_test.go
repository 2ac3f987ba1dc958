package checksum

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// A kernel is one way to do what Of and Copy promise. The tests call each, whichever
// of them this processor would be given.
type kernel struct {
	name string
	sum  func(b []byte) Sum
	copy func(dst, src []byte) Sum
}

func kernels() []kernel {
	return append(fastKernels(), kernel{"generic", sumGeneric, copyGeneric})
}

func eachKernel(t *testing.T, f func(t *testing.T, k kernel)) {
	for _, k := range kernels() {
		t.Run(k.name, func(t *testing.T) { f(t, k) })
	}
}

// fold is the definition of folding: carries go back in until there are none.
func fold(total uint64) Sum {
	for total>>16 != 0 {
		total = total>>16 + total&0xffff
	}
	return Sum(total)
}

// naive is the definition of a sum (RFC 1071 section 1): big-endian words of 16 bits,
// the last one padded.
func naive(b []byte) Sum {
	var total uint64
	for i, c := range b {
		total += uint64(c) << (8 * (1 - i&1))
	}
	return fold(total)
}

// A reference knows the naive sum of every part of its data, at the cost of two
// subtractions: totals[p][i] is the total of the first i octets, those of parity p
// taken as high halves.
type reference struct {
	data   []byte
	totals [2][]uint64
}

func newReference(data []byte) reference {
	r := reference{data: data}
	for p := range r.totals {
		r.totals[p] = make([]uint64, len(data)+1)
		for i, c := range data {
			r.totals[p][i+1] = r.totals[p][i] + uint64(c)<<(8*(1-(i+p)&1))
		}
	}
	return r
}

func (r reference) sum(from, to int) Sum {
	t := r.totals[from&1]
	return fold(t[to] - t[from])
}

const (
	maxLen   = 4096
	maxAlign = 64
)

// patterns are data that makes sums hard: many carries, none, one octet that counts.
func patterns() map[string][]byte {
	m := make(map[string][]byte)
	for _, name := range []string{"random", "ones", "zeros", "words", "sparse"} {
		b := make([]byte, maxAlign+maxLen)
		r := rand.New(rand.NewPCG(1, 2))
		for i := range b {
			switch {
			case name == "random":
				b[i] = byte(r.Uint32())
			case name == "ones", name == "words" && i&8 != 0:
				b[i] = 0xff
			case name == "sparse" && i%97 == 0:
				b[i] = 1
			}
		}
		m[name] = b
	}
	return m
}

func TestReference(t *testing.T) {
	for name, data := range patterns() {
		ref := newReference(data)
		for from := range 5 {
			for _, n := range []int{0, 1, 2, 31, 1000, 1001} {
				want := naive(data[from : from+n])
				require.Equal(t, want, ref.sum(from, from+n), "%s, %d octets from %d", name, n, from)
			}
		}
	}
}

func TestSumEveryLengthAndAlignment(t *testing.T) {
	eachKernel(t, func(t *testing.T, k kernel) {
		for name, data := range patterns() {
			ref := newReference(data)
			aligns := 2 // the rest is no different for data that is hard to add
			if name == "random" {
				aligns = maxAlign
			}
			for from := range aligns {
				for n := range maxLen + 1 {
					got, want := k.sum(data[from:from+n:from+n]), ref.sum(from, from+n)
					if got != want {
						t.Fatalf("%s, %d octets from %d: %04x, want %04x", name, n, from, got, want)
					}
				}
			}
		}
	})
}

func TestCopyEveryLengthAndAlignment(t *testing.T) {
	const guard = 64
	eachKernel(t, func(t *testing.T, k kernel) {
		data := patterns()["random"]
		ref := newReference(data)
		clean := bytes.Repeat([]byte{0xa5}, guard+maxAlign+maxLen+guard)
		room := bytes.Clone(clean)
		for from := range maxAlign {
			for n := range maxLen + 1 {
				to := guard + (from*5+n*3)%maxAlign // with all lengths, every pair of alignments
				got, want := k.copy(room[to:to+n], data[from:from+n]), ref.sum(from, from+n)
				if got != want {
					t.Fatalf("%d octets from %d to %d: %04x, want %04x", n, from, to, got, want)
				}
				if !bytes.Equal(room[to:to+n], data[from:from+n]) {
					t.Fatalf("%d octets from %d to %d: not copied", n, from, to)
				}
				before, after := room[to-guard:to], room[to+n:to+n+guard]
				if !bytes.Equal(before, clean[:guard]) || !bytes.Equal(after, clean[:guard]) {
					t.Fatalf("%d octets from %d to %d: wrote beside them", n, from, to)
				}
				copy(room[to:to+n], clean)
			}
		}
	})
}

func TestCopyTakesTheShorterLength(t *testing.T) {
	eachKernel(t, func(t *testing.T, k kernel) {
		src := patterns()["random"]
		for _, l := range [][2]int{{0, 7}, {7, 0}, {5, 9}, {9, 5}, {30, 300}, {300, 30}, {100, 1000}, {1000, 100}} {
			n := min(l[0], l[1])
			dst := make([]byte, l[0])
			require.Equal(t, naive(src[:n]), k.copy(dst, src[:l[1]]), "%v", l)
			require.Equal(t, src[:n], dst[:n], "%v", l)
			require.Equal(t, make([]byte, l[0]-n), dst[n:], "%v", l)
		}
		require.Zero(t, k.copy(nil, nil))
		require.Zero(t, k.sum(nil))
	})
}

func TestCopyOverlap(t *testing.T) {
	eachKernel(t, func(t *testing.T, k kernel) {
		data := patterns()["random"][:1000]
		for _, n := range []int{1, 2, 3, 4, 7, 8, 20, 31, 32, 33, 64, 100, 129, 300} {
			for shift := -n - 1; shift <= n+1; shift++ {
				got, want := bytes.Clone(data), bytes.Clone(data)
				from, to := 400, 400+shift
				sum := naive(want[from : from+n])
				copy(want[to:to+n], want[from:from+n])
				require.Equal(t, sum, k.copy(got[to:to+n], got[from:from+n]), "%d octets moved by %d", n, shift)
				require.True(t, bytes.Equal(want, got), "%d octets moved by %d", n, shift)
			}
		}
	})
}

func TestNoAllocations(t *testing.T) {
	buf, dst := make([]byte, 1460), make([]byte, 1460)
	require.Zero(t, testing.AllocsPerRun(10, func() { Of(buf) }))
	require.Zero(t, testing.AllocsPerRun(10, func() { Copy(dst, buf) }))
}

func BenchmarkKernels(b *testing.B) {
	for _, size := range []int{20, 40, 64, 256, 536, 1460, 9000, 65535} {
		src, dst := make([]byte, size), make([]byte, size)
		for _, k := range kernels() {
			b.Run(fmt.Sprintf("sum/%d/%s", size, k.name), func(b *testing.B) {
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					k.sum(src)
				}
			})
			b.Run(fmt.Sprintf("copy/%d/%s", size, k.name), func(b *testing.B) {
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					k.copy(dst, src)
				}
			})
		}
	}
}
