package main

import (
	"bytes"
	"io"
	"sort"
)

// assembly puts the pieces of one direction in order. Pieces do not overlap, but
// come in any order; what waits for a gap to be filled is bounded.
type assembly struct {
	out     io.Writer
	gap     func(offset, n uint64, why string)
	begun   bool
	start   uint64 // position of the first octet
	next    uint64 // position up to which all was written or given up
	waiting []chunk
	held    int
	missing uint64 // octets that were left out
	late    uint64 // octets that came after their place had been given up
}

// chunk is a piece that waits; size exceeds len(octets) where the capture was cut.
type chunk struct {
	pos, size uint64
	octets    []byte
}

// maxHeld bounds the octets that wait. More than any window holds: the gap before
// them will not be filled.
const maxHeld = 64 << 20

const (
	whyAbsent = "are not in the capture"
	whyCut    = "were cut by the snapshot length"
)

func (s *assembly) begin(pos uint64) { s.begun, s.start, s.next = true, pos, pos }

// add takes size octets at pos, of which octets were captured.
func (s *assembly) add(pos uint64, size int, octets []byte) error {
	n := uint64(size)
	if pos < s.next { // before the start, or in a gap that was given up
		k := min(s.next-pos, n)
		if pos >= s.start {
			s.late += k
		}
		pos, n, octets = pos+k, n-k, octets[min(k, uint64(len(octets))):]
		if n == 0 {
			return nil
		}
	}
	if pos > s.next {
		s.hold(chunk{pos, n, bytes.Clone(octets)})
		if s.held > maxHeld {
			return s.skip()
		}
		return nil
	}
	if err := s.write(chunk{pos, n, octets}); err != nil {
		return err
	}
	return s.drain()
}

func (s *assembly) hold(c chunk) {
	i := sort.Search(len(s.waiting), func(i int) bool { return s.waiting[i].pos > c.pos })
	s.waiting = append(s.waiting, chunk{})
	copy(s.waiting[i+1:], s.waiting[i:])
	s.waiting[i] = c
	s.held += len(c.octets) + 64 // and what keeping it costs
}

// write appends a chunk that begins at next.
func (s *assembly) write(c chunk) error {
	if k := c.size - uint64(len(c.octets)); k > 0 {
		s.missing += k
		s.gap(c.pos+uint64(len(c.octets))-s.start, k, whyCut)
	}
	s.next = c.pos + c.size
	_, err := s.out.Write(c.octets)
	return err
}

// drain writes what is in order now.
func (s *assembly) drain() error {
	n := 0
	for ; n < len(s.waiting) && s.waiting[n].pos <= s.next; n++ {
		c := s.waiting[n]
		s.held -= len(c.octets) + 64
		if over := s.next - c.pos; over > 0 { // pieces never overlap; be safe
			if over >= c.size {
				continue
			}
			c = chunk{s.next, c.size - over, c.octets[min(over, uint64(len(c.octets))):]}
		}
		if err := s.write(c); err != nil {
			return err
		}
	}
	clear(s.waiting[:n])
	s.waiting = s.waiting[n:]
	return nil
}

// skip gives up the first gap.
func (s *assembly) skip() error {
	c := &s.waiting[0]
	s.missing += c.pos - s.next
	s.gap(s.next-s.start, c.pos-s.next, whyAbsent)
	s.next = c.pos
	return s.drain()
}

// finish gives up all gaps.
func (s *assembly) finish() error {
	for len(s.waiting) > 0 {
		if err := s.skip(); err != nil {
			return err
		}
	}
	return nil
}
