package trace

import (
	"fmt"
	"testing"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/stretchr/testify/require"
)

// dataA sends n octets at offset off of A's stream, whose first subflow carries
// nothing else.
func (s *script) dataA(off, n int) {
	s.t.Helper()
	s.send(fmt.Sprintf("a > b P. %d:%d(%d) ack 501 win 1000 <dss dack8=%d dsn8=%d ssn=%d dll=%d>",
		101+off, 101+off+n, n, s.dsnB(0), s.dsnA(uint64(off)), 1+off, n))
}

func (s *script) ackA(off int) {
	s.t.Helper()
	s.send(fmt.Sprintf("b > a . 501:501(0) ack %d win 1000 <dss dack8=%d>", 101+off, s.dsnA(uint64(off))))
}

// A keepalive may carry an octet of garbage in the place of the last one that was
// acknowledged (RFC 9293 section 3.8.4).
func TestKeepaliveIsNoConflict(t *testing.T) {
	s := newScript(t, Config{})
	s.open("H")
	for range 5 {
		s.nanos += 75e9
		s.send("a > b . 110:111(1) ack 501 win 1000", 0)
		s.send(fmt.Sprintf("b > a . 501:501(0) ack 111 win 1000 <dss dack8=%d>", s.dsnA(10)))
	}
	d := &s.tr.Conns()[0].Subflows[0].Dir[0]
	require.Zero(t, d.Stalled)
	require.Empty(t, s.ids())
}

// A closed window stops a sender; the path is not to blame.
func TestZeroWindowIsNoStall(t *testing.T) {
	s := newScript(t, Config{})
	s.open("H")
	s.send(fmt.Sprintf("b > a . 501:501(0) ack 111 win 0 <dss dack8=%d>", s.dsnA(10)))
	for range 5 {
		s.nanos += 3e9
		s.dataA(10, 1)
		s.send(fmt.Sprintf("b > a . 501:501(0) ack 111 win 0 <dss dack8=%d>", s.dsnA(10)))
	}
	d := &s.tr.Conns()[0].Subflows[0].Dir[0]
	require.Zero(t, d.Stalled)
	require.EqualValues(t, 1, d.Stalled+int64(d.Retransmitted)/4)
	require.EqualValues(t, 4, d.Retransmitted)
}

// R3.5-06: a receiver ignores a key that is not its own.
func TestForgedFastcloseChangesNothing(t *testing.T) {
	s := newScript(t, Config{})
	s.open("H")
	s.send("a > b . 111:111(0) ack 501 win 0 <mp_fastclose key=ka>")
	require.Equal(t, []string{"MPD-FASTCLOSE-KEY"}, s.ids())
	require.Zero(t, s.tr.Conns()[0].Fastclose)
}

// A join that was refused leaves the first subflow alone: MP_FAIL is a fallback
// (RFC 8684 section 3.7), no reset.
func TestFailBesideARefusedJoin(t *testing.T) {
	s := newScript(t, Config{})
	s.open("AH")
	s.joinSYN("a2", "b2", keyB.Token(1), 9, 700)
	s.send("b2 > a2 R. 0:0(0) ack 701 win 0 <mp_tcprst reason=1>")
	s.send(fmt.Sprintf("b > a . 501:501(0) ack 111 win 1000 <mp_fail dsn=%d>", s.dsnA(0)))
	ids := s.ids()
	require.Contains(t, ids, "MPD-FALLBACK-CHECKSUM")
	require.NotContains(t, ids, "MPD-FAIL-RESET")
	require.Equal(t, "fallback", s.tr.Conns()[0].State())
}

// Who spoke first is a matter of time, not of the order of files.
func TestFailOfTwoFiles(t *testing.T) {
	s := newScript(t, Config{Files: 2})
	s.open("AH")
	s.file = 1
	s.send(fmt.Sprintf("b > a . 501:501(0) ack 111 win 1000 <mp_fail dsn=%d>", s.dsnA(0)))
	s.file = 0
	s.send(fmt.Sprintf("a > b . 111:111(0) ack 501 win 1000 <mp_fail dsn=%d>", s.dsnB(0)))
	s.tr.Finish()
	require.Contains(t, s.finding("MPD-FALLBACK-CHECKSUM").Cause, "B reported")
}

