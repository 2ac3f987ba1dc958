package wire

import (
	"encoding/binary"
	"errors"
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
	if err := ParseCaptured(s, pkt, len(pkt)); err != nil {
		return err
	}
	if int(ipLength(pkt)) > len(pkt) {
		return bad("IP packet", len(pkt), ErrTruncated)
	}
	s.VerifySum(pkt)
	return nil
}

// ipLength is the packet's own idea of its size; 0 where it does not say.
func ipLength(pkt []byte) uint32 {
	if pkt[0]>>4 == 4 {
		return uint32(binary.BigEndian.Uint16(pkt[2:]))
	}
	if n := uint32(binary.BigEndian.Uint16(pkt[4:])); n != 0 {
		return n + ipv6HeaderSize
	}
	return 0
}

// ParseCaptured reads what a capture kept of an IP packet that had wireLen octets
// on the wire. A payload cut short is no error: s.PayloadLen says how long it
// was. The checksum is not looked at (s.Sum is SumUnknown; see VerifySum).
//
// Where the cut goes through the TCP options, s holds all fields, s.Options what
// is there of them, and the error wraps ErrTruncated with What "TCP options".
func ParseCaptured(s *Segment, pkt []byte, wireLen int) error {
	var ip ipInfo
	if err := parseIP(&ip, pkt, max(wireLen, len(pkt))); err != nil {
		return err
	}
	off := ip.header
	if off+tcpHeaderSize > ip.end {
		return bad("TCP header", off, ErrLength)
	}
	if len(pkt) < off+tcpHeaderSize {
		return bad("TCP header", len(pkt), ErrTruncated)
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
		return bad("TCP data offset", off+12, ErrLength)
	}
	s.PayloadLen = ip.end - off - size
	if len(pkt) < off+size {
		s.Options = Options(pkt[off+tcpHeaderSize:])
		return bad("TCP options", len(pkt), ErrTruncated)
	}
	s.Options = Options(pkt[off+tcpHeaderSize : off+size : off+size])
	end := min(ip.end, len(pkt))
	s.Payload = pkt[off+size : end : end]
	return nil
}

// VerifySum computes s.Sum and s.PayloadSum for s, read from pkt by one of the
// parsers. A packet that was cut, or one whose checksum is offloaded, is told
// from a bad one.
func (s *Segment) VerifySum(pkt []byte) {
	if len(s.Payload) != s.PayloadLen {
		s.Sum = SumUnknown
		return
	}
	s.PayloadSum = checksum.Of(s.Payload)
	size := tcpHeaderSize + len(s.Options)
	end := cap(pkt) - cap(s.Payload) // both alias one array
	header := pkt[end-size : end]
	pseudo := pseudoSum(s.Src.Addr(), s.Dst.Addr(), size+len(s.Payload))
	sum := pseudo.Add(checksum.Of(header)).Add(s.PayloadSum)
	switch {
	case sum.Checksum() == 0:
		s.Sum = SumGood
	case checksum.Sum(binary.BigEndian.Uint16(header[16:])) == pseudo:
		s.Sum = SumPartial
	default:
		s.Sum = SumBad
	}
}

// pseudoSum is the sum of the pseudo-header (RFC 9293 section 3.1): addresses,
// protocol, and n octets of TCP header and payload.
func pseudoSum(src, dst netip.Addr, n int) checksum.Sum {
	sum := checksum.Sum(protoTCP).AddUint32(uint32(n))
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

// IsNotTCP reports whether err, from one of the parsers, says that the packet is
// simply something else, not a damaged TCP segment.
func IsNotTCP(err error) bool { return errors.Is(err, ErrNotTCP) }
