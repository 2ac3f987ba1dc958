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
	// AllShortcuts looks it up, and nearbyOctets how far. It makes up for batches of a
	// single segment: between two of one subflow lie those that faster ones delivered,
	// 31 at the most, in at most 16 pieces as others are missing between them. Segments
	// in random order are seldom that close, and then not worth the steps.
	nearby       = 16
	nearbyOctets = 64 << 10

	// few is the number of batches below which a scan beats the directory.
	few = 8
)

// place returns the last node, or the head, that does not begin behind lo, which lies
// beyond the edge.
func (r *Ranges) place(from int, lo uint64) *node {
	if uint(from) < uint(len(r.hints)) { // else there is no shortcut
		p := r.hints[from].target(r)
		next := p.next
		if p.lo <= lo {
			if lo < next.lo {
				r.stats.Hits++
				return p
			}
			if r.alg.hasBatches() && lo-p.hi < nearbyOctets {
				for i := range uint64(nearby) {
					p, next = next, next.next
					if lo < next.lo {
						r.stats.Near++
						r.stats.Scanned += i + 1
						return p
					}
				}
				r.stats.Scanned += nearby
			}
		}
	}
	switch {
	case lo < r.head.next.lo:
		r.stats.Ends++
		return &r.head
	case r.tail.prev.lo <= lo:
		r.stats.Ends++
		return r.tail.prev
	}
	r.stats.Searches++
	return r.search(lo)
}

// target returns where s points. When its node is gone, that is the head: the octets
// in order swallowed it.
func (s shortcut) target(r *Ranges) *node {
	if s.node.gen == s.gen {
		return s.node
	}
	return &r.head
}

// point sets the shortcut of a subflow to n.
func (r *Ranges) point(from int, n *node) {
	if uint(from) >= uint(len(r.hints)) && !r.learn(from) {
		return
	}
	r.hints[from] = shortcut{n, n.gen}
}

// learn makes room for the shortcut of a subflow, if it may have one.
func (r *Ranges) learn(from int) bool {
	if !r.alg.hasShortcuts() || uint(from) >= maxShortcuts {
		return false
	}
	for from >= len(r.hints) {
		r.hints = append(r.hints, shortcut{&r.head, 0})
	}
	return true
}

// search returns the last node that does not begin behind lo. The caller has made sure
// that the first node does not, but the last one does.
func (r *Ranges) search(lo uint64) *node {
	switch {
	case r.alg.hasTree():
		p, depth := r.root.search(lo)
		r.stats.Scanned += depth
		return p
	case r.alg.hasBatches() && r.count > few:
		if !r.dir.on {
			r.dir.build(r)
		}
		p, steps := r.dir.search(r, lo)
		r.stats.Scanned += steps
		return p
	}
	p := r.head.next
	for p.next.lo <= lo {
		r.stats.Scanned++
		p = p.next
	}
	return p
}
