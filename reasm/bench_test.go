package reasm

import (
	"fmt"
	"testing"
)

// mss is the size of a full segment.
const mss = 1460

func workloads() (ws []workload) {
	for _, batch := range []int{1, 32, 0} {
		for _, subflows := range []int{2, 8, 32} {
			for _, depth := range []int{10, 100, 1000, 10000} {
				ws = append(ws, workload{subflows, batch, depth})
			}
		}
	}
	return ws
}

// BenchmarkOrder measures the ordering structure alone: no octets are copied. The
// time is for one segment, from its arrival to its leaving in order.
//
//	go test -bench Order/AllShortcuts -benchtime 200ms ./reasm
func BenchmarkOrder(b *testing.B) {
	for _, a := range []Algorithm{AllShortcuts, Tree, Shortcuts, Regular} {
		for _, w := range workloads() {
			b.Run(fmt.Sprint(a, "/", w), func(b *testing.B) {
				trace := w.trace(w.length())
				r := NewRanges(a, w.config())
				lap := uint64(len(trace)) * mss
				nodes, base := 0, uint64(0)
				for b.Loop() {
					for _, s := range trace {
						lo := base + uint64(s.segment)*mss
						r.Insert(s.from, lo, lo+mss)
					}
					base += lap
				}
				if r.Edge() != base {
					b.Fatal("segments are missing")
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(base/mss), "ns/segment")
				b.ReportMetric(100*r.Stats().HitRate(), "%hits")
				for _, s := range trace {
					lo := base + uint64(s.segment)*mss
					r.Insert(s.from, lo, lo+mss)
					nodes += r.Nodes()
				}
				b.ReportMetric(float64(nodes)/float64(len(trace)), "nodes")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// BenchmarkBuffer copies octets in and reads them.
func BenchmarkBuffer(b *testing.B) {
	for _, a := range []Algorithm{AllShortcuts, Tree, Shortcuts, Regular} {
		for _, w := range []workload{{8, 32, 1000}, {8, 1, 1000}} {
			b.Run(fmt.Sprint(a, "/", w), func(b *testing.B) {
				trace := w.trace(w.length())
				q := NewBuffer(a, Config{Octets: 64 << 20, Pool: &Pool{Max: 1 << 14}})
				p := make([]byte, mss)
				lap := uint64(len(trace)) * mss
				base := uint64(0)
				b.SetBytes(int64(lap))
				for b.Loop() {
					for _, s := range trace {
						q.Insert(s.from, base+uint64(s.segment)*mss, p)
						for next := q.Next(); len(next) > 0; next = q.Next() {
							q.Discard(len(next))
						}
					}
					base += lap
				}
				if q.Offset() != base {
					b.Fatal("segments are missing")
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(base/mss), "ns/segment")
			})
		}
	}
}
