package mbox

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// Each lie alone: what goes in, what comes out.
func TestLies(t *testing.T) {
	const (
		join = `
			> S 1:1(0) win 9 <mp_join syn id=1 token=01020304 nonce=0a0b0c0d>
			< S. 5:5(0) ack 2 win 9 <mp_join synack id=2 hmac=0102030405060708 nonce=0a0b0c0d>
			> . 2:2(0) ack 6 win 9 <mp_join ack hmac=0102030405060708090a0b0c0d0e0f1011121314>`
		third = "> . 101:101(0) ack 301 win 9 <mp_capable v1 H key=0102030405060708+1112131415161718>"
	)
	for _, c := range []struct{ spec, in, out string }{
		{"lie token", join, `
			> S 1:1(0) win 9 <mp_join syn id=1 token=01020305 nonce=0a0b0c0d>
			< S. 5:5(0) ack 2 win 9 <mp_join synack id=2 hmac=0102030405060708 nonce=0a0b0c0d>
			> . 2:2(0) ack 6 win 9 <mp_join ack hmac=0102030405060708090a0b0c0d0e0f1011121314>`},
		{"lie hmac", join, `
			> S 1:1(0) win 9 <mp_join syn id=1 token=01020304 nonce=0a0b0c0d>
			< S. 5:5(0) ack 2 win 9 <mp_join synack id=2 hmac=0102030405060709 nonce=0a0b0c0d>
			> . 2:2(0) ack 6 win 9 <mp_join ack hmac=0102030405060708090a0b0c0d0e0f1011121315>`},
		{"lie hmac dir=c2s", join, `
			> S 1:1(0) win 9 <mp_join syn id=1 token=01020304 nonce=0a0b0c0d>
			< S. 5:5(0) ack 2 win 9 <mp_join synack id=2 hmac=0102030405060708 nonce=0a0b0c0d>
			> . 2:2(0) ack 6 win 9 <mp_join ack hmac=0102030405060708090a0b0c0d0e0f1011121315>`},
		{"lie key", third, "> . 101:101(0) ack 301 win 9 <mp_capable v1 H key=0102030405060709+1112131415161718>"},
		{"lie echo", third, "> . 101:101(0) ack 301 win 9 <mp_capable v1 H key=0102030405060708+1112131415161719>"},
		{"lie key echo on=ack3", third, "> . 101:101(0) ack 301 win 9 <mp_capable v1 H key=0102030405060708+1112131415161718>"},
		{"lie flags", third, "> . 101:101(0) ack 301 win 9 <mp_capable v1 BH key=0102030405060708+1112131415161718>"},
		{"lie flags by=1", third, "> . 101:101(0) ack 301 win 9 <mp_capable v1 - key=0102030405060708+1112131415161718>"},
		{"lie version", "> S 1:1(0) win 9 <mp_capable v1 H>", "> S 1:1(0) win 9 <mp_capable v2 H>"},
		{"lie mapping", "> . 1:3(2) ack 1 win 9 <dss dack4=7 dsn8=4294967295 ssn=9 dll=2 sum=1234>",
			"> . 1:3(2) ack 1 win 9 <dss dack4=7 dsn8=4294967296 ssn=9 dll=2 sum=1233>"},
		{"lie mapping by=5", "> . 1:3(2) ack 1 win 9 <dss dsn4=4 ssn=9 dll=2, nop, nop>",
			"> . 1:3(2) ack 1 win 9 <dss dsn4=9 ssn=9 dll=2, nop, nop>"},
		{"lie ssn", "> . 1:3(2) ack 1 win 9 <dss dack8=7 dsn4=4 ssn=9 dll=2 sum=0001>",
			"> . 1:3(2) ack 1 win 9 <dss dack8=7 dsn4=4 ssn=10 dll=2 sum=0000>"},
		{"lie length", "> . 1:3(2) ack 1 win 9 <dss dack4=7 dsn4=4 ssn=9 dll=2 sum=1234>",
			"> . 1:3(2) ack 1 win 9 <dss dack4=7 dsn4=4 ssn=9 dll=3 sum=1233>"},
		{"lie length", "> . 1:3(2) ack 1 win 9 <mp_capable v1 H key=0102030405060708+1112131415161718 dll=2, nop, nop>",
			"> . 1:3(2) ack 1 win 9 <mp_capable v1 H key=0102030405060708+1112131415161718 dll=3, nop, nop>"},
		{"lie checksum", "> . 1:3(2) ack 1 win 9 <mp_capable v1 AH key=0102030405060708+1112131415161718 dll=2 sum=abcd>",
			"> . 1:3(2) ack 1 win 9 <mp_capable v1 AH key=0102030405060708+1112131415161718 dll=2 sum=abcc>"},
		{"lie checksum", "> . 1:3(2) ack 1 win 9 <dss dsn4=4 ssn=9 dll=2, nop, nop>", "same"},
		{"lie dataack", "< . 1:1(0) ack 1 win 9 <dss dack8=1>", "< . 1:1(0) ack 1 win 9 <dss dack8=1048577>"},
		{"lie dataack by=2", "< . 1:1(0) ack 1 win 9 <dss dack4=4294967295>", "< . 1:1(0) ack 1 win 9 <dss dack4=1>"},
		{"lie datafin", "> . 1:3(2) ack 1 win 9 <dss dack4=7 dsn4=4 ssn=9 dll=2, nop, nop>",
			"> . 1:3(2) ack 1 win 9 <dss dack4=7 dsn4=4 ssn=9 dll=2 fin, nop, nop>"},
		{"lie addhmac", "> . 5:5(0) ack 6 win 100 <add_addr v1 id=1 addr=10.0.2.2 port=10100 hmac=ab081142ad987666>",
			"> . 5:5(0) ack 6 win 100 <add_addr v1 id=1 addr=10.0.2.2 port=10100 hmac=ab081142ad987667, nop, nop>"},
		{"lie fastclose", "> R. 5:5(0) ack 6 win 0 <mp_fastclose key=de3e517d69b5e372>", "> R. 5:5(0) ack 6 win 0 <mp_fastclose key=de3e517d69b5e373>"},
		{"lie token hmac key echo checksum mapping addhmac fastclose", data1,
			"> P. 101:111(10) ack 301 win 512 <nop, nop, TS val 2 ecr 9, dss dack4=1 dsn8=2 ssn=1 dll=10, nop, nop>"},
		{"lie mapping count=1", data1 + "\n" + data1,
			"> P. 101:111(10) ack 301 win 512 <nop, nop, TS val 2 ecr 9, dss dack4=1 dsn8=2 ssn=1 dll=10, nop, nop>\n" + data1},
	} {
		out := c.out
		if out == "same" {
			out = c.in
		}
		b := newBench(t, c.spec)
		got := b.run(c.in)
		require.Equal(t, lines(out), lines(got), c.spec)
		require.Equal(t, c.out == "same" || c.spec == "lie key echo on=ack3", len(b.log) == 0, "%s: %q", c.spec, b.log)
	}
}

