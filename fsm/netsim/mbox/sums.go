package mbox

import "encoding/binary"

// One's-complement arithmetic for what a box patches. (Package checksum has it all,
// with vector kernels; a box sums a header here and there and may import only wire.)

// addOctets adds b, as big-endian words padded with a zero octet, to acc.
func addOctets(acc uint64, b []byte) uint64 {
	for len(b) >= 8 {
		v := binary.BigEndian.Uint64(b)
		acc += v>>32 + v&0xffffffff
		b = b[8:]
	}
	for len(b) >= 2 {
		acc += uint64(b[0])<<8 | uint64(b[1])
		b = b[2:]
	}
	if len(b) == 1 {
		acc += uint64(b[0]) << 8
	}
	return acc
}

// fold brings acc down to 16 bits.
func fold(acc uint64) uint16 {
	for acc>>16 != 0 {
		acc = acc>>16 + acc&0xffff
	}
	return uint16(acc)
}

// update returns the checksum field after octets with the sum before gave way to
// octets with the sum after: equation 3 of RFC 1624.
func update(field uint16, before, after uint64) uint16 {
	return ^fold(uint64(^field) + uint64(^fold(before)) + after)
}
