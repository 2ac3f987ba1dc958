package checksum

import "math/bits"

// Sum is the ones-complement sum of some octets: folded to 16 bits, in the order
// of the network (the first octet is the high one), not complemented. The zero
// value is the sum of no octets. Sums are canonical and may be compared with ==;
// the package comment tells where subtraction limits that.
type Sum uint16

// Add returns the sum of the octets of s followed by those of t. It asks that t
// begins at an even offset; [Sum.AddAt] does not.
func (s Sum) Add(t Sum) Sum {
	return foldUint32(uint32(s) + uint32(t))
}

// AddAt returns the sum of s and t, where t was summed on its own (so, as if it
// began at offset 0) but begins off octets after the start of s. At an odd
// offset each octet of t is the other half of its 16-bit word, which swaps the
// halves of the sum (RFC 1071 section 2(B)).
//
// The offset counts from the start of the sum, not of some packet. Only its
// lowest bit matters, so a stream offset or a length will do.
func (s Sum) AddAt(t Sum, off uint64) Sum {
	// A rotation by 0 or 8 needs no branch on what may be a random bit.
	return s.Add(Sum(bits.RotateLeft16(uint16(t), int(off&1)<<3)))
}

// AddUint16 adds the two octets of v, highest first, at an even offset.
func (s Sum) AddUint16(v uint16) Sum {
	return foldUint32(uint32(s) + uint32(v))
}

// AddUint32 adds the four octets of v, highest first, at an even offset.
func (s Sum) AddUint32(v uint32) Sum {
	return foldUint64(uint64(s) + uint64(v))
}

// AddUint64 adds the eight octets of v, highest first, at an even offset.
func (s Sum) AddUint64(v uint64) Sum {
	return foldUint64(uint64(s) + v>>32 + v&(1<<32-1))
}

// Sub takes t away again: s.Add(t).Sub(t) is s, but for s = 0 the result is 0xffff
// if t is not 0 (see the package comment on the two zeros). With sums p and q of
// the first i and the first j octets of some data, i <= j,
//
//	Sum(0).AddAt(q.Sub(p), i)
//
// is the sum of the octets from i to j on their own.
func (s Sum) Sub(t Sum) Sum {
	if t == 0 {
		return s
	}
	// One 0xffff to borrow from, and one that is a zero: it changes nothing but
	// the kind of a zero.
	return foldUint32(uint32(s) + 2*0xffff - uint32(t))
}

// Checksum returns what goes into a header's checksum field: the complement of
// s. The field itself must have been summed as zero, or left out.
func (s Sum) Checksum() uint16 {
	return uint16(^s)
}

// Valid reports whether s, the sum of everything a checksum covers and of the
// checksum itself, is that of intact data (RFC 1071 section 1, step 3). Data that
// is all zero is not valid: its checksum would be 0xffff.
func (s Sum) Valid() bool {
	return s == 0xffff
}

// foldUint32 brings the 32-bit ones-complement number v down to 16 bits.
//
// Adding v to itself with its halves swapped leaves in the high half the sum of
// both halves and of the carry that ran out of the low half: the end-around carry
// comes for free. The result is 0 only if v is.
func foldUint32(v uint32) Sum {
	return Sum((v + bits.RotateLeft32(v, 16)) >> 16)
}

// foldUint64 brings the 64-bit ones-complement number v down to 16 bits.
func foldUint64(v uint64) Sum {
	return foldUint32(uint32((v + bits.RotateLeft64(v, 32)) >> 32))
}

// foldLittleEndian brings v, a sum of 64-bit words that were loaded with the
// first octet lowest, down to a Sum. Ones-complement sums do not care for the
// order of octets until the end (RFC 1071 section 2(B)).
func foldLittleEndian(v uint64) Sum {
	return Sum(bits.ReverseBytes16(uint16(foldUint64(v))))
}
