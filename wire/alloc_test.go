package wire

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// Nothing on the way of a packet allocates: reading a segment and its options,
// writing both, tokens and HMACs.
func TestNoAllocations(t *testing.T) {
	src, dst := netip.MustParseAddrPort("10.0.0.1:80"), netip.MustParseAddrPort("10.0.0.2:81")
	src6, dst6 := netip.MustParseAddrPort("[fd00::1]:80"), netip.MustParseAddrPort("[fd00::2]:81")
	addr := netip.MustParseAddr("fd00::3")
	var samples []appender
	samples = append(samples,
		&MPCapable{Version: V1, HasSender: true, HasReceiver: true, HasData: true, HasSum: true},
		&MPJoin{Form: JoinSYN}, &MPJoin{Form: JoinSYNACK}, &MPJoin{Form: JoinACK},
		&DSS{Flags: 15, HasSum: true}, &DSS{Flags: DSSAck},
		&AddAddr{Version: V1, Addr: addr, HasPort: true, HasHMAC: true}, &AddAddr{Addr: src.Addr()},
		&RemoveAddr{IDs: []byte{1, 2}}, &MPPrio{}, &MPFail{}, &MPFastclose{}, &MPTCPRst{}, &Experimental{Data: []byte{1}},
		&Timestamps{1, 2},
	)
	zero := func(name string, f func()) {
		require.Zero(t, testing.AllocsPerRun(100, f), name)
	}
	buf := make(Options, 0, MaxOptions)
	var o Options
	for _, x := range samples {
		x := x
		zero("append", func() { o, _ = x.Append(buf) })
	}
	zero("append plain options", func() {
		o, _ = buf.AppendMSS(1)
		o, _ = o.AppendWindowScale(2)
		o, _ = o.AppendSACKPermitted()
		o, _ = o.AppendSACK(SACKBlock{1, 2}, SACKBlock{3, 4})
		o, _ = o.AppendNOP(3)
	})
	zero("no room", func() {
		if _, err := samples[0].Append(buf[:30]); err == nil {
			t.Fail()
		}
	})

	var s Segment
	var m ICMP
	pkt := make([]byte, 0, 4096)
	payload := make([]byte, 1460)
	for _, x := range samples {
		opts, err := x.Append(nil)
		require.NoError(t, err)
		for _, out := range []Segment{
			{Src: src, Dst: dst, Options: opts, Payload: payload},
			{Src: src6, Dst: dst6, Options: opts, Payload: payload},
		} {
			out := out
			zero("append a segment", func() { pkt, _ = Append(pkt[:0], &out) })
			zero("parse a segment", func() {
				if Parse(&s, pkt) != nil {
					t.Fail()
				}
			})
			icmp, err := AppendICMP(nil, &ICMP{From: out.Src.Addr(), To: out.Src.Addr(), Kind: ICMPTooBig}, pkt)
			require.NoError(t, err)
			zero("parse an ICMP error", func() {
				if ParseICMP(&m, icmp) != nil {
					t.Fail()
				}
			})
			room := make([]byte, 0, 2000)
			zero("append an ICMP error", func() { _, _ = AppendICMP(room, &m, pkt) })
			zero("parse its options", func() {
				for opt := range s.Options.All() {
					if opt.Kind() == KindTimestamps {
						_, _ = ParseTimestamps(opt)
					} else if parseAs(opt.Subtype(), opt, x1(x)) != nil {
						t.Fail()
					}
				}
				for range s.Options.Pieces() {
				}
				_, _ = s.Options.FindMPTCP(SubDSS)
				_ = s.Options.Check()
			})
		}
	}

	var sum uint64
	for _, v := range []Version{V0, V1} {
		zero("token", func() { sum += uint64(Key(sum).Token(v)) + Key(sum).IDSN(v) })
		zero("HMAC", func() { sum += JoinHMAC64(v, Key(sum), 2, 3, 4) })
	}
	zero("ADD_ADDR HMAC", func() { sum += AddAddrHMAC(1, 2, 3, addr, 4) })
	line := make([]byte, 0, 4096)
	s.Options, _ = (&DSS{Flags: 15, HasSum: true}).Append(nil)
	zero("text", func() { line = AppendText(line[:0], &s, TextBase{}) })
}

// x1 is the version to read a sample in.
func x1(x appender) Version {
	if a, ok := x.(*AddAddr); ok {
		return a.Version
	}
	return V1
}
