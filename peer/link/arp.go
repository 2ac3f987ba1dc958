package link

import (
	"encoding/binary"
	"net/netip"

	"github.com/mptcp-go/mptcp/checksum"
)

// Ethernet, ARP (RFC 826) and the two messages of Neighbor Discovery that ARP's work
// needs over IPv6 (RFC 4861 sections 4.3 and 4.4).

type hwAddr [6]byte

var broadcast = hwAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

const (
	ethSize = 14
	ethIPv4 = 0x0800
	ethARP  = 0x0806
	ethIPv6 = 0x86dd

	protoICMPv6 = 58
	arpSize     = 28
	arpRequest  = 1
	arpReply    = 2
	ndSolicit   = 135
	ndAdvertise = 136
	ndOptSource = 1 // source link-layer address
	ndOptTarget = 2 // target link-layer address
	ndRouter    = 0x80
	ndSolicited = 0x40
	ndOverride  = 0x20
	ndSize      = 24
	ndOptSize   = 8
	ndHopLimit  = 255 // what no router has let through (RFC 4861 section 7.1)
)

func putEthernet(b []byte, dst, src hwAddr, kind uint16) {
	copy(b[0:], dst[:])
	copy(b[6:], src[:])
	binary.BigEndian.PutUint16(b[12:], kind)
}

// discovery is what an ARP packet or a neighbour message says.
type discovery struct {
	ask      bool       // a request or solicitation
	from     netip.Addr // who says it; unspecified (0.0.0.0, ::) in a probe for duplicates
	mac      hwAddr     // of from in a question, of target in an answer
	hasMAC   bool
	target   netip.Addr // who is asked for, or who answers
	override bool       // an answer that replaces what was known
}

// parseARP reads the ARP packet b, which lies behind an Ethernet header.
func parseARP(b []byte) (d discovery, ok bool) {
	if len(b) < arpSize || binary.BigEndian.Uint64(b)>>16 != 0x0001_0800_0604 {
		return d, false // Ethernet and IPv4, and their sizes
	}
	d.mac, d.hasMAC, d.override = hwAddr(b[8:14]), true, true
	d.from = netip.AddrFrom4([4]byte(b[14:18]))
	switch binary.BigEndian.Uint16(b[6:]) {
	case arpRequest:
		d.ask, d.target = true, netip.AddrFrom4([4]byte(b[24:28]))
	case arpReply:
		d.target = d.from
	default:
		return d, false
	}
	return d, true
}

// appendARP appends an Ethernet frame: a question for target, or the answer that target
// is at src, to the host to at dst.
func appendARP(b []byte, src, dst hwAddr, ask bool, from, target, to netip.Addr) []byte {
	at := len(b)
	b = append(b, make([]byte, ethSize+arpSize)...)
	f := b[at:]
	putEthernet(f, dst, src, ethARP)
	a := f[ethSize:]
	binary.BigEndian.PutUint64(a, 0x0001_0800_0604<<16)
	copy(a[8:], src[:])
	if ask {
		a[7] = arpRequest
		copy(a[14:], from.AsSlice())
		copy(a[24:], target.AsSlice())
		return b
	}
	a[7] = arpReply
	copy(a[14:], target.AsSlice())
	copy(a[18:], dst[:])
	copy(a[24:], to.AsSlice())
	return b
}

// parseND reads the IPv6 packet b where it is a neighbour solicitation or advertisement
// that is valid (RFC 4861 sections 7.1.1 and 7.1.2). mine reports whether it is one of
// the two, valid or not.
func parseND(b []byte) (d discovery, ok, mine bool) {
	if len(b) < ip6HeaderSize+ndSize || b[0]>>4 != 6 || b[6] != protoICMPv6 {
		return d, false, false
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	m := b[ip6HeaderSize:]
	if m[0] != ndSolicit && m[0] != ndAdvertise {
		return d, false, false
	}
	if b[7] != ndHopLimit || m[1] != 0 || n < ndSize || n > len(m) || !icmp6Sum(b, m[:n]).Valid() {
		return d, false, true
	}
	m = m[:n]
	d.ask = m[0] == ndSolicit
	d.from = netip.AddrFrom16([16]byte(b[8:24]))
	d.target = netip.AddrFrom16([16]byte(m[8:24]))
	d.override = m[4]&ndOverride != 0
	want := byte(ndOptTarget)
	if d.ask {
		want = ndOptSource
	}
	for o := m[ndSize:]; len(o) > 0; {
		if len(o) < 2 || o[1] == 0 || len(o) < int(o[1])*8 {
			return d, false, true
		}
		if o[0] == want && o[1] == 1 {
			d.mac, d.hasMAC = hwAddr(o[2:8]), true
		}
		o = o[int(o[1])*8:]
	}
	if d.target.IsMulticast() || d.ask && d.from.IsUnspecified() && d.hasMAC {
		return d, false, true
	}
	return d, true, true
}

// appendND appends an Ethernet frame: a solicitation for target, or the advertisement
// that target is at src, from the address from to the address to at dst.
func appendND(b []byte, src, dst hwAddr, ask bool, from, target, to netip.Addr) []byte {
	n := ndSize + ndOptSize
	if ask && from.IsUnspecified() {
		n = ndSize // a probe has no option (RFC 4861 section 4.3)
	}
	at := len(b)
	b = append(b, make([]byte, ethSize+ip6HeaderSize+n)...)
	f := b[at:]
	putEthernet(f, dst, src, ethIPv6)
	ip := f[ethSize:]
	ip[0], ip[6], ip[7] = 0x60, protoICMPv6, ndHopLimit
	binary.BigEndian.PutUint16(ip[4:], uint16(n))
	copy(ip[8:], from.AsSlice())
	copy(ip[24:], to.AsSlice())
	m := ip[ip6HeaderSize:]
	copy(m[8:], target.AsSlice())
	option := byte(ndOptSource)
	m[0] = ndSolicit
	if !ask {
		m[0], m[4], option = ndAdvertise, ndOverride, ndOptTarget
		if !to.IsMulticast() {
			m[4] |= ndSolicited
		}
	}
	if n > ndSize {
		m[ndSize], m[ndSize+1] = option, 1
		copy(m[ndSize+2:], src[:])
	}
	binary.BigEndian.PutUint16(m[2:], icmp6Sum(ip, m).Checksum())
	return b
}

// icmp6Sum is the sum of the ICMPv6 message m in the packet ip and its pseudo-header.
func icmp6Sum(ip, m []byte) checksum.Sum {
	return checksum.Of(ip[8:40]).AddUint32(uint32(len(m))).AddUint16(protoICMPv6).Add(checksum.Of(m))
}

// solicitedNode is the multicast group that a holder of the IPv6 address a listens to
// (RFC 4291 section 2.7.1), and the Ethernet address of that group (RFC 2464 section 7).
func solicitedNode(a netip.Addr) (netip.Addr, hwAddr) {
	g := netip.MustParsePrefix("ff02::1:ff00:0/104").Addr().As16()
	b := a.As16()
	copy(g[13:], b[13:])
	return netip.AddrFrom16(g), hwAddr{0x33, 0x33, 0xff, b[13], b[14], b[15]}
}
