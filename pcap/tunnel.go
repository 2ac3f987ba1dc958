package pcap

import (
	"encoding/binary"
	"strconv"
)

// TunnelKind is an encapsulation that carries IP packets inside IP packets.
type TunnelKind uint8

// The encapsulations.
const (
	NoTunnel  TunnelKind = iota
	IPinIP               // protocol 4 or 41: RFC 2003, RFC 2473, RFC 4213
	GRE                  // RFC 2784, RFC 2890; version 1 of PPTP, RFC 2637
	GTPU                 // 3GPP TS 29.281
	VXLAN                // RFC 7348
	Geneve               // RFC 8926
	NumTunnel = iota
)

// String returns the usual name, "none" for NoTunnel.
func (k TunnelKind) String() string {
	switch k {
	case NoTunnel:
		return "none"
	case IPinIP:
		return "IP in IP"
	case GRE:
		return "GRE"
	case GTPU:
		return "GTP-U"
	case VXLAN:
		return "VXLAN"
	case Geneve:
		return "Geneve"
	}
	return "TunnelKind(" + strconv.Itoa(int(k)) + ")"
}

// UDP ports of the tunnels.
const (
	portGTPU       = 2152
	portVXLAN      = 4789
	portVXLANLinux = 8472 // Linux's default, older than the assignment
	portGeneve     = 6081
)

// Tunnel returns the IP packet carried inside of ip, from its IP header on, and how
// it was carried; nil and [NoTunnel] if ip is no tunnel that is known. inner is a
// slice of ip. Fragments are never looked into, see [IsFragment].
func Tunnel(ip []byte) (inner []byte, kind TunnelKind) {
	if len(ip) > 20 && ip[0]>>4 == 4 && ip[9] == protoTCP {
		return nil, NoTunnel
	}
	return tunnel(ip)
}

// MaxTunnels is how many tunnels inside each other Innermost opens.
const MaxTunnels = 4

// Tunnels are the encapsulations that were opened, outermost first; NoTunnel fills
// the rest.
type Tunnels [MaxTunnels]TunnelKind

// Innermost opens tunnels inside tunnels, up to [MaxTunnels], and returns the
// innermost IP packet; that is ip itself if it is no tunnel.
func Innermost(ip []byte) ([]byte, Tunnels) {
	var opened Tunnels
	for i := range opened {
		inner, kind := Tunnel(ip)
		if kind == NoTunnel {
			break
		}
		ip, opened[i] = inner, kind
	}
	return ip, opened
}

func tunnel(ip []byte) ([]byte, TunnelKind) {
	proto, b, _ := payloadOf(ip)
	switch proto {
	case protoIPv4, protoIPv6:
		return carried(b, Found, IPinIP)
	case protoGRE:
		inner, miss := gre(b)
		return carried(inner, miss, GRE)
	case protoUDP:
		if len(b) < 8 {
			return nil, NoTunnel
		}
		src, dst := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
		b = b[8:]
		switch {
		case dst == portVXLAN || dst == portVXLANLinux:
			inner, miss := vxlan(b)
			return carried(inner, miss, VXLAN)
		case dst == portGeneve:
			inner, miss := geneve(b)
			return carried(inner, miss, Geneve)
		case dst == portGTPU || src == portGTPU:
			inner, miss := gtpu(b)
			return carried(inner, miss, GTPU)
		}
	}
	return nil, NoTunnel
}

// carried verifies that an IP header follows.
func carried(inner []byte, miss Miss, kind TunnelKind) ([]byte, TunnelKind) {
	if miss == Found && len(inner) >= 20 && (inner[0]>>4 == 4 || inner[0]>>4 == 6) {
		return inner, kind
	}
	return nil, NoTunnel
}

// gre follows a GRE header. Source routes (RFC 1701) are not supported.
func gre(b []byte) ([]byte, Miss) {
	const (
		checksum = 0x8000
		routing  = 0x4000
		key      = 0x2000
		sequence = 0x1000
		ack      = 0x0080 // version 1 only
	)
	if len(b) < 4 {
		return nil, CutShort
	}
	flags, typ := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	version := flags & 7
	if version > 1 || flags&routing != 0 {
		return nil, NotIP
	}
	size := 4
	for _, f := range [...]uint16{checksum, key, sequence} {
		if flags&f != 0 {
			size += 4
		}
	}
	if version == 1 && flags&ack != 0 {
		size += 4
	}
	if len(b) < size {
		return nil, CutShort
	}
	var info LinkInfo
	switch b = b[size:]; {
	case version == 1:
		return info.hdlc(b)
	case typ == etherBridge:
		return info.ethernet(b)
	case typ <= llcMax:
		return nil, NotIP
	default:
		return info.payload(typ, b)
	}
}

// vxlan follows a VXLAN header: flags with the I bit, then the network identifier.
func vxlan(b []byte) ([]byte, Miss) {
	if len(b) < 8 {
		return nil, CutShort
	}
	if b[0]&0x08 == 0 {
		return nil, NotIP
	}
	return Network(LinkEthernet, b[8:])
}

// geneve follows a Geneve header with its options (RFC 8926 section 3.4).
func geneve(b []byte) ([]byte, Miss) {
	if len(b) < 8 {
		return nil, CutShort
	}
	size := 8 + 4*int(b[0]&0x3f)
	if b[0]>>6 != 0 {
		return nil, NotIP
	}
	if len(b) < size {
		return nil, CutShort
	}
	var info LinkInfo
	switch typ := binary.BigEndian.Uint16(b[2:]); {
	case typ == etherBridge:
		return info.ethernet(b[size:])
	case typ <= llcMax:
		return nil, NotIP
	default:
		return info.payload(typ, b[size:])
	}
}

// gtpu follows a GTP-U header with its extension headers (3GPP TS 29.281 sections
// 5.1 and 5.2). Since nothing but a port names it, all that can be verified is.
func gtpu(b []byte) ([]byte, Miss) {
	const (
		version1GTP = 0x30 // version 1, protocol type GTP
		reserved    = 0x08
		extension   = 0x04
		optional    = 0x07 // extension, sequence number, N-PDU number
		gPDU        = 255
	)
	if len(b) < 8 {
		return nil, CutShort
	}
	flags := b[0]
	if flags&0xf0 != version1GTP || flags&reserved != 0 || b[1] != gPDU {
		return nil, NotIP
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if b = b[8:]; n < len(b) {
		b = b[:n]
	}
	if flags&optional == 0 {
		return b, Found
	}
	if len(b) < 4 {
		return nil, CutShort
	}
	next := b[3]
	b = b[4:]
	for flags&extension != 0 && next != 0 {
		if len(b) < 4 {
			return nil, CutShort
		}
		size := 4 * int(b[0])
		if size == 0 {
			return nil, NotIP
		}
		if size > len(b) {
			return nil, CutShort
		}
		next, b = b[size-1], b[size:]
	}
	return b, Found
}
