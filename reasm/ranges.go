package reasm

import "iter"

// Ranges is a set of stream offsets: all from 0 to an edge, which moves on as holes
// are filled, and ranges beyond. It is what a Queue is but for the octets.
//
// Adding a range in order costs O(1), as does one out of order whose shortcut or
// whose place at an end is right; else it depends on the Algorithm. In steady state
// nothing is allocated.
type Ranges struct {
	alg      Algorithm
	octets   uint64
	reach    uint64 // the largest that octets has been
	maxNodes int

	edge        uint64
	first, last *node
	count       int
	free        *node
	root        tree       // Tree
	hints       []shortcut // Shortcuts, AllShortcuts
	dir         directory  // AllShortcuts
	stats       Stats
}

// NewRanges returns an empty set. Of c, Octets counts from the edge.
func NewRanges(a Algorithm, c Config) *Ranges {
	r := new(Ranges)
	r.init(a, c)
	return r
}

func (r *Ranges) init(a Algorithm, c Config) {
	r.alg = a
	r.setLimits(c)
}

// Insert adds the offsets from lo to hi-1, which arrived on subflow from (see
// Queue). It returns how many of them were new and are kept, and how many, at the
// end of the range, were not looked at because of a bound.
func (r *Ranges) Insert(from int, lo, hi uint64) (added, refused uint64) {
	if limit := saturate(r.edge, r.octets); hi > limit {
		refused = hi - min(hi, max(lo, limit))
		hi = limit
		r.stats.RefusedOctets += refused
	}
	if lo < hi && r.extend(from, lo, hi) {
		return hi - lo, refused
	}
	for lo < hi {
		to, what := r.step(from, lo, hi)
		switch what {
		case fresh:
			added += to - lo
		case full:
			r.stats.RefusedNodes += hi - lo
			return added, refused + hi - lo
		}
		lo = to
	}
	return added, refused
}

// Edge returns the first offset that is missing.
func (r *Ranges) Edge() uint64 { return r.edge }

// Nodes returns how many nodes are in use beyond the edge.
func (r *Ranges) Nodes() int { return r.count }

// Stats returns the counters.
func (r *Ranges) Stats() Stats {
	s := r.stats
	s.OutOrder = s.Hits + s.Near + s.Ends + s.Searches
	return s
}

// Beyond returns the ranges beyond the edge, in ascending order, as lo and the
// offset after the last: the SACK blocks. Those that touch come as one.
func (r *Ranges) Beyond() iter.Seq2[uint64, uint64] {
	return func(yield func(lo, hi uint64) bool) {
		for n := r.first; n != nil; n = n.next {
			lo := n.lo
			for n.next != nil && n.next.lo == n.hi {
				n = n.next
			}
			if !yield(lo, n.hi) {
				return
			}
		}
	}
}

// Around returns the range beyond the edge that off is in; ok is false when off is
// missing or below the edge. RFC 2018 section 4 has the range of the latest segment
// reported first.
func (r *Ranges) Around(off uint64) (lo, hi uint64, ok bool) {
	if r.first == nil || off < r.first.lo || r.last.hi <= off {
		return 0, 0, false
	}
	n := r.last
	if off < n.lo {
		n = r.search(off)
	}
	if n.hi <= off {
		return 0, 0, false
	}
	lo, hi = n.lo, n.hi
	for p := n; p.prev != nil && p.prev.hi == lo; p = p.prev {
		lo = p.prev.lo
	}
	for p := n; p.next != nil && p.next.lo == hi; p = p.next {
		hi = p.next.hi
	}
	return lo, hi, true
}

// Trim gives back the memory that is held for later, if nothing lies beyond the
// edge: for a connection that falls idle. Shortcuts are forgotten.
func (r *Ranges) Trim() {
	if r.count == 0 {
		r.free, r.hints, r.dir = nil, nil, directory{}
	}
}

// setLimits changes the bounds.
func (r *Ranges) setLimits(c Config) {
	r.octets, r.maxNodes = c.octets(), c.nodes()
	if r.octets > r.reach {
		r.reach = r.octets
		r.dir = directory{} // too small now; it is built again when it is needed
	}
}

// outcome says what a step did with a piece.
type outcome uint8

const (
	known outcome = iota // the piece was there
	fresh                // the piece is new, and kept
	full                 // the piece is new, but would need a node too many
)

// extend does what a step does in the two usual cases, and nothing in others: octets in
// order, and a segment that continues the batch its subflow's shortcut points to, both
// when they meet nothing.
func (r *Ranges) extend(from int, lo, hi uint64) bool {
	if lo == r.edge {
		if r.first != nil && r.first.lo <= hi {
			return false
		}
		r.edge = hi
		r.stats.InOrder++
		return true
	}
	if uint(from) >= uint(len(r.hints)) || !r.alg.hasBatches() {
		return false
	}
	s := r.hints[from]
	n := s.node
	if n == nil || n.hi != lo || n.gen != s.gen || n.next != nil && n.next.lo <= hi {
		return false
	}
	n.hi = hi
	r.stats.Hits++
	return true
}

// step takes the longest piece of [lo, hi) from lo on that is all known or all new,
// and returns where it ends. There is one loop over it for offsets, in Insert, and
// one for octets, in Buffer.Insert.
func (r *Ranges) step(from int, lo, hi uint64) (end uint64, what outcome) {
	if lo <= r.edge {
		if lo < r.edge {
			return min(hi, r.edge), known
		}
		r.stats.InOrder++
		if r.first != nil && r.first.lo < hi {
			hi = r.first.lo
		}
		r.advance(hi)
		return hi, fresh
	}

	p := r.place(from, lo)
	next := r.first
	if p != nil {
		if lo < p.hi {
			r.point(from, p)
			return min(hi, p.hi), known
		}
		next = p.next
	}
	if next != nil {
		hi = min(hi, next.lo)
	}
	n := r.join(p, next, lo, hi)
	if n == nil {
		if r.count >= r.maxNodes {
			return hi, full
		}
		n = r.insertAfter(p, lo, hi)
	}
	r.point(from, n)
	return hi, fresh
}

// join adds [lo, hi) to the batch p before it or next behind it, if it touches one
// and the algorithm has batches. Of two that become one the later one lives on: its
// end is where some subflow goes on, while nobody expects more at the end of p.
func (r *Ranges) join(p, next *node, lo, hi uint64) *node {
	if !r.alg.hasBatches() {
		return nil
	}
	left := p != nil && p.hi == lo
	right := next != nil && next.lo == hi
	switch {
	case left && right:
		lo = p.lo
		r.unlink(p)
		next.lo = lo
		return next
	case left:
		p.hi = hi
		return p
	case right:
		next.lo = lo
		return next
	}
	return nil
}

// advance moves the edge on to hi and over the nodes that follow without a hole.
func (r *Ranges) advance(hi uint64) {
	for r.first != nil && r.first.lo <= hi {
		hi = max(hi, r.first.hi)
		r.unlink(r.first)
	}
	r.edge = hi
}

// saturate returns off+n, or the largest offset if that is too large.
func saturate(off, n uint64) uint64 {
	if s := off + n; s >= off {
		return s
	}
	return 1<<64 - 1
}
