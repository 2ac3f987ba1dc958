package wire

import (
	"encoding/binary"
	"errors"
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

// drawSegment draws any segment that Append can write.
func drawSegment(t *rapid.T) *Segment {
	n := 4
	if rapid.Bool().Draw(t, "IPv6") {
		n = 16
	}
	addr := func(label string) netip.AddrPort {
		a, _ := netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, label))
		return netip.AddrPortFrom(a, rapid.Uint16().Draw(t, label+" port"))
	}
	return &Segment{
		Src: addr("src"), Dst: addr("dst"),
		Seq: rapid.Uint32().Draw(t, "seq"), Ack: rapid.Uint32().Draw(t, "ack"),
		Flags:  Flags(rapid.Uint16Max(0xfff).Draw(t, "flags")),
		Window: rapid.Uint16().Draw(t, "window"), Urgent: rapid.Uint16().Draw(t, "urgent"),
		TOS: rapid.Uint8().Draw(t, "tos"), TTL: rapid.Uint8Min(1).Draw(t, "ttl"),
		Options: drawBlock(t),
		Payload: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "payload"),
	}
}

// drawBlock draws an option block of whole words, well formed or not.
func drawBlock(t *rapid.T) Options {
	var o Options
	if rapid.Bool().Draw(t, "any octets") {
		o = rapid.SliceOfN(rapid.Byte(), 0, MaxOptions).Draw(t, "options")
	} else {
		for range rapid.IntRange(0, 4).Draw(t, "options") {
			if next, err := drawOption(t).Append(o); err == nil {
				o = next
			}
		}
	}
	for len(o)%4 != 0 {
		o = append(o, KindNOP)
	}
	return o
}

// sameSegment compares what travels; Sum and the like are the reader's.
func sameSegment(t require.TestingT, want, got *Segment) {
	require.Equal(t, want.Src, got.Src)
	require.Equal(t, want.Dst, got.Dst)
	require.Equal(t, want.Seq, got.Seq)
	require.Equal(t, want.Ack, got.Ack)
	require.Equal(t, want.Flags, got.Flags)
	require.Equal(t, want.Window, got.Window)
	require.Equal(t, want.Urgent, got.Urgent)
	require.Equal(t, want.TOS, got.TOS)
	require.Equal(t, want.TTL, got.TTL)
	require.Equal(t, string(want.Options), string(got.Options))
	require.Equal(t, string(want.Payload), string(got.Payload))
	require.Equal(t, len(want.Payload), got.PayloadLen)
}

// T9293-02: what is appended carries a good checksum and reads back the same,
// whatever lies behind it in the buffer.
func TestSegmentRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawSegment(t)
		before := rapid.IntRange(0, 3).Draw(t, "octets before")
		b, err := Append(make([]byte, before, before+rapid.IntRange(0, 500).Draw(t, "room")), want)
		require.NoError(t, err)
		pkt := b[before:]
		if rapid.Bool().Draw(t, "padded") { // as Ethernet pads short frames
			pkt = append(pkt, make([]byte, rapid.IntRange(1, 40).Draw(t, "padding"))...)
		}
		var got Segment
		require.NoError(t, Parse(&got, pkt))
		sameSegment(t, want, &got)
		require.Equal(t, SumGood, got.Sum)
		require.Equal(t, checksum.Of(want.Payload), got.PayloadSum)

		// Again, with the sum that is known.
		again, err := Append(nil, &got)
		require.NoError(t, err)
		require.Equal(t, b[before:], again)

		// Offloaded: recognised, and completed by whoever reads it.
		got.Sum = SumPartial
		partial, err := Append(nil, &got)
		require.NoError(t, err)
		var off Segment
		require.NoError(t, Parse(&off, partial))
		if off.Sum != SumGood { // the two sums are equal once in 65,536
			require.Equal(t, SumPartial, off.Sum)
		}
		sameSegment(t, want, &off)

		// T9293-02: one wrong bit anywhere in the segment is seen.
		i := rapid.IntRange(0, len(b)-before-1).Draw(t, "octet")
		header := 20
		if !want.Src.Addr().Is4() {
			header = 40
		}
		if i >= header && i != header+12 { // not the data offset, which moves the payload
			damaged := append([]byte(nil), b[before:]...)
			damaged[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			var bad Segment
			require.NoError(t, Parse(&bad, damaged))
			require.NotEqual(t, SumGood, bad.Sum)
		}
	})
}

