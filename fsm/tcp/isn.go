package tcp

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"time"
)

// ISN chooses initial sequence numbers and timestamp offsets. Its secret is the
// caller's randomness, drawn once.
type ISN struct{ Secret [32]byte }

// Next returns M + F(local, remote, secret) of RFC 6528 section 3, M being a
// clock of 4 microseconds (T6528-01), and the offset of the timestamp clock,
// which is F alone, so that it grows between connections of the same addresses
// (RFC 7323 section 5.4).
func (g *ISN) Next(now time.Time, local, remote netip.AddrPort) (iss, tsOffset uint32) {
	var b [32 + 16 + 2 + 16 + 2]byte
	copy(b[:], g.Secret[:])
	l, r := local.Addr().As16(), remote.Addr().As16()
	copy(b[32:], l[:])
	binary.BigEndian.PutUint16(b[48:], local.Port())
	copy(b[50:], r[:])
	binary.BigEndian.PutUint16(b[66:], remote.Port())
	h := sha256.Sum256(b[:])
	m := uint32(nanos(now) / int64(4*time.Microsecond))
	return m + binary.BigEndian.Uint32(h[:]), binary.BigEndian.Uint32(h[4:])
}
