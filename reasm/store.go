package reasm

// pageSize is the unit in which memory for octets is taken. Small pages keep the
// cost of few octets, or of far apart ones, small.
const (
	pageShift = 12
	pageSize  = 1 << pageShift
)

type page [pageSize]byte

// A Pool keeps pages that are not in use, for the queues that share it. It is not
// safe for concurrent use. The zero value is an empty pool that keeps up to
// 256 pages (1 MiB); what comes back beyond is left to the garbage collector.
type Pool struct {
	Max  int // pages kept; 0 for 256
	free []*page
}

func (p *Pool) take() *page {
	if n := len(p.free); n > 0 {
		pg := p.free[n-1]
		p.free = p.free[:n-1]
		return pg
	}
	return new(page)
}

func (p *Pool) give(pg *page) {
	limit := p.Max
	if limit <= 0 {
		limit = 256
	}
	if len(p.free) < limit {
		p.free = append(p.free, pg)
	}
}

// A store keeps octets at their offsets. Its pages form a ring that covers the
// offsets from that of page base on and doubles when it is too short.
type store struct {
	pool *Pool
	ring []*page // page number modulo the size, which is a power of two
	base uint64  // number of the first page that may be in use
}

// write copies p to offset off.
func (s *store) write(off uint64, p []byte) {
	for len(p) > 0 {
		n := off >> pageShift
		if n-s.base >= uint64(len(s.ring)) {
			s.grow(n)
		}
		i := n & uint64(len(s.ring)-1)
		if s.ring[i] == nil {
			s.ring[i] = s.pool.take()
		}
		c := copy(s.ring[i][off&(pageSize-1):], p)
		off += uint64(c)
		p = p[c:]
	}
}

// read returns the octets from off to end, or to the end of a page if that is first.
func (s *store) read(off, end uint64) []byte {
	if off >= end {
		return nil
	}
	pg := s.ring[off>>pageShift&uint64(len(s.ring)-1)]
	lo := off & (pageSize - 1)
	return pg[lo:min(lo+end-off, pageSize):pageSize]
}

// grow makes the ring cover page n.
func (s *store) grow(n uint64) {
	size := max(4, 2*len(s.ring))
	for n-s.base >= uint64(size) {
		size *= 2
	}
	ring := make([]*page, size)
	for i := range uint64(len(s.ring)) {
		k := s.base + i
		ring[k&uint64(size-1)] = s.ring[k&uint64(len(s.ring)-1)]
	}
	s.ring = ring
}

// discard gives back the pages before offset off.
func (s *store) discard(off uint64) {
	n := off >> pageShift
	for ; s.base < n && len(s.ring) > 0; s.base++ {
		s.release(s.base)
	}
	s.base = n
}

// release gives back page n.
func (s *store) release(n uint64) {
	if len(s.ring) == 0 {
		return
	}
	i := n & uint64(len(s.ring)-1)
	if s.ring[i] != nil {
		s.pool.give(s.ring[i])
		s.ring[i] = nil
	}
}

// releaseAll gives back all pages.
func (s *store) releaseAll() {
	for i := range uint64(len(s.ring)) {
		s.release(s.base + i)
	}
}
