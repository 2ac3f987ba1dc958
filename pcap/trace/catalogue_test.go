package trace

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/mptcp-go/mptcp/wire"
	"github.com/stretchr/testify/require"
)

// scripts has, for every finding of the catalogue, packets that it must be made of.
var scripts = map[string]func(s *script){
	"MPD-FALLBACK-SYNACK": func(s *script) { // R3.1-39, R3.7-01
		s.send(synLine)
		s.send("b > a S. 500:500(0) ack 101 win 65535 <mss 1460>")
	},
	"MPD-FALLBACK-OFFER": func(s *script) { // R3.1-24
		s.send("a > b S 100:100(0) win 65535 <mss 1460, mp_capable v1 BH>")
		s.send("b > a S. 500:500(0) ack 101 win 65535 <mss 1460>")
	},
	"MPD-FALLBACK-ACK": func(s *script) { // R3.1-15
		s.send(synLine)
		s.send(synackLine)
		s.send("a > b . 101:101(0) ack 501 win 1000")
	},
	"MPD-SYN-BLACKHOLE": func(s *script) { // R3.9.3-01
		s.send(synLine)
		s.send("a > b S 100:100(0) win 65535 <mss 1460>")
		s.send("b > a S. 500:500(0) ack 101 win 65535 <mss 1460>")
	},
	"MPD-SYN-UNANSWERED": func(s *script) { s.send(synLine) },
	"MPD-SYN-REFUSED": func(s *script) {
		s.send(synLine)
		s.send("b > a R. 0:0(0) ack 101 win 0")
	},
	"MPD-KEY-ECHO": func(s *script) {
		s.send(synLine)
		s.send(synackLine)
		s.send("a > b . 101:101(0) ack 501 win 1000 <mp_capable v1 H key=ka+ka>")
	},
	"MPD-DATA-ACK": func(s *script) {
		s.open("H")
		s.send(fmt.Sprintf("b > a . 501:501(0) ack 111 win 1000 <dss dack8=%d>", s.dsnA(5000)))
		s.dataA(10, 10)
	},
	"MPD-OPTIONS-LOST": func(s *script) { // R3.7-05
		s.open("H")
		s.send("a > b P. 111:121(10) ack 501 win 1000")
		s.send("a > b P. 121:131(10) ack 501 win 1000")
	},
	"MPD-INFINITE-MAPPING": func(s *script) { // R3.7-04
		s.open("H")
		s.send(fmt.Sprintf("a > b P. 111:119(8) ack 501 win 1000 <dss dsn8=%d ssn=11 dll=0>", s.dsnA(10)))
	},
	"MPD-CHECKSUM": func(s *script) { // R3.3.1-05
		s.open("AH")
		s.send(fmt.Sprintf("a > b P. 111:119(8) ack 501 win 1000 <dss dsn8=%d ssn=11 dll=8 sum=0bad>", s.dsnA(10)))
	},
	"MPD-CHECKSUM-FIN": func(s *script) { // R3.3.3-03
		s.open("AH")
		s.send(fmt.Sprintf("a > b . 111:111(0) ack 501 win 1000 <dss dsn8=%d ssn=0 dll=1 sum=0bad fin>", s.dsnA(10)))
	},
	"MPD-FALLBACK-CHECKSUM": func(s *script) { // R3.7-09, R3.7-11
		s.open("AH")
		s.send(fmt.Sprintf("b > a . 501:501(0) ack 111 win 1000 <mp_fail dsn=%d>", s.dsnA(0)))
	},
	"MPD-FAIL-RESET": func(s *script) { // R3.7-06
		s.join()
		s.send(fmt.Sprintf("b2 > a2 R. 801:801(0) ack 705 win 0 <mp_fail dsn=%d>", s.dsnA(10)))
	},
	"MPD-FAIL-UNPROVEN": func(s *script) {
		s.open("AH")
		s.send(fmt.Sprintf("b > a . 501:501(0) ack 111 win 1000 <mp_fail dsn=%d>", s.dsnA(0)))
	},
	"MPD-JOIN-TOKEN": func(s *script) { // R3.2-16
		s.joinSYN("a2", "b2", 12345, 9, 700)
		s.send("b2 > a2 R. 0:0(0) ack 701 win 0 <mp_tcprst reason=1>")
	},
	"MPD-JOIN-HMAC-SYNACK": func(s *script) { // R3.2-11
		s.open("H")
		s.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
		s.send("b2 > a2 S. 800:800(0) ack 701 win 65535 <mp_join synack id=2 hmac=0000000000000001 nonce=00000007>")
	},
	"MPD-JOIN-HMAC-ACK": func(s *script) { // R3.2-13
		s.open("H")
		s.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
		s.joinSYNACK(9, 7)
		s.joinACK(9, 8)
	},
	"MPD-JOIN-HMAC-BEHIND": func(s *script) {
		s.open("H")
		s.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
		s.joinSYNACK(9, 7)
		s.send("a2 > b2 R. 701:701(0) ack 801 win 0 <mp_tcprst reason=1>")
	},
	"MPD-JOIN-NO-LISTENER": func(s *script) {
		s.open("H")
		s.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
		s.send("b2 > a2 R. 0:0(0) ack 701 win 0")
	},
	"MPD-JOIN-REJECTED": func(s *script) { // R3.2-18
		s.open("H")
		s.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
		s.joinSYNACK(9, 7)
		s.joinACK(9, 7)
		s.send("b2 > a2 R. 801:801(0) ack 701 win 0 <mp_tcprst reason=3>")
	},
	"MPD-JOIN-RESET": func(s *script) {
		s.open("H")
		s.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
		s.joinSYNACK(9, 7)
		s.send("a2 > b2 R. 701:701(0) ack 801 win 0")
	},
	"MPD-JOIN-STRIPPED": func(s *script) {
		s.open("H")
		s.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
		s.send("b2 > a2 S. 800:800(0) ack 701 win 65535 <mss 1460>")
	},
	"MPD-JOIN-UNANSWERED": func(s *script) {
		s.open("H")
		s.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
	},
	"MPD-JOIN-FLOOD": func(s *script) {
		s.tr = New(Config{Limits: Limits{Subflows: 2}})
		s.open("H")
		for i := range 3 {
			s.joinSYN("a2", "b2", keyB.Token(1), 9, 700+i)
		}
	},
	"MPD-JOIN-EARLY": func(s *script) { // R3.1-21
		s.send(synLine)
		s.send(synackLine)
		s.send(thirdLine)
		s.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
	},
	"MPD-ADDADDR-HMAC": func(s *script) { // R3.4.1-09
		s.open("H")
		s.send("b > a . 501:501(0) ack 111 win 1000 <add_addr v1 id=3 addr=10.9.9.9 hmac=0000000000000001>")
	},
	"MPD-FASTCLOSE": func(s *script) { // R3.5-03
		s.open("H")
		s.send("a > b R. 111:111(0) ack 501 win 0 <mp_fastclose key=kb>")
	},
	"MPD-FASTCLOSE-KEY": func(s *script) { // R3.5-06
		s.open("H")
		s.send("a > b R. 111:111(0) ack 501 win 0 <mp_fastclose key=ka>")
	},
	"MPD-SUBFLOW-RESET": func(s *script) { // R3.6-02
		s.open("H")
		s.send("a > b R. 111:111(0) ack 501 win 0 <mp_tcprst reason=6>")
	},
	"MPD-CONFLICT": func(s *script) { // R3.3.6-07
		s.open("H")
		s.dataA(10, 8)
		s.send(fmt.Sprintf("a > b P. 111:119(8) ack 501 win 1000 <dss dsn8=%d ssn=11 dll=8>", s.dsnA(10)), 1, 2, 3)
	},
	"MPD-MAPPING-CONFLICT": func(s *script) { // R3.3.1-01
		s.open("H")
		s.dataA(10, 8)
		s.send(fmt.Sprintf("a > b P. 111:119(8) ack 501 win 1000 <dss dsn8=%d ssn=11 dll=8>", s.dsnA(11)))
	},
	"MPD-REINJECTED": func(s *script) { // R3.3.6-01
		s.join()
		s.dataA(10, 4)
	},
	"MPD-RESENT": func(s *script) {
		s.open("H")
		s.dataA(10, 8)
		s.send(fmt.Sprintf("a > b P. 119:127(8) ack 501 win 1000 <dss dsn8=%d ssn=19 dll=8>", s.dsnA(10)))
	},
	"MPD-SUBFLOW-STALE": func(s *script) {
		s.join()
		s.nanos += 2e9
		s.send(fmt.Sprintf("a2 > b2 P. 701:705(4) ack 801 win 1000 <dss dsn8=%d ssn=1 dll=4>", s.dsnA(10)))
		s.dataA(10, 4)
	},
	"MPD-NO-DATA-FIN": func(s *script) { // R3.3.3-01
		s.open("H")
		s.send("a > b R. 111:111(0) ack 501 win 0")
	},
	"MPD-DATA-FIN-UNACKED": func(s *script) { // R3.3.3-04
		s.open("H")
		s.send(fmt.Sprintf("a > b . 111:111(0) ack 501 win 1000 <dss dsn8=%d ssn=0 dll=1 fin>", s.dsnA(10)))
		s.send("a > b R. 111:111(0) ack 501 win 0")
	},
	"MPD-CHECKSUM-PRESENCE": func(s *script) { // R3.1-33, R3.3-05
		s.open("AH")
		s.dataA(10, 8)
	},
	"MPD-DATA-FIN-FORM": func(s *script) { // R3.3.3-03
		s.open("H")
		s.send(fmt.Sprintf("a > b . 111:111(0) ack 501 win 1000 <dss dsn8=%d ssn=11 dll=1 fin>", s.dsnA(10)))
	},
	"MPD-CAPABLE-UNASKED": func(s *script) { // R3.1-40
		s.send("a > b S 100:100(0) win 65535 <mss 1460>")
		s.send(synackLine)
	},
	"MPD-JOIN-FORBIDDEN": func(s *script) { // R3.1-25
		s.open("CH")
		s.joinSYN("a2", "b", keyB.Token(1), 9, 700)
	},
	"MPD-ADDRESS-ID": func(s *script) { // R3.4.1-03, R3.4.1-16, R3.4.1-18
		s.open("H")
		s.announce(3, "10.9.9.9")
		s.announce(3, "10.9.9.8")
	},
	"MPD-TIMESTAMPS-LOST": func(s *script) { // T7323-03
		s.send("a > b S 100:100(0) win 65535 <mss 1460, TS val 1 ecr 0, mp_capable v1 H>")
		s.send("b > a S. 500:500(0) ack 101 win 65535 <mss 1460, TS val 1 ecr 1, mp_capable v1 H key=kb>")
		s.send(thirdLine)
	},
	"MPD-RESERVED": func(s *script) { // R3.1-23
		s.send("a > b S 100:100(0) win 65535 <mss 1460, mp_capable v1 BH>")
	},
	"MPD-JOIN-EARLY-DATA": func(s *script) { // R3.2-14
		s.open("H")
		s.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
		s.joinSYNACK(9, 7)
		s.send(fmt.Sprintf("a2 > b2 P. 701:705(4) ack 801 win 1000 <dss dsn8=%d ssn=1 dll=4>", s.dsnA(10)))
	},
	"MPD-OPTION-AFTER-FALLBACK": func(s *script) { // R3.7-17
		s.open("H")
		s.send(fmt.Sprintf("a > b P. 111:119(8) ack 501 win 1000 <dss dsn8=%d ssn=11 dll=0>", s.dsnA(10)))
		s.dataA(18, 8)
	},
	"MPD-SIGNAL-FLOOD": func(s *script) { // R3-02, R4-03
		s.open("H")
		for range 4 {
			s.send("b > a . 501:501(0) ack 111 win 1000 <mp_prio backup>")
		}
	},
	"MPD-URGENT": func(s *script) { // R3.3.1-07
		s.open("H")
		s.send(fmt.Sprintf("a > b P.U 111:119(8) ack 501 win 1000 urg 3 <dss dsn8=%d ssn=11 dll=8>", s.dsnA(10)))
	},
	"MPD-MAPPING-ELSEWHERE": func(s *script) { // R3.3.1-19
		s.open("H")
		s.send(fmt.Sprintf("a > b P. 111:119(8) ack 501 win 1000 <dss dsn8=%d ssn=51 dll=8>", s.dsnA(50)))
	},
	"MPD-MALFORMED": func(s *script) { // R2-01
		s.open("H")
		s.send("a > b . 111:111(0) ack 501 win 1000 <dss raw=1e052001ff>")
	},
	"MPD-OVERRUN": func(s *script) { // R2-01
		s.open("H")
		s.send("a > b . 111:111(0) ack 501 win 1000 <dss raw=1e0820>")
	},
	"MPD-UNKNOWN-SUBTYPE": func(s *script) { // R2-02
		s.open("H")
		s.send("a > b . 111:111(0) ack 501 win 1000 <dss raw=1e04a000>")
	},
	"MPD-MIDSTREAM": func(s *script) { s.dataA(10, 8) },
	"MPD-EVIDENCE-DROPPED": func(s *script) {
		s.tr = New(Config{Limits: Limits{Spans: 2}})
		s.open("H")
		for i := range 8 {
			s.dataA(10+20*i, 10)
		}
		s.dataA(10, 10)
	},
	"MPD-FINDINGS-LIMIT": func(s *script) {
		s.tr = New(Config{Limits: Limits{Findings: 1}})
		s.open("H")
		for i := range 4 {
			s.joinSYN("a2", "b2", keyB.Token(1), 9, 700+i)
		}
	},
	"MPD-CHECKSUM-INCOMPLETE": func(s *script) {
		s.open("AH")
		s.send(fmt.Sprintf("a > b P. 111:119(8) ack 501 win 1000 <dss dsn8=%d ssn=11 dll=9 sum=1234>", s.dsnA(10)))
	},
	"MPD-TCP-CHECKSUM": func(s *script) {
		s.damage = true
		s.send(synLine)
	},
}

