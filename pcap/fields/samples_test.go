package fields_test

import (
	"encoding/binary"
	"slices"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/wire"
)

type sample struct {
	name  string
	link  pcap.LinkType
	frame []byte
	from  int // octets below which cut frames are not shown as tshark does
}

// sampleOptions are timestamps and a DSS with a data ACK and a mapping.
var sampleOptions = []byte{
	1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2,
	30, 20, 0x20, 5, 0, 0, 0, 9, 0, 0, 0, 8, 0, 0, 0, 7, 0, 2, 0xab, 0xcd,
}

// linkSamples are one segment in every wrapping.
func linkSamples() []sample {
	ether := ethernetFrame(1000, 5001, wire.ACK|wire.PSH, sampleOptions, []byte("hi"))
	mac, ip4 := ether[:12], ether[14:]
	tcp := ip4[20:]
	long4 := slices.Concat([]byte{0x46}, ip4[1:3], []byte{ip4[3] + 4}, ip4[4:20], []byte{1, 1, 1, 0}, tcp)
	udp := func(port uint16, header string, inner []byte) []byte {
		b := binary.BigEndian.AppendUint16(nil, 40000)
		b = binary.BigEndian.AppendUint16(b, port)
		b = binary.BigEndian.AppendUint16(b, uint16(8+len(header)+len(inner)))
		b = append(b, 0, 0)
		return slices.Concat(b, []byte(header), inner)
	}
	e := func(typ string, b []byte) []byte { return slices.Concat(mac, []byte(typ), b) }
	const v4, v6 = "\x08\x00", "\x86\xdd"
	return []sample{
		{"ethernet", pcap.LinkEthernet, ether, 0},
		{"IPv4 options", pcap.LinkEthernet, e(v4, long4), 0},
		{"IPv6", pcap.LinkEthernet, e(v6, ipv6Packet(6, tcp)), 0},
		{"IPv6 extension headers", pcap.LinkEthernet, e(v6, ipv6Packet(0, slices.Concat([]byte("\x3c\x00\x01\x04\x00\x00\x00\x00\x06\x00\x01\x04\x00\x00\x00\x00"), tcp))), 0},
		{"VLAN", pcap.LinkEthernet, e("\x81\x00\x20\x2a"+v4, ip4), 22},
		{"two VLANs", pcap.LinkEthernet, e("\x81\x00\x00\x2a\x81\x00\x00\x2b"+v4, ip4), 22},
		{"raw", pcap.LinkRaw, ip4, 8},
		{"raw IPv6", pcap.LinkRaw, ipv6Packet(6, tcp), 8},
		{"cooked", pcap.LinkLinuxSLL, slices.Concat([]byte("\x00\x00\x00\x01\x00\x06\x02\x00\x00\x00\x01\x01\x00\x00"+v4), ip4), 0},
		{"cooked 2", pcap.LinkLinuxSLL2, slices.Concat([]byte(v4+"\x00\x00\x00\x00\x00\x02\x00\x01\x00\x06\x02\x00\x00\x00\x01\x01\x00\x00"), ip4), 0},
		{"loopback", pcap.LinkNull, slices.Concat([]byte("\x02\x00\x00\x00"), ip4), 0},
		{"IP in IP", pcap.LinkRaw, ipv4Packet(4, ip4), 20 + 8 + 8 + 14 + 40},
		{"IPv6 in IP", pcap.LinkRaw, ipv4Packet(41, ipv6Packet(6, tcp)), 20 + 8 + 8 + 14 + 40},
		{"GRE", pcap.LinkRaw, ipv4Packet(47, slices.Concat([]byte("\x00\x00"+v4), ip4)), 20 + 8 + 8 + 14 + 40},
		{"GTP-U", pcap.LinkRaw, ipv4Packet(17, udp(2152, "\x30\xff\x00"+string(rune(len(ip4)))+"\x00\x00\x00\x01", ip4)), 20 + 8 + 8 + 14 + 40},
		{"VXLAN", pcap.LinkRaw, ipv4Packet(17, udp(4789, "\x08\x00\x00\x00\x00\x00\x01\x00", ether)), 20 + 8 + 8 + 14 + 40},
		{"offload", pcap.LinkEthernet, e(v4, slices.Concat(ip4[:2], []byte{0, 0}, ip4[4:])), 0},
		{"padding", pcap.LinkEthernet, slices.Concat(ethernetFrame(1000, 5001, wire.ACK, nil, nil), make([]byte, 6)), 0},
		{"fragment", pcap.LinkEthernet, e(v4, slices.Concat(ip4[:6], []byte{0x20, 0}, ip4[8:])), len(ether)},
		{"last fragment", pcap.LinkEthernet, e(v4, slices.Concat(ip4[:6], []byte{0, 3}, ip4[8:])), len(ether)},
		{"short IP length", pcap.LinkEthernet, e(v4, slices.Concat(ip4[:2], []byte{0, 50}, ip4[4:])), 0},
		{"bogus IP length", pcap.LinkEthernet, e(v4, slices.Concat(ip4[:2], []byte{0, 10}, ip4[4:])), 0},
		{"bogus IP header length", pcap.LinkEthernet, e(v4, slices.Concat([]byte{0x44}, ip4[1:])), 0},
		{"UDP", pcap.LinkRaw, ipv4Packet(17, udp(40001, "", []byte("hello"))), 8},
	}
}

func ipv4Packet(proto byte, b []byte) []byte {
	n := 20 + len(b)
	return append([]byte{0x45, 3, byte(n >> 8), byte(n), 0xbe, 0xef, 0, 0, 63, proto, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2}, b...)
}

func ipv6Packet(next byte, b []byte) []byte {
	h := []byte{0x6a, 0xb1, 0x23, 0x45, byte(len(b) >> 8), byte(len(b)), next, 61}
	for _, last := range []byte{1, 2} {
		h = append(h, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last)
	}
	return append(h, b...)
}
