package wire

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
)

// Key is a host's 64-bit secret for one connection, in network byte order (R3.1-31).
type Key uint64

// Token names a connection in MP_JOIN: a hash of its receiver's key.
type Token uint32

// Token is the leftmost 32 bits of the key's hash: SHA-256 in version 1 (RFC 8684
// section 3.1, R3.1-29), SHA-1 in version 0 (V0-02).
func (k Key) Token(v Version) Token {
	t, _ := k.Derive(v)
	return t
}

// IDSN is the initial data sequence number: the rightmost 64 bits of the same hash
// (R3.1-30, R3.1-32). The first octet of data is at IDSN+1.
func (k Key) IDSN(v Version) uint64 {
	_, idsn := k.Derive(v)
	return idsn
}

// Derive gives Token and IDSN for the cost of one hash.
func (k Key) Derive(v Version) (Token, uint64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(k))
	if v == V0 {
		h := sha1.Sum(b[:])
		return Token(binary.BigEndian.Uint32(h[:])), binary.BigEndian.Uint64(h[12:])
	}
	h := sha256.Sum256(b[:])
	return Token(binary.BigEndian.Uint32(h[:])), binary.BigEndian.Uint64(h[24:])
}

// JoinHMAC is what the owner of key own proves to the owner of key peer (RFC 8684
// section 3.2): keyed with own then peer, over the nonces in the same order. Of
// the result MP_JOIN carries the leftmost 64 bits in the SYN/ACK and 160 in the
// ACK (R3.2-02, R3.2-03). In version 0 the last 12 octets are zero.
func JoinHMAC(v Version, own, peer Key, ownNonce, peerNonce uint32) [32]byte {
	var msg [8]byte
	binary.BigEndian.PutUint32(msg[:], ownNonce)
	binary.BigEndian.PutUint32(msg[4:], peerNonce)
	return keyedHash(v, own, peer, msg[:])
}

// JoinHMAC64 is the truncation that a SYN/ACK carries.
func JoinHMAC64(v Version, own, peer Key, ownNonce, peerNonce uint32) uint64 {
	h := JoinHMAC(v, own, peer, ownNonce, peerNonce)
	return binary.BigEndian.Uint64(h[:])
}

// JoinHMAC160 is the truncation that the third ACK carries.
func JoinHMAC160(v Version, own, peer Key, ownNonce, peerNonce uint32) [20]byte {
	h := JoinHMAC(v, own, peer, ownNonce, peerNonce)
	return [20]byte(h[:20])
}

// AddAddrHMAC is the rightmost 64 bits over address id, address and port, the port
// being 0 where none is announced (RFC 8684 section 3.4.1, R3.4.1-09). own is the
// key of the announcer. An address that is IPv4-mapped counts as IPv6.
func AddAddrHMAC(own, peer Key, id uint8, addr netip.Addr, port uint16) uint64 {
	var msg [1 + 16 + 2]byte
	msg[0] = id
	n := 1
	if addr.Is4() {
		a := addr.As4()
		n += copy(msg[1:], a[:])
	} else {
		a := addr.As16()
		n += copy(msg[1:], a[:])
	}
	binary.BigEndian.PutUint16(msg[n:], port)
	h := keyedHash(V1, own, peer, msg[:n+2])
	return binary.BigEndian.Uint64(h[24:])
}

func keyedHash(v Version, own, peer Key, msg []byte) (out [32]byte) {
	var key [16]byte
	binary.BigEndian.PutUint64(key[:], uint64(own))
	binary.BigEndian.PutUint64(key[8:], uint64(peer))
	if v == V0 {
		h := hmacSHA1(key[:], msg)
		copy(out[:], h[:])
		return out
	}
	return hmacSHA256(key[:], msg)
}

// hmacBlock is the block size of SHA-1 and of SHA-256, octets.
const hmacBlock = 64

// hmacBuf holds a padded key and a message of up to 64 octets on the stack, where
// crypto/hmac would allocate two hashes a call.
type hmacBuf [hmacBlock + 64]byte

// pad begins one of HMAC's two hashes: the key, each octet XORed with x (RFC 2104
// section 2). What is appended to it must be hashed at once.
func (b *hmacBuf) pad(key []byte, x byte) []byte {
	for i := range hmacBlock {
		b[i] = x
	}
	for i, k := range key {
		b[i] ^= k
	}
	return b[:hmacBlock]
}

func hmacSHA256(key, msg []byte) [sha256.Size]byte {
	if len(key) > hmacBlock {
		h := sha256.Sum256(key)
		key = h[:]
	}
	var b hmacBuf
	inner := sha256.Sum256(append(b.pad(key, 0x36), msg...))
	return sha256.Sum256(append(b.pad(key, 0x5c), inner[:]...))
}

func hmacSHA1(key, msg []byte) [sha1.Size]byte {
	if len(key) > hmacBlock {
		h := sha1.Sum(key)
		key = h[:]
	}
	var b hmacBuf
	inner := sha1.Sum(append(b.pad(key, 0x36), msg...))
	return sha1.Sum(append(b.pad(key, 0x5c), inner[:]...))
}
