package trace

import (
	"fmt"
	"testing"

	"github.com/mptcp-go/mptcp/wire"
	"github.com/stretchr/testify/require"
)

// joinSYNACK answers a join of a2 with nonces 9 and 7.
func (s *script) joinSYNACK(nonceA, nonceB uint32) {
	s.send(fmt.Sprintf("b2 > a2 S. 800:800(0) ack 701 win 65535 <mp_join synack id=2 hmac=%016x nonce=%08x>",
		wire.JoinHMAC64(1, keyB, keyA, nonceB, nonceA), nonceB))
}

func (s *script) joinACK(nonceA, nonceB uint32) {
	s.send(fmt.Sprintf("a2 > b2 . 701:701(0) ack 801 win 1000 <mp_join ack hmac=%x>", wire.JoinHMAC160(1, keyA, keyB, nonceA, nonceB)))
}

// The key of A is on the wire in the third ACK only; a join may be seen before it.
func TestJoinBeforeTheKeyOfA(t *testing.T) {
	s := newScript(t, Config{})
	s.send(synLine)
	s.send(synackLine)
	s.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
	s.joinSYNACK(9, 7)
	s.joinACK(9, 7)
	s.send(thirdLine)
	j := s.tr.Subflows()[1].Join()
	require.Equal(t, [3]Tri{Right, Right, Right}, [3]Tri{j.TokenMatch, j.SYNACKHMAC, j.ACKHMAC})
}

// A SYN is sent again with another nonce: either may be the one that is answered.
func TestJoinWithANewNonce(t *testing.T) {
	for _, answered := range []uint32{9, 10} {
		s := newScript(t, Config{})
		s.open("H")
		s.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
		s.joinSYN("a2", "b2", keyB.Token(1), 10, 700)
		s.joinSYNACK(answered, 7)
		s.joinSYNACK(answered, 8)
		s.joinACK(answered, 7)
		s.tr.Finish()
		j := s.tr.Subflows()[1].Join()
		require.Equal(t, [3]Tri{Right, Right, Right}, [3]Tri{j.TokenMatch, j.SYNACKHMAC, j.ACKHMAC})
	}
}

// Only the retransmission of the SYN comes after the key was seen.
func TestJoinAttachesLate(t *testing.T) {
	s := newScript(t, Config{})
	s.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
	s.open("H")
	s.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
	s.tr.Finish()
	require.Equal(t, Right, s.tr.Subflows()[0].Join().TokenMatch)
	require.Same(t, s.tr.Conns()[0], s.tr.Subflows()[0].Conn)
}

// Another connection takes the token over; a SYN retransmitted then is still of
// the first.
func TestTokenCollision(t *testing.T) {
	s := newScript(t, Config{})
	s.open("H")
	s.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
	s.send("b > a R. 501:501(0) ack 111 win 0")
	s.open("H") // the same keys once more
	s.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
	s.joinSYNACK(9, 7)
	s.tr.Finish()
	require.Same(t, s.tr.Conns()[0], s.tr.Subflows()[1].Conn)
	require.Equal(t, Right, s.tr.Subflows()[1].Join().SYNACKHMAC)
}

// A join to a connection that is over, and was settled, is judged all the same, and
// keeps no more memory than any other flow that ended.
func TestJoinToAClosedConnection(t *testing.T) {
	s := newScript(t, Config{Limits: Limits{Linger: 1}})
	s.open("H")
	s.send("b > a R. 501:501(0) ack 111 win 0")
	for range 2 {
		s.open("H")
		s.send("b > a R. 501:501(0) ack 111 win 0")
	}
	old := s.tr.Conns()[1]
	s.tr.tokens[keyB.Token(1)] = tokenOwner{old, 1}
	require.True(t, old.Compacted)
	s.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
	s.send("b2 > a2 R. 0:0(0) ack 701 win 0 <mp_tcprst reason=1>")
	sf := s.tr.Subflows()[3]
	require.Same(t, old, sf.Conn)
	s.joinSYN("a2", "b3", keyB.Token(1), 9, 700)
	s.send("b3 > a2 R. 0:0(0) ack 701 win 0 <mp_tcprst reason=1>")
	require.True(t, sf.settled())
	s.tr.Finish()
	var ids []string
	for _, f := range old.Findings {
		if f.Subflow == sf {
			ids = append(ids, f.ID)
		}
	}
	require.Equal(t, []string{"MPD-JOIN-RESET"}, ids)
	require.True(t, s.tr.Subflows()[4].settled())
}

// A flood of joins with a token that is known stays bounded, and is said.
func TestJoinFloodOnOneConnection(t *testing.T) {
	s := newScript(t, Config{Limits: Limits{Subflows: 10}})
	s.open("H")
	for i := range 1000 {
		s.joinSYN("a2", "b2", keyB.Token(1), 9, 700+i) // each a new flow
	}
	c := s.tr.Conns()[0]
	require.LessOrEqual(t, len(c.Subflows), 10)
	require.Contains(t, s.ids(), "MPD-JOIN-FLOOD")
	require.Equal(t, 991, s.finding("MPD-JOIN-FLOOD").Count)
	require.LessOrEqual(t, len(c.Findings), 2*64)
}

// The capture began late: the joins of its connections name tokens of keys that
// are not in it, and the peers accept them.
func TestJoinOfAnInferredConnection(t *testing.T) {
	s := newScript(t, Config{})
	s.send(fmt.Sprintf("a > b P. 5111:5119(8) ack 901 win 1000 <dss dack8=%d dsn8=%d ssn=5011 dll=8>", s.dsnB(400), s.dsnA(5010)))
	s.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
	s.joinSYNACK(9, 7)
	s.joinACK(9, 7)
	s.send(fmt.Sprintf("b2 > a2 . 801:801(0) ack 701 win 1000 <dss dack8=%d>", s.dsnA(5018)))
	s.send(fmt.Sprintf("a2 > b2 P. 701:705(4) ack 801 win 1000 <dss dack8=%d dsn8=%d ssn=1 dll=4>", s.dsnB(400), s.dsnA(5018)))
	s.tr.Finish()
	require.Len(t, s.tr.Conns(), 1)
	require.Len(t, s.tr.Conns()[0].Subflows, 2)
	require.EqualValues(t, 12, s.tr.Conns()[0].Dir[0].NewBytes)
	require.Equal(t, Info, s.finding("MPD-JOIN-TOKEN").Severity)
}

// Keys that change from packet to packet are a middlebox's or an attacker's: the
// first stands, and no token is kept of the others.
func TestTheFirstKeyStands(t *testing.T) {
	s := newScript(t, Config{})
	s.open("H")
	start := s.tr.Conns()[0].Dir[0].Start
	for i := range 100 {
		s.send(fmt.Sprintf("a > b . 111:111(0) ack 501 win 1000 <mp_capable v1 H key=%016x+kb>", i))
	}
	require.Len(t, s.tr.tokens, 2)
	require.Equal(t, keyA, s.tr.Conns()[0].Key[0])
	require.Equal(t, start, s.tr.Conns()[0].Dir[0].Start)
}
