package wire

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestTextRoundTrip(t *testing.T) {
	for _, line := range []string{
		"S 0:0(0) win 65535 <mss 1460, sackOK, TS val 1 ecr 0, nop, wscale 7, mp_capable v1 H>",
		"S. 10:10(0) ack 1 win 65535 <mss 1460, mp_capable v1 AH key=0102030405060708>",
		". 1:1(0) ack 1 win 256 <mp_capable v1 H key=0102030405060708+1112131415161718>",
		"P. 1:101(100) ack 1 win 256 <mp_capable v1 H key=0102030405060708+1112131415161718 dll=100 sum=0ea9>",
		"P. 1:1001(1000) ack 1 win 256 <nop, nop, TS val 9 ecr 8, dss dack4=1 dsn8=1 ssn=1 dll=1000>",
		". 1:1(0) ack 1 win 256 <dss dack8=18446744073709551615 dsn8=5 ssn=0 dll=1 sum=ffff fin>",
		". 1:1(0) ack 1 win 256 <dss a m fin>",
		"S 5:5(0) win 100 <mp_join syn id=3 token=72a99912 nonce=a50f07ee backup>",
		"S. 5:5(0) ack 6 win 100 <mp_join synack id=1 hmac=e1d99e26154220db nonce=0fb6780e>",
		". 5:5(0) ack 6 win 100 <mp_join ack hmac=7ae5232d7742be178533ad2091d007428c9bc45c>",
		". 5:5(0) ack 6 win 100 <add_addr v1 id=1 addr=10.0.2.2 port=10100 hmac=ab081142ad987666>",
		". 5:5(0) ack 6 win 100 <add_addr v1 id=1 addr=fd00:2::2 echo, remove_addr id=1+2+9, mp_prio backup>",
		". 5:5(0) ack 6 win 100 <add_addr v1 id=1 addr=::ffff:10.0.2.2>",
		". 5:5(0) ack 6 win 100 <add_addr v0 id=2 addr=10.1.2.2, mp_prio id=4, mp_fail dsn=77>",
		"R. 5:5(0) ack 6 win 0 <mp_fastclose key=de3e517d69b5e372, mp_tcprst reason=6 transient>",
		"FSRP.UEWN123 5:5(0) ack 6 win 0 urg 7 <sack 1:2 3:4, FO 01020304, opt77 raw=4d03ff, eol x2>",
		"- 5:5(0) win 0 <dss raw=1e0320>",
		". 5:5(0) ack 0 win 0 <raw=1e>",
		". 5:5(0) ack 0 win 0 <TS raw=080302>",
		"R 5:5(0) ack 9 win 0",
		"S 4294967295:9(10) win 0",
	} {
		p, err := ParseText(line)
		require.NoError(t, err, line)
		require.True(t, p.Complete(), line)
		require.Equal(t, line, string(AppendText(nil, &p.Segment, TextBase{})))
		require.NoError(t, p.Match(&p.Segment, TextBase{}))
		require.Equal(t, line, p.String())
	}
}

// Whatever octets an option block holds, its text reads back to the same octets,
// and a segment matches its own text.
func TestTextOfAnyOctets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSegment(t)
		if rapid.Bool().Draw(t, "ragged") {
			s.Options = rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 2, 3, 4, 5, 8, 10, 12, 30, 0x20, 0x30, 0x34, 0x36, 34, 253}), 0, 40).Draw(t, "block")
		}
		s.PayloadLen = len(s.Payload) + rapid.IntRange(0, 3).Draw(t, "cut")
		line := string(AppendText([]byte("> "), s, TextBase{}))[2:]
		p, err := ParseText(line)
		require.NoError(t, err, line)
		require.True(t, p.Complete(), line)
		require.Equal(t, string(s.Options), string(p.Options), line)
		require.Equal(t, s.Flags, p.Flags)
		require.Equal(t, s.Seq, p.Seq)
		require.Equal(t, s.Window, p.Window)
		require.Equal(t, s.PayloadLen, p.PayloadLen)
		if s.Flags.Has(ACK) {
			require.Equal(t, s.Ack, p.Ack)
		}
		require.NoError(t, p.Match(s, TextBase{}), line)

		// Relative numbers: the pattern that was printed with a base matches with it.
		base := TextBase{Seq: rapid.Uint32().Draw(t, "seq base"), Ack: rapid.Uint32().Draw(t, "ack base")}
		relative := string(AppendText(nil, s, base))
		p, err = ParseText(relative)
		require.NoError(t, err, relative)
		require.NoError(t, p.Match(s, base), relative)
	})
}