// join opens a second subflow, on which A sends 4 octets at offset 10.
func (s *script) join() {
	s.open("H")
	s.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
	s.joinSYNACK(9, 7)
	s.joinACK(9, 7)
	s.send(fmt.Sprintf("b2 > a2 . 801:801(0) ack 701 win 1000 <dss dack8=%d>", s.dsnA(10)))
	s.send(fmt.Sprintf("a2 > b2 P. 701:705(4) ack 801 win 1000 <dss dsn8=%d ssn=1 dll=4>", s.dsnA(10)))
}

// announce has B announce an address, on a segment of its own sequence number.
func (s *script) announce(id uint8, addr string) {
	h := wire.AddAddrHMAC(keyB, keyA, id, netip.MustParseAddr(addr), 0)
	s.send(fmt.Sprintf("b > a . 501:501(0) ack 111 win 1000 <add_addr v1 id=%d addr=%s hmac=%016x>", id, addr, h))
}

// compared are the findings that take the captures of both ends.
var compared = map[string]func(near, far *script){
	"MPD-SYN-STRIPPED": func(near, far *script) {
		near.send(synLine)
		far.send("a > b S 100:100(0) win 65535 <mss 1460>")
	},
	"MPD-SYNACK-STRIPPED": func(near, far *script) {
		near.send(synLine)
		far.send(synLine)
		far.send(synackLine)
		near.nanos += 1e6
		near.send("b > a S. 500:500(0) ack 101 win 65535 <mss 1460>")
	},
	"MPD-PLAIN-SERVER": func(near, far *script) {
		near.send(synLine)
		far.send(synLine)
		far.send("b > a S. 500:500(0) ack 101 win 65535 <mss 1460>")
		near.nanos += 1e6
		near.send("b > a S. 500:500(0) ack 101 win 65535 <mss 1460>")
	},
	"MPD-OPTION-STRIPPED": func(near, far *script) {
		for _, s := range []*script{near, far} {
			s.open("H")
		}
		near.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
		far.send("a2 > b2 S 700:700(0) win 65535 <mss 1460>")
	},
	"MPD-OPTION-CHANGED": func(near, far *script) {
		for i, s := range []*script{near, far} {
			s.open("H")
			s.joinSYN("a2", "b2", keyB.Token(1)+wire.Token(i), 9, 700)
		}
	},
	"MPD-SYN-LOST": func(near, far *script) {
		near.open("H")
		near.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
		far.open("H")
		far.nanos += 1e9
		far.dataA(10, 10)
	},
	"MPD-PAYLOAD-CHANGED": func(near, far *script) {
		for i, s := range []*script{near, far} {
			s.open("AH")
			sum := s.sum("A", s.dsnA(10), 11, 8, 111)
			s.send(fmt.Sprintf("a > b P. 111:119(8) ack 501 win 1000 <dss dsn8=%d ssn=11 dll=8%s>", s.dsnA(10), sum), byte(111+i))
		}
	},
}

