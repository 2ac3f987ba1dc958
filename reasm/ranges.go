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

	// The list of nodes is between two that stand for its ends. The head stands for
	// the octets in order, from 0 to the edge, and is a batch like others but for
	// being in no tree and no directory; the tail begins behind every offset.
	head, tail node

	count int
	free  *node
	root  tree       // Tree
	hints []shortcut // Shortcuts, AllShortcuts
	dir   directory  // AllShortcuts
	stats Stats
}

// NewRanges returns an empty set. Of c, Octets counts from the edge.
func NewRanges(a Algorithm, c Config) *Ranges {
	r := new(Ranges)
	r.init(a, c)
	return r
}

// NewRangesAt returns a set that begins with all offsets below edge.
func NewRangesAt(a Algorithm, c Config, edge uint64) *Ranges {
	r := NewRanges(a, c)
	r.head.hi = edge
	return r
}

func (r *Ranges) init(a Algorithm, c Config) {
	r.alg = a
	r.head.next, r.tail.prev = &r.tail, &r.head
	r.tail.lo = maxOff + 1
	r.setLimits(c)
}

// Insert adds the offsets from lo to hi-1, which arrived on subflow from (see
// Queue). It returns how many of them were new and are kept, and how many, at the
// end of the range, were not looked at because of a bound.
func (r *Ranges) Insert(from int, lo, hi uint64) (added, refused uint64) {
	if limit := saturate(r.head.hi, r.octets); hi > limit {
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
func (r *Ranges) Edge() uint64 { return r.head.hi }

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
		for n := r.head.next; n != &r.tail; n = n.next {
			lo := n.lo
			for n.next.lo == n.hi {
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
	n := r.before(off)
	if n == &r.head || n.hi <= off {
		return 0, 0, false
	}
	lo, hi = n.lo, n.hi
	for p := n; p.prev != &r.head && p.prev.hi == lo; p = p.prev {
		lo = p.prev.lo
	}
	for p := n; p.next.lo == hi; p = p.next {
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

// extend does what a step does in the most frequent case, and nothing in others: the
// segment continues the batch that its subflow's shortcut points to, and meets nothing.
func (r *Ranges) extend(from int, lo, hi uint64) bool {
	if uint(from) >= uint(len(r.hints)) || !r.alg.hasBatches() {
		return false
	}
	p := r.hints[from].target(r)
	if p.hi != lo || p.next.lo <= hi {
		return false
	}
	p.hi = hi
	if p == &r.head {
		r.stats.InOrder++
	} else {
		r.stats.Hits++
	}
	return true
}

// step takes the longest piece of [lo, hi) from lo on that is all known or all new,
// and returns where it ends. There is one loop over it for offsets, in Insert, and
// one for octets, in Buffer.Insert.
func (r *Ranges) step(from int, lo, hi uint64) (end uint64, what outcome) {
	p := &r.head
	if lo > p.hi {
		p = r.place(from, lo)
	}
	next := p.next
	if lo < p.hi {
		r.point(from, p)
		return min(hi, p.hi), known
	}
	hi = min(hi, next.lo)
	n := p
	switch {
	case p == &r.head && lo == p.hi:
		r.advance(hi)
	case !r.alg.hasBatches(), p.hi < lo && hi < next.lo:
		if r.count >= r.maxNodes {
			return hi, full
		}
		n = r.insertAfter(p, lo, hi)
	case p.hi < lo:
		next.lo = lo
		n = next
	case hi < next.lo:
		p.hi = hi
	default:
		// Of two batches that become one the later one lives on: its end is where some
		// subflow goes on, while nobody expects more at the end of p.
		next.lo = p.lo
		r.unlink(p)
		n = next
	}
	r.point(from, n)
	return hi, fresh
}

// advance moves the edge on to hi and over the nodes that follow without a hole.
func (r *Ranges) advance(hi uint64) {
	r.stats.InOrder++
	for r.head.next.lo == hi {
		hi = r.head.next.hi
		r.unlink(r.head.next)
	}
	r.head.hi = hi
}

// maxOff is the largest offset a stream can have, so that sums of two do not wrap.
const maxOff = 1<<63 - 1

// saturate returns off+n, or the end of the offsets if that is beyond.
func saturate(off, n uint64) uint64 {
	if off > maxOff || n > maxOff-off {
		return max(off, maxOff)
	}
	return off + n
}
