package pcap

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// packet4 is an IPv4 packet without options.
func packet4(proto byte, payload ...[]byte) []byte {
	b := append(octets("45000000 00000000 40000000 0a000001 0a000002"), cat(payload...)...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	b[9] = proto
	return b
}

func packet6(proto byte, payload ...[]byte) []byte {
	b := append(octets("60000000 00000040 20010db8000000000000000000000001 20010db8000000000000000000000002"), cat(payload...)...)
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
	b[6] = proto
	return b
}

func datagram(src, dst uint16, payload ...[]byte) []byte {
	b := cat(payload...)
	return cat(big.u16s(src, dst, uint16(8+len(b)), 0), b)
}

func TestTunnel(t *testing.T) {
	inner4, inner6 := packet4(protoTCP, make([]byte, 20)), packet6(protoTCP, make([]byte, 20))
	eth4, eth6 := cat(octets(macs+"0800"), inner4), cat(octets(macs+"8100 0001 86dd"), inner6)
	gpdu := func(head string, inner []byte) []byte {
		b := cat(octets(head), inner)
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)-8))
		return datagram(2152, 2152, b)
	}
	geneve := func(head string) []byte { return datagram(40000, 6081, octets(head)) }
	longer := func(ip []byte, n int) []byte { return append(bytes.Clone(ip), make([]byte, n)...) }
	patched := func(ip []byte, at int, v ...byte) []byte { b := bytes.Clone(ip); copy(b[at:], v); return b }
	for _, c := range []struct {
		name  string
		ip    []byte
		inner []byte
		kind  TunnelKind
	}{
		{"TCP", inner4, nil, NoTunnel},
		{"TCP over IPv6", inner6, nil, NoTunnel},
		{"nothing", nil, nil, NoTunnel},
		{"19 octets", inner4[:19], nil, NoTunnel},
		{"39 octets of IPv6", inner6[:39], nil, NoTunnel},
		{"version 5", patched(packet4(protoIPv4, inner4), 0, 0x55), nil, NoTunnel},

		{"4 in 4", packet4(protoIPv4, inner4), inner4, IPinIP},
		{"6 in 4", packet4(protoIPv6, inner6), inner6, IPinIP},
		{"4 in 6", packet6(protoIPv4, inner4), inner4, IPinIP},
		{"6 in 6", packet6(protoIPv6, inner6), inner6, IPinIP},
		{"padding is cut off", longer(packet4(protoIPv4, inner4), 6), inner4, IPinIP},
		{"padding is cut off, IPv6", longer(packet6(protoIPv4, inner4), 6), inner4, IPinIP},
		{"length 0 of an offloaded packet", patched(packet4(protoIPv4, inner4), 2, 0, 0), inner4, IPinIP},
		{"length 0 of an offloaded packet, IPv6", patched(packet6(protoIPv4, inner4), 4, 0, 0), inner4, IPinIP},
		{"snapshot cut", packet4(protoIPv4, inner4)[:44], inner4[:24], IPinIP},
		{"snapshot cut inside the inner header", packet4(protoIPv4, inner4)[:39], nil, NoTunnel},
		{"not IP inside", packet4(protoIPv4, make([]byte, 40)), nil, NoTunnel},
		{"header length 4", patched(packet4(protoIPv4, inner4), 0, 0x41), nil, NoTunnel},
		{"header longer than the packet", patched(packet4(protoIPv4), 0, 0x4f), nil, NoTunnel},
		{"IPv4 options", append(append(patched(packet4(protoIPv4), 0, 0x46, 0, 0, 64), 1, 1, 1, 0), inner4...), inner4, IPinIP},
		{"first fragment", patched(packet4(protoIPv4, inner4), 6, 0x20, 0), nil, NoTunnel},
		{"later fragment", patched(packet4(protoIPv4, inner4), 6, 0, 8), nil, NoTunnel},
		{"do not fragment", patched(packet4(protoIPv4, inner4), 6, 0x40, 0), inner4, IPinIP},

		{"extension headers", packet6(protoHopByHop, octets("3c00 000000000000 2b01 0000000000000000000000000000 0400 000000000000"), inner4), inner4, IPinIP},
		{"half an extension header", packet6(protoHopByHop, octets("3c00")), nil, NoTunnel},
		{"extension header beyond the packet", packet6(protoDestOpts, octets("0405 000000000000"), inner4), nil, NoTunnel},
		{"atomic fragment", packet6(protoFragment, octets("0400 0006 00000001"), inner4), inner4, IPinIP},
		{"IPv6 fragment", packet6(protoFragment, octets("0400 0001 00000001"), inner4), nil, NoTunnel},
		{"half a fragment header", packet6(protoFragment, octets("0400 0001")), nil, NoTunnel},

		{"GRE, IPv4", packet4(protoGRE, octets("0000 0800"), inner4), inner4, GRE},
		{"GRE, IPv6", packet6(protoGRE, octets("0000 86dd"), inner6), inner6, GRE},
		{"GRE, key", packet4(protoGRE, octets("2000 0800 00000001"), inner4), inner4, GRE},
		{"GRE, checksum, key, sequence", packet4(protoGRE, octets("b000 0800 00000000 00000001 00000002"), inner4), inner4, GRE},
		{"GRE, Ethernet", packet4(protoGRE, octets("2000 6558 00000001"), eth6), inner6, GRE},
		{"GRE, VLAN", packet4(protoGRE, octets("0000 8100 0001 0800"), inner4), inner4, GRE},
		{"GRE, source routed", packet4(protoGRE, octets("4000 0800 00000000"), inner4), nil, NoTunnel},
		{"GRE, keepalive", packet4(protoGRE, octets("0000 0000")), nil, NoTunnel},
		{"GRE, cut", packet4(protoGRE, octets("2000 08")), nil, NoTunnel},
		{"GRE, key cut", packet4(protoGRE, octets("2000 0800 0000")), nil, NoTunnel},
		{"GRE version 2", packet4(protoGRE, octets("0002 0800"), inner4), nil, NoTunnel},
		{"PPTP", packet4(protoGRE, octets("3081 880b 002c0001 00000001 00000001 ff030021"), inner4), inner4, GRE},
		{"PPTP, no acknowledgment", packet4(protoGRE, octets("3001 880b 002c0001 00000001 21"), inner4), inner4, GRE},
		{"PPTP, acknowledgment only", packet4(protoGRE, octets("2081 880b 00000001 00000001")), nil, NoTunnel},

		{"VXLAN", packet4(protoUDP, datagram(40000, 4789, octets("08000000 00000100"), eth4)), inner4, VXLAN},
		{"VXLAN, Linux port", packet6(protoUDP, datagram(40000, 8472, octets("08000000 00000100"), eth6)), inner6, VXLAN},
		{"VXLAN, no identifier", packet4(protoUDP, datagram(40000, 4789, octets("00000000 00000100"), eth4)), nil, NoTunnel},
		{"VXLAN, ARP", packet4(protoUDP, datagram(40000, 4789, octets("08000000 00000100"+macs+"0806"), inner4)), nil, NoTunnel},
		{"VXLAN, cut", packet4(protoUDP, datagram(40000, 4789, octets("08000000 000001"))), nil, NoTunnel},

		{"Geneve", packet4(protoUDP, geneve("00006558 00000100"), eth4), inner4, Geneve},
		{"Geneve, options", packet4(protoUDP, geneve("01000800 00000100 00000000"), inner4), inner4, Geneve},
		{"Geneve, version 1", packet4(protoUDP, geneve("40006558 00000100"), eth4), nil, NoTunnel},
		{"Geneve, length for a type", packet4(protoUDP, geneve("00000004 00000100"), eth4), nil, NoTunnel},
		{"Geneve, cut", packet4(protoUDP, geneve("00006558")), nil, NoTunnel},
		{"Geneve, options cut", packet4(protoUDP, geneve("3f006558 00000100"), eth4), nil, NoTunnel},

		{"GTP-U", packet4(protoUDP, gpdu("30ff0000 00000001", inner4)), inner4, GTPU},
		{"GTP-U, IPv6", packet4(protoUDP, gpdu("30ff0000 00000001", inner6)), inner6, GTPU},
		{"GTP-U, sequence number", packet4(protoUDP, gpdu("32ff0000 00000001 00010000", inner4)), inner4, GTPU},
		{"GTP-U, extension headers", packet4(protoUDP, gpdu("34ff0000 00000001 00000085 01000985 020000000000 0000", inner4)), inner4, GTPU},
		{"GTP-U, next without the flag", packet4(protoUDP, gpdu("32ff0000 00000001 00000085", inner4)), inner4, GTPU},
		{"GTP-U, shorter than the datagram", packet4(protoUDP, longer(gpdu("30ff0000 00000001", inner4), 4)), inner4, GTPU},
		{"GTP-U, echo request", packet4(protoUDP, gpdu("32010000 00000000 00000000", nil)), nil, NoTunnel},
		{"GTP-U, version 2", packet4(protoUDP, gpdu("50ff0000 00000001", inner4)), nil, NoTunnel},
		{"GTP prime", packet4(protoUDP, gpdu("20ff0000 00000001", inner4)), nil, NoTunnel},
		{"GTP-U, reserved bit", packet4(protoUDP, gpdu("38ff0000 00000001", inner4)), nil, NoTunnel},
		{"GTP-U, cut", packet4(protoUDP, datagram(2152, 2152, octets("30ff0000"))), nil, NoTunnel},
		{"GTP-U, optional part cut", packet4(protoUDP, gpdu("32ff0000 00000001 0001", nil)), nil, NoTunnel},
		{"GTP-U, extension of no length", packet4(protoUDP, gpdu("34ff0000 00000001 00000085 00000000", inner4)), nil, NoTunnel},
		{"GTP-U, extension cut", packet4(protoUDP, gpdu("34ff0000 00000001 00000085 01", nil)), nil, NoTunnel},
		{"GTP-U, extension beyond the end", packet4(protoUDP, gpdu("34ff0000 00000001 00000085 7f000900", inner4)), nil, NoTunnel},

		{"UDP, another port", packet4(protoUDP, datagram(1, 2, octets("08000000 00000100"), eth4)), nil, NoTunnel},
		{"half a UDP header", packet4(protoUDP, octets("0001 12b5")), nil, NoTunnel},
	} {
		t.Run(c.name, func(t *testing.T) {
			inner, kind := Tunnel(c.ip)
			assert.Equal(t, c.kind, kind, kind.String())
			assert.Equal(t, c.inner, inner)
			for n := range c.ip {
				Innermost(c.ip[:n])
				IsFragment(c.ip[:n])
			}
		})
	}
}

