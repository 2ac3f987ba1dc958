package trace

import (
	"crypto/sha256"
	"hash"
	"sort"
)

// streamMax bounds the octets one stream holds beyond a gap.
const streamMax = 64 << 20

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

func (s *stream) add(pos uint64, p []byte) {
	if pos != s.next {
		if pos < s.next || s.held+len(p) > streamMax {
			return
		}
		i := sort.Search(len(s.pending), func(i int) bool { return s.pending[i].pos > pos })
		s.pending = append(s.pending, chunk{})
		copy(s.pending[i+1:], s.pending[i:])
		s.pending[i] = chunk{pos, append([]byte(nil), p...)}
		s.held += len(p)
		return
	}
	s.h.Write(p)
	s.next += uint64(len(p))
	n := 0
	for n < len(s.pending) && s.pending[n].pos == s.next {
		s.h.Write(s.pending[n].p)
		s.next += uint64(len(s.pending[n].p))
		s.held -= len(s.pending[n].p)
		n++
	}
	s.pending = s.pending[n:]
}

func (s *stream) sum() ([]byte, uint64) { return s.h.Sum(nil), s.next - s.from }
