package reasm

// A shortcut is where the last segment of a subflow went. The next one is expected
// right behind it (paper section 4.3).
type shortcut struct {
	node *node
	gen  uint16
}

const (
	// maxShortcuts bounds the table of shortcuts; a subflow with a higher number, or
	// a negative one, has none. A connection has 32 subflows at the most.
	maxShortcuts = 64

	// nearby is how many batches behind its shortcut a segment may belong before
	// AllShortcuts looks it up. It makes up for batches of a single segment: between
	// two of one subflow lie those that faster ones delivered. With 32 subflows and
	// batches of one segment, 8 suffice for nine in ten.
	nearby = 8

	// few is the number of batches below which a scan beats the directory.
	few = 8
)

// place returns the last node that does not begin behind lo, or nil if all do.
func (r *Ranges) place(from int, lo uint64) *node {
	if r.alg.hasShortcuts() {
		if p, ok := r.follow(from, lo); ok {
			return p
		}
	}
	switch {
	case r.first == nil || lo < r.first.lo:
		r.stats.Ends++
		return nil
	case r.last.lo <= lo:
		r.stats.Ends++
		return r.last
	}
	r.stats.Searches++
	return r.search(lo)
}

// follow tries the shortcut of a subflow. One whose node is gone points to the
// front: it was swallowed by the octets in order.
func (r *Ranges) follow(from int, lo uint64) (p *node, ok bool) {
	if uint(from) >= uint(len(r.hints)) {
		return nil, false
	}
	next := r.first
	if s := r.hints[from]; s.node != nil && s.node.gen == s.gen {
		p, next = s.node, s.node.next
		if lo < p.lo {
			return nil, false
		}
	}
	if next == nil || lo < next.lo {
		r.stats.Hits++
		return p, true
	}
	if !r.alg.hasBatches() {
		return nil, false
	}
	for range nearby {
		r.stats.Scanned++
		p, next = next, next.next
		if next == nil || lo < next.lo {
			r.stats.Near++
			return p, true
		}
	}
	return nil, false
}

// point sets the shortcut of a subflow to n.
func (r *Ranges) point(from int, n *node) {
	if uint(from) >= uint(len(r.hints)) {
		if !r.alg.hasShortcuts() || uint(from) >= maxShortcuts {
			return
		}
		r.hints = append(r.hints, make([]shortcut, from+1-len(r.hints))...)
	}
	r.hints[from] = shortcut{n, n.gen}
}

// search is place without a shortcut.
func (r *Ranges) search(lo uint64) *node {
	switch {
	case r.alg.hasTree():
		p, depth := r.root.search(lo)
		r.stats.Scanned += depth
		return p
	case r.alg.hasBatches() && r.count > few:
		if !r.dir.active() {
			r.dir.build(r)
		}
		p, steps := r.dir.search(r, lo)
		r.stats.Scanned += steps
		return p
	}
	var p *node
	for n := r.first; n != nil && n.lo <= lo; n = n.next {
		r.stats.Scanned++
		p = n
	}
	return p
}
