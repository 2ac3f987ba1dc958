package trace

import (
	"fmt"
	"testing"

	"github.com/mptcp-go/mptcp/wire"
	"github.com/stretchr/testify/require"
)

// What is judged where routing is asymmetric and only one direction passes here.

const (
	synLine    = "a > b S 100:100(0) win 65535 <mss 1460, mp_capable v1 H>"
	synackLine = "b > a S. 500:500(0) ack 101 win 65535 <mss 1460, mp_capable v1 H key=kb>"
	thirdLine  = "a > b . 101:101(0) ack 501 win 1000 <mp_capable v1 H key=ka+kb>"
)

func TestOnlyTheOpenerIsSeen(t *testing.T) {
	s := newScript(t, Config{})
	s.send(synLine)
	s.send(thirdLine)
	for i := range 20 { // 20 times 10 octets, and no ACK that would be seen
		s.send(fmt.Sprintf("a > b P. %d:%d(10) ack 501 win 1000 <dss dack8=%d dsn8=%d ssn=%d dll=10>",
			101+10*i, 111+10*i, s.dsnB(0), s.dsnA(uint64(10*i)), 1+10*i))
	}
	s.send("a > b R. 301:301(0) ack 501 win 0")
	require.Equal(t, []string{"MPD-NO-DATA-FIN", "MPD-SUBFLOW-RESET"}, s.ids(), "A's DATA_FIN is missing, B's was not to be seen")
	require.Contains(t, s.finding("MPD-NO-DATA-FIN").Cause, "A never")
	c := s.tr.Conns()[0]
	require.Equal(t, "mptcp", c.State())
	d := &c.Subflows[0].Dir[0]
	require.Zero(t, d.Limited, "the window was not seen")
	require.Zero(t, d.MaxFlight, "nor any ACK")
}

func TestOnlyTheResponderIsSeen(t *testing.T) {
	s := newScript(t, Config{})
	s.send(synackLine)
	s.send(fmt.Sprintf("b > a P. 501:511(10) ack 101 win 1000 <dss dack8=%d dsn8=%d ssn=1 dll=10>", s.dsnA(0), s.dsnB(0)))
	s.send(fmt.Sprintf("b > a . 511:511(0) ack 101 win 1000 <dss dack8=%d dsn8=%d ssn=0 dll=1 fin>", s.dsnA(0), s.dsnB(10)))
	s.send("b > a R. 511:511(0) ack 101 win 0")
	require.Equal(t, []string{"MPD-DATA-FIN-UNACKED", "MPD-SUBFLOW-RESET"}, s.ids())
	require.Equal(t, "mptcp", s.tr.Conns()[0].State())
}

func TestOnlyTheJoinerIsSeen(t *testing.T) {
	s := newScript(t, Config{})
	s.open("H")
	s.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
	s.send(fmt.Sprintf("a2 > b2 . 701:701(0) ack 801 win 1000 <mp_join ack hmac=%x>", wire.JoinHMAC160(1, keyA, keyB, 9, 7)))
	s.send(fmt.Sprintf("a2 > b2 P. 701:705(4) ack 801 win 1000 <dss dsn8=%d ssn=1 dll=4>", s.dsnA(10)))
	require.Empty(t, s.ids())
}

// Several captures merged, or several queues of an interface, show packets out of
// order.
func TestReorderedHandshake(t *testing.T) {
	for name, lines := range map[string][]string{
		"third ACK first":     {synLine, thirdLine, synackLine},
		"SYN/ACK first":       {synackLine, synLine, thirdLine},
		"SYN last":            {synackLine, thirdLine, synLine},
		"SYN/ACK twice":       {synLine, synackLine, thirdLine, synackLine, "a > b . 101:101(0) ack 501 win 1000"},
		"third ACK not there": {synLine, synackLine},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, Config{})
			for _, l := range lines {
				s.send(l)
			}
			s.send("a > b . 101:101(0) ack 501 win 1000 <mp_prio backup>")
			s.tr.Finish()
			require.Len(t, s.tr.Subflows(), 1)
			c := s.tr.Conns()[0]
			require.Equal(t, [2]bool{true, name != "third ACK not there"}, [2]bool{c.HasKey[1], c.HasKey[0]})
			for _, f := range c.Findings {
				require.NotEqual(t, "MPD-FALLBACK-ACK", f.ID, name)
			}
			if name != "third ACK not there" {
				require.Equal(t, "mptcp", c.State())
			}
		})
	}
}

func TestCaptureBeginsAtTheThirdACK(t *testing.T) {
	s := newScript(t, Config{})
	s.send(thirdLine)
	s.send("b > a . 501:501(0) ack 101 win 1000 <mp_prio backup>")
	require.Empty(t, s.ids())
	require.Equal(t, "mptcp", s.tr.Conns()[0].State())
}

// The SYN/ACK answered the offer; a stray plain SYN comes later.
func TestLatePlainSYNIsNoBlackhole(t *testing.T) {
	s := newScript(t, Config{})
	s.send(synLine)
	s.send("b > a S. 500:500(0) ack 101 win 65535 <mss 1460>")
	s.send("a > b S 100:100(0) win 65535 <mss 1460>")
	require.Equal(t, []string{"MPD-FALLBACK-SYNACK"}, s.ids())
}

// The capture shows what a one-sided middlebox could have: data on another
// interface, where the DATA_FIN may have been sent.
func TestOneOfTwoPathsIsSeen(t *testing.T) {
	s := newScript(t, Config{})
	s.open("H")
	s.send(fmt.Sprintf("b > a . 501:501(0) ack 111 win 1000 <dss dack8=%d>", s.dsnA(5000))) // of data sent elsewhere
	s.send(fmt.Sprintf("a > b . 111:111(0) ack 501 win 1000 <dss dack8=%d>", s.dsnB(7000)))
	s.send("a > b F. 111:111(0) ack 501 win 1000 <mp_prio backup>")
	s.send("b > a F. 501:501(0) ack 112 win 1000 <mp_prio backup>")
	require.Empty(t, s.ids())
}
