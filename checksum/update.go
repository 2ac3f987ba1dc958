package checksum

// FromChecksum returns the sum behind c, the content of a checksum field, ready
// for an update. Data with a header is never all zero, so a field of 0xffff stands
// for the same sum as one of 0x0000, and FromChecksum never returns 0.
func FromChecksum(c uint16) Sum {
	if c == 0xffff {
		return 0xffff
	}
	return Sum(^c)
}

// Update16 returns the sum after a 16-bit field at an even offset changed from
// before to after. This is equation 3 of RFC 1624, which unlike that of RFC 1141
// arrives at the same zero as a full computation. So a checksum field is updated by
//
//	field = checksum.FromChecksum(field).Update16(before, after).Checksum()
//
// A field at an odd offset is updated by its Sum: with AddAt, then Sub and Add.
func (s Sum) Update16(before, after uint16) Sum {
	return s.Sub(Sum(before)).AddUint16(after)
}

// Update32 is [Sum.Update16] for a 32-bit field, such as an address or a sequence
// number.
func (s Sum) Update32(before, after uint32) Sum {
	return s.Sub(Sum(0).AddUint32(before)).AddUint32(after)
}
