package fields

import (
	"encoding/binary"

	"github.com/mptcp-go/mptcp/pcap"
)

const (
	protoHopByHop = 0
	protoICMP     = 1
	protoTCP      = 6
	protoUDP      = 17
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
	// maxExtHeaders bounds the walk over IPv6 extension headers, as in package wire.
	maxExtHeaders = 16
	// maxNested bounds tunnels inside tunnels.
	maxNested = 1 + pcap.MaxTunnels
)

// upper is what an IP header carries.
type upper struct {
	proto    uint8
	off      int  // octets of IP header before it
	size     int  // octets of it on the wire
	ok       bool // there is something, and it is no fragment
	src, dst [16]byte
}

// network adds the IP header at the start of b, of which wireLen octets were on the wire,
// and what it carries, tunnels included.
func (x *Extractor) network(b []byte, wireLen int) {
	r := &x.row
	for range maxNested {
		wireLen = max(wireLen, len(b)) // a frame shorter than what was captured of it
		var up upper
		if b[0]>>4 == 4 {
			up = x.network4(b, wireLen)
		} else {
			up = x.network6(b, wireLen)
		}
		if !up.ok {
			return
		}
		segment := b[up.off:min(len(b), up.off+up.size)]
		switch up.proto {
		case protoTCP:
			x.tcp(segment, &up)
			return
		case protoUDP:
			r.udp(segment)
		case protoICMP:
			r.protocol("icmp")
			r.addOctets(icmpLayer, segment)
		case protoICMPv6:
			r.protocol("icmpv6")
			r.addOctets(icmpv6Layer, segment)
		}
		inner, kind := pcap.Tunnel(b)
		if kind == pcap.NoTunnel {
			return
		}
		r.tunnelNames(kind)
		wireLen -= cap(b) - cap(inner) // both alias one array
		b = inner
	}
}

// network4 adds an IPv4 header (RFC 791), as much as there is of it.
func (x *Extractor) network4(b []byte, wireLen int) (up upper) {
	r := &x.row
	r.protocol("ip")
	r.addOctets(ipLayer, b)
	if len(b) == 0 {
		return up
	}
	size := int(b[0]&15) * 4
	r.add(ipVersion, uint64(b[0]>>4))
	r.add(ipHdrLen, uint64(size))
	if size < ipv4HeaderSize {
		return up // tshark shows nothing more of a header with a bogus length
	}
	if tos, ok := r.addUint(ipDSField, b, 1, 1); ok {
		r.add(ipDSCP, tos>>2)
		r.add(ipECN, tos&3)
	}
	if len(b) < 4 {
		return up
	}
	total := int(binary.BigEndian.Uint16(b[2:]))
	if total == 0 { // segmentation offload: the header was taken before it was filled in
		total = wireLen
	}
	r.add(ipLen, uint64(total))
	if total < size {
		return up
	}
	r.addUint(ipID, b, 4, 2)
	fragment := true
	if len(b) >= 8 {
		word := binary.BigEndian.Uint16(b[6:])
		r.add(ipFlags, uint64(word>>13))
		r.addBool(ipDF, word&0x4000 != 0)
		r.addBool(ipMF, word&0x2000 != 0)
		r.add(ipFragOffset, uint64(word&0x1fff))
		fragment = word&0x3fff != 0
	}
	r.addUint(ipTTL, b, 8, 1)
	r.addUint(ipProto, b, 9, 1)
	r.addUint(ipChecksum, b, 10, 2)
	r.address4(ipSrc, b, 12)
	if len(b) >= size { // tshark shows it after the IP options, for the sake of source routes
		r.address4(ipDst, b, 16)
	}
	if len(b) < size || fragment {
		return up
	}
	up = upper{proto: b[9], off: size, size: min(total, wireLen) - size, ok: true}
	copy(up.src[:], b[12:16])
	copy(up.dst[:], b[16:20])
	return up
}

func (r *Row) address4(id ID, b []byte, off int) {
	if n, ok := r.addUint(id, b, off, 4); ok {
		r.add(ipAddr, n)
	}
}

