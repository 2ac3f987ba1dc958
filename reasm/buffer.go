package reasm

// A Buffer is the Queue of this package: Ranges, and a store for the octets.
//
// Its memory is what it holds, in pages of 4 KiB: at most Octets and two pages for
// octets, 64 octets for each node, and a directory of about 0.4 % of Octets if
// AllShortcuts makes one. An empty Buffer holds no pages; Trim gives back the rest.
//
// Octets may be pending: in the queue, but not to be delivered before the checksum
// of their mapping is verified. The Buffer need not know. The caller reads and
// acknowledges up to the first pending octet, instead of up to Edge; if a checksum
// fails, Remove forgets the octets of the mapping so that those sent again are
// taken.
type Buffer struct {
	ranges   Ranges
	store    store
	off      uint64 // the next octet to be read
	buffered int
	removed  bool // pages may be in use for nothing
}

// NewBuffer returns an empty Buffer.
func NewBuffer(a Algorithm, c Config) *Buffer {
	b := new(Buffer)
	b.ranges.init(a, c)
	b.store.pool = c.Pool
	if c.Pool == nil {
		b.store.pool = new(Pool)
	}
	return b
}

// Insert implements Queue.
func (b *Buffer) Insert(from int, off uint64, p []byte) (added, refused int) {
	lo, hi := off, saturate(off, uint64(len(p)))
	if limit := saturate(b.off, b.ranges.octets); hi > limit || hi-lo < uint64(len(p)) {
		hi = min(hi, max(lo, limit))
		refused = len(p) - int(hi-lo)
		b.ranges.stats.RefusedOctets += uint64(refused)
	}
	if lo < hi && b.ranges.extend(from, lo, hi) {
		b.store.write(lo, p[:hi-lo])
		b.buffered += int(hi - lo)
		return int(hi - lo), refused
	}
	for lo < hi {
		end, what := b.ranges.step(from, lo, hi)
		switch what {
		case fresh:
			b.store.write(lo, p[lo-off:end-off])
			added += int(end - lo)
		case full:
			b.ranges.stats.RefusedNodes += hi - lo
			refused += int(hi - lo)
			lo = hi
			continue
		}
		lo = end
	}
	b.buffered += added
	return added, refused
}

// Next implements Queue. A piece ends with its page.
func (b *Buffer) Next() []byte { return b.store.read(b.off, b.ranges.head.hi) }

// Discard implements Queue.
func (b *Buffer) Discard(n int) {
	if n < 0 || uint64(n) > b.ranges.head.hi-b.off {
		panic("reasm: Discard of octets that are not in order")
	}
	b.off += uint64(n)
	b.buffered -= n
	b.store.discard(b.off)
	if b.buffered == 0 {
		b.store.release(b.off >> pageShift) // the page that was begun
		b.releaseRemoved()
	}
}

// Offset implements Queue.
func (b *Buffer) Offset() uint64 { return b.off }

// Buffered implements Queue.
func (b *Buffer) Buffered() int { return b.buffered }

// Edge returns the first offset that is missing: the octets from Offset to Edge can
// be read. It goes back only by Remove.
func (b *Buffer) Edge() uint64 { return b.ranges.head.hi }

// Ranges returns what is in the queue, to be looked at only.
func (b *Buffer) Ranges() *Ranges { return &b.ranges }

// SetLimits changes the bounds, as when a receive buffer is tuned. What is kept
// stays, also beyond a lower bound. The Pool of c is ignored.
func (b *Buffer) SetLimits(c Config) { b.ranges.setLimits(c) }

// Trim gives back what memory an empty queue holds for later: for a connection that
// falls idle. A queue with octets beyond the edge keeps it.
func (b *Buffer) Trim() {
	b.ranges.Trim()
	if b.buffered == 0 {
		b.store.ring = nil
	}
}

// Remove forgets the octets from lo to hi-1 that are kept and not discarded, and
// returns how many there were. If it takes octets in order, Edge goes back to lo: do
// not acknowledge octets that may have to be removed. When that leaves more ranges
// than Nodes, what lies behind the removed octets in the same range goes as well, and
// has to be sent again as they have.
func (b *Buffer) Remove(lo, hi uint64) (removed int) {
	removed = int(b.ranges.remove(max(lo, b.off), hi))
	b.buffered -= removed
	b.removed = b.removed || removed > 0
	if b.buffered == 0 {
		b.releaseRemoved()
	}
	return removed
}

// releaseRemoved gives back the pages in which a Remove left nothing. They are in the
// way of nobody before the queue is empty or reads past them.
func (b *Buffer) releaseRemoved() {
	if b.removed {
		b.store.releaseAll()
		b.removed = false
	}
}
