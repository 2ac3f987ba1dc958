package tcp

const blockSize = 64 << 10

// sendBuffer holds what was written and is not acknowledged yet, in blocks: no
// octet ever moves, so that a segment may alias them.
type sendBuffer struct {
	blocks [][]byte // each of blockSize octets
	head   int      // index of the first live block
	base   uint64   // stream offset of its first octet
	end    uint64   // stream offset behind the last octet
	spare  []byte   // one block kept for reuse
}

// write copies in as much of p as fits beside the octets from acked on.
func (b *sendBuffer) write(p []byte, acked uint64, limit int) int {
	n := min(len(p), limit-int(b.end-acked))
	if n <= 0 {
		return 0
	}
	for rest := p[:n]; len(rest) > 0; {
		at := int(b.end - b.base)
		if i := b.head + at/blockSize; i == len(b.blocks) {
			b.grow()
			continue
		}
		k := copy(b.blocks[b.head+at/blockSize][at%blockSize:], rest)
		rest = rest[k:]
		b.end += uint64(k)
	}
	return n
}

func (b *sendBuffer) grow() {
	if b.head > 0 && len(b.blocks) == cap(b.blocks) {
		n := copy(b.blocks, b.blocks[b.head:])
		clear(b.blocks[n:])
		b.blocks, b.head = b.blocks[:n], 0
	}
	block := b.spare
	b.spare = nil
	if block == nil {
		block = make([]byte, blockSize)
	}
	b.blocks = append(b.blocks, block)
}

// slice returns at most n octets from off on, within one block. It aliases the
// buffer and is valid until they are freed.
func (b *sendBuffer) slice(off uint64, n int) []byte {
	if off < b.base || off >= b.end {
		return nil
	}
	at := int(off - b.base)
	n = min(n, int(b.end-off), blockSize-at%blockSize)
	from := at % blockSize
	return b.blocks[b.head+at/blockSize][from : from+n : from+n]
}

// free drops what lies below acked. A buffer that falls empty begins its last
// block anew.
func (b *sendBuffer) free(acked uint64) {
	for b.head < len(b.blocks) && acked-b.base >= blockSize {
		b.drop()
		b.base += blockSize
	}
	if acked == b.end {
		b.base = acked
	}
	if b.head == len(b.blocks) {
		b.blocks, b.head = b.blocks[:0], 0
	}
}

func (b *sendBuffer) drop() {
	b.spare = b.blocks[b.head]
	b.blocks[b.head] = nil
	b.head++
}

// trim gives back all memory of an empty buffer.
func (b *sendBuffer) trim() {
	b.spare = nil
	if b.base == b.end {
		b.blocks, b.head = nil, 0
	}
}