// network6 adds an IPv6 header (RFC 8200) and passes over its extension headers.
func (x *Extractor) network6(b []byte, wireLen int) (up upper) {
	r := &x.row
	r.protocol("ipv6")
	r.addOctets(ipv6Layer, b)
	if len(b) >= 1 {
		r.add(ipv6Version, uint64(b[0]>>4))
		r.add(ipVersion, uint64(b[0]>>4)) // so that ip.version tells both families apart
	}
	if len(b) >= 4 {
		word := binary.BigEndian.Uint32(b)
		r.add(ipv6TClass, uint64(word>>20&0xff))
		r.add(ipv6Flow, uint64(word&0xfffff))
	}
	plen := 0
	if len(b) >= 7 { // together with the next header
		plen = int(binary.BigEndian.Uint16(b[4:]))
		r.add(ipv6PLen, uint64(plen))
		if plen == 0 { // a jumbogram, or offload as in IPv4; tshark stops here
			plen = wireLen - ipv6HeaderSize
		}
	}
	r.addUint(ipv6Next, b, 6, 1)
	r.addUint(ipv6HopLimit, b, 7, 1)
	r.address6(ipv6Src, b, 8)
	r.address6(ipv6Dst, b, 24)
	if len(b) < ipv6HeaderSize {
		return up
	}
	up = upper{src: [16]byte(b[8:24]), dst: [16]byte(b[24:40])}
	up.proto, up.off, up.ok = r.extensions(b)
	up.size = min(plen+ipv6HeaderSize, wireLen) - up.off
	up.ok = up.ok && up.size >= 0
	return up
}

func (r *Row) address6(id ID, b []byte, off int) {
	if len(b) >= off+16 {
		r.addOctets(id, b[off:off+16])
		r.addOctets(ipv6Addr, b[off:off+16])
	}
}

// extensions passes over the extension headers of the IPv6 packet b. It returns the
// protocol behind them and where it starts, and reports false for a fragment, and where
// the headers were cut.
func (r *Row) extensions(b []byte) (proto uint8, off int, ok bool) {
	next, off := b[6], ipv6HeaderSize
	for range maxExtHeaders {
		name := extensionName(next)
		if name == "" {
			return next, off, off <= len(b)
		}
		r.protocol(name)
		if len(b) < off+8 {
			return 0, 0, false
		}
		size := (int(b[off+1]) + 1) * 8
		switch next {
		case protoFragment:
			if binary.BigEndian.Uint16(b[off+2:])&0xfff9 != 0 {
				return 0, 0, false
			}
			size = 8
		case protoAH:
			size = (int(b[off+1]) + 2) * 4 // RFC 4302 section 2.2
		}
		next, off = b[off], off+size
	}
	return 0, 0, false
}

// extensionName is what frame.protocols calls an extension header; "" if proto is none.
func extensionName(proto uint8) string {
	switch proto {
	case protoHopByHop:
		return "ipv6.hopopts"
	case protoRouting:
		return "ipv6.routing"
	case protoFragment:
		return "ipv6.fraghdr"
	case protoDestOpts:
		return "ipv6.dstopts"
	case protoAH:
		return "ah"
	case protoMobility:
		return "mipv6"
	case protoHIP:
		return "hip"
	case protoShim6:
		return "ipv6.shim6"
	}
	return ""
}

// udp adds what serves to recognise tunnels.
func (r *Row) udp(b []byte) {
	r.protocol("udp")
	r.addOctets(udpLayer, b)
	if len(b) < 4 {
		return
	}
	src, dst := bigEndian(b[0:2]), bigEndian(b[2:4])
	r.add(udpSrcPort, src)
	r.add(udpPort, src)
	r.add(udpDstPort, dst)
	r.add(udpPort, dst)
}

func (r *Row) tunnelNames(k pcap.TunnelKind) {
	switch k {
	case pcap.GRE:
		r.protocol("gre")
	case pcap.GTPU:
		r.protocol("gtp")
	case pcap.VXLAN:
		r.protocol("vxlan:eth:ethertype")
	case pcap.Geneve:
		r.protocol("geneve")
	}
}
