package wire

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mptcp-go/mptcp/checksum"
)

// icmpSample is an error about pkt, told by a router of the same family.
func icmpSample(t require.TestingT, s *Segment, kind ICMPKind, code uint8, mtu uint32) (*ICMP, []byte, []byte) {
	pkt, err := Append(nil, s)
	require.NoError(t, err)
	router := netip.MustParseAddr("192.0.2.1")
	if !s.Src.Addr().Is4() {
		router = netip.MustParseAddr("2001:db8::1")
	}
	m := &ICMP{From: router, To: s.Src.Addr(), Kind: kind, Code: code, MTU: mtu}
	b, err := AppendICMP(nil, m, pkt)
	require.NoError(t, err)
	m.Src, m.Dst, m.Seq, m.PacketLen, m.Sum = s.Src, s.Dst, s.Seq, len(pkt), SumGood
	return m, b, pkt
}

func TestICMPRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSegment(t)
		s.Payload = make([]byte, rapid.IntRange(0, 2000).Draw(t, "payload"))
		kind := ICMPKind(rapid.IntRange(1, 3).Draw(t, "kind"))
		code := rapid.Uint8().Draw(t, "code")
		mtu := uint32(0)
		v4 := s.Src.Addr().Is4()
		if kind == ICMPTooBig {
			mtu = rapid.Uint32().Draw(t, "mtu")
			if code = 0; v4 {
				mtu, code = mtu&0xffff, 4
			}
		} else if v4 && code == 4 && kind == ICMPUnreachable {
			code = 3
		}
		want, b, pkt := icmpSample(t, s, kind, code, mtu)
		var got ICMP
		require.NoError(t, ParseICMP(&got, append(b, 1, 2, 3)), "link-layer padding is ignored")
		require.Equal(t, *want, got)

		// RFC 1812 section 4.3.2.3, RFC 4443 section 2.4(c): as much as 576 or 1280 hold.
		most, header := 1280, 48
		if v4 {
			most, header = 576, 28
		}
		require.Len(t, b, min(most, header+len(pkt)))

		// The least that can be quoted.
		b, err := AppendICMP(nil, want, nil)
		require.NoError(t, err)
		got = ICMP{}
		require.NoError(t, ParseICMP(&got, b))
		require.Equal(t, *want, got)

		// A damaged message is a state, as a damaged segment is.
		b[len(b)-5]++
		require.NoError(t, ParseICMP(&got, b))
		require.Equal(t, SumBad, got.Sum)
	})
}

func v4Segment() *Segment {
	return &Segment{Src: netip.MustParseAddrPort("10.0.0.1:1000"), Dst: netip.MustParseAddrPort("10.0.0.2:80"), Seq: 77, Flags: ACK}
}

func v6Segment() *Segment {
	return &Segment{Src: netip.MustParseAddrPort("[fd00::1]:1000"), Dst: netip.MustParseAddrPort("[fd00::2]:80"), Seq: 77, Flags: ACK}
}

// What gopacket writes as an ICMP error we read, and the other way.
func TestICMPAgainstGopacket(t *testing.T) {
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	quoted, err := Append(nil, v4Segment())
	require.NoError(t, err)
	ip := &layers.IPv4{Version: 4, TTL: 9, Protocol: layers.IPProtocolICMPv4, SrcIP: net.IP{192, 0, 2, 1}, DstIP: net.IP{10, 0, 0, 1}}
	for _, c := range []struct {
		typ  uint8
		code uint8
		kind ICMPKind
		mtu  uint32
	}{
		{3, 0, ICMPUnreachable, 0}, {3, 3, ICMPUnreachable, 0}, {3, 13, ICMPUnreachable, 0},
		{3, 4, ICMPTooBig, 1400}, {11, 0, ICMPTimeExceeded, 0}, {11, 1, ICMPTimeExceeded, 0},
	} {
		icmp := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(c.typ, c.code), Seq: uint16(c.mtu)}
		buf := gopacket.NewSerializeBuffer()
		require.NoError(t, gopacket.SerializeLayers(buf, opts, ip, icmp, gopacket.Payload(quoted[:28])))
		var m ICMP
		require.NoError(t, ParseICMP(&m, buf.Bytes()))
		want := ICMP{From: netip.MustParseAddr("192.0.2.1"), To: netip.MustParseAddr("10.0.0.1"), Kind: c.kind, Code: c.code, MTU: c.mtu,
			Sum: SumGood, Src: v4Segment().Src, Dst: v4Segment().Dst, Seq: 77, PacketLen: 40}
		assert.Equal(t, want, m)
	}

	want, b, _ := icmpSample(t, v6Segment(), ICMPTooBig, 0, 1280)
	p := gopacket.NewPacket(b, layers.LayerTypeIPv6, gopacket.Default)
	require.Nil(t, p.ErrorLayer())
	icmp, ok := p.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6)
	require.True(t, ok)
	assert.Equal(t, layers.CreateICMPv6TypeCode(2, 0), icmp.TypeCode)
	assert.Equal(t, want.MTU, binary.BigEndian.Uint32(icmp.Payload))
	_, b, _ = icmpSample(t, v4Segment(), ICMPUnreachable, 1, 0)
	p = gopacket.NewPacket(b, layers.LayerTypeIPv4, gopacket.Default)
	require.Nil(t, p.ErrorLayer())
	icmp4, ok := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
	require.True(t, ok)
	assert.Equal(t, layers.CreateICMPv4TypeCode(3, 1), icmp4.TypeCode)
	assert.EqualValues(t, 0xffff, checksum.Of(append(icmp4.Contents, icmp4.Payload...)))
}