func TestEveryFindingHasItsPackets(t *testing.T) {
	for _, k := range catalogue {
		t.Run(k.id, func(t *testing.T) {
			if run := scripts[k.id]; run != nil {
				s := newScript(t, Config{})
				run(s)
				require.Contains(t, s.ids(), k.id)
				f := s.finding(k.id)
				require.NotContains(t, f.Cause, "%!")
				return
			}
			run := compared[k.id]
			require.NotNil(t, run, "no script")
			near, far := newScript(t, Config{}), newScript(t, Config{})
			far.file = 1
			run(near, far)
			near.tr.Finish()
			far.tr.Finish()
			for _, swap := range []bool{false, true} {
				a, b := near.tr, far.tr
				if swap {
					a, b = b, a
				}
				var ids []string
				for _, f := range Compare(a, b) {
					require.NotContains(t, f.Cause, "%!")
					ids = append(ids, f.ID)
				}
				require.Contains(t, ids, k.id)
			}
		})
	}
}

// What comes close to a finding and is none.
func TestNoFindings(t *testing.T) {
	for name, run := range map[string]func(s *script){
		"another address with the id of one taken back": func(s *script) {
			s.open("H")
			s.announce(3, "10.9.9.9")
			s.announce(3, "10.9.9.9")
			s.ackA(10)
			s.send("b > a . 501:501(0) ack 111 win 1000 <dss dack8=" + fmt.Sprint(s.dsnA(10)) + ", remove_addr id=3>")
			s.announce(3, "10.9.9.8")
		},
		"a join to another port than the one that C forbids": func(s *script) {
			s.open("CH")
			s.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
			s.joinSYNACK(9, 7)
			s.joinACK(9, 7)
		},
		"a RST without timestamps": func(s *script) {
			s.send("a > b S 100:100(0) win 65535 <mss 1460, TS val 1 ecr 0>")
			s.send("b > a S. 500:500(0) ack 101 win 65535 <mss 1460, TS val 1 ecr 1>")
			s.send("a > b R. 101:101(0) ack 501 win 0")
		},
	} {
		s := newScript(t, Config{})
		run(s)
		require.Empty(t, s.ids(), name)
	}
}

