package wire

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"

	"github.com/mptcp-go/mptcp/checksum"
)

// ICMPKind is what an ICMP error means to TCP, whatever the IP version.
type ICMPKind uint8

// The errors that this package reads.
const (
	// ICMPUnreachable: type 3 over IPv4 (RFC 792), type 1 over IPv6 (RFC 4443
	// section 3.1). Which of its codes are hard errors is RFC 1122 section 4.2.3.9;
	// RFC 5927 section 5.2 treats all as soft once a connection is established.
	ICMPUnreachable ICMPKind = iota + 1
	// ICMPTooBig: type 3 code 4 over IPv4 (RFC 1191), type 2 over IPv6 (RFC 8201).
	ICMPTooBig
	// ICMPTimeExceeded: type 11 over IPv4, type 3 over IPv6.
	ICMPTimeExceeded
)

func (k ICMPKind) String() string {
	switch k {
	case ICMPUnreachable:
		return "destination unreachable"
	case ICMPTooBig:
		return "packet too big"
	case ICMPTimeExceeded:
		return "time exceeded"
	}
	return "unknown ICMP error"
}

// ICMP is an ICMP error about a TCP segment: what it says, and what it quotes of
// the segment. Anyone can send one, so Src, Dst and Seq must be those of a segment
// in flight before the rest is believed (RFC 5927 section 4.1).
type ICMP struct {
	From, To netip.Addr // of the ICMP message: the router, and the host it told
	Kind     ICMPKind
	Code     uint8  // as on the wire; its meaning differs between IPv4 and IPv6
	MTU      uint32 // ICMPTooBig: of the next link, octets; 0 from routers older than RFC 1191
	Sum      SumState

	Src, Dst  netip.AddrPort // of the quoted segment: Src is the host that sent it
	Seq       uint32         // of the quoted segment
	PacketLen int            // of the quoted packet, octets, by its own IP header (RFC 1191 section 5)
}

const (
	icmpHeaderSize = 8
	icmpQuoteSize  = 8 // of the TCP header: ports and sequence number (RFC 792)

	// What an ICMP error may fill: RFC 1812 section 4.3.2.3, RFC 4443 section 2.4(c).
	icmpv4MaxPacket = 576
	icmpv6MaxPacket = 1280
)

// ParseICMP reads pkt, one whole IP packet with an ICMP error in it that quotes a
// TCP segment, into m and verifies the ICMP checksum, whose verdict is m.Sum. It
// allocates nothing and keeps no reference to pkt.
//
// The error is a *ParseError. It wraps ErrNotICMP for a packet of another protocol
// and for ICMP messages that are no error named by ICMPKind, ErrNotTCP for an error
// about another protocol, and otherwise what Parse's errors wrap.
func ParseICMP(m *ICMP, pkt []byte) error {
	var ip ipInfo
	h, err := icmpMessage(&ip, pkt)
	if err != nil {
		return err
	}
	kind := icmpKind(ip.src.Is4(), h[0], h[1])
	if kind == 0 {
		return bad("ICMP type", ip.header, ErrNotICMP)
	}
	*m = ICMP{From: ip.src, To: ip.dst, Kind: kind, Code: h[1]}
	if kind == ICMPTooBig {
		m.MTU = binary.BigEndian.Uint32(h[4:])
		if ip.src.Is4() {
			m.MTU &= 0xffff // the high half is unused, RFC 1191 section 4
		}
	}
	m.Sum = SumBad
	if icmpSum(ip.src, ip.dst, h).Valid() {
		m.Sum = SumGood
	}
	return m.parseQuote(h[icmpHeaderSize:], ip.header+icmpHeaderSize, ip.src.Is4())
}

// icmpMessage returns the ICMP message of one whole IP packet, its header at least, and
// reads the IP header into ip.
func icmpMessage(ip *ipInfo, pkt []byte) ([]byte, error) {
	if err := parseIP(ip, pkt, max(len(pkt), ipLength(pkt)), protoICMP, protoICMPv6); err != nil {
		if errors.Is(err, ErrNotTCP) {
			return nil, bad("IP protocol", 0, ErrNotICMP)
		}
		return nil, err
	}
	if ip.end > len(pkt) {
		return nil, bad("IP packet", len(pkt), ErrTruncated)
	}
	h := pkt[ip.header:ip.end]
	if len(h) < icmpHeaderSize {
		return nil, bad("ICMP header", ip.header+len(h), ErrTruncated)
	}
	return h, nil
}

// icmpKind is 0 for what is no error, or not one that concerns TCP.
func icmpKind(v4 bool, typ, code uint8) ICMPKind {
	switch {
	case v4 && typ == 3 && code == 4, !v4 && typ == 2:
		return ICMPTooBig
	case v4 && typ == 3, !v4 && typ == 1:
		return ICMPUnreachable
	case v4 && typ == 11, !v4 && typ == 3:
		return ICMPTimeExceeded
	}
	return 0
}