func TestInnermost(t *testing.T) {
	inner := packet4(protoTCP, make([]byte, 20))
	ip, opened := Innermost(inner)
	assert.Equal(t, inner, ip)
	assert.Equal(t, Tunnels{}, opened)

	nested := packet4(protoGRE, octets("0000 86dd"), packet6(protoUDP,
		datagram(1, 4789, octets("08000000 00000100"+macs+"0800"), packet4(protoIPv4, inner))))
	ip, opened = Innermost(nested)
	assert.Equal(t, inner, ip)
	assert.Equal(t, Tunnels{GRE, VXLAN, IPinIP}, opened)

	deep := inner
	for range MaxTunnels + 1 {
		deep = packet4(protoIPv4, deep)
	}
	ip, opened = Innermost(deep)
	assert.Equal(t, packet4(protoIPv4, inner), ip)
	assert.Equal(t, Tunnels{IPinIP, IPinIP, IPinIP, IPinIP}, opened)
}

func TestIsFragment(t *testing.T) {
	for _, c := range []struct {
		name string
		ip   []byte
		want bool
	}{
		{"whole", packet4(protoTCP), false},
		{"whole, do not fragment", octets("45000014 00004000 40060000 0a000001 0a000002"), false},
		{"first", octets("45000014 00002000 40060000 0a000001 0a000002"), true},
		{"last", octets("45000014 00000001 40060000 0a000001 0a000002"), true},
		{"IPv6, whole", packet6(protoTCP), false},
		{"IPv6, atomic", packet6(protoFragment, octets("0600 0000 00000001")), false},
		{"IPv6, first", packet6(protoFragment, octets("0600 0001 00000001")), true},
		{"IPv6, last", packet6(protoFragment, octets("0600 0008 00000001")), true},
		{"nothing", nil, false},
	} {
		assert.Equal(t, c.want, IsFragment(c.ip), c.name)
	}
}

// Any octets: never a panic, and what comes out lies in what went in.
func TestTunnelAnything(t *testing.T) {
	starts := [][]byte{packet4(4), packet4(41), packet4(47), packet4(17), packet6(4), packet6(44), packet6(0), packet6(17),
		octets("0868 0868 0000 0000"), octets("0868 12b5 0000 0000"), octets("0868 17c1 0000 0000"),
		octets("34ff 0040 00000000"), octets("b000 0800"), octets("08000000 00000000"), octets(macs + "0800")}
	rapid.Check(t, func(t *rapid.T) {
		ip := bytes.Join(rapid.SliceOf(rapid.OneOf(rapid.SampledFrom(starts), rapid.SliceOfN(rapid.Byte(), 0, 12))).Draw(t, "pieces"), nil)
		if len(ip) > 8 && rapid.Bool().Draw(t, "offloaded") {
			copy(ip[2:], []byte{0, 0, 0, 0}) // lengths 0: everything belongs to the packet
		}
		inner, opened := Innermost(ip)
		if !bytes.Contains(ip, inner) || opened[0] == NoTunnel && len(inner) != len(ip) {
			t.Fatalf("%v: % x", opened, inner)
		}
	})
}
