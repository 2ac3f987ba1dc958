package mbox

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// everySpec has each element, and its variants.
var everySpec = append(append([]string{
	"ack", "ack dir=c2s chance=0.5", "firewall mid=learn", "firewall noscale inbound", "nat mid=map", "nat mid=drop idle=1s",
	"nat open ports=7-9", "rst has=dss", "rst to=client on=data", "rst to=server count=1", "strip all", "strip dss opt77",
	"drop has=mptcp", "dup all", "pmtu 60", "proxy lose=0.3", "proxy die=30", "proxy buffer=8 rto=5ms", "payload find=a put=bcd",
	"payload flip", "payload insert", "payload delete by=2", "payload insert by=9 max=5", "seq delta=77", "split 1", "split 3 copy=last",
	"coalesce 4 wait=1ms", "window 0", "mss 1", "normalize how=reset",
	"lie token hmac key echo flags version checksum mapping ssn length dataack datafin addhmac fastclose", "lie mapping by=3 dir=c2s",
	"link rate=1000000 delay=1ms buffer=200 loss=0.1 reorder=0.1 dup=0.1 mtu=80", "link corrupt=1",
}, tcpSurvives...), tcpGetsOtherOctets...)

// anySegment draws a segment that is well formed, or nearly.
func anySegment(t *rapid.T) []byte {
	src, dst := client, server
	if rapid.Bool().Draw(t, "swap") {
		src, dst = dst, src
	}
	small := func(name string) uint32 { // near one another and near the wrap
		return uint32(rapid.Uint32Range(0, 60).Draw(t, name)) - 30
	}
	s := wire.Segment{Src: src, Dst: dst, Seq: small("seq"), Ack: small("ack"),
		Flags:   wire.Flags(rapid.SampledFrom([]int{2, 0x12, 0x10, 0x10, 0x18, 0x18, 0x11, 4, 0x14, 0, 0xfff}).Draw(t, "flags")),
		Window:  rapid.Uint16().Draw(t, "window"),
		Payload: rapid.SliceOfN(rapid.ByteRange('a', 'd'), 0, 30).Draw(t, "payload"),
	}
	for n := rapid.IntRange(0, 3).Draw(t, "options"); n > 0; n-- {
		var o wire.Option
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0:
			d := wire.DSS{Flags: wire.DSSFlags(rapid.IntRange(0, 31).Draw(t, "dss"))}
			x, _ := d.Append(nil)
			o = wire.Option(x)
		case 1:
			x, _ := wire.Options(nil).AppendSACK(wire.SACKBlock{Left: small("left"), Right: small("right")})
			o = wire.Option(x)
		case 2:
			x, _ := wire.Timestamps{Val: small("val"), Ecr: small("ecr")}.Append(nil)
			o = wire.Option(x)
		case 3:
			x, _ := wire.Options(nil).AppendWindowScale(rapid.Byte().Draw(t, "shift"))
			o = wire.Option(x)
		case 4:
			x, _ := wire.Options(nil).AppendMSS(rapid.Uint16().Draw(t, "mss"))
			o = wire.Option(x)
		default: // whatever it is
			o = rapid.SliceOfN(rapid.Byte(), 1, 12).Draw(t, "raw")
		}
		if x, err := s.Options.AppendRaw(o); err == nil {
			s.Options = x
		}
	}
	b, err := wire.Append(nil, &s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Whatever comes, no box panics, and what was intact stays so: each packet that
// leaves has right checksums and lengths, or left as it came.
func TestChecksumsStayRight(t *testing.T) {
	for _, spec := range everySpec {
		if spec == "link corrupt=1" {
			continue
		}
		rapid.Check(t, func(t *rapid.T) {
			came := map[string]bool{}
			var e edit
			line := netsim.NewLine(rapid.Uint64().Draw(t, "seed"), func(_ netsim.Dir, pkt []byte) {
				var m wire.ICMP // a link's answer to what is too big
				icmp := wire.ParseICMP(&m, pkt) == nil && m.Sum == wire.SumGood
				if !e.open(&netsim.Packet{Data: append([]byte(nil), pkt...)}) && !came[string(pkt)] && !icmp {
					t.Fatalf("%s broke a packet: %x", spec, pkt)
				}
			}, MustParse(spec))
			if rapid.Bool().Draw(t, "log") {
				line.SetLog(func(netsim.Entry) {})
			}
			now := time.Duration(0)
			for n := rapid.IntRange(1, 12).Draw(t, "packets"); n > 0; n-- {
				pkt := anySegment(t)
				switch rapid.IntRange(0, 9).Draw(t, "harm") {
				case 0:
					pkt[rapid.IntRange(0, len(pkt)-1).Draw(t, "where")] ^= byte(rapid.IntRange(1, 255).Draw(t, "bits"))
				case 1:
					pkt = pkt[:rapid.IntRange(0, len(pkt)).Draw(t, "cut")]
				}
				came[string(pkt)] = true
				dir := netsim.Dir(rapid.IntRange(0, 1).Draw(t, "dir"))
				if err := line.Input(now, dir, pkt); err != nil {
					t.Fatal(err)
				}
				now += time.Duration(rapid.IntRange(0, 3000).Draw(t, "wait")) * time.Microsecond
			}
			if err := line.Advance(now + time.Hour); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// What is no intact TCP segment passes every box as it came, at once.
func TestForeignPacketsPassUntouched(t *testing.T) {
	good, err := wire.Append(nil, &wire.Segment{Src: client, Dst: server, Seq: 1, Ack: 1, Flags: wire.ACK | wire.SYN, Payload: []byte("abcd")})
	require.NoError(t, err)
	change := func(f func(b []byte) []byte) []byte { return f(append([]byte(nil), good...)) }
	foreign := map[string][]byte{
		"nothing":      {},
		"one octet":    {0x45},
		"IP version 5": change(func(b []byte) []byte { b[0] = 0x55; return b }),
		"UDP":          change(func(b []byte) []byte { b[9] = 17; return b }),
		"fragment":     change(func(b []byte) []byte { b[6] = 0x20; return b }),
		"cut":          good[:len(good)-1],
		"header only":  good[:20],
		"TCP checksum": change(func(b []byte) []byte { b[36] ^= 1; return b }),
		"payload":      change(func(b []byte) []byte { b[41] ^= 1; return b }),
		"IP checksum":  change(func(b []byte) []byte { b[8]--; return b }),
		"data offset":  change(func(b []byte) []byte { b[32] = 0xf0; return b }),
		"zero length":  change(func(b []byte) []byte { b[2], b[3] = 0, 0; return b }),
		"IPv6":         append([]byte{0x60, 0, 0, 0, 0, 8, 17, 64}, make([]byte, 40)...),
		"noise":        bytes.Repeat([]byte{0xff}, 55),
	}
	for _, spec := range everySpec {
		if strings.HasPrefix(spec, "link") || strings.HasPrefix(spec, "pmtu") {
			continue // these are not about TCP
		}
		for name, pkt := range foreign {
			var out [][]byte
			line := netsim.NewLine(1, func(_ netsim.Dir, p []byte) { out = append(out, append([]byte{}, p...)) }, MustParse(spec))
			require.NoError(t, line.Input(0, netsim.Forward, pkt))
			require.NoError(t, line.Input(0, netsim.Reverse, pkt))
			require.Equal(t, [][]byte{pkt, pkt}, out, "%s: %s", spec, name)
		}
	}
}

// A header's other fields survive an edit: they are patched, not made anew.
func TestEditsKeepTheRestOfTheHeader(t *testing.T) {
	for _, spec := range []string{"nat", "seq", "strip mptcp how=remove", "payload insert", "window 5", "dup dss"} {
		for _, v6 := range []bool{false, true} {
			s := wire.Segment{Src: client, Dst: server, Seq: 1, Flags: wire.SYN | wire.ECE | wire.CWR, Window: 9, Urgent: 7, TOS: 0xb9, TTL: 33, Payload: []byte("abcd")}
			if v6 {
				_, pkt := packet(t, "> [2001:db8::1]:7>[2001:db8::2]:80 S 1:1(0) win 9")
				require.NoError(t, wire.Parse(&s, pkt))
				s.Sum = wire.SumUnknown
				s.TOS, s.TTL, s.Payload, s.Urgent, s.Flags = 0xb9, 33, []byte("abcd"), 7, s.Flags|wire.ECE
			}
			d := wire.DSS{Flags: wire.DSSAck}
			s.Options, _ = d.Append(nil)
			s.Options, _ = s.Options.AppendRaw(wire.Option{99, 4, 1, 2})
			pkt, err := wire.Append(nil, &s)
			require.NoError(t, err)
			kept := []int{1, 4, 5, 6, 8, 9} // TOS, id, flags, TTL, protocol
			if v6 {
				kept = []int{0, 1, 2, 3, 6, 7} // class, flow label, next header, hop limit
				pkt[2], pkt[3] = 0xab, 0xcd
			} else {
				pkt[4], pkt[5] = 0x12, 0x34
				e := edit{p: &netsim.Packet{Data: pkt}}
				e.sumHeader()
			}
			n := 0
			line := netsim.NewLine(1, func(_ netsim.Dir, out []byte) {
				n++
				require.NotEqual(t, pkt, out, spec)
				for _, i := range kept {
					require.Equal(t, pkt[i], out[i], "%s: octet %d", spec, i)
				}
				var got wire.Segment
				require.NoError(t, wire.Parse(&got, out))
				require.Equal(t, s.Flags, got.Flags)
				require.Equal(t, s.Urgent, got.Urgent)
				o, ok := got.Options.Find(99)
				require.True(t, ok)
				require.Equal(t, wire.Option{99, 4, 1, 2}, o)
			}, MustParse(spec))
			require.NoError(t, line.Input(0, netsim.Forward, pkt))
			require.Equal(t, 1, n)
		}
	}
}

// A patch at any offset, odd ones too, leaves the checksum right.
func TestPatchAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var e edit
		p := &netsim.Packet{Data: anySegment(t)}
		if !e.open(p) {
			t.Fatal("not opened")
		}
		n := len(p.Data) - e.tcp
		b := rapid.SliceOfN(rapid.Byte(), 1, 9).Draw(t, "octets")
		off := rapid.IntRange(offOptions, max(offOptions, n-len(b))).Draw(t, "offset")
		if off+len(b) > n {
			t.Skip("no room")
		}
		e.patch(off, b)
		if !e.open(p) || !bytes.Equal(p.Data[e.tcp+off:][:len(b)], b) {
			t.Fatalf("patch of %x at %d", b, off)
		}
	})
}

// The edit list against the obvious model: rewrite the whole stream at once.
func TestEditListAgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.SampledFrom([]uint32{0, 1000, 0xfffffff0}).Draw(t, "base")
		stream := make([]byte, 60)
		luck := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "stream"), 0))
		for i := range stream {
			stream[i] = byte(luck.IntN(256))
		}
		var l editList
		var model []byte
		at := make([]int, len(stream)+1) // where each octet begins in the model
		for i := 0; i < len(stream); {
			at[i] = len(model)
			del := rapid.IntRange(-3, 4).Draw(t, "del")
			if del <= 0 || i+del > len(stream) {
				model = append(model, stream[i])
				i++
				continue
			}
			put := rapid.SliceOfN(rapid.Byte(), 0, 6).Draw(t, "put")
			l.add(base+uint32(i), uint32(del), put)
			for k := range del {
				at[i+k] = len(model) + min(k, len(put))
			}
			model = append(model, put...)
			i += del
		}
		at[len(stream)] = len(model)
		for i, want := range at {
			if got := l.forward(base + uint32(i)); got != base+uint32(want) {
				t.Fatalf("forward(%d) = %d, want %d", i, got-base, want)
			}
		}
		for y := range len(model) + 1 {
			want := 0 // the latest octet that begins at y or before
			for i := range at {
				if at[i] <= y {
					want = i
				}
			}
			if got := l.back(base + uint32(y)); got != base+uint32(want) {
				t.Fatalf("back(%d) = %d, want %d", y, got-base, want)
			}
		}
		from := rapid.IntRange(0, len(stream)).Draw(t, "from")
		to := rapid.IntRange(from, len(stream)).Draw(t, "to")
		got := l.rewrite(nil, base+uint32(from), stream[from:to])
		if !bytes.Equal(got, model[at[from]:at[to]]) {
			t.Fatalf("rewrite [%d, %d) = %x, want %x", from, to, got, model[at[from]:at[to]])
		}
	})
}
