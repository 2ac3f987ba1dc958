package bench

import (
	"cmp"
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/btree"

	"github.com/mptcp-go/mptcp/reasm"
)

// BenchmarkReassembly compares the ordering structure of reasm with the two that a
// receiver might take instead: a heap of segments, as a heap-based TCP receiver keeps
// (gVisor does), and google/btree. No side copies payload, and each takes octets in
// order past its structure. The stand-ins ignore overlap and bounds, which only makes
// them faster. The time is for one segment, from its arrival to its leaving in order.
//
//	cd bench && go test -run xxx -bench Reassembly -benchtime 100ms -count 5
func BenchmarkReassembly(b *testing.B) {
	for _, batch := range []int{1, 32, 0} {
		for _, depth := range []int{1000, 10000} {
			trace := arrivals(8, batch, depth, 16*depth)
			name := fmt.Sprintf("batch=%d", batch)
			if batch == 0 {
				name = "random"
			}
			limits := reasm.Config{Octets: 4 * depth * segmentSize, Nodes: 4 * depth}
			for _, side := range []struct {
				name  string
				maker func() orderer
			}{
				{"allshortcuts", func() orderer { return ours{reasm.NewRanges(reasm.AllShortcuts, limits)} }},
				{"tree", func() orderer { return ours{reasm.NewRanges(reasm.Tree, limits)} }},
				{"heap", func() orderer { return new(heapReceiver) }},
				{"btree", func() orderer { return newBtreeReceiver() }},
			} {
				b.Run(fmt.Sprintf("%s/queue=%d/%s", name, depth, side.name), func(b *testing.B) {
					measure(b, side.maker(), trace)
				})
			}
		}
	}
}

func measure(b *testing.B, o orderer, trace []arrival) {
	base := uint64(0)
	for b.Loop() {
		for _, s := range trace {
			lo := base + uint64(s.segment)*segmentSize
			o.insert(s.from, lo, lo+segmentSize)
		}
		base += uint64(len(trace)) * segmentSize
	}
	if o.edge() != base {
		b.Fatal("segments are missing")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(base/segmentSize), "ns/segment")
	b.ReportMetric(0, "ns/op")
}

const segmentSize = 1460

// An orderer takes segments in any order and moves its edge over those in order.
type orderer interface {
	insert(from int, lo, hi uint64)
	edge() uint64
}

type ours struct{ r *reasm.Ranges }

func (o ours) insert(from int, lo, hi uint64) { o.r.Insert(from, lo, hi) }
func (o ours) edge() uint64                   { return o.r.Edge() }

// heapReceiver keeps segments that came too early in a heap, the lowest on top.
type heapReceiver struct {
	next    uint64
	pending segmentHeap
	free    []*segment
}

type segment struct{ lo, hi uint64 }

type segmentHeap []*segment

func (h segmentHeap) Len() int           { return len(h) }
func (h segmentHeap) Less(i, j int) bool { return h[i].lo < h[j].lo }
func (h segmentHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *segmentHeap) Push(x any)        { *h = append(*h, x.(*segment)) }
func (h *segmentHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return last
}

func (r *heapReceiver) insert(_ int, lo, hi uint64) {
	if lo > r.next {
		heap.Push(&r.pending, r.segment(lo, hi))
		return
	}
	r.next = hi
	for len(r.pending) > 0 && r.pending[0].lo <= r.next {
		s := heap.Pop(&r.pending).(*segment)
		r.next = max(r.next, s.hi)
		r.free = append(r.free, s)
	}
}

// segment uses segments again, as a receiver with a pool of packets does.
func (r *heapReceiver) segment(lo, hi uint64) *segment {
	n := len(r.free)
	if n == 0 {
		return &segment{lo, hi}
	}
	s := r.free[n-1]
	r.free = r.free[:n-1]
	*s = segment{lo, hi}
	return s
}

func (r *heapReceiver) edge() uint64 { return r.next }

// btreeReceiver keeps them in a B-tree of the degree that google/btree suggests.
type btreeReceiver struct {
	next    uint64
	pending *btree.BTreeG[segment]
}

func newBtreeReceiver() *btreeReceiver {
	less := func(a, b segment) bool { return a.lo < b.lo }
	return &btreeReceiver{pending: btree.NewG(32, less)}
}

func (r *btreeReceiver) insert(_ int, lo, hi uint64) {
	if lo > r.next {
		r.pending.ReplaceOrInsert(segment{lo, hi})
		return
	}
	r.next = hi
	for {
		s, ok := r.pending.Min()
		if !ok || s.lo > r.next {
			return
		}
		r.pending.DeleteMin()
		r.next = max(r.next, s.hi)
	}
}

func (r *btreeReceiver) edge() uint64 { return r.next }

type arrival struct{ from, segment int }

// arrivals returns n segments in the order in which they arrive, when batches of them
// go to the subflows in turn and each subflow has a delay of its own, such that depth
// segments wait on average. batch 0 stands for arrival in random order. It is the
// workload of the benchmarks in package reasm.
func arrivals(subflows, batch, depth, n int) []arrival {
	rnd := rand.New(rand.NewPCG(8684, 43))
	rank := rnd.Perm(subflows)
	at := make([]float64, n)
	list := make([]arrival, n)
	for i := range list {
		from := i / max(batch, 1) % subflows
		list[i] = arrival{from, i}
		share := float64(rank[from]) / float64(subflows-1)
		if batch == 0 {
			share = rnd.Float64()
		}
		at[i] = float64(i) + share*2*float64(depth)
	}
	slices.SortStableFunc(list, func(a, b arrival) int { return cmp.Compare(at[a.segment], at[b.segment]) })
	return list
}
