package fsm

import "github.com/mptcp-go/mptcp/checksum"

const (
	blockSize = 64 << 10 // octets of a block; no mapping crosses one
	blockMask = blockSize - 1
	sumEvery  = 1 << 10 // octets between two running sums
)

// block is 64 KiB of the stream, at an offset that is a multiple of that.
type block struct {
	buf  []byte
	n    int // octets in use
	last checksum.Sum
	sums [blockSize/sumEvery + 1]checksum.Sum // of the first k*sumEvery octets
}

// sendBuffer holds the octets of the stream from start to end. The sum of any range
// inside a block costs two partial intervals at the most.
type sendBuffer struct {
	blocks     []*block // the first holds start
	first      uint64   // offset of blocks[0], a multiple of blockSize
	start, end uint64
	pool       *blockPool
}

// blockPool keeps a few blocks for the connections of an endpoint.
type blockPool struct{ free []*block }

const maxFreeBlocks = 64

func (p *blockPool) get() *block {
	if n := len(p.free); n > 0 {
		b := p.free[n-1]
		p.free = p.free[:n-1]
		return b
	}
	return new(block)
}

func (p *blockPool) put(b *block) {
	b.n, b.last = 0, 0
	if len(p.free) < maxFreeBlocks && cap(b.buf) == blockSize {
		p.free = append(p.free, b)
	}
}

// len returns how many octets are kept.
func (s *sendBuffer) len() int { return int(s.end - s.start) }

// write appends octets, up to limit in the buffer, and returns how many.
func (s *sendBuffer) write(p []byte, limit int) int {
	p = p[:min(len(p), max(limit-s.len(), 0))]
	n := len(p)
	for len(p) > 0 {
		if len(s.blocks) == 0 {
			s.first = s.end &^ blockMask
		}
		i := int((s.end - s.first) / blockSize)
		if i == len(s.blocks) {
			b := s.pool.get()
			if b.n = int(s.end & blockMask); b.n > 0 {
				// What lies before was given back: it must not count in the sums.
				b.grow(b.n)
				clear(b.buf[:b.n])
				clear(b.sums[:])
			}
			s.blocks = append(s.blocks, b)
		}
		k := s.blocks[i].write(p)
		s.end += uint64(k)
		p = p[k:]
	}
	return n
}

// write takes what fits into the block, at least one octet.
func (b *block) write(p []byte) int {
	p = p[:min(len(p), blockSize-b.n)]
	if need := b.n + len(p); need > len(b.buf) {
		b.grow(need)
	}
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

func (b *block) grow(need int) {
	n := max(len(b.buf), 2<<10)
	for n < need {
		n *= 4
	}
	buf := make([]byte, min(n, blockSize))
	copy(buf, b.buf[:min(b.n, len(b.buf))])
	b.buf = buf
}

// slice returns n octets from off on; they must not cross a block. The slice is
// valid until they are freed.
func (s *sendBuffer) slice(off uint64, n int) []byte {
	b := s.blocks[(off-s.first)/blockSize]
	i := int(off & blockMask)
	return b.buf[i : i+n]
}

// sum returns the sum of n octets from off on, as if they stood alone.
func (s *sendBuffer) sum(off uint64, n int) checksum.Sum {
	b := s.blocks[(off-s.first)/blockSize]
	i := int(off & blockMask)
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
	for k < len(s.blocks) && s.first+blockSize <= off {
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

// trim gives the last block back when the buffer is empty.
func (s *sendBuffer) trim() {
	if s.len() == 0 {
		for _, b := range s.blocks {
			s.pool.put(b)
		}
		s.blocks = nil
	}
}
