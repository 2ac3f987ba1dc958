package fsm

import "github.com/mptcp-go/mptcp/checksum"

const (
	blockSize = 64 << 10 // octets of a block at the most; no mapping crosses one
	sumEvery  = 1 << 10  // octets between two running sums
)

// block is up to 64 KiB of the stream.
type block struct {
	off  uint64 // where it begins
	full int    // octets that it is to take
	buf  []byte // as long as one of blockSizes
	n    int    // octets in use
	last checksum.Sum
	sums [blockSize/sumEvery + 1]checksum.Sum // of the first k*sumEvery octets
}

// blockSizes are the lengths of blocks: one that is begun takes the first, and moves to
// the next when it is full, so that few octets take little memory.
var blockSizes = [...]int{2 << 10, 8 << 10, blockSize}

// sendBuffer holds the octets of the stream from start to end. The sum of any range
// inside a block costs two partial intervals at the most. When it is empty it has no
// block: the next begins at end.
type sendBuffer struct {
	blocks     []*block // the first holds start; each begins where the one before is full
	first      uint64   // offset of blocks[0]
	start, end uint64
	unit       int // octets of the blocks to come; 0: blockSize
	pool       *blockPool

	// What lies below start, in a block that was given back, but that a slow subflow
	// may still have to repeat: the receiver has it from another one, and must get it
	// all the same (RFC 8684 section 3.3.6, R3.3.6-03).
	strays      []stray
	strayOctets int
}

type stray struct {
	off uint64
	b   []byte
}

// blockPool keeps a few blocks of each size, and buffers of strays, for the connections
// of an endpoint.
type blockPool struct {
	free  [len(blockSizes)][]*block
	small [len(straySizes)][][]byte
}

const (
	maxFreeBlocks = 64 // of each size that are kept
)

// straySizes are the lengths of buffers of strays that are kept: for one segment, and for
// mappings of several.
var straySizes = [...]int{2 << 10, 8 << 10, 32 << 10}

func (p *blockPool) get(size int) *block {
	if n := len(p.free[size]); n > 0 {
		b := p.free[size][n-1]
		p.free[size] = p.free[size][:n-1]
		return b
	}
	return &block{buf: make([]byte, blockSizes[size])}
}

func (p *blockPool) put(b *block) {
	b.off, b.full, b.n, b.last = 0, 0, 0, 0
	size := sizeOf(len(b.buf))
	if len(p.free[size]) < maxFreeBlocks {
		p.free[size] = append(p.free[size], b)
	}
}

// sizeOf returns the first size that n octets fit in.
func sizeOf(n int) int {
	for i, s := range blockSizes {
		if n <= s {
			return i
		}
	}
	return len(blockSizes) - 1
}

// len returns how many octets are kept.
func (s *sendBuffer) len() int { return int(s.end-s.start) + s.strayOctets }

// write appends octets and returns how many.
func (s *sendBuffer) write(p []byte) int {
	n := len(p)
	if len(s.blocks) == 0 {
		s.first = s.end
	}
	for len(p) > 0 {
		i := len(s.blocks) - 1
		if i < 0 || s.blocks[i].n == s.blocks[i].full {
			b := s.pool.get(sizeOf(min(len(p), s.unitSize())))
			b.off, b.full = s.end, s.unitSize()
			s.blocks = append(s.blocks, b)
			i++
		}
		b := s.blocks[i]
		if need := min(b.n+len(p), b.full); need > len(b.buf) {
			b = b.grow(s.pool, need)
			s.blocks[i] = b
		}
		k := b.write(p)
		s.end += uint64(k)
		p = p[k:]
	}
	return n
}

// write takes what fits into the block.
func (b *block) write(p []byte) int {
	p = p[:min(len(p), len(b.buf)-b.n, b.full-b.n)]
	for done := 0; done < len(p); {
		next := (b.n/sumEvery + 1) * sumEvery
		k := min(len(p)-done, next-b.n)
		sum := checksum.Copy(b.buf[b.n:], p[done:done+k])
		b.last = b.last.AddAt(sum, uint64(b.n))
		b.n += k
		done += k
		if b.n == next {
			b.sums[b.n/sumEvery] = b.last
		}
	}
	return len(p)
}

// grow returns a block with the same octets and room for need.
func (b *block) grow(pool *blockPool, need int) *block {
	c := pool.get(sizeOf(need))
	copy(c.buf, b.buf[:b.n])
	c.off, c.full, c.n, c.last = b.off, b.full, b.n, b.last
	copy(c.sums[:], b.sums[:b.n/sumEvery+1])
	pool.put(b)
	return c
}