// A mapping that was moved has a checksum that fits: the lie is found, if at all, for
// what it says.
func TestLieFitsItsChecksum(t *testing.T) {
	payload := []byte("some octets")
	sum := func(d *wire.DSS) uint16 {
		var head [16]byte
		binary.BigEndian.PutUint64(head[:], d.DSN)
		binary.BigEndian.PutUint32(head[8:], d.SSN)
		binary.BigEndian.PutUint16(head[12:], d.DataLen)
		return ^fold(addOctets(addOctets(0, head[:]), payload))
	}
	for _, spec := range []string{"lie mapping", "lie mapping by=70000", "lie ssn by=99", "lie length by=65535", "lie mapping ssn length"} {
		d := wire.DSS{Flags: wire.DSSMap | wire.DSSMap8, HasSum: true, DSN: 0x1_ffff_fffe, SSN: 0xfffe, DataLen: 11}
		d.Sum = sum(&d)
		s := wire.Segment{Src: client, Dst: server, Seq: 1, Flags: wire.ACK, Payload: payload}
		var err error
		s.Options, err = d.Append(nil)
		require.NoError(t, err)
		pkt, err := wire.Append(nil, &s)
		require.NoError(t, err)
		seen := 0
		line := netsim.NewLine(1, func(_ netsim.Dir, out []byte) {
			seen++
			require.NoError(t, wire.Parse(&s, out))
			require.Equal(t, wire.SumGood, s.Sum)
			o, _ := s.Options.FindMPTCP(wire.SubDSS)
			got, err := wire.ParseDSS(o)
			require.NoError(t, err)
			require.NotEqual(t, d, got)
			require.Equal(t, sum(&got), got.Sum, spec)
		}, MustParse(spec))
		require.NoError(t, line.Input(0, netsim.Forward, pkt))
		require.Equal(t, 1, seen)
	}
}
