package checksum

import (
	"encoding/binary"
	"math/bits"
)

// The portable kernels add 64-bit words as they lie in memory, first octet
// lowest, with the carry going round: 2^64-1 is a multiple of 2^16-1, so a word may
// be as wide as the processor likes (RFC 1071 section 2(C)).
//
// There are two chains of additions, so that one need not wait for the other. What
// is left after whole blocks is taken in halves (32, 16, 8 octets) because short
// slices are frequent and a loop over single words mispredicts its end.

// sumGeneric does what [Of] promises.
func sumGeneric(b []byte) Sum {
	if len(b) < 8 {
		return foldLittleEndian(shortWord(b))
	}
	n := uint(len(b))
	tail := load64(b[n-8:]) >> (64 - 8*(n&7))
	var a0, a1, carries, c uint64
	i := 0
	for ; i <= len(b)-64; i += 64 {
		w := (*[64]byte)(b[i : i+64])
		a0, c = bits.Add64(a0, load64(w[0:]), 0)
		a0, c = bits.Add64(a0, load64(w[8:]), c)
		a0, c = bits.Add64(a0, load64(w[16:]), c)
		a0, c = bits.Add64(a0, load64(w[24:]), c)
		carries, _ = bits.Add64(carries, 0, c)
		a1, c = bits.Add64(a1, load64(w[32:]), 0)
		a1, c = bits.Add64(a1, load64(w[40:]), c)
		a1, c = bits.Add64(a1, load64(w[48:]), c)
		a1, c = bits.Add64(a1, load64(w[56:]), c)
		carries, _ = bits.Add64(carries, 0, c)
	}
	b = b[i:]
	if len(b) >= 32 {
		w := (*[32]byte)(b)
		a1, c = bits.Add64(a1, load64(w[0:]), 0)
		a1, c = bits.Add64(a1, load64(w[8:]), c)
		a1, c = bits.Add64(a1, load64(w[16:]), c)
		a1, c = bits.Add64(a1, load64(w[24:]), c)
		carries, _ = bits.Add64(carries, 0, c)
		b = b[32:]
	}
	if len(b) >= 16 {
		w := (*[16]byte)(b)
		a0, c = bits.Add64(a0, load64(w[0:]), 0)
		a0, c = bits.Add64(a0, load64(w[8:]), c)
		carries, _ = bits.Add64(carries, 0, c)
		b = b[16:]
	}
	if len(b) >= 8 {
		a1, c = bits.Add64(a1, load64(b), 0)
		carries, _ = bits.Add64(carries, 0, c)
	}
	return foldWords(a0, a1, carries, tail)
}

// copyGeneric does what [Copy] promises, in two passes: a single one that takes
// turns at loading, storing and adding is slower in Go than sumGeneric and the
// built-in copy together. The sum comes first, before an overlapping dst changes src,
// and so that it need not wait for what was just stored.
func copyGeneric(dst, src []byte) Sum {
	s := sumGeneric(src[:min(len(dst), len(src))])
	copy(dst, src)
	return s
}

// foldWords adds up and folds the parts of a sum. A tail holds less than eight
// octets, and there is less than one carry for each octet of memory.
func foldWords(a0, a1, carries, tail uint64) Sum {
	a, c := bits.Add64(a0, a1, 0)
	a, c = bits.Add64(a, carries+tail, c)
	// After a carry a is less than carries+tail, so one more cannot carry again.
	return foldLittleEndian(a + c)
}

// shortWord returns the octets of b, less than eight, as a word that is padded with
// zeros at its end. It reads some octets twice rather than branch on how many there
// are.
func shortWord(b []byte) uint64 {
	n := uint(len(b))
	switch {
	case n >= 4:
		return uint64(binary.LittleEndian.Uint32(b)) |
			uint64(binary.LittleEndian.Uint32(b[n-4:]))<<(8*(n-4))
	case n > 0:
		return uint64(b[0]) | uint64(b[n/2])<<(8*(n/2)) | uint64(b[n-1])<<(8*(n-1))
	}
	return 0
}

func load64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }
