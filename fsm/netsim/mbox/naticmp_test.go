package mbox

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

func TestNATTranslatesErrors(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		host, peer := client, server
		public, router := netip.MustParseAddrPort("198.51.100.1:5000"), netip.MustParseAddr("192.0.2.7")
		if v6 {
			host, peer = netip.MustParseAddrPort("[fd00::1]:7"), netip.MustParseAddrPort("[fd00::2]:80")
			public, router = netip.MustParseAddrPort("[2001:db8:6464::1]:5000"), netip.MustParseAddr("fd00::99")
		}
		var last []byte
		line := netsim.NewLine(1, func(_ netsim.Dir, pkt []byte) { last = append([]byte(nil), pkt...) }, MustParse("nat ports=5000-5000"))
		send := func(dir netsim.Dir, pkt []byte, err error) []byte {
			require.NoError(t, err)
			last = nil
			require.NoError(t, line.Input(0, dir, pkt))
			return last
		}
		syn, err := wire.Append(nil, &wire.Segment{Src: host, Dst: peer, Seq: 5, Flags: wire.SYN})
		outside := send(netsim.Forward, syn, err)

		// A router outside complains of what it saw; the host inside must recognise it.
		e, err := wire.AppendICMP(nil, &wire.ICMP{From: router, To: public.Addr(), Kind: wire.ICMPTooBig, MTU: 1300}, outside)
		got := send(netsim.Reverse, e, err)
		var m wire.ICMP
		require.NoError(t, wire.ParseICMP(&m, got))
		require.Equal(t, wire.SumGood, m.Sum)
		require.True(t, headerSumGood(got))
		require.Equal(t, wire.ICMP{From: router, To: host.Addr(), Kind: wire.ICMPTooBig, Code: m.Code, MTU: 1300, Sum: wire.SumGood,
			Src: host, Dst: peer, Seq: 5, PacketLen: len(syn)}, m)
		require.Equal(t, syn, got[len(got)-len(syn):], "what is quoted is what the host sent, checksums and all")

		// And the other way: the host complains of what came in.
		answer, err := wire.Append(nil, &wire.Segment{Src: peer, Dst: public, Seq: 9, Ack: 6, Flags: wire.SYN | wire.ACK})
		inside := send(netsim.Reverse, answer, err)
		e, err = wire.AppendICMP(nil, &wire.ICMP{From: host.Addr(), To: peer.Addr(), Kind: wire.ICMPUnreachable, Code: 3}, inside)
		got = send(netsim.Forward, e, err)
		require.NoError(t, wire.ParseICMP(&m, got))
		require.Equal(t, wire.SumGood, m.Sum)
		require.True(t, headerSumGood(got))
		require.Equal(t, public.Addr(), m.From)
		require.Equal(t, public, m.Dst)
		require.Equal(t, answer, got[len(got)-len(answer):])

		// Errors about others pass untouched.
		e, err = wire.AppendICMP(nil, &wire.ICMP{From: router, To: host.Addr(), Kind: wire.ICMPTooBig, MTU: 1300,
			Src: netip.AddrPortFrom(host.Addr(), 999), Dst: peer}, nil)
		require.Equal(t, e, send(netsim.Reverse, e, err))
		require.Equal(t, e, send(netsim.Forward, e, err))
	}
}
