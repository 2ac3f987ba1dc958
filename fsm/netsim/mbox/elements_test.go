package mbox

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each box alone: what goes in, what comes out. "same" stands for the input.
func TestElements(t *testing.T) {
	for _, c := range []struct{ name, spec, in, out string }{
		{"options become NOPs", "strip mptcp on=syn", handshake, `
			> S 100:100(0) win 65535 <mss 1460, sackOK, TS val 1 ecr 0, nop, wscale 7, nop, nop, nop, nop>
			< S. 300:300(0) ack 101 win 65535 <mss 1460, sackOK, TS val 9 ecr 1, nop, wscale 7, mp_capable v1 H key=0102030405060708>
			> . 101:101(0) ack 301 win 512 <nop, nop, TS val 2 ecr 9, mp_capable v1 H key=0102030405060708+1112131415161718>`},
		{"or go", "strip mptcp how=remove dir=s2c", handshake, `
			> S 100:100(0) win 65535 <mss 1460, sackOK, TS val 1 ecr 0, nop, wscale 7, mp_capable v1 H>
			< S. 300:300(0) ack 101 win 65535 <mss 1460, sackOK, TS val 9 ecr 1, wscale 7, nop>
			> . 101:101(0) ack 301 win 512 <nop, nop, TS val 2 ecr 9, mp_capable v1 H key=0102030405060708+1112131415161718>`},
		{"from the third segment", "strip mp_capable on=ack3 how=remove", handshake + data1, `
			> S 100:100(0) win 65535 <mss 1460, sackOK, TS val 1 ecr 0, nop, wscale 7, mp_capable v1 H>
			< S. 300:300(0) ack 101 win 65535 <mss 1460, sackOK, TS val 9 ecr 1, nop, wscale 7, mp_capable v1 H key=0102030405060708>
			> . 101:101(0) ack 301 win 512 <nop, nop, TS val 2 ecr 9>
			> P. 101:111(10) ack 301 win 512 <nop, nop, TS val 2 ecr 9, dss dack4=1 dsn8=1 ssn=1 dll=10, nop, nop>`},
		{"after the handshake, by subtype and kind", "strip dss TS how=remove after=3whs", handshake + data1, `
			> S 100:100(0) win 65535 <mss 1460, sackOK, TS val 1 ecr 0, nop, wscale 7, mp_capable v1 H>
			< S. 300:300(0) ack 101 win 65535 <mss 1460, sackOK, TS val 9 ecr 1, nop, wscale 7, mp_capable v1 H key=0102030405060708>
			> . 101:101(0) ack 301 win 512 <nop, nop, TS val 2 ecr 9, mp_capable v1 H key=0102030405060708+1112131415161718>
			> P. 101:111(10) ack 301 win 512`},
		{"in the middle the handshake is past", "strip dss after=3whs", `
			> . 1:2(1) ack 1 win 9 <dss dack4=1>
			> . 2:3(1) ack 1 win 9 <dss dack4=1>`, `
			> . 1:2(1) ack 1 win 9 <dss dack4=1>
			> . 2:3(1) ack 1 win 9 <nop, nop, nop, nop, nop, nop, nop, nop>`},
		{"the same ends may begin anew", "strip mp_capable after=3whs", handshake + `
			> S 100:100(0) win 9 <mp_capable v1 H>
			> S 999:999(0) win 9 <mp_capable v1 H>`, handshake + `
			> S 100:100(0) win 9 <nop, nop, nop, nop>
			> S 999:999(0) win 9 <mp_capable v1 H>`},
		{"what a proxy does not know", "strip unknown", "> S 1:1(0) win 9 <mss 1460, opt77 raw=4d04abcd, FO 01020304, nop, nop>",
			"> S 1:1(0) win 9 <mss 1460, nop, nop, nop, nop, nop, nop, nop, nop, nop, nop, nop, nop>"},

		{"segments are cut, options copied", "split 4", "> FP. 101:111(10) ack 1 win 9 <dss dack4=1 dsn8=1 ssn=1 dll=10, nop, nop>", `
			> . 101:105(4) ack 1 win 9 <dss dack4=1 dsn8=1 ssn=1 dll=10, nop, nop>
			> . 105:109(4) ack 1 win 9 <dss dack4=1 dsn8=1 ssn=1 dll=10, nop, nop>
			> FP. 109:111(2) ack 1 win 9 <dss dack4=1 dsn8=1 ssn=1 dll=10, nop, nop>`},
		{"options on the first piece", "split 5 copy=first", "> SPW 101:111(10) win 9 <TS val 1 ecr 0, dss dack4=1, nop, nop>", `
			> SW 101:106(5) win 9 <TS val 1 ecr 0, dss dack4=1, nop, nop>
			> P 107:112(5) win 9 <nop, nop, TS val 1 ecr 0>`},
		{"options on the last piece", "split 5 copy=last", "> P. 101:111(10) ack 2 win 9 <dss dack4=1>", `
			> . 101:106(5) ack 2 win 9
			> P. 106:111(5) ack 2 win 9 <dss dack4=1>`},

		{"two become one", "coalesce", `
			> . 1:11(10) ack 1 win 9 <dss dack4=1 dsn8=1 ssn=1 dll=10, nop, nop>
			> P. 11:21(10) ack 5 win 8 <dss dack4=5 dsn8=11 ssn=11 dll=10, nop, nop>`,
			"> P. 1:21(20) ack 5 win 8 <dss dack4=1 dsn8=1 ssn=1 dll=10, nop, nop>"},
		{"the last one's options", "coalesce 3 keep=last", `
			> . 1:11(10) ack 1 win 9 <dss dack4=1, nop, nop, nop, nop>
			> . 11:21(10) ack 1 win 9 <dss dack4=2>
			> . 21:22(1) ack 1 win 9 <dss dack4=3>`,
			"> . 1:22(21) ack 1 win 9 <dss dack4=3>"},
		{"both, as far as there is room", "coalesce 3 keep=both", `
			> . 1:11(10) ack 1 win 9 <dss dack8=1 dsn8=1 ssn=1 dll=10 sum=0001>
			> . 11:21(10) ack 1 win 9 <dss dack8=1 dsn8=11 ssn=11 dll=10 sum=0002>
			> . 21:22(1) ack 1 win 9 <dss dack4=3>`,
			"> . 1:22(21) ack 1 win 9 <dss dack8=1 dsn8=1 ssn=1 dll=10 sum=0001, dss dack4=3>"},
		{"no MPTCP options", "coalesce keep=none", `
			> . 1:11(10) ack 1 win 9 <nop, nop, TS val 1 ecr 1, dss dack4=1>
			> . 11:21(10) ack 1 win 9 <nop, nop, TS val 2 ecr 1, dss dack4=1>`,
			"> . 1:21(20) ack 1 win 9 <nop, nop, TS val 2 ecr 1>"},
		{"what does not follow does not join", "coalesce 3", `
			> . 1:11(10) ack 1 win 9
			> . 31:41(10) ack 1 win 9
			> . 41:51(10) ack 1 win 9
			< . 1:1(0) ack 5 win 9
			> F. 51:51(0) ack 1 win 9`, `
			> . 1:11(10) ack 1 win 9
			< . 1:1(0) ack 5 win 9
			> . 31:51(20) ack 1 win 9
			> F. 51:51(0) ack 1 win 9`},
		{"a FIN waits for nothing", "coalesce 3", "> . 1:11(10) ack 1 win 9\n> F. 11:21(10) ack 1 win 9", "> F. 1:21(20) ack 1 win 9"},
		{"nor beyond a size, nor for ever", "coalesce 9 max=15 wait=3ms", `
			> . 1:11(10) ack 1 win 9
			> . 11:21(10) ack 1 win 9
			@2ms
			< . 1:1(0) ack 1 win 9
			@1ms
			< . 1:1(0) ack 2 win 9`, `
			> . 1:11(10) ack 1 win 9
			< . 1:1(0) ack 1 win 9
			> . 11:21(10) ack 1 win 9
			< . 1:1(0) ack 2 win 9`},

		{"sequence numbers move", "seq delta=1000", `
			> S 100:100(0) win 9
			< S. 300:300(0) ack 1101 win 9
			> . 101:101(0) ack 1301 win 9
			> . 111:121(10) ack 1301 win 9
			< . 301:301(0) ack 1101 win 9 <nop, nop, sack 1111:1121 1131:1141>`, `
			> S 1100:1100(0) win 9
			< S. 1300:1300(0) ack 101 win 9
			> . 1101:1101(0) ack 301 win 9
			> . 1111:1121(10) ack 301 win 9 "hijklmnopq"
			< . 1301:1301(0) ack 101 win 9 <nop, nop, sack 111:121 131:141>`},
		{"one side's numbers move, blocks forgotten", "seq delta=4294967290 sack=keep dir=c2s", `
			> S 100:100(0) win 9
			< S. 300:300(0) ack 95 win 9 <nop, nop, sack 105:106>
			> . 101:101(0) ack 301 win 9`, `
			> S 94:94(0) win 9
			< S. 300:300(0) ack 101 win 9 <nop, nop, sack 105:106>
			> . 95:95(0) ack 301 win 9`},
		{"a SYN that was sent before keeps its number", "seq delta=1000", `
			> S 100:100(0) win 9
			< S. 300:300(0) ack 101 win 9
			> . 101:101(0) ack 1301 win 9`, `
			> S 1100:1100(0) win 9
			< S. 1300:1300(0) ack 101 win 9
			> . 101:101(0) ack 301 win 9`},
		{"a flow in the middle keeps its numbers", "seq delta=1000", data1, "same"},

		{"an ACK before its time", "ack", handshake + data1 + "\n> . 131:141(10) ack 301 win 512\n" + data1, handshake + `
			` + data1 + `
			< . 301:301(0) ack 111 win 65535 <nop, nop, TS val 9 ecr 2>
			> . 131:141(10) ack 301 win 512
			` + data1},
		{"in one direction", "ack dir=s2c", handshake + data1, "same"},
		{"in the middle, not past what the receiver may lack", "ack", `
			> . 111:121(10) ack 1 win 9
			< . 1:1(0) ack 101 win 9
			> . 121:131(10) ack 1 win 9
			< . 1:1(0) ack 115 win 8
			> . 131:141(10) ack 1 win 9`, `
			> . 111:121(10) ack 1 win 9
			< . 1:1(0) ack 101 win 9
			> . 121:131(10) ack 1 win 9
			< . 1:1(0) ack 115 win 8
			> . 131:141(10) ack 1 win 9
			< . 1:1(0) ack 141 win 8`},

		{"nothing behind a hole", "hole", `
			> S 100:100(0) win 9
			> . 101:111(10) ack 1 win 9
			> . 121:131(10) ack 1 win 9
			> F. 131:131(0) ack 1 win 9
			> . 131:131(0) ack 1 win 9
			> . 106:121(15) ack 1 win 9
			> . 121:131(10) ack 1 win 9`, `
			> S 100:100(0) win 9
			> . 101:111(10) ack 1 win 9
			> . 131:131(0) ack 1 win 9
			> . 106:121(15) ack 1 win 9
			> . 121:131(10) ack 1 win 9`},

		{"though an old SYN comes by", "hole", `
			> S 100:100(0) win 9
			> . 101:111(10) ack 1 win 9
			> S 100:100(0) win 9
			> . 111:121(10) ack 1 win 9`, "same"},
		{"an old SYN takes no ACK back", "ackfix how=drop", `
			> S 100:100(0) win 9
			> . 101:111(10) ack 1 win 9
			> S 100:100(0) win 9
			< . 1:1(0) ack 111 win 9`, "same"},

		{"ACKs for what was not seen are lowered", "ackfix", `
			> . 101:111(10) ack 301 win 9
			@1s
			< . 301:302(1) ack 121 win 9 <nop, nop, sack 131:141>
			< . 302:302(0) ack 111 win 9
			> . 111:111(0) ack 303 win 9`, `
			> . 101:111(10) ack 301 win 9
			< . 301:302(1) ack 111 win 9 <nop, nop, nop, nop, nop, nop, nop, nop, nop, nop, nop, nop>
			< . 302:302(0) ack 111 win 9
			> . 111:111(0) ack 302 win 9`},
		{"in the middle what is acknowledged was sent before", "ackfix how=drop", `
			> . 101:111(10) ack 301 win 9
			< . 301:301(0) ack 5000 win 9
			@2s
			< . 301:301(0) ack 5001 win 9
			< . 301:301(0) ack 5000 win 9`, `
			> . 101:111(10) ack 301 win 9
			< . 301:301(0) ack 5000 win 9
			< . 301:301(0) ack 5000 win 9`},
		{"or dropped", "ackfix how=drop", `
			> S 100:100(0) win 9
			< S. 300:300(0) ack 101 win 9
			> . 101:111(10) ack 301 win 9
			< . 301:302(1) ack 121 win 9
			< . 301:302(1) ack 111 win 9`, `
			> S 100:100(0) win 9
			< S. 300:300(0) ack 101 win 9
			> . 101:111(10) ack 301 win 9
			< . 301:302(1) ack 111 win 9`},

		{"original octets are put back", "normalize", `
			> P. 101:105(4) ack 301 win 9 "ABCD"
			> P. 101:105(4) ack 301 win 9 "ABCD"
			> P. 103:108(5) ack 301 win 9 <nop, nop, TS val 2 ecr 9> "xxEFG"
			> P. 105:108(3) ack 301 win 9 "EFH"
			< . 301:301(0) ack 107 win 9
			> P. 105:108(3) ack 301 win 9 "123"`, `
			> P. 101:105(4) ack 301 win 9 "ABCD"
			> P. 101:105(4) ack 301 win 9 "ABCD"
			> P. 103:108(5) ack 301 win 9 <nop, nop, TS val 2 ecr 9> "CDEFG"
			> P. 105:108(3) ack 301 win 9 "EFG"
			< . 301:301(0) ack 107 win 9
			> P. 105:108(3) ack 301 win 9 "12G"`},
		{"or the flow is reset", "normalize how=reset", `
			> P. 101:105(4) ack 301 win 9 "ABCD"
			> P. 101:105(4) ack 301 win 9 "ABCX"`, `
			> P. 101:105(4) ack 301 win 9 "ABCD"
			< R 301:301(0) win 0
			> R. 101:101(0) ack 301 win 9`},

		{"resets at both ends", "rst has=mp_join", `
			> S 5:5(0) ack 77 win 100 <mp_join syn id=3 token=72a99912 nonce=a50f07ee backup>
			> S 5:5(0) win 100`, `
			< R. 0:0(0) ack 6 win 0
			> R 5:5(0) ack 77 win 100
			> S 5:5(0) win 100`},
		{"reset to the server only, by octets", "rst to=server after=15B", `
			> . 101:111(10) ack 301 win 9
			> . 111:121(10) ack 301 win 9
			> . 121:131(10) ack 301 win 9
			< . 301:301(0) ack 131 win 9`, `
			> . 101:111(10) ack 301 win 9
			> . 111:121(10) ack 301 win 9
			> R. 121:121(0) ack 301 win 9
			> R 131:131(0) win 0`},
		{"reset to the client only", "rst to=client on=data", data1, "< R 301:301(0) win 0"},

		{"SYNs with the option vanish", "drop has=mptcp on=syn", `
			> S 1:1(0) win 9 <mp_capable v1 H>
			> S 1:1(0) win 9
			> . 2:2(0) ack 1 win 9 <mp_capable v1 H>`, `
			> S 1:1(0) win 9
			> . 2:2(0) ack 1 win 9 <mp_capable v1 H>`},
		{"the first data are lost", "drop on=data count=2", `
			> . 1:2(1) ack 1 win 9
			< . 1:2(1) ack 1 win 9
			> . 2:2(0) ack 1 win 9
			> . 1:2(1) ack 1 win 9`, `
			> . 2:2(0) ack 1 win 9
			> . 1:2(1) ack 1 win 9`},
		{"between packets", "drop after=1p until=3p", `
			> . 1:1(0) ack 1 win 9
			> . 1:1(0) ack 2 win 9
			> . 1:1(0) ack 3 win 9
			> . 1:1(0) ack 4 win 9`, `
			> . 1:1(0) ack 1 win 9
			> . 1:1(0) ack 4 win 9`},
		{"from a time on", "drop after=5ms on=rst+fin", `
			> R 1:1(0) win 9
			@5ms
			> R 1:1(0) win 9
			> F. 1:1(0) ack 1 win 9
			> . 1:1(0) ack 1 win 9`, `
			> R 1:1(0) win 9
			> . 1:1(0) ack 1 win 9`},

		{"MSS", "mss 1200", `
			> S 1:1(0) win 9 <mss 1460>
			< S. 1:1(0) ack 2 win 9 <mss 536>
			> . 1:1(0) ack 1 win 9 <mss 1460>`, `
			> S 1:1(0) win 9 <mss 1200>
			< S. 1:1(0) ack 2 win 9 <mss 536>
			> . 1:1(0) ack 1 win 9 <mss 1460>`},
		{"window", "window 100 div=10 dir=s2c", `
			> . 1:1(0) ack 1 win 9000
			< . 1:1(0) ack 1 win 9000
			< . 1:1(0) ack 1 win 900`, `
			> . 1:1(0) ack 1 win 9000
			< . 1:1(0) ack 1 win 100
			< . 1:1(0) ack 1 win 90`},
		{"an option twice", "dup dss", `
			> P. 1:3(2) ack 1 win 9 <dss dack4=1 dsn4=1 ssn=1 dll=2, nop, nop>
			> P. 1:3(2) ack 1 win 9 <nop, nop, TS val 1 ecr 1, dss dack4=1 dsn8=1 ssn=1 dll=2>`, `
			> P. 1:3(2) ack 1 win 9 <dss dack4=1 dsn4=1 ssn=1 dll=2, dss dack4=1 dsn4=1 ssn=1 dll=2>
			> P. 1:3(2) ack 1 win 9 <nop, nop, TS val 1 ecr 1, dss dack4=1 dsn8=1 ssn=1 dll=2, nop, nop>`},
		{"large packets vanish", "pmtu 100 dir=c2s", `
			> . 1:61(60) ack 1 win 9
			> . 1:62(61) ack 1 win 9
			< . 1:62(61) ack 1 win 9`, `
			> . 1:61(60) ack 1 win 9
			< . 1:62(61) ack 1 win 9`},

		{"a firewall needs a SYN from inside", "firewall", `
			> . 1:1(0) ack 1 win 9
			< S 1:1(0) win 9
			< S. 1:1(0) ack 5 win 9
			` + handshake, handshake},
		{"or from outside", "firewall inbound", "< S 1:1(0) win 9\n> S. 7:7(0) ack 2 win 9\n< . 2:2(0) ack 8 win 9", "same"},
		{"and learns, if told", "firewall mid=learn", data1 + "\n> . 65000:65001(1) ack 301 win 9", "same"},
		{"and looks at windows", "firewall", `
			> S 100:100(0) win 1000 <nop, wscale 1>
			< S. 300:300(0) ack 101 win 1000 <nop, wscale 1>
			> . 101:1101(1000) ack 301 win 1000
			> . 1101:1102(1) ack 301 win 1000
			< . 301:301(0) ack 1101 win 1000
			> . 1101:3101(2000) ack 301 win 1000
			> . 3101:3102(1) ack 301 win 1000
			< R 9000000:9000000(0) win 0
			> R 4000000000:4000000000(0) win 0
			< R 301:301(0) win 0`, `
			> S 100:100(0) win 1000 <nop, wscale 1>
			< S. 300:300(0) ack 101 win 1000 <nop, wscale 1>
			> . 101:1101(1000) ack 301 win 1000
			< . 301:301(0) ack 1101 win 1000
			> . 1101:3101(2000) ack 301 win 1000
			< R 301:301(0) win 0`},
		{"unscaled ones", "firewall noscale", `
			> S 100:100(0) win 1000 <nop, wscale 1>
			< S. 300:300(0) ack 101 win 1000 <nop, wscale 1>
			< . 301:301(0) ack 101 win 1000
			> . 101:1101(1000) ack 301 win 1000
			> . 1101:1102(1) ack 301 win 1000`, `
			> S 100:100(0) win 1000 <nop, wscale 1>
			< S. 300:300(0) ack 101 win 1000 <nop, wscale 1>
			< . 301:301(0) ack 101 win 1000
			> . 101:1101(1000) ack 301 win 1000`},
		{"a probe into a closed window passes", "firewall", `
			> S 100:100(0) win 1000
			< S. 300:300(0) ack 101 win 0
			> . 101:102(1) ack 301 win 1000
			> . 101:103(2) ack 301 win 1000`, `
			> S 100:100(0) win 1000
			< S. 300:300(0) ack 101 win 0
			> . 101:102(1) ack 301 win 1000`},
	} {
		t.Run(c.spec+"/"+c.name, func(t *testing.T) {
			b := newBench(t, c.spec)
			want := c.out
			if want == "same" {
				want = c.in
			}
			require.Equal(t, strings.Join(lines(want), "\n"), b.run(c.in))
		})
	}
}