// ParseCaptured verifies the checksum where every octet is there.
func TestSumOfCapturedPackets(t *testing.T) {
	want := &Segment{Src: netip.MustParseAddrPort("10.0.0.1:80"), Dst: netip.MustParseAddrPort("10.0.0.2:81"),
		Flags: ACK, Options: Options{1, 1, 1, 1}, Payload: []byte("abc")}
	b, err := Append(nil, want)
	require.NoError(t, err)
	room := append(make([]byte, 0, 4096), b...)
	for _, pkt := range [][]byte{b, room, append(room, 0, 0, 0)} {
		var s Segment
		require.NoError(t, ParseCaptured(&s, pkt, len(pkt)))
		require.Equal(t, SumGood, s.Sum)
		require.Equal(t, checksum.Of([]byte("abc")), s.PayloadSum)
	}
	for n := range b {
		var s Segment
		_ = ParseCaptured(&s, b[:n], len(b))
		require.Equal(t, SumUnknown, s.Sum, "%d octets", n)
	}
	b[len(b)-1]++
	var s Segment
	require.NoError(t, Parse(&s, b))
	require.Equal(t, SumBad, s.Sum)
	for state, text := range map[SumState]string{SumUnknown: "unknown", SumGood: "good", SumBad: "bad", SumPartial: "partial"} {
		require.Equal(t, text, state.String())
	}
}

func TestAppendErrors(t *testing.T) {
	v4, v6 := netip.MustParseAddrPort("10.0.0.1:80"), netip.MustParseAddrPort("[fd00::1]:80")
	zero := netip.AddrPort{}
	prefix := []byte{1, 2}
	for _, c := range []struct {
		s    Segment
		want error
	}{
		{Segment{Src: v4, Dst: v6}, ErrLength},
		{Segment{Src: v6, Dst: v4}, ErrLength},
		{Segment{Src: v4}, ErrLength},
		{Segment{Src: v6}, ErrLength},
		{Segment{Src: zero, Dst: v6}, ErrLength},
		{Segment{Src: v4, Dst: v4, Options: make(Options, 41)}, ErrOptionSpace},
		{Segment{Src: v4, Dst: v4, Payload: make([]byte, 65535-39)}, ErrLength},
		{Segment{Src: v6, Dst: v6, Payload: make([]byte, 65535-19)}, ErrLength},
	} {
		b, err := Append(prefix, &c.s)
		requireParseError(t, err, c.want)
		require.Equal(t, prefix, b)
	}
	for _, c := range []Segment{
		{Src: v4, Dst: v4, Payload: make([]byte, 65535-40)},
		{Src: v6, Dst: v6, Payload: make([]byte, 65535-20)},
	} {
		b, err := Append(nil, &c)
		require.NoError(t, err)
		var s Segment
		require.NoError(t, Parse(&s, b))
		require.Equal(t, SumGood, s.Sum)
	}
	b, err := Append(nil, &Segment{Src: v4, Dst: v4, Options: Options{KindMPTCP, 3, 0x51}})
	require.NoError(t, err)
	require.Equal(t, uint8(KindNOP), b[len(b)-1], "padded with a NOP")
	require.Equal(t, uint8(64), b[8], "default TTL")
}

// oracle is what gopacket makes of a packet.
func oracle(t require.TestingT, pkt []byte) (gopacket.Packet, *layers.TCP) {
	first := gopacket.LayerType(layers.LayerTypeIPv4)
	if pkt[0]>>4 == 6 {
		first = layers.LayerTypeIPv6
	}
	p := gopacket.NewPacket(pkt, first, gopacket.Default)
	tcp, _ := p.Layer(layers.LayerTypeTCP).(*layers.TCP)
	require.NotNil(t, tcp)
	return p, tcp
}

