package wire

import (
	"encoding/binary"
	"net/netip"

	"github.com/mptcp-go/mptcp/checksum"
)

const defaultTTL = 64

// Append appends s as one IP packet, IPv4 or IPv6 as s.Src is, with its checksums
// computed: whole, or the pseudo-header's alone where s.Sum is SumPartial, as a
// link that offloads checksums expects. Options are padded with NOPs to four
// octets. A TTL of 0 means 64. Where s.Sum is SumGood, s.PayloadSum is trusted to
// be the payload's and the payload is not summed again. s.Options and s.Payload
// must not lie in the spare room of b.
//
// The error wraps ErrOptionSpace, or ErrLength for addresses of two families and
// for a packet of more than 65,535 octets.
func Append(b []byte, s *Segment) ([]byte, error) {
	if len(s.Options) > MaxOptions {
		return b, errOptionSpace
	}
	src, dst := s.Src.Addr(), s.Dst.Addr()
	if !src.IsValid() || !dst.IsValid() || src.Is4() != dst.Is4() {
		return b, bad("IP addresses", 0, ErrLength)
	}
	ipSize := ipv4HeaderSize
	if !src.Is4() {
		ipSize = ipv6HeaderSize
	}
	tcpSize := tcpHeaderSize + s.Options.Padded()
	n := tcpSize + len(s.Payload)
	if src.Is4() && ipSize+n > 0xffff || n > 0xffff {
		return b, bad("IP packet", 2, ErrLength)
	}
	at := len(b)
	if cap(b) >= at+ipSize+n {
		b = b[:at+ipSize+n]
	} else {
		b = append(b, make([]byte, ipSize+n)...)
	}
	putIP(b[at:at+ipSize], src, dst, s.TOS, s.TTL, protoTCP, n)

	h := b[at+ipSize : at+ipSize+tcpSize]
	binary.BigEndian.PutUint16(h[0:], s.Src.Port())
	binary.BigEndian.PutUint16(h[2:], s.Dst.Port())
	binary.BigEndian.PutUint32(h[4:], s.Seq)
	binary.BigEndian.PutUint32(h[8:], s.Ack)
	binary.BigEndian.PutUint16(h[12:], uint16(tcpSize/4)<<12|uint16(s.Flags&0xfff))
	binary.BigEndian.PutUint16(h[14:], s.Window)
	binary.BigEndian.PutUint16(h[16:], 0)
	binary.BigEndian.PutUint16(h[18:], s.Urgent)
	for i := tcpHeaderSize + copy(h[tcpHeaderSize:], s.Options); i < tcpSize; i++ {
		h[i] = KindNOP
	}
	payload := b[at+ipSize+tcpSize:]
	pseudo := pseudoSum(src, dst, n, protoTCP)
	var sum uint16
	switch s.Sum {
	case SumPartial:
		copy(payload, s.Payload)
		sum = uint16(pseudo)
	case SumGood:
		copy(payload, s.Payload)
		sum = pseudo.Add(checksum.Of(h)).Add(s.PayloadSum).Checksum()
	default:
		sum = pseudo.Add(checksum.Of(h)).Add(checksum.Copy(payload, s.Payload)).Checksum()
	}
	binary.BigEndian.PutUint16(h[16:], sum)
	return b, nil
}

// putIP fills h, of an IP header's size, for n octets of protocol proto.
func putIP(h []byte, from, to netip.Addr, tos, ttl, proto uint8, n int) {
	if ttl == 0 {
		ttl = defaultTTL
	}
	if len(h) == ipv4HeaderSize {
		src, dst := from.As4(), to.As4()
		h[0], h[1] = 0x45, tos
		binary.BigEndian.PutUint16(h[2:], uint16(ipv4HeaderSize+n))
		binary.BigEndian.PutUint32(h[4:], 0x4000) // id 0 is fine where DF is set, RFC 6864 section 4.1
		h[8], h[9] = ttl, proto
		binary.BigEndian.PutUint16(h[10:], 0)
		copy(h[12:], src[:])
		copy(h[16:], dst[:])
		binary.BigEndian.PutUint16(h[10:], checksum.Of(h).Checksum())
		return
	}
	src, dst := from.As16(), to.As16()
	h[0], h[1], h[2], h[3] = 0x60|tos>>4, tos<<4, 0, 0
	binary.BigEndian.PutUint16(h[4:], uint16(n))
	h[6], h[7] = proto, ttl
	copy(h[8:], src[:])
	copy(h[24:], dst[:])
}
