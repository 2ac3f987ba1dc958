package peer

import (
	"crypto/rand"
	"encoding/binary"
)

// cryptoSource is a math/rand/v2 source that draws from the system's generator, some
// octets at a time.
type cryptoSource struct {
	buf  [512]byte
	left int
}

// Uint64 returns 64 random bits. crypto/rand ends the program where there are none.
func (s *cryptoSource) Uint64() uint64 {
	if s.left == 0 {
		_, _ = rand.Read(s.buf[:])
		s.left = len(s.buf)
	}
	at := len(s.buf) - s.left
	v := binary.NativeEndian.Uint64(s.buf[at:])
	clear(s.buf[at : at+8]) // a key is not kept twice
	s.left -= 8
	return v
}