// Any text gives a pattern or a typed error, never a panic.
func TestParseTextHostile(t *testing.T) {
	words := rapid.SampledFrom([]string{"S", ".", "P.", " ", "1:2", "1:1(0)", "(", ")", ":", "ack ", "win 1", "<", ">", ",",
		"dss", "=", "raw=", "1e", "TS", "val", "mss", "eol", "x", "mp_capable", "v1", "H", "key=", "+", "\t", "é", "9"})
	rapid.Check(t, func(t *rapid.T) {
		line := strings.Join(rapid.SliceOfN(words, 0, 12).Draw(t, "words"), rapid.SampledFrom([]string{"", " "}).Draw(t, "between"))
		if rapid.Bool().Draw(t, "any") {
			line = rapid.String().Draw(t, "text")
		}
		p, err := ParseText(line)
		if err != nil {
			requireParseError(t, err, ErrSyntax)
			return
		}
		var s Segment
		_ = p.Match(&s, TextBase{})
		_ = p.Complete()
	})
}

func TestParseTextErrors(t *testing.T) {
	for _, line := range []string{
		"", " ", "Q 0:0(0)", "SX", "--", "S 1", "S 1:", "S 1:2", "S 1:2(", "S 1:2(1", "S 1:2(2)", "S 1:2(x)", "S 1-2(1)",
		"S 4294967296:0(0)", "S ack", "S ack x", "S ack 4294967296", "S win 65536", "S urg 65536", "S mss 5", "S <", "S <nop",
		"S <nop,", "S <nop> x", "S <unknown>", "S <mss>x", "S <mss x>", "S <mss 65536>", "S <mss 1 2>", "S <wscale 256>",
		"S <TS val>", "S <TS val x ecr 1>", "S <TS val 1 ecr 2 foo 3>", "S <sack 1>", "S <sack 1:2 3:4 5:6 7:8 9:10>", "S <FO 0>",
		"S <FO 010203>", "S <eol x0>", "S <eol x41>", "S <eol y>", "S <opt256>", "S <optx>", "S <raw=0>", "S <foo raw=00>",
		"S <mp_capable vx>", "S <mp_capable v16 H>", "S <mp_capable v1 Z>", "S <mp_capable v1 H key=x>",
		"S <mp_capable v1 H keys=1>", "S <mp_join syn id=256>", "S <mp_join ack hmac=00>", "S <mp_join ack backup>",
		"S <mp_join foo>", "S <dss dack=1>", "S <dss dack4=4294967296>", "S <dss dsn8=1 dsn8=2>", "S <dss fin=1>",
		"S <dss dack4=1 dack8=1>", "S <add_addr v1 id=1 addr=x>", "S <add_addr v1 id=1 addr=fe80::1%eth0>",
		"S <add_addr v0 id=1 addr=10.0.0.1 echo>", "S <add_addr v0 id=1 addr=10.0.0.1 hmac=00>", "S <remove_addr id=1+x>",
		"S <remove_addr id=>", "S <mp_prio foo>", "S <mp_fail dsn=-1>", "S <mp_tcprst reason=256>", "S <,>",
		"S <" + strings.Repeat("nop, ", 41) + "nop>",
		"S <remove_addr" + strings.Repeat(" id=1", 41) + ">",
	} {
		_, err := ParseText(line)
		require.Error(t, err, line)
		requireParseError(t, err, ErrSyntax)
	}
}

