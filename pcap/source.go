package pcap

import "io"

const (
	firstBuffer = 8 << 10   // a short or slow input never needs more
	fullBuffer  = 256 << 10 // reached by doubling while reads fill the buffer
)

// source is a buffered reader whose buffer the callers slice into. It never waits
// for more octets than it was asked for, and its buffer never grows beyond twice
// the octets that really arrived (or fullBuffer).
type source struct {
	buf      []byte
	pos, end int // buf[pos:end] has arrived and is not consumed
	base     int64
	r        io.Reader
	err      error // what ended r; never nil again
}

// offset returns how many octets were consumed.
func (s *source) offset() int64 { return s.base + int64(s.pos) }

// fill makes at least n octets available at pos. It may move them, so slices into
// the buffer are void. It returns false if the input ended before.
func (s *source) fill(n int) bool {
	if s.end-s.pos >= n {
		return true
	}
	if s.pos > 0 {
		copy(s.buf, s.buf[s.pos:s.end])
		s.base += int64(s.pos)
		s.end -= s.pos
		s.pos = 0
	}
	for idle := 0; s.end < n; {
		if s.err != nil {
			return false
		}
		if s.end == len(s.buf) {
			s.grow()
		}
		m, err := s.r.Read(s.buf[s.end:])
		if m < 0 || m > len(s.buf)-s.end {
			m, err = 0, io.ErrNoProgress // a broken Reader must not make us panic
		}
		s.end += m
		if m > 0 {
			idle = 0
		} else if idle++; err == nil && idle == 100 {
			err = io.ErrNoProgress
		}
		s.err = err
		if s.end == len(s.buf) && len(s.buf) < fullBuffer {
			s.grow()
		}
	}
	return true
}

// grow doubles the buffer.
func (s *source) grow() {
	b := make([]byte, max(firstBuffer, 2*len(s.buf)))
	copy(b, s.buf[:s.end])
	s.buf = b
}

// skip consumes n octets without keeping them. It returns false if the input ended
// before.
func (s *source) skip(n int64) bool {
	for n > int64(s.end-s.pos) {
		n -= int64(s.end - s.pos)
		s.pos = s.end
		if !s.fill(1) {
			return false
		}
	}
	s.pos += int(n)
	return true
}

// Read serves what is buffered first, then the input itself: a decompressor goes
// on where sniffing stopped.
func (s *source) Read(p []byte) (int, error) {
	if s.pos < s.end {
		n := copy(p, s.buf[s.pos:s.end])
		s.pos += n
		return n, nil
	}
	if s.err != nil {
		return 0, s.err
	}
	return s.r.Read(p)
}

// counter counts what the input delivered and keeps the error that ended it, so
// that it can be told from what a decompressor made of it.
type counter struct {
	r   io.Reader
	n   int64
	err error
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil {
		c.err = err
	}
	return n, err
}