// gopacket reads what we append, and says the same of it.
func TestGopacketReadsOurs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSegment(t)
		s.Options = nil
		for range rapid.IntRange(0, 3).Draw(t, "typed options") {
			if next, err := drawOption(t).Append(s.Options); err == nil {
				s.Options = next
			}
		}
		pkt, err := Append(nil, s)
		require.NoError(t, err)
		p, tcp := oracle(t, pkt)
		require.Nil(t, p.ErrorLayer())
		require.EqualValues(t, s.Src.Port(), tcp.SrcPort)
		require.EqualValues(t, s.Dst.Port(), tcp.DstPort)
		require.Equal(t, s.Seq, tcp.Seq)
		require.Equal(t, s.Ack, tcp.Ack)
		require.Equal(t, s.Window, tcp.Window)
		require.Equal(t, s.Urgent, tcp.Urgent)
		require.Equal(t, s.Flags&0x1ff, oracleFlags(tcp))
		require.Equal(t, string(s.Payload), string(tcp.Payload))
		flow := p.NetworkLayer().NetworkFlow()
		require.Equal(t, s.Src.Addr().AsSlice(), flow.Src().Raw())
		require.Equal(t, s.Dst.Addr().AsSlice(), flow.Dst().Raw())
		require.NoError(t, tcp.SetNetworkLayerForChecksum(p.NetworkLayer()))
		sum, err := tcp.ComputeChecksum()
		require.NoError(t, err)
		require.Zero(t, sum, "gopacket sums the checksum field too: a good one leaves 0")
		if ip, ok := p.NetworkLayer().(*layers.IPv4); ok {
			require.Equal(t, checksum.Sum(0xffff), checksum.Of(ip.Contents))
			require.Equal(t, s.TOS, ip.TOS)
			require.Equal(t, s.TTL, ip.TTL)
		} else {
			ip := p.NetworkLayer().(*layers.IPv6)
			require.Equal(t, s.TOS, ip.TrafficClass)
			require.Equal(t, s.TTL, ip.HopLimit)
		}
		var theirs []string
		for _, o := range tcp.Options {
			if o.OptionType > layers.TCPOptionKindNop {
				theirs = append(theirs, string(append([]byte{uint8(o.OptionType), o.OptionLength}, o.OptionData...)))
			}
		}
		var ours []string
		for o := range s.Options.All() {
			ours = append(ours, string(o))
		}
		require.Equal(t, ours, theirs)
	})
}

func oracleFlags(tcp *layers.TCP) (f Flags) {
	for i, on := range []bool{tcp.FIN, tcp.SYN, tcp.RST, tcp.PSH, tcp.ACK, tcp.URG, tcp.ECE, tcp.CWR, tcp.NS} {
		if on {
			f |= 1 << i
		}
	}
	return f
}

// extension is an IPv6 extension header of the given size, all of whose fields but
// the first two are zero.
func extension(next uint8, kind int, units uint8) []byte {
	switch kind {
	case protoFragment:
		return []byte{next, 0, 0, 0, 1, 2, 3, 4} // atomic, RFC 6946
	case protoAH:
		b := make([]byte, (int(units)+2)*4)
		b[0], b[1] = next, units
		return b
	}
	b := make([]byte, (int(units)+1)*8)
	b[0], b[1] = next, units
	return b
}

// withExtensions puts headers between an IPv6 header and its TCP segment.
func withExtensions(pkt []byte, kinds []int, units uint8) []byte {
	out := append([]byte(nil), pkt[:ipv6HeaderSize]...)
	place := 6
	for i, kind := range kinds {
		out[place] = uint8(kind)
		next := protoTCP
		if i+1 < len(kinds) {
			next = kinds[i+1]
		}
		place = len(out)
		out = append(out, extension(uint8(next), kind, units)...)
	}
	out = append(out, pkt[ipv6HeaderSize:]...)
	binary.BigEndian.PutUint16(out[4:], uint16(len(out)-ipv6HeaderSize))
	return out
}