// Data in the SYN, and the SYN sent again after its answer passed here.
func TestFastOpenSYNAgain(t *testing.T) { // RB-01
	s := newScript(t, Config{})
	syn := "a > b S 100:105(5) win 65535 <mss 1460, mp_capable v1 H>"
	s.send(syn)
	s.send("b > a S. 500:500(0) ack 106 win 65535 <mss 1460, mp_capable v1 H key=kb>")
	s.send(syn)
	s.send("b > a S. 500:500(0) ack 106 win 65535 <mss 1460, mp_capable v1 H key=kb>")
	s.send("a > b . 106:106(0) ack 501 win 1000 <mp_capable v1 H key=ka+kb>")
	s.send(fmt.Sprintf("a > b P. 106:116(10) ack 501 win 1000 <dss dsn8=%d ssn=1 dll=10>", s.dsnA(0)))
	s.tr.Finish()
	d := &s.tr.Conns()[0].Dir[0]
	require.EqualValues(t, 5, d.SynData)
	require.EqualValues(t, 15, d.NewBytes)
	n, ok := d.StreamLen()
	require.True(t, ok)
	require.EqualValues(t, 15, n)
	require.Zero(t, s.tr.stored, "octets of the SYN are given back")
}

// A mapping that was forgotten, since it was acknowledged long ago, is not judged
// twice when it is sent again.
func TestForgottenMappingAgain(t *testing.T) {
	s := newScript(t, Config{})
	s.open("AH")
	send := func(i int) {
		off := 10 + 10*i
		sum := s.sum("A", s.dsnA(uint64(off)), uint32(off+1), 10, 101+off)
		s.send(fmt.Sprintf("a > b P. %d:%d(10) ack 501 win 1000 <dss dsn8=%d ssn=%d dll=10%s>", 101+off, 111+off, s.dsnA(uint64(off)), 1+off, sum))
	}
	for i := range 1000 {
		send(i)
		s.ackA(20 + 10*i)
	}
	d := &s.tr.Conns()[0].Dir[0]
	require.EqualValues(t, 1001, d.SumOK)
	send(3)
	send(3)
	send(4)
	s.tr.Finish()
	require.EqualValues(t, 1001, d.SumOK)
	require.EqualValues(t, 3, d.RepeatedMappings)
	require.EqualValues(t, 30, d.DupTCPRetrans)
	require.Zero(t, d.Unmapped)
	require.Zero(t, d.SumIncomplete)
}

// Of more holes than are remembered the oldest are given up, and what was lost is
// still right for the others.
func TestManyHoles(t *testing.T) {
	s := newScript(t, Config{})
	s.open("H")
	const n = 100
	for i := range n { // every second segment is lost before it gets here
		s.dataA(20+20*i, 10)
	}
	d := &s.tr.Conns()[0].Subflows[0].Dir[0]
	require.EqualValues(t, n, d.Gaps)
	require.EqualValues(t, 10*n, d.GapOctets)
	for i := range n {
		s.dataA(10+20*i, 10)
	}
	require.Zero(t, d.GapOctets)
	require.Zero(t, d.Retransmitted)
	s.dataA(10, 10)
	require.EqualValues(t, 10, d.Retransmitted)
	s.tr.Finish()
}

// What the receiver acknowledged does not wait for what the capture lost.
func TestDepthAfterLossOfTheCapture(t *testing.T) {
	s := newScript(t, Config{})
	s.open("H")
	s.dataA(20, 10) // 10 to 19 were never captured
	d := &s.tr.Conns()[0].Dir[0]
	require.EqualValues(t, 20, d.MaxDepth)
	s.ackA(30)
	for i := range 50 {
		s.dataA(30+10*i, 10)
		s.ackA(40 + 10*i)
	}
	require.EqualValues(t, 20, d.MaxDepth)
	s.dataA(540, 10)
	require.EqualValues(t, 20, d.MaxDepth)
	s.tr.Finish()
	require.True(t, d.StreamGap)
}

