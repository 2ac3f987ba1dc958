package reasm

// A node is a range of octets beyond those in order: a segment or, with
// AllShortcuts, a batch of them. All nodes are in a list, by offset; the Tree
// algorithm links them as a tree as well. A node fills a cache line.
type node struct {
	lo, hi     uint64
	prev, next *node

	parent, left, right *node // see tree.go

	home uint32 // see directory.go
	gen  uint16 // counts the lives of this node: a shortcut into an earlier one is void
	red  bool
}

// slab is how many nodes are allocated at once.
const slab = 32

// take returns an unused node.
func (r *Ranges) take() *node {
	if r.free == nil {
		s := make([]node, slab)
		for i := range s {
			s[i].next = r.free
			r.free = &s[i]
		}
	}
	n := r.free
	r.free = n.next
	return n
}

// insertAfter makes [lo, hi) a node behind p.
func (r *Ranges) insertAfter(p *node, lo, hi uint64) *node {
	n := r.take()
	n.lo, n.hi = lo, hi
	n.prev, n.next = p, p.next
	p.next.prev, p.next = n, n
	if r.alg.hasTree() {
		r.root.insert(n)
	}
	if r.dir.on {
		r.dir.insert(n)
		r.dir.tire(r.count)
	}
	r.count++
	r.stats.MaxNodes = max(r.stats.MaxNodes, r.count)
	return n
}

// unlink ends the life of n.
func (r *Ranges) unlink(n *node) {
	if r.alg.hasTree() {
		r.root.remove(n)
	}
	if r.dir.on {
		r.dir.remove(n)
	}
	n.prev.next, n.next.prev = n.next, n.prev
	n.gen++
	n.prev, n.next = nil, r.free
	r.free = n
	r.count--
}

// isEnd reports whether n is one of the two nodes that stand for the ends of the list.
func (n *node) isEnd() bool { return n.prev == nil || n.next == nil }

// cut narrows n to [lo, hi), a part of it that is not empty.
func (r *Ranges) cut(n *node, lo, hi uint64) {
	if r.dir.on {
		r.dir.remove(n)
	}
	n.lo, n.hi = lo, hi
	if r.dir.on {
		r.dir.insert(n)
	}
}
