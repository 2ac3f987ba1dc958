package trace

import (
	"crypto/sha256"
	"hash"
	"sort"
)

// What one stream holds beyond a gap, at the most: octets, and pieces of them.
const (
	streamMax    = 64 << 20
	streamPieces = 1 << 14
)

// stream hashes the contiguous prefix of one direction's data. Pieces never
// overlap: the ledger saw to it.
type stream struct {
	next    uint64
	from    uint64
	h       hash.Hash
	pending []chunk // ascending
	held    int
}

type chunk struct {
	pos uint64
	p   []byte
}

func newStream(start uint64) *stream {
	return &stream{next: start, from: start, h: sha256.New()}
}

// add takes a piece and returns by how many octets what is held grew, left at the
// most.
func (s *stream) add(pos uint64, p []byte, left int) (grown int) {
	if pos != s.next {
		if pos < s.next || len(p) > left || s.held+len(p) > streamMax || len(s.pending) >= streamPieces {
			return 0
		}
		i := sort.Search(len(s.pending), func(i int) bool { return s.pending[i].pos > pos })
		s.pending = append(s.pending, chunk{})
		copy(s.pending[i+1:], s.pending[i:])
		s.pending[i] = chunk{pos, append([]byte(nil), p...)}
		s.held += len(p)
		return len(p)
	}
	s.h.Write(p)
	s.next += uint64(len(p))
	n := 0
	for n < len(s.pending) && s.pending[n].pos == s.next {
		s.h.Write(s.pending[n].p)
		s.next += uint64(len(s.pending[n].p))
		grown -= len(s.pending[n].p)
		n++
	}
	s.pending = s.pending[n:]
	s.held += grown
	return grown
}

func (s *stream) sum() (*[sha256.Size]byte, uint64) {
	return (*[sha256.Size]byte)(s.h.Sum(nil)), s.next - s.from
}
