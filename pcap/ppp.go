package pcap

import "encoding/binary"

// pppoe follows a PPPoE session header (RFC 2516 section 4).
func (l *LinkInfo) pppoe(data []byte) ([]byte, Miss) {
	if len(data) < 6 {
		return nil, CutShort
	}
	if data[0] != 0x11 || data[1] != 0 {
		return nil, NotIP
	}
	l.Session = binary.BigEndian.Uint16(data[2:])
	return l.ppp(data[6:])
}

// hdlc follows HDLC-like framing (RFC 1662 section 3.1), which PPP may omit, or
// Cisco's, which carries EtherTypes.
func (l *LinkInfo) hdlc(data []byte) ([]byte, Miss) {
	if len(data) < 2 {
		return nil, CutShort
	}
	switch {
	case data[0] == 0xff && data[1] == 3:
		return l.ppp(data[2:])
	case (data[0] == 0x0f || data[0] == 0x8f) && data[1] == 0:
		if len(data) < 4 {
			return nil, CutShort
		}
		return l.payload(binary.BigEndian.Uint16(data[2:]), data[4:])
	}
	return l.ppp(data)
}

// ppp follows a PPP protocol field of one octet, if it is odd, or two (RFC 1661
// section 2).
func (l *LinkInfo) ppp(data []byte) ([]byte, Miss) {
	if len(data) == 0 {
		return nil, CutShort
	}
	proto, size := uint16(data[0]), 1
	if data[0]&1 == 0 {
		if len(data) < 2 {
			return nil, CutShort
		}
		proto, size = binary.BigEndian.Uint16(data), 2
	}
	switch proto {
	case pppIPv4, pppIPv6:
		return l.bare(data[size:])
	}
	l.EtherType = 0
	return nil, NotIP
}
