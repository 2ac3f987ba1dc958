package checksum

// Of returns the sum of b, as if it began at offset 0. It keeps no reference to b
// and allocates nothing.
func Of(b []byte) Sum { return sum(b) }

// Copy copies octets from src to dst, as the built-in copy does, and returns their
// sum. The number n of octets copied and summed is the smaller of len(dst) and
// len(src); octets beyond the first n are neither written nor summed.
//
// dst and src may overlap: what is copied and summed is src as it was before the
// call. Where there is a kernel for it, and the slices share no octet or begin at
// the same one, copying and summing are a single pass.
func Copy(dst, src []byte) Sum { return copySum(dst, src) }