// slice returns n octets from off on; they must not cross a block. The slice is
// valid until they are freed.
func (s *sendBuffer) slice(off uint64, n int) []byte {
	if off < s.first {
		for i := range s.strays {
			if k := &s.strays[i]; k.off <= off && off+uint64(n) <= k.off+uint64(len(k.b)) {
				return k.b[off-k.off:][:n]
			}
		}
		return nil
	}
	b := s.blocks[s.find(off)]
	i := int(off - b.off)
	return b.buf[i : i+n]
}

// sum returns the sum of n octets from off on, as if they stood alone.
func (s *sendBuffer) sum(off uint64, n int) checksum.Sum {
	b := s.blocks[s.find(off)]
	i := int(off - b.off)
	if n <= sumEvery {
		return checksum.Of(b.buf[i : i+n])
	}
	return checksum.Sum(0).AddAt(b.upTo(i+n).Sub(b.upTo(i)), uint64(i))
}

// upTo is the sum of the first n octets of the block.
func (b *block) upTo(n int) checksum.Sum {
	if n == b.n {
		return b.last
	}
	k := n / sumEvery
	return b.sums[k].AddAt(checksum.Of(b.buf[k*sumEvery:n]), uint64(k*sumEvery))
}

// free drops the octets below off.
func (s *sendBuffer) free(off uint64) {
	off = min(off, s.end)
	if off <= s.start {
		return
	}
	s.start = off
	k := 0
	for k < len(s.blocks) && (off == s.end || s.blocks[k].end() <= off) {
		s.first = s.blocks[k].end()
		s.pool.put(s.blocks[k])
		k++
	}
	if k > 0 {
		n := copy(s.blocks, s.blocks[k:])
		clear(s.blocks[n:])
		s.blocks = s.blocks[:n]
	}
}

// run returns how many octets from off on, which is not above end, lie in one block.
func (s *sendBuffer) run(off uint64) uint64 {
	if i := s.find(off); i < len(s.blocks) {
		return s.blocks[i].end() - off
	}
	return uint64(s.unitSize())
}

// find returns the index of the block that holds off, which is in one or behind all.
func (s *sendBuffer) find(off uint64) int {
	if off < s.first {
		return len(s.blocks) // the last block was given back before it was full, and there is none
	}
	i := int((off - s.first) / blockSize) // it is not before that one, and hardly behind it
	for i < len(s.blocks) && s.blocks[i].end() <= off {
		i++
	}
	return i
}

// end is where the block ends when it is full.
func (b *block) end() uint64 { return b.off + uint64(b.full) }

func (s *sendBuffer) unitSize() int {
	if s.unit > 0 {
		return s.unit
	}
	return blockSize
}

// edge returns where the block begins that holds off, which is not above end.
func (s *sendBuffer) edge(off uint64) uint64 {
	if off < s.first {
		return off
	}
	if i := s.find(off); i < len(s.blocks) {
		return s.blocks[i].off
	}
	return off
}

// stray keeps a copy of n octets from off on, which free is about to give back. A range
// that is kept already is not kept twice.
func (s *sendBuffer) stray(off uint64, n int) {
	for i := range s.strays {
		if k := &s.strays[i]; k.off <= off && off+uint64(n) <= k.off+uint64(len(k.b)) {
			return
		}
	}
	s.strays = append(s.strays, stray{off, append(s.pool.buffer(n), s.slice(off, n)...)})
	s.strayOctets += n
}

// forget drops the strays that lie below off.
func (s *sendBuffer) forget(off uint64) {
	kept := s.strays[:0]
	for _, k := range s.strays {
		if k.off+uint64(len(k.b)) > off {
			kept = append(kept, k)
			continue
		}
		s.strayOctets -= len(k.b)
		s.pool.giveBack(k.b)
	}
	clear(s.strays[len(kept):])
	s.strays = kept
}

func (p *blockPool) buffer(n int) []byte {
	for i, size := range straySizes {
		if n > size {
			continue
		}
		if k := len(p.small[i]); k > 0 {
			b := p.small[i][k-1]
			p.small[i] = p.small[i][:k-1]
			return b
		}
		return make([]byte, 0, size)
	}
	return make([]byte, 0, n)
}

func (p *blockPool) giveBack(b []byte) {
	for i, size := range straySizes {
		if cap(b) == size && len(p.small[i]) < maxFreeBlocks {
			p.small[i] = append(p.small[i], b[:0])
		}
	}
}

// trim gives back what an empty buffer holds for later.
func (s *sendBuffer) trim() {
	if len(s.blocks) == 0 {
		s.blocks = nil
	}
}