// We read what gopacket writes: IPv4 with options, IPv6 with extension headers.
func TestWeReadGopackets(t *testing.T) {
	tcp := &layers.TCP{SrcPort: 1234, DstPort: 443, Seq: 1 << 31, Ack: 99, Window: 512, SYN: true, ECE: true, NS: true,
		Options: []layers.TCPOption{
			{OptionType: layers.TCPOptionKindMSS, OptionLength: 4, OptionData: []byte{5, 0xb4}},
			{OptionType: layers.TCPOptionKindSACKPermitted, OptionLength: 2},
			{OptionType: layers.TCPOptionKindWindowScale, OptionLength: 3, OptionData: []byte{7}},
			{OptionType: layers.TCPOptionKindTimestamps, OptionLength: 10, OptionData: []byte{0, 0, 0, 1, 0, 0, 0, 2}},
			{OptionType: KindMPTCP, OptionLength: 4, OptionData: []byte{1, 1}},
		}}
	check := func(pkt []byte, src, dst string) {
		var s Segment
		require.NoError(t, Parse(&s, pkt))
		assert.Equal(t, netip.MustParseAddrPort(src), s.Src)
		assert.Equal(t, netip.MustParseAddrPort(dst), s.Dst)
		assert.Equal(t, tcp.Seq, s.Seq)
		assert.Equal(t, tcp.Ack, s.Ack)
		assert.Equal(t, SYN|ECE|AE, s.Flags)
		assert.Equal(t, "hello", string(s.Payload))
		assert.Equal(t, SumGood, s.Sum)
		mss, ok := s.Options.Find(KindMSS)
		require.True(t, ok)
		v, err := ParseMSS(mss)
		require.NoError(t, err)
		assert.EqualValues(t, 1460, v)
		m, ok := s.Options.FindMPTCP(SubMPCapable)
		require.True(t, ok)
		assert.Equal(t, Option{30, 4, 1, 1}, m)
	}
	serialize := func(ip gopacket.SerializableLayer, network gopacket.NetworkLayer) []byte {
		require.NoError(t, tcp.SetNetworkLayerForChecksum(network))
		buf := gopacket.NewSerializeBuffer()
		require.NoError(t, gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
			ip, tcp, gopacket.Payload("hello")))
		return buf.Bytes()
	}
	for n := range 10 { // up to 40 octets of IPv4 options, RFC 791 section 3.1
		ip := &layers.IPv4{Version: 4, TTL: 9, Protocol: layers.IPProtocolTCP, SrcIP: net.IP{10, 1, 1, 1}, DstIP: net.IP{10, 2, 2, 2}}
		for range n {
			ip.Options = append(ip.Options, layers.IPv4Option{OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}})
		}
		check(serialize(ip, ip), "10.1.1.1:1234", "10.2.2.2:443")
	}
	ip := &layers.IPv6{Version: 6, HopLimit: 9, NextHeader: layers.IPProtocolTCP, SrcIP: net.ParseIP("fd00::1"), DstIP: net.ParseIP("fd00::2")}
	pkt := serialize(ip, ip)
	check(pkt, "[fd00::1]:1234", "[fd00::2]:443")
	for _, kinds := range [][]int{
		{protoHopByHop}, {protoRouting}, {protoDestOpts}, {protoFragment}, {protoAH}, {protoMobility}, {protoHIP}, {protoShim6},
		{protoHopByHop, protoDestOpts, protoRouting, protoFragment, protoAH, protoDestOpts},
	} {
		for units := range uint8(4) {
			check(withExtensions(pkt, kinds, units), "[fd00::1]:1234", "[fd00::2]:443")
		}
	}
	// gopacket agrees on where the segment begins.
	long := withExtensions(pkt, []int{protoHopByHop, protoDestOpts}, 1)
	_, theirs := oracle(t, long)
	assert.Equal(t, tcp.Seq, theirs.Seq)
	assert.Equal(t, "hello", string(theirs.Payload))
}

// samplePackets are whole packets of each family, with what may stand before TCP.
func samplePackets(t testing.TB) [][]byte {
	o, err := Options{}.AppendNOP(2)
	require.NoError(t, err)
	o, err = Timestamps{1, 2}.Append(o)
	require.NoError(t, err)
	d := DSS{Flags: 15, HasSum: true, DataAck: 1, DSN: 2, SSN: 3, DataLen: 4, Sum: 5}
	o, err = d.Append(o)
	require.NoError(t, err)
	var out [][]byte
	for _, a := range []string{"10.0.0.1:5", "[fd00::1]:5"} {
		at := netip.MustParseAddrPort(a)
		for _, payload := range []string{"", "payload"} {
			pkt, err := Append(nil, &Segment{Src: at, Dst: at, Flags: ACK, Options: o, Payload: []byte(payload)})
			require.NoError(t, err)
			out = append(out, pkt)
		}
	}
	v4 := out[1]
	withOptions := append([]byte{0x47}, v4[1:20]...)
	withOptions = append(append(withOptions, 1, 1, 1, 1, 1, 1, 1, 0), v4[20:]...)
	binary.BigEndian.PutUint16(withOptions[2:], uint16(len(withOptions)))
	return append(out, withOptions, withExtensions(out[3], []int{protoHopByHop, protoAH, protoFragment, protoDestOpts}, 1))
}

