package fsm

import "github.com/mptcp-go/mptcp/checksum"

const (
	blockSize = 64 << 10 // octets of a block; no mapping crosses one
	blockMask = blockSize - 1
	sumEvery  = 1 << 10 // octets between two running sums
)

// block is up to 64 KiB of the stream.
type block struct {
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
	blocks     []*block // the first holds start
	first      uint64   // offset of blocks[0]; the others follow at blockSize each
	start, end uint64
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
	small [][]byte
}

const (
	maxFreeBlocks = 64 // of each size that are kept
	straySize     = 2 << 10
)

func (p *blockPool) get(size int) *block {
	if n := len(p.free[size]); n > 0 {
		b := p.free[size][n-1]
		p.free[size] = p.free[size][:n-1]
		return b
	}
	return &block{buf: make([]byte, blockSizes[size])}
}

func (p *blockPool) put(b *block) {
	b.n, b.last = 0, 0
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
		i := int((s.end - s.first) / blockSize)
		if i == len(s.blocks) {
			s.blocks = append(s.blocks, s.pool.get(sizeOf(len(p))))
		}
		b := s.blocks[i]
		if need := min(b.n+len(p), blockSize); need > len(b.buf) {
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
	p = p[:min(len(p), len(b.buf)-b.n)]
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
	c.n, c.last = b.n, b.last
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
	b := s.blocks[(off-s.first)/blockSize]
	i := int((off - s.first) & blockMask)
	return b.buf[i : i+n]
}

// sum returns the sum of n octets from off on, as if they stood alone.
func (s *sendBuffer) sum(off uint64, n int) checksum.Sum {
	b := s.blocks[(off-s.first)/blockSize]
	i := int((off - s.first) & blockMask)
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
	for k < len(s.blocks) && (off == s.end || s.first+blockSize <= off) {
		s.pool.put(s.blocks[k])
		s.first += blockSize
		k++
	}
	if k > 0 {
		n := copy(s.blocks, s.blocks[k:])
		clear(s.blocks[n:])
		s.blocks = s.blocks[:n]
	}
}

// run returns how many octets from off on, which is not above end, lie in one block.
func (s *sendBuffer) run(off uint64) uint64 { return blockSize - (off-s.first)&blockMask }

// edge returns where the block begins that holds off, which is not above end.
func (s *sendBuffer) edge(off uint64) uint64 {
	if len(s.blocks) == 0 || off < s.first {
		return off
	}
	return off - (off-s.first)&blockMask
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
	if k := len(p.small); k > 0 && n <= straySize {
		b := p.small[k-1]
		p.small = p.small[:k-1]
		return b
	}
	return make([]byte, 0, max(n, straySize))
}

func (p *blockPool) giveBack(b []byte) {
	if cap(b) == straySize && len(p.small) < maxFreeBlocks {
		p.small = append(p.small, b[:0])
	}
}

// trim gives back what an empty buffer holds for later.
func (s *sendBuffer) trim() {
	if len(s.blocks) == 0 {
		s.blocks = nil
	}
}
