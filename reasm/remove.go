package reasm

// remove takes the offsets from lo to hi-1 out of the set and returns how many were
// in it; see Buffer.Remove.
func (r *Ranges) remove(lo, hi uint64) (removed uint64) {
	if lo >= hi {
		return 0
	}
	p := r.before(lo)
	switch end := p.hi; {
	case end <= lo:
	case p.lo == lo && p != &r.head:
		p = p.prev // all of the node goes, or its beginning: see below
	default:
		removed = min(hi, end) - lo
		if p == &r.head {
			p.hi = lo
		} else {
			r.cut(p, p.lo, lo)
		}
		if hi < end {
			return removed + r.rest(p, hi, end)
		}
	}
	for p.next.lo < hi {
		n := p.next
		if hi < n.hi {
			removed += hi - n.lo
			r.cut(n, hi, n.hi)
			break
		}
		removed += n.hi - n.lo
		r.unlink(n)
	}
	return removed
}

// rest keeps [lo, hi), what a removal left behind p, if there is a node for it;
// otherwise it returns how many offsets are lost.
func (r *Ranges) rest(p *node, lo, hi uint64) (lost uint64) {
	if r.count >= r.maxNodes {
		return hi - lo
	}
	r.insertAfter(p, lo, hi)
	return 0
}

// before returns the last node, or the head, that does not begin behind lo.
func (r *Ranges) before(lo uint64) *node {
	switch {
	case lo < r.head.next.lo:
		return &r.head
	case r.tail.prev.lo <= lo:
		return r.tail.prev
	}
	return r.search(lo)
}
