package pcap

import "strconv"

// LinkType says how the octets of a packet start. The values are those of
// https://www.tcpdump.org/linktypes.html; any other value may occur in a file.
type LinkType uint16

// The link types that [Network] knows, and the two DLT_RAW values that some systems
// write in place of LinkRaw.
const (
	LinkNull      LinkType = 0   // BSD loopback, address family in the capturer's octet order
	LinkEthernet  LinkType = 1   //
	LinkPPP       LinkType = 9   //
	LinkRaw12     LinkType = 12  // raw IP
	LinkRaw14     LinkType = 14  // raw IP (OpenBSD)
	LinkPPPSerial LinkType = 50  // PPP in HDLC-like framing, or Cisco HDLC
	LinkPPPEther  LinkType = 51  // PPPoE session, without Ethernet
	LinkRaw       LinkType = 101 // IPv4 or IPv6, told apart by the version
	LinkCiscoHDLC LinkType = 104 //
	LinkLoop      LinkType = 108 // OpenBSD loopback, address family in network order
	LinkLinuxSLL  LinkType = 113 // "tcpdump -i any" of old
	LinkIPv4      LinkType = 228 //
	LinkIPv6      LinkType = 229 //
	LinkLinuxSLL2 LinkType = 276 // "tcpdump -i any" since 4.99, with the interface
)

// String returns the name as in the list of link types, without LINKTYPE_, or
// "LinkType(n)".
func (l LinkType) String() string {
	switch l {
	case LinkNull:
		return "NULL"
	case LinkEthernet:
		return "ETHERNET"
	case LinkPPP:
		return "PPP"
	case LinkRaw, LinkRaw12, LinkRaw14:
		return "RAW"
	case LinkPPPSerial:
		return "PPP_HDLC"
	case LinkPPPEther:
		return "PPP_ETHER"
	case LinkCiscoHDLC:
		return "C_HDLC"
	case LinkLoop:
		return "LOOP"
	case LinkLinuxSLL:
		return "LINUX_SLL"
	case LinkIPv4:
		return "IPV4"
	case LinkIPv6:
		return "IPV6"
	case LinkLinuxSLL2:
		return "LINUX_SLL2"
	}
	return "LinkType(" + strconv.Itoa(int(l)) + ")"
}
