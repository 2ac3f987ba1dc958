package pcap

import "encoding/binary"

// IP protocol numbers.
const (
	protoHopByHop = 0
	protoIPv4     = 4
	protoTCP      = 6
	protoUDP      = 17
	protoIPv6     = 41
	protoRouting  = 43
	protoFragment = 44
	protoGRE      = 47
	protoNone     = 59 // what payloadOf returns if there is nothing to look into
	protoDestOpts = 60
)

// IsFragment tells whether ip is a part of a fragmented IP packet. Fragments are not
// put together here; an analyser should count them.
func IsFragment(ip []byte) bool {
	if len(ip) >= 20 && ip[0]>>4 == 4 {
		return binary.BigEndian.Uint16(ip[6:])&0x3fff != 0 // more fragments, offset
	}
	_, _, fragment := payloadOf(ip)
	return fragment
}

// payloadOf returns the protocol above IP and its octets, without those behind the
// end of the IP packet; protoNone if ip is a fragment or its header is not whole.
func payloadOf(ip []byte) (proto byte, b []byte, fragment bool) {
	if len(ip) < 20 {
		return protoNone, nil, false
	}
	switch ip[0] >> 4 {
	case 4:
		header := int(ip[0]&0xf) * 4
		total := int(binary.BigEndian.Uint16(ip[2:]))
		if total == 0 || total > len(ip) { // 0: segmentation offload
			total = len(ip)
		}
		if binary.BigEndian.Uint16(ip[6:])&0x3fff != 0 {
			return protoNone, nil, true
		}
		if header < 20 || header > total {
			return protoNone, nil, false
		}
		return ip[9], ip[header:total], false
	case 6:
		return payloadOf6(ip)
	}
	return protoNone, nil, false
}

// payloadOf6 is payloadOf for IPv6: it passes over extension headers (RFC 8200
// section 4), whose number the packet's length limits.
func payloadOf6(ip []byte) (proto byte, b []byte, fragment bool) {
	if len(ip) < 40 {
		return protoNone, nil, false
	}
	proto, b = ip[6], ip[40:]
	if n := int(binary.BigEndian.Uint16(ip[4:])); n != 0 && n < len(b) { // 0: jumbogram, offload
		b = b[:n]
	}
	for {
		var size int
		switch proto {
		case protoHopByHop, protoRouting, protoDestOpts:
			if len(b) < 8 {
				return protoNone, nil, false
			}
			size = 8 + 8*int(b[1])
		case protoFragment:
			if len(b) < 8 {
				return protoNone, nil, false
			}
			if binary.BigEndian.Uint16(b[2:])&0xfff9 != 0 { // offset, more fragments
				return protoNone, nil, true
			}
			size = 8 // an atomic fragment (RFC 6946)
		default:
			return proto, b, false
		}
		if size > len(b) {
			return protoNone, nil, false
		}
		proto, b = b[0], b[size:]
	}
}
