package wire

import (
	"encoding/binary"
	"net/netip"
)

// IP protocol numbers.
const (
	protoHopByHop = 0
	protoICMP     = 1
	protoTCP      = 6
	protoRouting  = 43
	protoFragment = 44
	protoAH       = 51
	protoICMPv6   = 58
	protoDestOpts = 60
	protoMobility = 135
	protoHIP      = 139
	protoShim6    = 140

	ipv4HeaderSize = 20
	ipv6HeaderSize = 40
	// maxExtHeaders bounds the walk over IPv6 extension headers; real packets
	// have one or two (RFC 8200 section 4.1 lists six).
	maxExtHeaders = 16
)

// ipInfo is where the upper layer lies in an IP packet.
type ipInfo struct {
	src, dst netip.Addr
	header   int // octets before the upper layer
	end      int // octets of the packet by its own length field, at most wireLen
	tos, ttl uint8
}

// parseIP finds the header of protocol proto4 (over IPv4) or proto6 (over IPv6) in
// a packet of which pkt is what there is and wireLen how long it was.
func parseIP(ip *ipInfo, pkt []byte, wireLen int, proto4, proto6 uint8) error {
	if len(pkt) == 0 {
		return bad("IP header", 0, ErrTruncated)
	}
	switch pkt[0] >> 4 {
	case 4:
		return parseIPv4(ip, pkt, wireLen, proto4)
	case 6:
		return parseIPv6(ip, pkt, wireLen, proto6)
	}
	return bad("IP header", 0, ErrVersion)
}

func parseIPv4(ip *ipInfo, pkt []byte, wireLen int, proto uint8) error {
	if len(pkt) < ipv4HeaderSize {
		return bad("IPv4 header", len(pkt), ErrTruncated)
	}
	h := pkt[:ipv4HeaderSize]
	size := int(h[0]&15) * 4
	if size < ipv4HeaderSize {
		return bad("IPv4 header length", 0, ErrLength)
	}
	end := int(binary.BigEndian.Uint16(h[2:]))
	if end == 0 { // a segment larger than 64 KiB, or one captured before offload filled it in
		end = wireLen
	}
	if end < size {
		return bad("IPv4 total length", 2, ErrLength)
	}
	if h[9] != proto {
		return bad("IPv4 protocol", 9, ErrNotTCP)
	}
	if binary.BigEndian.Uint16(h[6:])&0x3fff != 0 { // MF or an offset
		return bad("IPv4 fragment", 6, ErrFragment)
	}
	ip.header, ip.end = size, min(end, wireLen)
	ip.tos, ip.ttl = h[1], h[8]
	ip.src = netip.AddrFrom4([4]byte(h[12:16]))
	ip.dst = netip.AddrFrom4([4]byte(h[16:20]))
	return nil
}

func parseIPv6(ip *ipInfo, pkt []byte, wireLen int, proto uint8) error {
	if len(pkt) < ipv6HeaderSize {
		return bad("IPv6 header", len(pkt), ErrTruncated)
	}
	h := pkt[:ipv6HeaderSize]
	end := ipv6HeaderSize + int(binary.BigEndian.Uint16(h[4:]))
	if end == ipv6HeaderSize { // a jumbogram, or offload
		end = wireLen
	}
	ip.end = min(end, wireLen)
	ip.tos, ip.ttl = h[0]<<4|h[1]>>4, h[7]
	ip.src = netip.AddrFrom16([16]byte(h[8:24]))
	ip.dst = netip.AddrFrom16([16]byte(h[24:40]))

	next, off := h[6], ipv6HeaderSize
	field := 6 // where next stands: what comes next may lie beyond a cut
	for range maxExtHeaders {
		if next == proto {
			ip.header = off
			return nil
		}
		unit := 8
		switch next {
		case protoFragment:
			if len(pkt) < off+8 {
				return bad("IPv6 fragment header", len(pkt), ErrTruncated)
			}
			if binary.BigEndian.Uint16(pkt[off+2:])&0xfff9 != 0 {
				return bad("IPv6 fragment", off, ErrFragment)
			}
			field, next, off = off, pkt[off], off+8 // an atomic fragment, RFC 6946
			continue
		case protoAH:
			unit = 4
		case protoHopByHop, protoRouting, protoDestOpts, protoMobility, protoHIP, protoShim6:
		default:
			return bad("IPv6 next header", field, ErrNotTCP)
		}
		if len(pkt) < off+2 {
			return bad("IPv6 extension header", len(pkt), ErrTruncated)
		}
		size := (int(pkt[off+1]) + 1) * unit
		if next == protoAH {
			size += 4 // AH counts from its second 8 octets, RFC 4302 section 2.2
		}
		field, next, off = off, pkt[off], off+size
		if off > ip.end {
			return bad("IPv6 extension header", off-size+1, ErrLength)
		}
	}
	return bad("IPv6 extension headers", field, ErrLength)
}