// Hostile octets: cut everywhere, typed errors with an offset within the packet.
func TestTruncatedEverywhere(t *testing.T) {
	for _, pkt := range samplePackets(t) {
		var whole Segment
		require.NoError(t, Parse(&whole, pkt))
		header := len(pkt) - len(whole.Payload)
		for n := range pkt {
			cut := append(make([]byte, 0, n), pkt[:n]...)
			var s Segment
			err := Parse(&s, cut)
			requireParseError(t, err, ErrTruncated)
			var e *ParseError
			require.True(t, errors.As(err, &e))
			require.LessOrEqual(t, e.Offset, n)

			// A capture with a snap length keeps what it can.
			err = ParseCaptured(&s, cut, len(pkt))
			if n >= header {
				require.NoError(t, err)
				require.Len(t, s.Payload, n-header)
				require.Equal(t, len(whole.Payload), s.PayloadLen)
				require.Equal(t, whole.SeqLen(), s.SeqLen())
			} else {
				requireParseError(t, err, ErrTruncated)
				if tcp := header - tcpHeaderSize - len(whole.Options); n >= tcp+tcpHeaderSize {
					require.True(t, errors.As(err, &e))
					require.Equal(t, "TCP options", e.What)
					require.Equal(t, whole.Seq, s.Seq)
					require.Equal(t, whole.Options[:n-tcp-tcpHeaderSize], s.Options)
					require.Equal(t, len(whole.Payload), s.PayloadLen)
				}
			}
		}
	}
}