func TestICMPErrors(t *testing.T) {
	_, v4, quote4 := icmpSample(t, v4Segment(), ICMPUnreachable, 3, 0)
	_, v6, _ := icmpSample(t, v6Segment(), ICMPUnreachable, 4, 0)
	change := func(pkt []byte, at int, v ...byte) []byte {
		out := append([]byte(nil), pkt...)
		copy(out[at:], v)
		return out
	}
	for name, c := range map[string]struct {
		pkt  []byte
		want error
	}{
		"a TCP segment":            {quote4, ErrNotICMP},
		"UDP over IPv6":            {change(v6, 6, 17), ErrNotICMP},
		"an echo request":          {change(v4, 20, 8), ErrNotICMP},
		"an echo request, IPv6":    {change(v6, 40, 128), ErrNotICMP},
		"source quench (RFC 6633)": {change(v4, 20, 4), ErrNotICMP},
		"parameter problem":        {change(v6, 40, 4), ErrNotICMP},
		"about UDP":                {change(v4, 28+9, 17), ErrNotTCP},
		"about UDP, IPv6":          {change(v6, 48+6, 17), ErrNotTCP},
		"about a later fragment":   {change(v4, 28+6, 0, 9), ErrFragment},
		"quotes the other family":  {change(v4, 28, 0x60), ErrVersion},
		"quotes nothing":           {change(v4, 2, 0, 28), ErrTruncated},
		"quotes a bad length":      {change(v4, 28+2, 0, 9), ErrLength},
		"a fragment itself":        {change(v4, 6, 0x20, 0), ErrFragment},
		"no IP":                    {change(v4, 0, 0), ErrVersion},
	} {
		var m ICMP
		err := ParseICMP(&m, c.pkt)
		t.Run(name, func(t *testing.T) { requireParseError(t, err, c.want) })
	}
	for _, pkt := range [][]byte{v4, v6} {
		for n := range pkt {
			var m ICMP
			err := ParseICMP(&m, pkt[:n])
			requireParseError(t, err, ErrTruncated)
		}
	}
	// A quote cut behind the eight octets that are promised is enough, not one less.
	for n, ok := range map[int]bool{56: true, 55: false} {
		pkt := change(v4, 2, 0, byte(n))[:n]
		var m ICMP
		if err := ParseICMP(&m, pkt); ok {
			require.NoError(t, err)
			require.EqualValues(t, 77, m.Seq)
			require.Equal(t, 40, m.PacketLen)
		} else {
			requireParseError(t, err, ErrTruncated)
		}
	}
}

func TestAppendICMPErrors(t *testing.T) {
	v4, v6 := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")
	quote, err := Append(nil, v4Segment())
	require.NoError(t, err)
	s := v4Segment()
	for name, c := range map[string]struct {
		m     ICMP
		quote []byte
		want  error
	}{
		"no addresses":          {ICMP{Kind: ICMPTooBig}, quote, ErrLength},
		"two families":          {ICMP{From: v4, To: v6, Kind: ICMPTooBig}, quote, ErrLength},
		"quote of another":      {ICMP{From: v6, To: v6, Kind: ICMPTooBig}, quote, ErrLength},
		"no kind":               {ICMP{From: v4, To: v4}, quote, ErrNotICMP},
		"too big by its code":   {ICMP{From: v4, To: v4, Kind: ICMPUnreachable, Code: 4}, quote, ErrNotICMP},
		"nothing to quote":      {ICMP{From: v4, To: v4, Kind: ICMPTooBig}, nil, ErrLength},
		"too much":              {ICMP{From: v4, To: v4, Kind: ICMPTooBig, Src: s.Src, Dst: s.Dst, PacketLen: 70000}, nil, ErrLength},
		"described, two kinds":  {ICMP{From: v4, To: v4, Kind: ICMPTooBig, Src: s.Src, Dst: v6Segment().Dst}, nil, ErrLength},
		"described, of another": {ICMP{From: v6, To: v6, Kind: ICMPTooBig, Src: s.Src, Dst: s.Dst}, nil, ErrLength},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := AppendICMP([]byte{9}, &c.m, c.quote)
			requireParseError(t, err, c.want)
			require.Equal(t, []byte{9}, b)
		})
	}
	assert.Equal(t, "packet too big", ICMPTooBig.String())
	assert.Equal(t, "destination unreachable", ICMPUnreachable.String())
	assert.Equal(t, "time exceeded", ICMPTimeExceeded.String())
	assert.Contains(t, ICMPKind(0).String(), "unknown")
}
