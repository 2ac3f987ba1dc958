package bench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	gvisor "gvisor.dev/gvisor/pkg/tcpip/checksum"

	"github.com/mptcp-go/mptcp/checksum"
)

// sizes are those of an IPv4 header, header and options, the smallest frame, a small
// segment, the least IPv4 MSS, an Ethernet segment, a jumbo frame and the largest
// DSS mapping.
var sizes = []int{20, 40, 64, 256, 536, 1460, 9000, 65535}

var sink uint16 // keeps the compiler from dropping calls

// contest is one kind of work done by both packages. Each func does it n times;
// buf and dst are equally long.
type contest struct {
	name         string
	ours, theirs func(n int, dst, buf []byte)
}

var contests = []contest{{
	name: "sum",
	ours: func(n int, _, buf []byte) {
		for range n {
			sink = uint16(checksum.Of(buf))
		}
	},
	theirs: func(n int, _, buf []byte) {
		for range n {
			sink = gvisor.Checksum(buf, 0)
		}
	},
}, {
	name: "copy",
	ours: func(n int, dst, buf []byte) {
		for range n {
			sink = uint16(checksum.Copy(dst, buf))
		}
	},
	theirs: func(n int, dst, buf []byte) {
		for range n {
			copy(dst, buf)
			sink = gvisor.Checksum(dst, 0)
		}
	},
}}

func buffers(size int) (dst, buf []byte) {
	r := rand.New(rand.NewPCG(1, uint64(size)))
	dst, buf = make([]byte, size), make([]byte, size)
	for i := range buf {
		buf[i] = byte(r.Uint32())
	}
	return dst, buf
}

// BenchmarkChecksum is the plain comparison, a benchmark for each side.
func BenchmarkChecksum(b *testing.B) {
	for _, c := range contests {
		for _, size := range sizes {
			dst, buf := buffers(size)
			for _, side := range []struct {
				name string
				run  func(n int, dst, buf []byte)
			}{{"mptcp", c.ours}, {"gvisor", c.theirs}} {
				b.Run(fmt.Sprintf("%s/%d/%s", c.name, size, side.name), func(b *testing.B) {
					b.SetBytes(int64(size))
					b.ReportAllocs()
					side.run(b.N, dst, buf)
				})
			}
		}
	}
}

// BenchmarkChecksumRatio lets both sides take turns of some 20 microseconds and
// reports, beside the time of our side, the median of the turns' ratios: "x" is how
// many times faster ours is. What else the machine does then hurts both alike.
func BenchmarkChecksumRatio(b *testing.B) {
	const turns = 401
	for _, c := range contests {
		for _, size := range sizes {
			dst, buf := buffers(size)
			calls := max(1, 20_000/(4+size/24))
			b.Run(fmt.Sprintf("%s/%d", c.name, size), func(b *testing.B) {
				for b.Loop() {
					var ours, theirs []float64 // ns a call
					var ratios []float64
					for range turns {
						start := time.Now()
						c.ours(calls, dst, buf)
						half := time.Now()
						c.theirs(calls, dst, buf)
						end := time.Now()
						ours = append(ours, float64(half.Sub(start))/float64(calls))
						theirs = append(theirs, float64(end.Sub(half))/float64(calls))
						ratios = append(ratios, float64(end.Sub(half))/float64(half.Sub(start)))
					}
					b.ReportMetric(median(ours), "mptcp-ns")
					b.ReportMetric(median(theirs), "gvisor-ns")
					b.ReportMetric(median(ratios), "x")
					b.ReportMetric(0, "ns/op")
				}
			})
		}
	}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// TestChecksumAgrees compares results, so that the benchmark compares like with like.
func TestChecksumAgrees(t *testing.T) {
	for size := range 2000 {
		dst, buf := buffers(size)
		require.Equal(t, gvisor.Checksum(buf, 0), uint16(checksum.Of(buf)), "%d octets", size)
		require.Equal(t, gvisor.Checksum(buf, 0), uint16(checksum.Copy(dst, buf)), "%d octets", size)
	}
}