// One DSS that lies does not move the stream.
func TestFarawayNumbers(t *testing.T) {
	s := newScript(t, Config{})
	s.open("H")
	s.send(fmt.Sprintf("b > a . 501:501(0) ack 111 win 1000 <dss dack8=%d>", s.dsnA(1<<50)))
	s.send(fmt.Sprintf("a > b P. 111:121(10) ack 501 win 1000 <dss dsn8=%d ssn=11 dll=10>", s.dsnA(1<<52)))
	s.send(fmt.Sprintf("a > b P. 121:131(10) ack 501 win 1000 <dss dsn4=%d ssn=21 dll=10>", uint32(s.dsnA(10))))
	s.tr.Finish()
	n, ok := s.tr.Conns()[0].Dir[0].StreamLen()
	require.True(t, ok)
	require.EqualValues(t, 20, n)
}

// Rebuilding streams joins flows as judging alone does.
func TestInferenceWhileFollowing(t *testing.T) {
	for _, follow := range []bool{false, true} {
		cfg := Config{}
		mapped := 0
		if follow {
			cfg.OnData = func(p Piece) {
				if p.Mapped {
					mapped += p.Len
				}
			}
		}
		s := newScript(t, cfg)
		for i := range 3 {
			s.send(fmt.Sprintf("a > b P. %d:%d(10) ack 901 win 1000 <dss dack8=%d dsn8=%d ssn=%d dll=10>",
				5111+10*i, 5121+10*i, s.dsnB(400), s.dsnA(uint64(5010+10*i)), 5011+10*i))
		}
		s.tr.Finish()
		require.Len(t, s.tr.Conns(), 1)
		require.EqualValues(t, 30, s.tr.Conns()[0].Dir[0].NewBytes)
		if follow {
			require.Equal(t, 30, mapped)
		}
	}
}

// A frame without a time follows the one before it; a capture may begin at 0.
func TestTimes(t *testing.T) {
	s := newScript(t, Config{})
	s.nanos = -1e6 // the first packet has time 0
	s.open("H")
	s.tr.Add(0, &pcap.Frame{Number: 99, Link: pcap.LinkRaw, Data: nil})
	pkt := packet(t, 40000)
	s.tr.Add(0, &pcap.Frame{Number: 100, Link: pcap.LinkRaw, Len: len(pkt), Data: pkt})
	sf := s.tr.Subflows()[0]
	require.EqualValues(t, 4e6, sf.LastTime, "the time of the packet before")
	to, from := sf.Handshake.RTT()
	require.InDelta(t, 1e6, to, 1)
	require.InDelta(t, 1e6, from, 1)
	s.nanos = 1e6 // back in time
	s.dataA(10, 10)
	require.EqualValues(t, 4e6, sf.LastTime)
	s.tr.Finish()
}

// The prefix of the stream begins where the stream does.
func TestPrefixBehindAGap(t *testing.T) {
	l := ledger{}
	l.add(owned{lo: 100, hi: 110, whole: true}, 0, 4)
	l.add(owned{lo: 120, hi: 130, whole: true}, 0, 4)
	l.add(owned{lo: 140, hi: 150, whole: true}, 0, 4)
	l.add(owned{lo: 160, hi: 170, whole: true}, 0, 4)
	l.add(owned{lo: 180, hi: 190, whole: true}, 0, 4)
	require.EqualValues(t, 110, l.floor)
	require.EqualValues(t, 50, l.prefix(50))
	require.EqualValues(t, 110, l.prefix(100))
}

// What lies beyond a hole waits for the hole: that is no round trip time.
func TestNoSampleBeyondAHole(t *testing.T) {
	s := newScript(t, Config{})
	s.open("H")
	d := &s.tr.Conns()[0].Subflows[0].Dir[0]
	require.Equal(t, Samples{N: 1, Min: 1e6, Max: 1e6, Sum: 1e6}, d.RTT)
	s.dataA(20, 10) // 10 to 19 were lost before this place
	s.nanos += 50e6
	s.dataA(10, 10)
	s.ackA(30)
	require.Equal(t, Samples{N: 2, Min: 1e6, Max: 1e6, Sum: 2e6}, d.RTT, "of the segment that filled the hole")
	s.dataA(40, 10) // 30 to 39 were never captured
	s.ackA(50)
	s.dataA(50, 10)
	s.ackA(60)
	require.Equal(t, 3, d.RTT.N, "what was acknowledged is no hole")
}
