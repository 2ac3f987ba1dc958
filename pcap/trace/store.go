package trace

// store keeps the latest payload of one direction by position, to compare repeats
// with. It is a ring: position p lies at p modulo its size, which doubles from 4
// KiB up to the limit as data comes.
type store struct {
	buf []byte
	lo  uint64 // what lies below was overwritten
	hi  uint64 // end of what was put, at the most
}

const storeMin = 4 << 10

// put copies octets to position pos. It returns by how many octets the ring grew.
func (s *store) put(pos uint64, p []byte, limit, left int) (grown int) {
	if len(p) > limit {
		p, pos = p[len(p)-limit:], pos+uint64(len(p)-limit)
	}
	end := pos + uint64(len(p))
	if s.hi == 0 {
		s.lo, s.hi = pos, pos
	}
	if pos < s.lo {
		if end <= s.lo {
			return 0
		}
		p, pos = p[s.lo-pos:], s.lo
	}
	if need := int(min(end-s.lo, uint64(limit))); need > len(s.buf) {
		grown = s.grow(need, limit, left)
	}
	size := uint64(len(s.buf))
	if size == 0 || uint64(len(p)) > size {
		return grown
	}
	s.hi = max(s.hi, end)
	if s.hi-s.lo > size {
		s.lo = s.hi - size
		if pos < s.lo {
			return grown
		}
	}
	at := pos % size
	n := copy(s.buf[at:], p)
	copy(s.buf, p[n:])
	return grown
}

func (s *store) grow(need, limit, left int) int {
	size := max(len(s.buf), storeMin)
	for size < need {
		size *= 2
	}
	size = min(size, limit)
	more := size - len(s.buf)
	if more <= 0 || more > left {
		return 0
	}
	buf := make([]byte, size)
	for p := s.lo; p < s.hi && len(s.buf) > 0; {
		from := p % uint64(len(s.buf))
		n := min(s.hi-p, uint64(len(s.buf))-from)
		to := p % uint64(size)
		n = min(n, uint64(size)-to)
		copy(buf[to:], s.buf[from:from+n])
		p += n
	}
	s.buf = buf
	return more
}

// differ compares octets with what is stored at pos, as far as that is still there.
func (s *store) differ(pos uint64, p []byte) bool {
	size := uint64(len(s.buf))
	if size == 0 || pos < s.lo || pos+uint64(len(p)) > s.hi {
		return false
	}
	at := pos % size
	n := min(uint64(len(p)), size-at)
	return string(p[:n]) != string(s.buf[at:at+n]) || string(p[n:]) != string(s.buf[:uint64(len(p))-n])
}

// drop frees the ring and returns its size.
func (s *store) drop() int {
	n := len(s.buf)
	*s = store{}
	return n
}