// parseQuote reads the packet that the message quotes, off octets into it. The
// quote is cut as a rule, and what follows it (RFC 4884) is of no interest.
func (m *ICMP) parseQuote(q []byte, off int, v4 bool) error {
	at := func(err error) error {
		var e *ParseError
		if errors.As(err, &e) {
			return bad("quoted "+e.What, off+e.Offset, e.Err)
		}
		return err
	}
	if len(q) > 0 && (q[0]>>4 == 4) != v4 {
		return bad("quoted IP header", off, ErrVersion)
	}
	var ip ipInfo
	if err := parseIP(&ip, q, max(len(q), 0xffff+ipv6HeaderSize), protoTCP, protoTCP); err != nil {
		return at(err)
	}
	if len(q) < ip.header+icmpQuoteSize {
		return bad("quoted TCP header", off+len(q), ErrTruncated)
	}
	tcp := q[ip.header:]
	m.Src = netip.AddrPortFrom(ip.src, binary.BigEndian.Uint16(tcp[0:]))
	m.Dst = netip.AddrPortFrom(ip.dst, binary.BigEndian.Uint16(tcp[2:]))
	m.Seq = binary.BigEndian.Uint32(tcp[4:])
	m.PacketLen = ipLength(q)
	return nil
}

// icmpSum sums a whole message, with the pseudo-header that IPv6 adds (RFC 4443
// section 2.3).
func icmpSum(src, dst netip.Addr, h []byte) checksum.Sum {
	sum := checksum.Of(h)
	if src.Is4() {
		return sum
	}
	return sum.Add(pseudoSum(src, dst, len(h), protoICMPv6))
}

// AppendICMP appends m as one IP packet, its checksums computed, for routers that
// are simulated. quote is the packet that caused the error, of which as much goes
// in as an ICMP error may hold; m's own Src, Dst, Seq and PacketLen are not looked
// at, except where quote is empty: then they make up the least that can be quoted.
// m.Sum is ignored, and so is m.Code where m.Kind is ICMPTooBig.
//
// The error wraps ErrLength for addresses of different families and for a quote
// that is no IP packet of theirs, and ErrNotICMP for an unknown m.Kind.
func AppendICMP(b []byte, m *ICMP, quote []byte) ([]byte, error) {
	v4 := m.From.Is4()
	if !m.From.IsValid() || !m.To.IsValid() || m.To.Is4() != v4 {
		return b, bad("IP addresses", 0, ErrLength)
	}
	var least [ipv6HeaderSize + icmpQuoteSize]byte
	if len(quote) == 0 {
		n, err := m.putQuote(&least)
		if err != nil {
			return b, err
		}
		quote = least[:n]
	} else if (quote[0]>>4 == 4) != v4 {
		return b, bad("quoted packet", 0, ErrLength)
	}
	typ, code, ok := icmpType(v4, m.Kind, m.Code)
	if !ok {
		return b, bad("ICMP kind", 0, ErrNotICMP)
	}
	ipSize, most, proto := ipv4HeaderSize, icmpv4MaxPacket, uint8(protoICMP)
	if !v4 {
		ipSize, most, proto = ipv6HeaderSize, icmpv6MaxPacket, protoICMPv6
	}
	quote = quote[:min(len(quote), most-ipSize-icmpHeaderSize)]
	n := icmpHeaderSize + len(quote)
	at := len(b)
	b = slices.Grow(b, ipSize+n)[:at+ipSize+n]
	putIP(b[at:at+ipSize], m.From, m.To, 0, defaultTTL, proto, n)
	h := b[at+ipSize:]
	copy(h[icmpHeaderSize:], quote)
	clear(h[:icmpHeaderSize])
	h[0], h[1] = typ, code
	if m.Kind == ICMPTooBig {
		mtu := m.MTU
		if v4 {
			mtu = min(mtu, 0xffff)
		}
		binary.BigEndian.PutUint32(h[4:], mtu)
	}
	binary.BigEndian.PutUint16(h[2:], icmpSum(m.From, m.To, h).Checksum())
	return b, nil
}

// icmpType is icmpKind the other way.
func icmpType(v4 bool, k ICMPKind, code uint8) (uint8, uint8, bool) {
	switch {
	case k == ICMPTooBig && v4:
		return 3, 4, true
	case k == ICMPTooBig:
		return 2, 0, true
	case k == ICMPUnreachable && v4:
		return 3, code, code != 4 // which would be ICMPTooBig
	case k == ICMPUnreachable:
		return 1, code, true
	case k == ICMPTimeExceeded && v4:
		return 11, code, true
	case k == ICMPTimeExceeded:
		return 3, code, true
	}
	return 0, 0, false
}

// putQuote makes the start of the packet that m describes and returns its size.
func (m *ICMP) putQuote(b *[ipv6HeaderSize + icmpQuoteSize]byte) (int, error) {
	src, dst := m.Src.Addr(), m.Dst.Addr()
	if !src.IsValid() || !dst.IsValid() || src.Is4() != m.From.Is4() || dst.Is4() != src.Is4() {
		return 0, bad("quoted addresses", 0, ErrLength)
	}
	size := ipv4HeaderSize
	if !src.Is4() {
		size = ipv6HeaderSize
	}
	n := max(m.PacketLen-size, tcpHeaderSize)
	// IPv4 counts its header in 16 bits, IPv6 does not.
	if n > 0xffff || src.Is4() && size+n > 0xffff {
		return 0, bad("quoted packet", 2, ErrLength)
	}
	putIP(b[:size], src, dst, 0, defaultTTL, protoTCP, n)
	binary.BigEndian.PutUint16(b[size:], m.Src.Port())
	binary.BigEndian.PutUint16(b[size+2:], m.Dst.Port())
	binary.BigEndian.PutUint32(b[size+4:], m.Seq)
	return size + icmpQuoteSize, nil
}
