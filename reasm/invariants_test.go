package reasm

import (
	"math/bits"

	"github.com/stretchr/testify/require"
)

// invariants looks into a queue: everything that is said twice must agree.
func invariants(t require.TestingT, b *Buffer) {
	r := &b.ranges
	n, octets := 0, r.head.hi-b.off
	end := r.head.hi
	prev := &r.head
	for at := r.head.next; at != &r.tail; at = at.next {
		require.Less(t, at.lo, at.hi, "no empty nodes")
		require.Same(t, prev, at.prev)
		if r.alg.hasBatches() || prev == &r.head {
			require.Less(t, end, at.lo, "no two batches touch, none touches the edge")
		} else {
			require.LessOrEqual(t, end, at.lo, "ascending and disjoint")
		}
		n++
		octets += at.hi - at.lo
		end, prev = at.hi, at
	}
	require.Same(t, prev, r.tail.prev)
	require.Equal(t, r.count, n)
	require.Equal(t, uint64(b.buffered), octets, "the sum of the nodes")
	require.LessOrEqual(t, end, b.off+r.reach)
	require.GreaterOrEqual(t, r.stats.MaxNodes, n)

	if r.alg.hasTree() {
		at := r.head.next
		inOrder(t, r.root.top, nil, &at)
		require.Same(t, &r.tail, at, "all nodes are in the tree")
	} else {
		require.Nil(t, r.root.top)
	}
	if r.dir.on {
		checkDirectory(t, r)
	}
	checkStore(t, b)
}

// inOrder checks a subtree against the list from *at on, and the red-black rules. It
// returns the number of black nodes on each way down.
func inOrder(t require.TestingT, n, parent *node, at **node) (black int) {
	if n == nil {
		return 0
	}
	require.Same(t, parent, n.parent)
	require.False(t, n.red && (parent == nil || parent.red), "a red node has a black parent")
	left := inOrder(t, n.left, n, at)
	require.Same(t, *at, n, "the tree has the order of the list")
	*at = n.next
	require.Equal(t, left, inOrder(t, n.right, n, at), "black nodes on each side")
	if !n.red {
		left++
	}
	return left
}

func checkDirectory(t require.TestingT, r *Ranges) {
	d := &r.dir
	want := make([]*node, len(d.last))
	for at := r.head.next; at != &r.tail; at = at.next {
		want[d.entry(at.home)] = at
		require.LessOrEqual(t, uint32(at.lo>>dirShift), at.home)
		require.GreaterOrEqual(t, uint32((at.hi-1)>>dirShift), at.home)
	}
	used := 0
	for e, n := range want {
		require.Same(t, n, d.last[e])
		require.Equal(t, n != nil, d.used[e>>6]>>(e&63)&1 == 1)
		if n != nil {
			used++
		}
	}
	for w, b := range d.used {
		require.Equal(t, b != 0, d.some[w>>6]>>(w&63)&1 == 1)
		used -= bits.OnesCount64(b)
	}
	require.Zero(t, used)
}

// checkStore: pages are there for what is kept, in bounds, and none for nothing.
func checkStore(t require.TestingT, b *Buffer) {
	pages := uint64(0)
	for _, pg := range b.store.ring {
		if pg != nil {
			pages++
		}
	}
	require.LessOrEqual(t, pages, b.ranges.reach/pageSize+2)
	if b.buffered == 0 {
		require.Zero(t, pages, "an empty queue holds no pages")
	}
	require.Equal(t, b.off>>pageShift, b.store.base)
}