// V0-13: version, and with it hashes and forms, are kept per connection.
func TestVersionsSideBySide(t *testing.T) {
	s := newScript(t, Config{})
	s.open("H")
	s.send("a2 > b2 S 700:700(0) win 65535 <mss 1460, mp_capable v0 H key=ka>") // V0-01
	s.send("b2 > a2 S. 800:800(0) ack 701 win 65535 <mss 1460, mp_capable v0 H key=kb>")
	s.send("a2 > b2 . 701:701(0) ack 801 win 1000 <mp_capable v0 H key=ka+kb>")
	s.send(fmt.Sprintf("a2 > b2 P. 701:711(10) ack 801 win 1000 <dss dsn8=%d ssn=1 dll=10>", keyA.IDSN(0)+1)) // V0-08
	s.joinSYN("a2", "b3", keyB.Token(0), 9, 900)
	s.send(fmt.Sprintf("b3 > a2 S. 950:950(0) ack 901 win 65535 <mp_join synack id=2 hmac=%016x nonce=00000007>",
		wire.JoinHMAC64(0, keyB, keyA, 7, 9)))
	s.send(fmt.Sprintf("a2 > b3 . 901:901(0) ack 951 win 1000 <mp_join ack hmac=%x>", wire.JoinHMAC160(0, keyA, keyB, 9, 7)))
	s.send("b2 > a2 . 801:801(0) ack 711 win 1000 <add_addr v0 id=3 addr=10.9.9.9>")
	require.Empty(t, s.ids())
	conns := s.tr.Conns()
	require.Equal(t, wire.V1, conns[0].Version)
	require.Equal(t, wire.V0, conns[1].Version)
	n, ok := conns[1].Dir[0].StreamLen()
	require.True(t, ok)
	require.EqualValues(t, 10, n)
	j := conns[1].Subflows[1].Join()
	require.Equal(t, [3]Tri{Right, Right, Right}, [3]Tri{j.TokenMatch, j.SYNACKHMAC, j.ACKHMAC})
}
