package pcap

import "encoding/binary"

// Miss is the reason why no IP packet was found; the zero value means that there is
// one. It is a plain number so that counting reasons costs an array index.
type Miss uint8

// The reasons.
const (
	Found       Miss = iota // no miss: there is an IP packet
	NotIP                   // another protocol: ARP, LLDP, ...
	CutShort                // the captured octets end before the IP header starts
	Unsupported             // a link type that is not known here
	TooDeep                 // more tags than are followed
	NumMisses   = iota
)

// String returns the reason in words.
func (m Miss) String() string {
	switch m {
	case Found:
		return "IP"
	case NotIP:
		return "not IP"
	case CutShort:
		return "cut short"
	case Unsupported:
		return "unsupported link type"
	case TooDeep:
		return "too many tags"
	}
	return "unknown"
}

// maxTags is how many VLAN tags are followed and kept.
const maxTags = 6

// LinkInfo is what a link layer header says besides the network protocol.
type LinkInfo struct {
	EtherType uint16          // protocol behind all tags, as an EtherType; 0 if unknown
	NumVLANs  int             // valid entries of VLANs
	VLANs     [maxTags]uint16 // VLAN ids (12 bits), outermost first
	Session   uint16          // PPPoE session id
	Direction Direction       // LINUX_SLL, SLL2: packet type "outgoing" or received
	OtherHost bool            // LINUX_SLL, SLL2: seen, but addressed to another host
	IfIndex   uint32          // SLL2: the capturing host's number of the interface
	ARPHRD    uint16          // LINUX_SLL, SLL2: its hardware type
}

// Network returns the octets from the IP header on, a slice of data, or the reason
// why there is none. The first octet has version 4 or 6; nothing else was verified,
// and octets behind the IP packet (padding, frame check sequence) are not cut off.
// It does not allocate.
func Network(link LinkType, data []byte) ([]byte, Miss) {
	if link == LinkEthernet && len(data) > 14 && data[12] == 8 && data[13] == 0 && data[14]>>4 == 4 {
		return data[14:], Found
	}
	return network(link, data)
}

// network is apart so that the common case needs no room for a LinkInfo.
func network(link LinkType, data []byte) ([]byte, Miss) {
	var info LinkInfo
	return info.Network(link, data)
}

// Network is the function [Network], keeping what else the link layer tells. It
// overwrites all of l.
func (l *LinkInfo) Network(link LinkType, data []byte) ([]byte, Miss) {
	*l = LinkInfo{}
	switch link {
	case LinkEthernet:
		return l.ethernet(data)
	case LinkRaw, LinkRaw12, LinkRaw14, LinkIPv4, LinkIPv6:
		return l.bare(data)
	case LinkLinuxSLL:
		return l.sll(data)
	case LinkLinuxSLL2:
		return l.sll2(data)
	case LinkNull, LinkLoop:
		return l.loopback(data)
	case LinkPPP, LinkPPPSerial:
		return l.hdlc(data)
	case LinkPPPEther:
		return l.pppoe(data)
	case LinkCiscoHDLC:
		return l.hdlc(data)
	}
	return nil, Unsupported
}

// EtherTypes and PPP protocol numbers.
const (
	etherIPv4   = 0x0800
	etherIPv6   = 0x86dd
	etherVLAN   = 0x8100
	etherQinQ   = 0x88a8
	etherQinQ91 = 0x9100 // before 802.1ad was settled
	etherPPPoE  = 0x8864 // session stage
	etherMPLS   = 0x8847
	etherBridge = 0x6558 // transparent Ethernet bridging, in GRE
	pppIPv4     = 0x0021
	pppIPv6     = 0x0057
	llcMax      = 1500 // larger values are EtherTypes (IEEE 802.3 clause 3.2.6)
	sllLLC      = 4    // LINUX_SLL's protocol for 802.2 frames
)

func (l *LinkInfo) ethernet(data []byte) ([]byte, Miss) {
	if len(data) < 14 {
		return nil, CutShort
	}
	return l.payload(binary.BigEndian.Uint16(data[12:]), data[14:])
}