// What is not written is not compared.
func TestPatternMatch(t *testing.T) {
	base := TextBase{Seq: 1000, Ack: 5000}
	segment := func(line string) *Segment {
		p, err := ParseText(line)
		require.NoError(t, err)
		require.True(t, p.Complete(), line)
		s := p.Segment
		s.Seq += base.Seq
		s.Ack += base.Ack
		return &s
	}
	s := segment("P. 1:1001(1000) ack 1 win 256 <nop, nop, TS val 9 ecr 8, dss dack4=1 dsn8=17 ssn=1 dll=1000>")
	join := segment("S. 1:1(0) ack 1 win 256 <mp_join synack id=1 hmac=01d99e26154220db nonce=0fb6780e backup>")
	capable := segment(". 1:1(0) ack 1 win 256 <mp_capable v1 AH key=0000000000000abc+0000000000000def>")
	for _, c := range []struct {
		s       *Segment
		pattern string
		differs string // "" where it matches
	}{
		{s, "P.", ""},
		{s, "P. 1:1001(1000)", ""},
		{s, "P. ack 1", ""},
		{s, "P. win 256", ""},
		{s, "P. <dss>", ""},
		{s, "P. <dss dsn8=17>", ""},
		{s, "P. <dss ssn=1, TS ecr 8>", ""},
		{s, "P.\t<dss\tdll=1000>", ""},
		{s, "P. <TS val 9>", ""},
		{s, "P. <TS val 8>", "options"},
		{s, "P. <TS val 09 ecr 8>", ""},
		{s, ".", "flags"},
		{s, "P. 2:1002(1000)", "seq"},
		{s, "P. 1:1000(999)", "payload octets"},
		{s, "P. ack 2", "ack"},
		{s, "P. win 1", "win"},
		{s, "P. urg 1", "urg"},
		{s, "P. <dss dack8=1>", "options"},
		{s, "P. <dss dsn8=18>", "options"},
		{s, "P. <mss 1460>", "options"},
		{s, "P. <>", "options"},
		{s, "P. <nop>", ""},
		{s, "P. <raw=1e>", "options"},
		{join, "S. <mp_join>", ""},
		{join, "S. <mp_join synack>", ""},
		{join, "S. <mp_join syn>", "options"},
		{join, "S. <mp_join hmac=1D99E26154220DB>", ""},
		{join, "S. <mp_join backup>", ""},
		{capable, ". <mp_capable v1>", ""},
		{capable, ". <mp_capable key=abc>", ""},
		{capable, ". <mp_capable key=abc+def>", ""},
		{capable, ". <mp_capable key=abc+de>", "options"},
		{capable, ". <mp_capable key=ab>", "options"},
		{capable, ". <mp_capable AH>", ""},
		{capable, ". <mp_capable v1 H>", "options"},
		{capable, ". <mp_capable v0>", "options"},
	} {
		p, err := ParseText(c.pattern)
		require.NoError(t, err, c.pattern)
		err = p.Match(c.s, base)
		if c.differs == "" {
			assert.NoError(t, err, c.pattern)
			continue
		}
		if assert.Error(t, err, c.pattern) {
			assert.True(t, strings.HasPrefix(err.Error(), c.differs+": want"), err.Error())
		}
	}
}

// A pattern that leaves fields out is no whole segment, and its block holds only
// what was whole.
func TestPatternComplete(t *testing.T) {
	for line, complete := range map[string]bool{
		"S 0:0(0) win 1":                                       true,
		"S 0:0(0)":                                             false,
		"S win 1":                                              false,
		". 0:0(0) win 1":                                       false,
		"S 0:0(0) win 1 <mss>":                                 false,
		"S 0:0(0) win 1 <TS val 1>":                            false,
		"S 0:0(0) win 1 <dss ssn=1>":                           false,
		"S 0:0(0) win 1 <dss dsn4=1 ssn=1>":                    false,
		"S 0:0(0) win 1 <mp_capable v1>":                       false,
		"S 0:0(0) win 1 <mp_capable v1 H>":                     true,
		"S 0:0(0) win 1 <mp_capable v1 H key=1>":               true,
		"S 0:0(0) win 1 <mp_capable v1 H dll=1>":               false,
		"S 0:0(0) win 1 <mp_capable v1 H key=1+2 sum=1>":       false,
		"S 0:0(0) win 1 <mp_capable v1 key=1>":                 false,
		"S 0:0(0) win 1 <mp_join>":                             false,
		"S 0:0(0) win 1 <mp_join syn>":                         false,
		"S 0:0(0) win 1 <mp_join ack>":                         false,
		"S 0:0(0) win 1 <mp_join token=1>":                     false,
		"S 0:0(0) win 1 <add_addr v1 id=1>":                    false,
		"S 0:0(0) win 1 <add_addr id=1 addr=10.0.0.1>":         false,
		"S 0:0(0) win 1 <add_addr v1 id=1 addr=10.0.0.1>":      true,
		"S 0:0(0) win 1 <remove_addr>":                         false,
		"S 0:0(0) win 1 <mp_fail>":                             false,
		"S 0:0(0) win 1 <mp_fastclose>":                        false,
		"S 0:0(0) win 1 <mp_tcprst>":                           false,
		"S 0:0(0) win 1 <mp_prio>":                             true,
		"S 0:0(0) win 1 <sack>":                                false,
		"S 0:0(0) win 1 <opt77>":                               false,
		"S 0:0(0) win 1 <mp_exp>":                              false,
		"S 0:0(0) win 1 <mptcp raw=1e0390, mp_exp raw=1e03f0>": true,
	} {
		p, err := ParseText(line)
		require.NoError(t, err, line)
		assert.Equal(t, complete, p.Complete(), line)
	}
	p, err := ParseText("S <mss 5, dss ssn=1, wscale 3>")
	require.NoError(t, err)
	assert.Equal(t, Options{2, 4, 0, 5, 3, 3, 3}, p.Options)
}
