package netsim

// Luck is a deterministic source of random numbers (SplitMix64: a Weyl sequence
// through a mixing function). It is our own rather than math/rand's so that a
// golden table survives a new Go release. It is a math/rand/v2 Source, and 8
// octets: an element may have as many as it has kinds of faults.
type Luck struct{ state uint64 }

// NewLuck returns the stream that seed and the names select. Streams of different
// names are unrelated.
func NewLuck(seed uint64, names ...uint64) Luck {
	s := mix(seed)
	for _, n := range names {
		s = mix(s ^ mix(n+weyl))
	}
	return Luck{s}
}

const weyl = 0x9e3779b97f4a7c15

// mix is a bijection of 64 bits in which every input bit reaches every output bit.
func mix(z uint64) uint64 {
	z ^= z >> 30
	z *= 0xbf58476d1ce4e5b9
	z ^= z >> 27
	z *= 0x94d049bb133111eb
	return z ^ z>>31
}

// Uint64 returns 64 random bits.
func (l *Luck) Uint64() uint64 {
	l.state += weyl
	return mix(l.state)
}

// IntN returns a number in [0, n); n must be positive. The bias, below n/2^32, is
// of no matter in a simulation.
func (l *Luck) IntN(n int) int {
	return int(l.Uint64() >> 32 * uint64(uint32(n)) >> 32)
}

// Chance is true with probability p. It draws nothing where p decides alone.
func (l *Luck) Chance(p float64) bool {
	if p <= 0 || p >= 1 {
		return p >= 1
	}
	return float64(l.Uint64()>>11) < p*(1<<53)
}

// hashName turns an element's kind into a stream's name (FNV-1a).
func hashName(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}