// payload follows tags from EtherType typ on; data stands behind it.
func (l *LinkInfo) payload(typ uint16, data []byte) ([]byte, Miss) {
	for {
		switch l.EtherType = typ; typ {
		case etherIPv4, etherIPv6:
			return l.bare(data)
		case etherVLAN, etherQinQ, etherQinQ91:
			if len(data) < 4 {
				return nil, CutShort
			}
			if l.NumVLANs == maxTags {
				return nil, TooDeep
			}
			l.VLANs[l.NumVLANs] = binary.BigEndian.Uint16(data) & 0xfff
			l.NumVLANs++
			typ, data = binary.BigEndian.Uint16(data[2:]), data[4:]
		case etherPPPoE:
			return l.pppoe(data)
		case etherMPLS:
			return l.mpls(data)
		default:
			if typ <= llcMax {
				return l.llc(data)
			}
			return nil, NotIP
		}
	}
}

// llc follows an 802.2 header if it is SNAP with an EtherType (RFC 1042).
func (l *LinkInfo) llc(data []byte) ([]byte, Miss) {
	l.EtherType = 0
	if len(data) < 8 {
		if len(data) > 0 && data[0] != 0xaa {
			return nil, NotIP
		}
		return nil, CutShort
	}
	if binary.BigEndian.Uint64(data)>>16 != 0xaaaa03000000 {
		return nil, NotIP
	}
	typ := binary.BigEndian.Uint16(data[6:])
	if typ <= llcMax { // would come back here for ever
		return nil, NotIP
	}
	return l.payload(typ, data[8:])
}

// mpls passes over a label stack (RFC 3032). What follows is not named there, so
// only a version nibble can tell.
func (l *LinkInfo) mpls(data []byte) ([]byte, Miss) {
	for len(data) >= 4 {
		bottom := data[2]&1 != 0
		if data = data[4:]; bottom {
			return l.bare(data)
		}
	}
	return nil, CutShort
}

// loopback follows a four-octet address family in either octet order; the values
// for IPv6 are those of Linux, NetBSD, FreeBSD and macOS.
func (l *LinkInfo) loopback(data []byte) ([]byte, Miss) {
	if len(data) < 4 {
		return nil, CutShort
	}
	family := binary.LittleEndian.Uint32(data)
	if family > 0xffff {
		family = binary.BigEndian.Uint32(data)
	}
	switch family {
	case 2, 10, 24, 28, 30:
		return l.bare(data[4:])
	}
	return nil, NotIP
}

// sll follows https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html.
func (l *LinkInfo) sll(data []byte) ([]byte, Miss) {
	if len(data) < 16 {
		return nil, CutShort
	}
	l.packetType(binary.BigEndian.Uint16(data))
	l.ARPHRD = binary.BigEndian.Uint16(data[2:])
	return l.cooked(binary.BigEndian.Uint16(data[14:]), data[16:])
}

// sll2 follows https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html.
func (l *LinkInfo) sll2(data []byte) ([]byte, Miss) {
	if len(data) < 20 {
		return nil, CutShort
	}
	l.IfIndex = binary.BigEndian.Uint32(data[4:])
	l.ARPHRD = binary.BigEndian.Uint16(data[8:])
	l.packetType(uint16(data[10]))
	return l.cooked(binary.BigEndian.Uint16(data), data[20:])
}

// cooked is payload for the protocol field of LINUX_SLL and SLL2, where small values
// do not mean a length.
func (l *LinkInfo) cooked(typ uint16, data []byte) ([]byte, Miss) {
	switch {
	case typ == sllLLC:
		return l.llc(data)
	case typ <= llcMax:
		l.EtherType = typ
		return nil, NotIP
	}
	return l.payload(typ, data)
}

// packetType interprets Linux's PACKET_HOST (0) to PACKET_OUTGOING (4).
func (l *LinkInfo) packetType(t uint16) {
	switch t {
	case 0, 1, 2:
		l.Direction = Inbound
	case 3:
		l.Direction, l.OtherHost = Inbound, true
	case 4:
		l.Direction = Outbound
	}
}

// bare is what all ways end in: an IP header should be here.
func (l *LinkInfo) bare(data []byte) ([]byte, Miss) {
	if len(data) == 0 {
		return nil, CutShort
	}
	switch data[0] >> 4 {
	case 4:
		l.EtherType = etherIPv4
	case 6:
		l.EtherType = etherIPv6
	default:
		return nil, NotIP
	}
	return data, Found
}