// Hostile octets: any, and good packets with some changed. Nothing panics, and what
// parses is inside the packet.
func TestHostileOctets(t *testing.T) {
	samples := samplePackets(t)
	rapid.Check(t, func(t *rapid.T) {
		pkt := append([]byte(nil), rapid.SampledFrom(samples).Draw(t, "packet")...)
		if rapid.Bool().Draw(t, "any") {
			pkt = rapid.SliceOfN(rapid.Byte(), 0, 120).Draw(t, "octets")
		}
		for range rapid.IntRange(0, 6).Draw(t, "changes") {
			if len(pkt) > 0 {
				pkt[rapid.IntRange(0, len(pkt)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "octet")
			}
		}
		var s Segment
		wireLen := rapid.IntRange(0, 200).Draw(t, "wire length")
		for _, err := range []error{Parse(&s, pkt), ParseCaptured(&s, pkt, wireLen)} {
			var e *ParseError
			if err != nil && !errors.As(err, &e) {
				t.Fatalf("untyped error %v", err)
			}
		}
		require.LessOrEqual(t, len(s.Options), MaxOptions)
		require.LessOrEqual(t, len(s.Payload), s.PayloadLen)
		var m ICMP
		_ = ParseICMP(&m, pkt)
	})
}

func TestIPLengths(t *testing.T) {
	samples := samplePackets(t)
	v4, v6 := samples[1], samples[3]
	set := func(pkt []byte, at int, v uint16) []byte {
		out := append([]byte(nil), pkt...)
		binary.BigEndian.PutUint16(out[at:], v)
		return out
	}
	var s Segment
	// 0: left to the network card (TSO), or a jumbogram; then the frame says it.
	for _, pkt := range [][]byte{set(v4, 2, 0), set(v6, 4, 0)} {
		require.NoError(t, Parse(&s, pkt))
		require.Equal(t, "payload", string(s.Payload))
		require.NoError(t, ParseCaptured(&s, pkt, 70000))
		require.Equal(t, "payload", string(s.Payload))
		require.Greater(t, s.PayloadLen, 65000)
	}
	// Larger than what is there.
	for _, pkt := range [][]byte{set(v4, 2, uint16(len(v4)+1)), set(v6, 4, uint16(len(v6)-40+1))} {
		requireParseError(t, Parse(&s, pkt), ErrTruncated)
		require.NoError(t, ParseCaptured(&s, pkt, len(pkt)))
		require.Equal(t, 7, s.PayloadLen)
	}
	// Smaller: the payload ends earlier, or the headers do not fit.
	for cut := 1; cut < len(v4); cut++ {
		for i, pkt := range [][]byte{set(v4, 2, uint16(len(v4)-cut)), set(v6, 4, uint16(max(len(v6)-40-cut, 1)))} {
			err := Parse(&s, pkt)
			if cut <= 7 {
				require.NoError(t, err)
				require.Len(t, s.Payload, 7-cut)
				continue
			}
			requireParseError(t, err, ErrLength)
			_ = i
		}
	}
	// Data offset below 5, or beyond the packet.
	for _, offset := range []uint8{0, 4, 15} {
		pkt := append([]byte(nil), v4[:45]...)
		binary.BigEndian.PutUint16(pkt[2:], uint16(len(pkt)))
		pkt[32] = offset << 4
		requireParseError(t, Parse(&s, pkt), ErrLength)
	}
	// IPv4 header length below 5; unknown versions.
	pkt := append([]byte{0x44}, v4[1:]...)
	requireParseError(t, Parse(&s, pkt), ErrLength)
	for _, first := range []byte{0x05, 0x75, 0xf5} {
		requireParseError(t, Parse(&s, append([]byte{first}, v4[1:]...)), ErrVersion)
	}
	requireParseError(t, Parse(&s, nil), ErrTruncated)
}

func TestFragmentsAndOthers(t *testing.T) {
	samples := samplePackets(t)
	v4, v6 := samples[1], samples[3]
	var s Segment
	for _, c := range []struct {
		word uint16
		want error
	}{{0x4000, nil}, {0x8000, nil}, {0x2000, ErrFragment}, {0x0001, ErrFragment}, {0x1fff, ErrFragment}} {
		pkt := append([]byte(nil), v4...)
		binary.BigEndian.PutUint16(pkt[6:], c.word)
		if err := Parse(&s, pkt); c.want != nil {
			requireParseError(t, err, c.want)
		} else {
			require.NoError(t, err)
		}
	}
	for _, c := range []struct {
		word uint16
		want error
	}{{0, nil}, {6, nil}, {1, ErrFragment}, {8, ErrFragment}, {0xfff8, ErrFragment}} {
		pkt := withExtensions(v6, []int{protoFragment}, 0)
		binary.BigEndian.PutUint16(pkt[42:], c.word)
		if err := Parse(&s, pkt); c.want != nil {
			requireParseError(t, err, c.want)
		} else {
			require.NoError(t, err)
		}
	}
	// Other protocols: UDP, ICMP, ESP, no next header.
	for _, proto := range []uint8{17, 1, 58, 50, 59, 255} {
		pkt := append([]byte(nil), v4...)
		pkt[9] = proto
		err := Parse(&s, pkt)
		requireParseError(t, err, ErrNotTCP)
		pkt = append([]byte(nil), v6...)
		pkt[6] = proto
		requireParseError(t, Parse(&s, pkt), ErrNotTCP)
	}
	// A chain of extension headers without end, or one that leaves the packet.
	kinds := make([]int, maxExtHeaders+1)
	for i := range kinds {
		kinds[i] = protoDestOpts
	}
	requireParseError(t, Parse(&s, withExtensions(v6, kinds, 0)), ErrLength)
	require.NoError(t, Parse(&s, withExtensions(v6, kinds[2:], 0)))
	pkt := withExtensions(v6, []int{protoDestOpts}, 0)
	pkt[41] = 255
	requireParseError(t, Parse(&s, pkt), ErrLength)
}

func TestFlagsAndSeqLen(t *testing.T) {
	assert.True(t, (SYN | ACK).Has(SYN))
	assert.False(t, SYN.Has(SYN|ACK))
	s := Segment{Flags: SYN | FIN, Payload: []byte("ab")}
	assert.EqualValues(t, 4, s.SeqLen())
	s = Segment{PayloadLen: 9, Payload: []byte("ab")}
	assert.EqualValues(t, 9, s.SeqLen())
}

func TestParseTrustedReadsNoPayload(t *testing.T) {
	s := Segment{Src: netip.MustParseAddrPort("10.0.0.1:1"), Dst: netip.MustParseAddrPort("10.0.0.2:2"),
		Flags: ACK, Options: Options{1, 1, 1, 1}, Payload: []byte("payload")}
	b, err := Append(nil, &s)
	require.NoError(t, err)
	var checked, trusted Segment
	require.NoError(t, Parse(&checked, b))
	b[len(b)-1] ^= 1 // nobody looks
	require.NoError(t, ParseTrusted(&trusted, b, SumUnknown))
	require.Equal(t, SumUnknown, trusted.Sum)
	b[len(b)-1] ^= 1
	checked.Sum, checked.PayloadSum = SumUnknown, 0
	require.Equal(t, checked, trusted)
	for n := range b {
		require.Error(t, ParseTrusted(&trusted, b[:n], SumUnknown))
	}
}
