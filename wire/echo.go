package wire

import (
	"encoding/binary"
	"net/netip"
)

// Echo is an ICMP echo request: RFC 792, RFC 4443 section 4.1.
type Echo struct {
	From, To netip.Addr // who asks, and whom
	Sum      SumState   // good or bad
	tos      uint8
	rest     []byte // identifier, sequence number and data
}

const (
	icmpEchoReply     = 0
	icmpEchoRequest   = 8
	icmpv6EchoRequest = 128
	icmpv6EchoReply   = 129
)

// ParseEcho reads an echo request out of one IP packet. What e holds aliases pkt. The error is
// a *ParseError: of ErrNotICMP for what is no echo request, of ErrLength, ErrTruncated,
// ErrFragment or ErrVersion for packets that are malformed or not whole.
func ParseEcho(e *Echo, pkt []byte) error {
	var ip ipInfo
	h, err := icmpMessage(&ip, pkt)
	if err != nil {
		return err
	}
	request := byte(icmpEchoRequest)
	if !ip.src.Is4() {
		request = icmpv6EchoRequest
	}
	if h[0] != request || h[1] != 0 {
		return bad("ICMP type", ip.header, ErrNotICMP)
	}
	*e = Echo{From: ip.src, To: ip.dst, Sum: SumBad, tos: ip.tos, rest: h[4:]}
	if icmpSum(ip.src, ip.dst, h).Valid() {
		e.Sum = SumGood
	}
	return nil
}

// Size is how many octets the answer has.
func (e *Echo) Size() int {
	if e.From.Is4() {
		return ipv4HeaderSize + 4 + len(e.rest)
	}
	return ipv6HeaderSize + 4 + len(e.rest)
}

// AppendReply appends the answer as one IP packet: the data as it came, with the addresses
// swapped (RFC 1122 section 3.2.2.6, RFC 4443 section 4.2).
func (e *Echo) AppendReply(b []byte) []byte {
	at := len(b)
	b = append(b, make([]byte, e.Size()-len(e.rest))...)
	b = append(b, e.rest...)
	p := b[at:]
	size, proto, kind := ipv4HeaderSize, uint8(protoICMP), uint8(icmpEchoReply)
	if !e.From.Is4() {
		size, proto, kind = ipv6HeaderSize, protoICMPv6, icmpv6EchoReply
	}
	h := p[size:]
	putIP(p[:size], e.To, e.From, e.tos, 0, proto, len(h))
	h[0], h[1], h[2], h[3] = kind, 0, 0, 0
	binary.BigEndian.PutUint16(h[2:], icmpSum(e.To, e.From, h).Checksum())
	return b
}
