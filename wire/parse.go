package wire

import (
	"encoding/binary"
	"net/netip"

	"github.com/mptcp-go/mptcp/checksum"
)

const tcpHeaderSize = 20

// Parse reads pkt, one whole IP packet with a TCP segment in it, into s and
// verifies the TCP checksum, whose verdict is s.Sum. Octets after the IP length
// (link-layer padding) are ignored. s.Options and s.Payload alias pkt.
//
// The error is a *ParseError that wraps ErrTruncated, ErrLength, ErrVersion,
// ErrNotTCP or ErrFragment. Malformed options are no error: see Options.Check.
func Parse(s *Segment, pkt []byte) error {
	var ip ipInfo
	if err := ip.parseTCP(s, pkt, max(len(pkt), ipLength(pkt))); err != nil {
		return err
	}
	if ip.end > len(pkt) {
		return bad("IP packet", len(pkt), ErrTruncated)
	}
	return nil
}

// ipLength is the packet's own idea of its size; 0 where it does not say.
func ipLength(pkt []byte) int {
	if len(pkt) < ipv4HeaderSize {
		return 0
	}
	if pkt[0]>>4 == 4 {
		return int(binary.BigEndian.Uint16(pkt[2:]))
	}
	if n := int(binary.BigEndian.Uint16(pkt[4:])); n != 0 {
		return n + ipv6HeaderSize
	}
	return 0
}

// ParseCaptured reads what a capture kept of an IP packet that had wireLen octets
// on the wire. A payload cut short is no error: s.PayloadLen says how long it
// was. The checksum is verified where every octet is there; otherwise s.Sum is
// SumUnknown.
//
// Where the cut goes through the TCP options, s holds all fields, s.Options what
// is there of them, and the error wraps ErrTruncated with What "TCP options".
func ParseCaptured(s *Segment, pkt []byte, wireLen int) error {
	var ip ipInfo
	return ip.parseTCP(s, pkt, max(wireLen, len(pkt)))
}

// ParseTrusted is Parse for a packet whose TCP checksum need not be verified: the link
// has done so, or the packet has not been on a wire. It does not read the payload.
// s.Sum is set to sum, which must not be SumGood, since s.PayloadSum is not computed.
func ParseTrusted(s *Segment, pkt []byte, sum SumState) error {
	var ip ipInfo
	if _, err := ip.parseHeaders(s, pkt, max(len(pkt), ipLength(pkt))); err != nil {
		return err
	}
	if ip.end > len(pkt) {
		return bad("IP packet", len(pkt), ErrTruncated)
	}
	s.Sum = sum
	return nil
}

func (ip *ipInfo) parseTCP(s *Segment, pkt []byte, wireLen int) error {
	payload, err := ip.parseHeaders(s, pkt, wireLen)
	if err == nil && ip.end <= len(pkt) {
		s.verifySum(pkt, ip.header, payload, ip.end)
	}
	return err
}

// parseHeaders is parseTCP without a look at the checksum. It returns where the payload
// begins.
func (ip *ipInfo) parseHeaders(s *Segment, pkt []byte, wireLen int) (int, error) {
	if err := parseIP(ip, pkt, wireLen, protoTCP, protoTCP); err != nil {
		return 0, err
	}
	off := ip.header
	if off+tcpHeaderSize > ip.end {
		return 0, bad("TCP header", min(off, len(pkt)), ErrLength)
	}
	if len(pkt) < off+tcpHeaderSize {
		return 0, bad("TCP header", len(pkt), ErrTruncated)
	}
	h := pkt[off : off+tcpHeaderSize]
	s.Src = netip.AddrPortFrom(ip.src, binary.BigEndian.Uint16(h[0:]))
	s.Dst = netip.AddrPortFrom(ip.dst, binary.BigEndian.Uint16(h[2:]))
	s.Path = 0
	s.Seq = binary.BigEndian.Uint32(h[4:])
	s.Ack = binary.BigEndian.Uint32(h[8:])
	s.Flags = Flags(binary.BigEndian.Uint16(h[12:])) & 0xfff
	s.Window = binary.BigEndian.Uint16(h[14:])
	s.Urgent = binary.BigEndian.Uint16(h[18:])
	s.TOS, s.TTL = ip.tos, ip.ttl
	s.Options, s.Payload, s.PayloadLen = nil, nil, 0
	s.SegSize, s.Sum, s.PayloadSum = 0, SumUnknown, 0

	size := int(h[12]>>4) * 4
	if size < tcpHeaderSize || off+size > ip.end {
		return 0, bad("TCP data offset", off+12, ErrLength)
	}
	s.PayloadLen = ip.end - off - size
	if len(pkt) < off+size {
		s.Options = Options(pkt[off+tcpHeaderSize:])
		return 0, bad("TCP options", len(pkt), ErrTruncated)
	}
	s.Options = Options(pkt[off+tcpHeaderSize : off+size : off+size])
	end := min(ip.end, len(pkt))
	s.Payload = pkt[off+size : end : end]
	return off + size, nil
}

// verifySum computes s.Sum and s.PayloadSum from a whole packet, whose TCP header,
// payload and end lie at those offsets.
func (s *Segment) verifySum(pkt []byte, header, payload, end int) {
	var sum checksum.Sum
	if pkt[0]>>4 == 4 { // both addresses, as they stand in the header
		sum = checksum.Sum(protoTCP).AddUint64(binary.BigEndian.Uint64(pkt[12:20]))
	} else {
		sum = checksum.Of(pkt[8:40]).AddUint16(protoTCP)
	}
	pseudo := sum.AddUint32(uint32(end - header))
	sum = pseudo.Add(checksum.Of(pkt[header:payload]))
	if payload < end {
		s.PayloadSum = checksum.Of(pkt[payload:end])
		sum = sum.Add(s.PayloadSum)
	}
	switch {
	case sum.Valid():
		s.Sum = SumGood
	case checksum.Sum(binary.BigEndian.Uint16(pkt[header+16:])) == pseudo:
		s.Sum = SumPartial
	default:
		s.Sum = SumBad
	}
}

// pseudoSum is the sum of the pseudo-header (RFC 9293 section 3.1, RFC 8200 section
// 8.1): addresses, protocol, and the n octets of the upper layer.
func pseudoSum(src, dst netip.Addr, n int, proto uint8) checksum.Sum {
	sum := checksum.Sum(proto).AddUint32(uint32(n))
	if src.Is4() {
		a, b := src.As4(), dst.As4()
		return sum.AddUint32(binary.BigEndian.Uint32(a[:])).AddUint32(binary.BigEndian.Uint32(b[:]))
	}
	a, b := src.As16(), dst.As16()
	for _, p := range [][]byte{a[:], b[:]} {
		sum = sum.AddUint64(binary.BigEndian.Uint64(p)).AddUint64(binary.BigEndian.Uint64(p[8:]))
	}
	return sum
}
