package reasm

// remove takes the offsets from lo to hi-1 out of the set and returns how many were
// in it; see Buffer.Remove.
func (r *Ranges) remove(lo, hi uint64) (removed uint64) {
	if lo >= hi {
		return 0
	}
	p := r.before(lo)
	if lo < r.edge {
		end := r.edge
		removed = min(hi, end) - lo
		r.edge = lo
		if hi < end {
			return removed + r.rest(nil, hi, end)
		}
	}
	if p != nil && lo < p.hi {
		end := p.hi
		if p.lo == lo {
			p = p.prev // all of it goes below, or its beginning
		} else {
			r.cut(p, p.lo, lo)
			removed += min(hi, end) - lo
			if hi < end {
				return removed + r.rest(p, hi, end)
			}
		}
	}
	for {
		n := r.first
		if p != nil {
			n = p.next
		}
		switch {
		case n == nil || hi <= n.lo:
			return removed
		case hi < n.hi:
			removed += hi - n.lo
			r.cut(n, hi, n.hi)
			return removed
		}
		removed += n.hi - n.lo
		r.unlink(n)
	}
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

// before returns the last node that does not begin behind lo.
func (r *Ranges) before(lo uint64) *node {
	switch {
	case r.first == nil || lo < r.first.lo:
		return nil
	case r.last.lo <= lo:
		return r.last
	}
	return r.search(lo)
}
