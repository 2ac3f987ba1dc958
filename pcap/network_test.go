package pcap

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// octets reads hex digits; blanks are for people.
func octets(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

const (
	macs = "020000000001 020000000002 "
	ip4  = " 45000014 00000000 40060000 0a000001 0a000002"
	ip6  = " 60000000 00000640 20010db8000000000000000000000001 20010db8000000000000000000000002"
)

func TestNetwork(t *testing.T) {
	vlan := func(id string) string { return "8100 0" + id }
	for _, c := range []struct {
		name string
		link LinkType
		data string // up to the IP header
		ip   string
		miss Miss
		info LinkInfo
	}{
		{"Ethernet, IPv4", LinkEthernet, macs + "0800", ip4, Found, LinkInfo{EtherType: 0x800}},
		{"Ethernet, IPv6", LinkEthernet, macs + "86dd", ip6, Found, LinkInfo{EtherType: 0x86dd}},
		{"Ethernet, version contradicts the type", LinkEthernet, macs + "0800", ip6, Found, LinkInfo{EtherType: 0x86dd}},
		{"Ethernet, ARP", LinkEthernet, macs + "0806 0001", "", NotIP, LinkInfo{EtherType: 0x806}},
		{"Ethernet, no version", LinkEthernet, macs + "0800 00", "", NotIP, LinkInfo{EtherType: 0x800}},
		{"Ethernet, 13 octets", LinkEthernet, macs + "08", "", CutShort, LinkInfo{}},
		{"Ethernet, header only", LinkEthernet, macs + "0800", "", CutShort, LinkInfo{EtherType: 0x800}},
		{"VLAN", LinkEthernet, macs + vlan("064") + "0800", ip4, Found, LinkInfo{EtherType: 0x800, NumVLANs: 1, VLANs: [6]uint16{100}}},
		{"VLAN with priority", LinkEthernet, macs + "8100 e064 86dd", ip6, Found, LinkInfo{EtherType: 0x86dd, NumVLANs: 1, VLANs: [6]uint16{100}}},
		{"QinQ", LinkEthernet, macs + "88a8 0007 8100 0008 0800", ip4, Found, LinkInfo{EtherType: 0x800, NumVLANs: 2, VLANs: [6]uint16{7, 8}}},
		{"old QinQ", LinkEthernet, macs + "9100 0007 9100 0008 8100 0009 86dd", ip6, Found, LinkInfo{EtherType: 0x86dd, NumVLANs: 3, VLANs: [6]uint16{7, 8, 9}}},
		{"six tags", LinkEthernet, macs + strings.Repeat(vlan("001"), 6) + "0800", ip4, Found, LinkInfo{EtherType: 0x800, NumVLANs: 6, VLANs: [6]uint16{1, 1, 1, 1, 1, 1}}},
		{"seven tags", LinkEthernet, macs + strings.Repeat(vlan("001"), 7) + "0800", ip4, TooDeep, LinkInfo{EtherType: 0x8100, NumVLANs: 6, VLANs: [6]uint16{1, 1, 1, 1, 1, 1}}},
		{"half a tag", LinkEthernet, macs + "8100 0064 08", "", CutShort, LinkInfo{EtherType: 0x8100}},
		{"SNAP", LinkEthernet, macs + "001c aaaa03000000 0800", ip4, Found, LinkInfo{EtherType: 0x800}},
		{"SNAP with a length for a type", LinkEthernet, macs + "001c aaaa03000000 0100", "", NotIP, LinkInfo{}},
		{"spanning tree", LinkEthernet, macs + "0026 424203 0000000000", "", NotIP, LinkInfo{}},
		{"spanning tree, cut", LinkEthernet, macs + "0026 4242", "", NotIP, LinkInfo{}},
		{"half a SNAP header", LinkEthernet, macs + "0026 aaaa03", "", CutShort, LinkInfo{}},
		{"PPPoE, IPv4", LinkEthernet, macs + "8864 11 00 0abc 0016 0021", ip4, Found, LinkInfo{EtherType: 0x800, Session: 0xabc}},
		{"PPPoE, IPv6", LinkEthernet, macs + "8864 11 00 0abc 0016 0057", ip6, Found, LinkInfo{EtherType: 0x86dd, Session: 0xabc}},
		{"PPPoE, LCP", LinkEthernet, macs + "8864 11 00 0abc 0016 c021 0101", "", NotIP, LinkInfo{Session: 0xabc}},
		{"PPPoE, another version", LinkEthernet, macs + "8864 21 00 0abc 0016 0021", ip4, NotIP, LinkInfo{EtherType: 0x8864}},
		{"PPPoE, cut", LinkEthernet, macs + "8864 11 00 0abc", "", CutShort, LinkInfo{EtherType: 0x8864}},
		{"PPPoE, half a protocol", LinkEthernet, macs + "8864 11 00 0abc 0016 00", "", CutShort, LinkInfo{EtherType: 0x8864, Session: 0xabc}},
		{"PPPoE discovery", LinkEthernet, macs + "8863 1109 0000 0000", "", NotIP, LinkInfo{EtherType: 0x8863}},
		{"MPLS", LinkEthernet, macs + "8847 00010040 00011140", ip4, Found, LinkInfo{EtherType: 0x800}},
		{"MPLS, a pseudowire", LinkEthernet, macs + "8847 00011140 00000000", "", NotIP, LinkInfo{EtherType: 0x8847}},
		{"MPLS without a bottom", LinkEthernet, macs + "8847 00010040 000100", "", CutShort, LinkInfo{EtherType: 0x8847}},

		{"raw IPv4", LinkRaw, "", ip4, Found, LinkInfo{EtherType: 0x800}},
		{"raw IPv6", LinkRaw, "", ip6, Found, LinkInfo{EtherType: 0x86dd}},
		{"raw 12", LinkRaw12, "", ip4, Found, LinkInfo{EtherType: 0x800}},
		{"raw 14", LinkRaw14, "", ip6, Found, LinkInfo{EtherType: 0x86dd}},
		{"raw, empty", LinkRaw, "", "", CutShort, LinkInfo{}},
		{"raw, version 5", LinkRaw, "50", "", NotIP, LinkInfo{}},
		{"IPV4", LinkIPv4, "", ip4, Found, LinkInfo{EtherType: 0x800}},
		{"IPV6", LinkIPv6, "", ip6, Found, LinkInfo{EtherType: 0x86dd}},

		{"NULL, IPv4, little", LinkNull, "02000000", ip4, Found, LinkInfo{EtherType: 0x800}},
		{"NULL, IPv4, big", LinkNull, "00000002", ip4, Found, LinkInfo{EtherType: 0x800}},
		{"NULL, IPv6 of Linux", LinkNull, "0a000000", ip6, Found, LinkInfo{EtherType: 0x86dd}},
		{"NULL, IPv6 of NetBSD", LinkNull, "00000018", ip6, Found, LinkInfo{EtherType: 0x86dd}},
		{"NULL, IPv6 of FreeBSD", LinkNull, "1c000000", ip6, Found, LinkInfo{EtherType: 0x86dd}},
		{"NULL, IPv6 of macOS", LinkNull, "1e000000", ip6, Found, LinkInfo{EtherType: 0x86dd}},
		{"NULL, AppleTalk", LinkNull, "10000000", ip4, NotIP, LinkInfo{}},
		{"NULL, cut", LinkNull, "020000", "", CutShort, LinkInfo{}},
		{"LOOP", LinkLoop, "00000002", ip4, Found, LinkInfo{EtherType: 0x800}},

		{"SLL, incoming", LinkLinuxSLL, "0000 0001 0006 0200000000010000 0800", ip4, Found, LinkInfo{EtherType: 0x800, Direction: Inbound, ARPHRD: 1}},
		{"SLL, outgoing", LinkLinuxSLL, "0004 0304 0006 0200000000010000 86dd", ip6, Found, LinkInfo{EtherType: 0x86dd, Direction: Outbound, ARPHRD: 772}},
		{"SLL, for another", LinkLinuxSLL, "0003 0001 0006 0200000000010000 0800", ip4, Found, LinkInfo{EtherType: 0x800, Direction: Inbound, OtherHost: true, ARPHRD: 1}},
		{"SLL, VLAN", LinkLinuxSLL, "0000 0001 0006 0200000000010000 8100 0005 0800", ip4, Found, LinkInfo{EtherType: 0x800, Direction: Inbound, ARPHRD: 1, NumVLANs: 1, VLANs: [6]uint16{5}}},
		{"SLL, 802.2", LinkLinuxSLL, "0001 0001 0006 0200000000010000 0004 aaaa03000000 0800", ip4, Found, LinkInfo{EtherType: 0x800, Direction: Inbound, ARPHRD: 1}},
		{"SLL, a small protocol is no length", LinkLinuxSLL, "0001 0001 0006 0200000000010000 000c aaaa03000000 0800", ip4, NotIP, LinkInfo{EtherType: 12, Direction: Inbound, ARPHRD: 1}},
		{"SLL, ARP", LinkLinuxSLL, "0009 0001 0006 0200000000010000 0806", "", NotIP, LinkInfo{EtherType: 0x806, ARPHRD: 1}},
		{"SLL, cut", LinkLinuxSLL, "0000 0001 0006 0200000000010000 08", "", CutShort, LinkInfo{}},
		{"SLL2", LinkLinuxSLL2, "0800 0000 00000003 0001 04 06 0200000000010000", ip4, Found, LinkInfo{EtherType: 0x800, Direction: Outbound, IfIndex: 3, ARPHRD: 1}},
		{"SLL2, IPv6", LinkLinuxSLL2, "86dd 0000 00000103 0304 00 06 0200000000010000", ip6, Found, LinkInfo{EtherType: 0x86dd, Direction: Inbound, IfIndex: 259, ARPHRD: 772}},
		{"SLL2, cut", LinkLinuxSLL2, "0800 0000 00000003 0001 04 06 02000000000100", "", CutShort, LinkInfo{}},

		{"PPP", LinkPPP, "ff03 0021", ip4, Found, LinkInfo{EtherType: 0x800}},
		{"PPP without framing", LinkPPP, "0057", ip6, Found, LinkInfo{EtherType: 0x86dd}},
		{"PPP, compressed protocol", LinkPPP, "21", ip4, Found, LinkInfo{EtherType: 0x800}},
		{"PPP, both", LinkPPPSerial, "ff03 57", ip6, Found, LinkInfo{EtherType: 0x86dd}},
		{"PPP, LCP", LinkPPPSerial, "ff03 c021 01", "", NotIP, LinkInfo{}},
		{"PPP, one octet", LinkPPP, "ff", "", CutShort, LinkInfo{}},
		{"PPP, framing only", LinkPPP, "ff03", "", CutShort, LinkInfo{}},
		{"PPP, half a protocol", LinkPPP, "ff03 00", "", CutShort, LinkInfo{}},
		{"PPPoE alone", LinkPPPEther, "11 00 0001 0016 0021", ip4, Found, LinkInfo{EtherType: 0x800, Session: 1}},
		{"Cisco HDLC", LinkCiscoHDLC, "0f00 0800", ip4, Found, LinkInfo{EtherType: 0x800}},
		{"Cisco HDLC, multicast", LinkPPPSerial, "8f00 86dd", ip6, Found, LinkInfo{EtherType: 0x86dd}},
		{"Cisco HDLC, SLARP", LinkCiscoHDLC, "8f00 8035 00", "", NotIP, LinkInfo{EtherType: 0x8035}},
		{"Cisco HDLC, cut", LinkCiscoHDLC, "0f00 08", "", CutShort, LinkInfo{}},
		{"USB", 220, "45", "", Unsupported, LinkInfo{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := octets(c.data + c.ip)
			info := LinkInfo{Session: 99, NumVLANs: 3}
			got, miss := info.Network(c.link, data)
			require.Equal(t, c.miss, miss, miss.String())
			assert.Equal(t, c.info, info)
			again, missAgain := Network(c.link, data)
			assert.Equal(t, miss, missAgain)
			assert.Equal(t, got, again)
			if miss == Found {
				assert.Equal(t, octets(c.ip), got)
			} else {
				assert.Nil(t, got)
			}
			// However short, it is CutShort or what the whole is, or NotIP where the
			// octets that would say otherwise are missing.
			for n := range data {
				if _, m := Network(c.link, data[:n]); m != miss && m != CutShort && m != NotIP {
					t.Errorf("the first %d octets: %v", n, m)
				}
			}
		})
	}
}

// Any octets as any link type: the result lies in the input, and its reasons agree.
func TestNetworkAnything(t *testing.T) {
	types := []LinkType{0, 1, 9, 12, 14, 50, 51, 101, 104, 108, 113, 228, 229, 276, 300}
	rapid.Check(t, func(t *rapid.T) {
		link := rapid.SampledFrom(types).Draw(t, "link")
		pieces := rapid.SliceOf(rapid.OneOf(
			rapid.SampledFrom([][]byte{octets("8100 0001"), octets("0800"), octets("86dd"), octets("8864 1100 0001 0000"),
				octets("0021"), octets("8847"), octets(macs), octets("aaaa03000000"), octets("45"), octets("60"), octets("0000")}),
			rapid.SliceOfN(rapid.Byte(), 0, 8))).Draw(t, "pieces")
		data := bytes.Join(pieces, nil)
		ip, miss := Network(link, data)
		if (miss == Found) != (ip != nil) {
			t.Fatalf("%v with %d octets", miss, len(ip))
		}
		if miss == Found && (!bytes.HasSuffix(data, ip) || len(ip) == 0 || ip[0]>>4 != 4 && ip[0]>>4 != 6) {
			t.Fatalf("% x is no end of % x", ip, data)
		}
	})
}

func TestNames(t *testing.T) {
	for l, want := range map[LinkType]string{0: "NULL", 1: "ETHERNET", 9: "PPP", 12: "RAW", 14: "RAW", 50: "PPP_HDLC", 51: "PPP_ETHER",
		101: "RAW", 104: "C_HDLC", 108: "LOOP", 113: "LINUX_SLL", 228: "IPV4", 229: "IPV6", 276: "LINUX_SLL2", 147: "LinkType(147)"} {
		assert.Equal(t, want, l.String())
	}
	for i := range NumMisses {
		assert.NotEqual(t, "unknown", Miss(i).String())
	}
	assert.Equal(t, "unknown", Miss(NumMisses).String())
	for i := range NumTunnel {
		assert.NotContains(t, TunnelKind(i).String(), "TunnelKind")
	}
	assert.Equal(t, "TunnelKind(99)", TunnelKind(99).String())
	assert.Equal(t, "pcap pcapng Format(0)", PCAP.String()+" "+PCAPNG.String()+" "+Format(0).String())
	assert.Equal(t, "none gzip zstd Compression(9)", Plain.String()+" "+Gzip.String()+" "+Zstd.String()+" "+Compression(9).String())
	assert.Equal(t, "in out unknown", Inbound.String()+" "+Outbound.String()+" "+Unknown.String())
}
