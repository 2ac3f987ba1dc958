package reasm

import "math/bits"

// A directory finds a batch by its offset, for segments whose shortcut is wrong. The
// paper scans all batches then (section 4.3), which goes linear when no batches form:
// here the scan is confined to those that begin in the same 2 KiB, or to the last one
// before them.
//
// Offsets lie within a window, so a ring with an entry for each 2 KiB of the window
// will do: the last node whose home is there. Two levels of bits tell which entries are
// in use. The home of a node is where it began when it was made. It stays when the node
// grows, and so stays within it: homes have the order of their nodes, and only what
// begins before its home needs a second look.
//
// A directory takes about 0.4 % of the window, is not made before there are more than a
// few batches, and costs a few stores when a batch comes or goes, none when it grows. One
// that nobody asks, since shortcuts are right, is not kept up.
type directory struct {
	on   bool     // whether it is kept up
	idle int      // batches entered since it was asked
	last []*node  // by home, modulo the size, which is a power of two
	used []uint64 // a bit for each entry of last
	some []uint64 // a bit for each word of used
}

// dirShift makes an entry cover little more than a full segment, so that it has seldom
// more than two nodes, and never more than 1024 with a hole between each two. Larger
// entries would be fewer and so nearer to the processor.
const dirShift = 11

// build makes the directory for the nodes of r.
func (d *directory) build(r *Ranges) {
	if d.last == nil {
		// All nodes begin in a window of r.reach octets, which meets this many entries.
		entries := max(64, r.reach>>dirShift+2)
		entries = 1 << bits.Len64(entries-1)
		words := (entries + 63) / 64
		d.last = make([]*node, entries)
		d.used = make([]uint64, words)
		d.some = make([]uint64, (words+63)/64)
	} else {
		clear(d.last)
		clear(d.used)
		clear(d.some)
	}
	d.on = true
	for n := r.tail.prev; n != &r.head; n = n.prev { // insert looks at the home of the next one
		d.insert(n)
	}
}

func (d *directory) entry(home uint32) uint64 { return uint64(home) & uint64(len(d.last)-1) }

// insert enters n, whose neighbours in the list are set, at its home.
func (d *directory) insert(n *node) {
	n.home = uint32(n.lo >> dirShift)
	if n.next.home == n.home && !n.next.isEnd() {
		return // there is a later one
	}
	e := d.entry(n.home)
	d.last[e] = n
	d.used[e>>6] |= 1 << (e & 63)
	d.some[e>>12] |= 1 << (e >> 6 & 63)
}

// tire stops the upkeep when that has cost more than to build the directory again.
func (d *directory) tire(count int) {
	if d.idle++; d.idle > 256+2*count {
		d.on = false
	}
}

// remove takes n out, whose neighbours are still set.
func (d *directory) remove(n *node) {
	e := d.entry(n.home)
	if d.last[e] != n {
		return
	}
	if p := n.prev; p.home == n.home && !p.isEnd() {
		d.last[e] = p
		return
	}
	d.last[e] = nil
	d.used[e>>6] &^= 1 << (e & 63)
	if d.used[e>>6] == 0 {
		d.some[e>>12] &^= 1 << (e >> 6 & 63)
	}
}

// search returns the last node that does not begin behind lo, and how many it looked
// at. The caller has made sure that the first node does not.
func (d *directory) search(r *Ranges, lo uint64) (n *node, steps uint64) {
	d.idle = 0
	if first := r.head.next; lo < first.hi {
		return first, 1 // its home may be behind lo
	}
	n = d.last[d.before(d.entry(uint32(lo>>dirShift)))]
	for steps = 1; lo < n.lo; steps++ {
		n = n.prev
	}
	if n.next.lo <= lo {
		return n.next, steps + 1 // it covers lo, so its home is behind lo
	}
	return n, steps
}

// before returns the entry in use that is e, or the closest one before it on the
// ring. There is one.
func (d *directory) before(e uint64) uint64 {
	w := e >> 6
	if b := d.used[w] & (2<<(e&63) - 1); b != 0 {
		return w<<6 | uint64(bits.Len64(b)-1)
	}
	// The words before w, from w's own bit in some on down and around. Having gone
	// around, w itself is asked for the entries behind e.
	words := uint64(len(d.used))
	w = (w - 1) & (words - 1)
	for {
		if b := d.some[w>>6] & (2<<(w&63) - 1); b != 0 {
			w = w>>6<<6 | uint64(bits.Len64(b)-1)
			return w<<6 | uint64(bits.Len64(d.used[w])-1)
		}
		w = (w>>6<<6 - 1) & (words - 1)
	}
}
