package pcap

import (
	"math"
	"math/bits"
)

// clock turns the ticks of a pcapng interface into ns since the Unix epoch.
type clock struct {
	mul    uint64 // ns per tick, 0 if a tick is shorter than 1 ns or no decimal part
	div    uint64 // ticks per ns, if mul is 0 and div is not
	shift  uint8  // ticks per second as a power of two, if mul and div are 0
	offset int64  // seconds to add
}

// newClock returns the clock for the values of if_tsresol and if_tsoffset.
func newClock(resolution byte, offset int64) clock {
	n := resolution & 0x7f
	switch {
	case resolution&0x80 != 0:
		return clock{shift: n, offset: offset}
	case n <= 9:
		return clock{mul: pow10(9 - n), offset: offset}
	case n-9 <= 19:
		return clock{div: pow10(n - 9), offset: offset}
	}
	return clock{shift: 127, offset: offset} // 2^64 ticks are less than 1 ns: always 0
}

// pow10 returns 10^n, n up to 19.
func pow10(n byte) uint64 {
	p := uint64(1)
	for ; n > 0; n-- {
		p *= 10
	}
	return p
}

// ticksPerSec returns the resolution that if_tsresol names.
func ticksPerSec(resolution byte) float64 {
	if n := int(resolution & 0x7f); resolution&0x80 != 0 {
		return math.Ldexp(1, n)
	} else {
		return math.Pow10(n)
	}
}

// nanos converts ticks, rounding down. ok is false if the result does not fit into
// an int64 (before 1677 or after 2262).
func (c *clock) nanos(ticks uint64) (ns int64, ok bool) {
	var hi, lo uint64
	switch {
	case c.mul != 0:
		hi, lo = bits.Mul64(ticks, c.mul)
	case c.div != 0:
		lo = ticks / c.div
	default:
		// ticks * 10^9 / 2^shift in 128 bits
		hi, lo = bits.Mul64(ticks, 1e9)
		if s := uint(c.shift); s >= 64 {
			hi, lo = 0, hi>>(s-64)
		} else {
			hi, lo = hi>>s, lo>>s|hi<<(64-s)
		}
	}
	if c.offset == 0 {
		return int64(lo), hi == 0 && lo <= math.MaxInt64
	}
	return c.shifted(hi, lo)
}

// shifted adds the offset to the 128-bit number of ns.
func (c *clock) shifted(hi, lo uint64) (ns int64, ok bool) {
	offHi, offLo := bits.Mul64(magnitude(c.offset), 1e9)
	if c.offset < 0 {
		var borrow uint64
		lo, borrow = bits.Sub64(lo, offLo, 0)
		hi, _ = bits.Sub64(hi, offHi, borrow)
	} else {
		var carry uint64
		lo, carry = bits.Add64(lo, offLo, 0)
		hi, _ = bits.Add64(hi, offHi, carry)
	}
	// As two's complement, hi must be the sign extension of lo.
	return int64(lo), hi == uint64(int64(lo)>>63)
}

func magnitude(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}
