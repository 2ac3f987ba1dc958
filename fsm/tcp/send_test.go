package tcp

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/fsm/cong"
	"github.com/mptcp-go/mptcp/wire"
)

func TestRTOFormula(t *testing.T) { // RFC 6298 section 2, T6298-01
	cfg := testConfig(t)
	var r rtoState
	var e rtt
	r.init(cfg)
	ms := int64(time.Millisecond)
	require.Equal(t, 1000*ms, r.current(cfg, &e), "1 s before the first sample")
	e.sample(400*ms, 1, 1)
	require.Equal(t, 400*ms, e.srtt)
	require.Equal(t, 200*ms, e.rttvar)
	require.Equal(t, 1200*ms, r.current(cfg, &e), "SRTT + 4*RTTVAR")
	e.sample(600*ms, 1, 1)
	require.Equal(t, 200*ms, e.rttvar, "3/4*200 + 1/4*|400-600|")
	require.Equal(t, 425*ms, e.srtt, "7/8*400 + 1/8*600")
	require.Equal(t, 1225*ms, r.current(cfg, &e))
	r.backoff = 3
	require.Equal(t, 8*1225*ms, r.current(cfg, &e))
	r.backoff = 60
	require.Equal(t, int64(cfg.MaxRTO), r.current(cfg, &e))
	r.backoff = 0
	for range 300 {
		e.sample(1*ms, 1, 1)
	}
	require.Equal(t, int64(cfg.MinRTO), r.current(cfg, &e), "the documented minimum of 200 ms")
	require.Equal(t, 1*ms, e.min())
	e.sample(90*ms, 1, 200*int64(time.Second))
	e.sample(90*ms, 1, 400*int64(time.Second))
	require.Equal(t, 90*ms, e.min(), "the minimum forgets")
}

func TestManySamplesPerRoundTrip(t *testing.T) { // RFC 7323 appendix G, T6298-01
	var one, many rtt
	one.sample(100e6, 1, 1)
	many.sample(100e6, 1, 1)
	one.sample(200e6, 1, 1)
	for range 10 {
		many.sample(200e6, 10, 1)
	}
	require.InDelta(t, one.srtt, many.srtt, 2e6, "ten samples of a round trip weigh as one")
}

func TestTimeoutBacksOff(t *testing.T) { // RFC 6298 sections 5.4 to 5.6, T6298-02, T6298-03
	b := newBench(t, bare)
	b.open("<mss 1000>")
	b.segments(2)
	b.wantQuiet("SRTT 100 ms, RTTVAR 50 ms: 300 ms", 299*time.Millisecond)
	b.wait(time.Millisecond)
	b.want("the earliest segment", ". 1:1001(1000)")
	b.wantIdle("one segment, the loss window")
	b.wantQuiet("doubled", 599*time.Millisecond)
	b.wait(time.Millisecond)
	b.want("again", ". 1:1001(1000)")
	b.wait(10 * time.Millisecond)
	before := b.c.flow.rtt
	b.inject(". 1:1(0) ack 1001")
	require.Equal(t, before, b.c.flow.rtt, "Karn: what was repeated is not measured")
	require.Equal(t, 1200*time.Millisecond, b.c.flow.RTO(), "and the backoff stays until there is a sample")
	b.want("the other one was lost as well, for all we know", "P. 1001:2001(1000)")
	b.inject(". 1:1(0) ack 2001")
	require.True(t, b.c.Deadline().IsZero(), "nothing outstanding, no timer (5.2)")
	b.segments(1)
	b.wait(100 * time.Millisecond)
	b.inject(". 1:1(0) ack 3001")
	require.Less(t, b.c.flow.RTO(), 300*time.Millisecond, "a sample ends the backoff")
	require.EqualValues(t, 2, b.stats().Timeouts)
}

func TestKarnWithTimestamps(t *testing.T) { // RFC 6298 section 3, RFC 7323 section 4.1, T6298-02
	b := newBench(t)
	b.open("<mss 1012, TS val 1 ecr 1000>")
	b.segments(1)
	b.wait(300 * time.Millisecond)
	b.want("repeated", "P. 1:1001(1000) <TS val 1400 ecr 1>")
	b.wait(100 * time.Millisecond)
	b.inject(". 1:1(0) ack 1001 <TS val 2 ecr 1400>")
	srtt, _ := b.c.flow.RTT()
	require.Equal(t, 100*time.Millisecond, srtt, "the timestamp tells which copy is meant")
	require.Zero(t, b.c.flow.rto.backoff)
}

// What lies behind a hole and has no SACK block is acknowledged with the repetition that
// fills the hole: its age is no round-trip time.
func TestKarnBehindAHole(t *testing.T) { // RFC 6298 section 3, RFC 7323 section 4.1, T6298-02
	b := newBench(t)
	b.open("<mss 1012, TS val 1 ecr 1000>")
	b.segments(2)
	b.wait(300 * time.Millisecond)
	b.want("repeated", ". 1:1001(1000) <TS val 1400 ecr 1>")
	b.wait(100 * time.Millisecond)
	b.inject(". 1:1(0) ack 2001 <TS val 2 ecr 1400>")
	srtt, _ := b.c.flow.RTT()
	require.Equal(t, 100*time.Millisecond, srtt)
	require.Zero(t, b.c.flow.rto.backoff)
}

func TestUserTimeout(t *testing.T) { // RFC 9293 section 3.8.3, R2
	b := newBench(t, bare, func(c *Config) { c.UserTimeout = time.Minute })
	b.open("<mss 1000>")
	b.segmentsOf(500, 1)
	start := b.now
	for b.c.State() == Established {
		b.wait(b.c.Deadline().Sub(b.now))
		if b.c.State() == Established {
			b.want("again", "P. 1:501(500)")
		}
	}
	require.GreaterOrEqual(t, b.now.Sub(start), time.Minute)
	var e *LocalError
	require.ErrorAs(t, b.c.Err(), &e)
	require.Equal(t, TimedOut, e.Reason)
	b.want("the peer is told", "R. 501:501(0) ack 1")
}

func TestSlowStart(t *testing.T) { // RFC 5681 section 3.1, RFC 6928, T5681-01
	b := newBench(t, bare, reno)
	b.open("<mss 1000>")
	require.Equal(t, 10000, b.cwnd())
	b.write(40000)
	for i := range 10 {
		b.want("ten segments", wireLine(".", i))
	}
	b.wantIdle("the initial window is used up")
	b.wait(100 * time.Millisecond)
	b.inject(". 1:1(0) ack 2001")
	require.Equal(t, 12000, b.cwnd())
	for i := range 4 {
		b.want("two for the two that left, two more", wireLine(".", 10+i))
	}
	b.wantIdle("")
}

// wireLine is the segment of 1000 octets with that number.
func wireLine(flags string, i int) string {
	return fmt.Sprintf("%s %d:%d(1000)", flags, 1000*i+1, 1000*i+1001)
}

func TestRestartAfterIdle(t *testing.T) { // RFC 5681 section 4.1, T5681-02
	b := newBench(t, bare, reno)
	b.open("<mss 1000>")
	for range 3 {
		n := b.cwnd() / 1000
		b.segments(n)
		b.wantIdle("the window is full")
		b.wait(100 * time.Millisecond)
		for range n {
			b.c.HandleSegment(b.now, b.parse(fmt.Sprintf(". 1:1(0) ack %d", b.sent-1000*(n-1)+1)))
			n--
		}
	}
	require.Greater(t, b.cwnd(), 40000)
	b.wait(50 * time.Millisecond)
	b.segments(1)
	require.Greater(t, b.cwnd(), 40000, "a pause shorter than the timeout changes nothing")
	b.inject(fmt.Sprintf(". 1:1(0) ack %d", b.sent+1))
	b.wait(time.Second)
	b.segments(1)
	require.Equal(t, 10000, b.cwnd(), "a longer one takes the window back to the initial one")
	require.EqualValues(t, 1, b.stats().IdleRestarts)
	b.inject(fmt.Sprintf(". 1:1(0) ack %d", b.sent+1))
}

func TestFastRetransmitWithoutSACK(t *testing.T) { // RFC 5681 section 3.2, RFC 3042, RFC 6582, T5681-02
	b := newBench(t, bare, reno)
	b.open("<mss 1000>")
	b.segments(10)
	b.write(10000)
	b.wait(100 * time.Millisecond)
	b.inject(". 1:1(0) ack 1")
	b.want("limited transmit: a new segment for a duplicate ACK", wireLine(".", 10))
	b.inject(". 1:1(0) ack 1")
	b.want("and for a second", wireLine(".", 11))
	b.wantIdle("no retransmission yet")
	b.inject(". 1:1(0) ack 1")
	b.want("the third: fast retransmit", wireLine(".", 0))
	_, ssthresh := b.c.flow.Cwnd()
	require.Equal(t, 5000, ssthresh, "half of what was in flight, limited transmit not counted")
	require.EqualValues(t, 1, b.stats().RenoRecovery)
	b.wantIdle("what is in flight must drain first")
	b.inject(". 1:1(0) ack 4001")
	b.want("a partial ACK: the next hole", wireLine(".", 4))
	for b.poll() {
		require.GreaterOrEqual(t, b.seg.Seq-benchISS, uint32(12001), "and else only new data")
	}
	b.inject(fmt.Sprintf(". 1:1(0) ack %d", b.c.flow.Sent()+1))
	require.Equal(t, open, b.c.flow.snd.mode)
	require.Equal(t, 5000, b.cwnd(), "recovery ends with the window at ssthresh")
	require.EqualValues(t, 2, b.stats().FastRetrans)
	require.Zero(t, b.stats().Timeouts)
	for b.poll() { // there is more to send
	}
}

func TestStrictDuplicateAcks(t *testing.T) { // RFC 5681 section 2, T5681-02
	b := newBench(t, bare, reno)
	b.open("<mss 1000>")
	b.segments(10)
	for _, line := range []string{". 1:2(1) ack 1", ". 2:2(0) ack 1 win 60000", ". 2:2(0) ack 1 win 50000", "U. 2:3(1) ack 1 win 50000"} {
		b.inject(line) // data, or a window that changes: no duplicate
	}
	require.Zero(t, b.c.flow.snd.dupAcks)
	for range 5 {
		b.c.flow.HandleSegment(b.now, b.parse(". 3:3(0) ack 1 win 50000"), NotCongestion)
	}
	require.Zero(t, b.c.flow.snd.dupAcks, "signals of the owner's are no sign of loss (RFC 8684 section 3.4.1)")
	b.wait(40 * time.Millisecond)
	b.want("only the delayed ACK", ". 10001:10001(0) ack 3")
}

func TestSACKRecovery(t *testing.T) { // RFC 6675 sections 4 and 5, T6675-01; with RACK and without
	for _, conf := range []func(*Config){sackOnly, oldSACK} {
		b := newBench(t, conf, reno)
		b.open("<mss 1000, sackOK>")
		b.segments(10)
		b.wait(100 * time.Millisecond)
		b.inject(". 1:1(0) ack 1 <sack 1001:2001>")
		b.inject(". 1:1(0) ack 1 <sack 1001:3001>")
		b.wantIdle("two segments above the hole")
		b.inject(". 1:1(0) ack 1 <sack 5001:6001 1001:3001>")
		b.want("three: the first hole", wireLine(".", 0))
		if b.cfg.NoRACK {
			b.wantIdle("above the second hole there is but one segment: not lost")
			b.inject(". 1:1(0) ack 1 <sack 5001:8001 1001:3001>")
		} else {
			b.inject(". 1:1(0) ack 1 <sack 5001:8001 1001:3001>")
		}
		require.EqualValues(t, 2000+1000, b.c.flow.snd.board.lost, "IsLost: 3 and 4 have three segments SACKed above them")
		b.want("NextSeg: the lowest that is lost and not repeated", wireLine(".", 3))
		b.inject(". 1:1(0) ack 3001 <sack 5001:8001>")
		b.want("and the next", wireLine(".", 4))
		b.inject(". 1:1(0) ack 10001")
		require.Equal(t, open, b.c.flow.snd.mode)
		require.Equal(t, 5000, b.cwnd())
		require.EqualValues(t, 3, b.stats().FastRetrans)
		require.EqualValues(t, 1, b.stats().SackRecovery)
	}
}

func TestPipe(t *testing.T) { // RFC 6675 section 4, T6675-01
	b := newBench(t, oldSACK, reno)
	b.open("<mss 1000, sackOK>")
	b.segments(10)
	f := b.c.flow
	require.Equal(t, 10000, f.InFlight())
	b.inject(". 1:1(0) ack 1 <sack 2001:5001>")
	require.Equal(t, 10000-3000-2000, f.InFlight(), "SACKed and lost octets left the network")
	b.want("", wireLine(".", 0))
	require.Equal(t, 6000, f.InFlight(), "a retransmission entered it")
	b.inject(". 1:1(0) ack 1 <sack 2001:8001>")
	b.want("", wireLine(".", 1))
	require.Equal(t, 4000, f.InFlight())
	b.inject(". 1:1(0) ack 10001")
	require.Zero(t, f.InFlight())
}

func TestScoreboard(t *testing.T) { // RFC 6675 section 3, T6675-01
	var b scoreboard
	for i := range 10 {
		b.push(span{off: int64(i * 10), end: int64(i*10 + 10)})
	}
	require.Equal(t, 3, b.find(30))
	require.Equal(t, 3, b.find(39))
	b.markSacked(4)
	b.markSacked(6)
	require.Equal(t, 2, b.runs)
	b.markSacked(5)
	require.Equal(t, 1, b.runs)
	require.Equal(t, span{off: 40, end: 70, flags: sacked}, *b.at(4))
	require.EqualValues(t, 30, b.sacked)
	b.split(4, 55)
	require.Equal(t, 2, b.runs)
	b.markLost(0)
	b.markLost(2)
	i, ok := b.nextLost()
	require.True(t, ok)
	require.Zero(t, i)
	b.markResent(0, 9)
	i, _ = b.nextLost()
	require.Equal(t, 2, i)
	require.EqualValues(t, 20, b.lost)
	require.EqualValues(t, 10, b.resent)
	b.popTo(5)
	require.EqualValues(t, 15, b.lost)
	require.EqualValues(t, 5, b.resent)
	b.popTo(10)
	require.EqualValues(t, 10, b.at(0).off)
	b.renege()
	require.Zero(t, b.sacked)
	require.Zero(t, b.runs)
}

func TestReneging(t *testing.T) { // RFC 2018 section 8, T2018-01
	b := newBench(t, sackOnly, reno)
	b.open("<mss 1000, sackOK>")
	b.segments(3)
	b.inject(". 1:1(0) ack 1 <sack 1001:3001>")
	b.wait(300 * time.Millisecond)
	b.want("the hole, by the reordering timer", wireLine(".", 0))
	b.inject(". 1:1(0) ack 1001") // the rest was thrown away
	b.wait(b.c.Deadline().Sub(b.now))
	b.want("SACKed data is repeated after a timeout", ". 1001:2001(1000)")
	require.EqualValues(t, 1, b.stats().SACKReneging)
	b.inject(". 1:1(0) ack 2001")
	b.want("", "P. 2001:3001(1000)")
	b.inject(". 1:1(0) ack 3001")
}

func TestLyingSACKs(t *testing.T) { // blocks that make no sense change nothing
	b := newBench(t, sackOnly, reno)
	b.open("<mss 1000, sackOK>")
	b.segments(4)
	for _, line := range []string{". 1:1(0) ack 1 <sack 5000:6000>", ". 1:1(0) ack 1 <sack 3001:2001>", ". 1:1(0) ack 1 <sack 2001:9001>",
		". 1:1(0) ack 1 <sack 4000000000:4000000001>"} {
		b.inject(line)
	}
	require.Zero(t, b.c.flow.snd.board.sacked)
	require.Positive(t, b.stats().SACKDiscard)
	for i := range 20000 { // single octets: each would split a span
		s := b.parse(". 1:1(0) ack 1 <sack 2:3>")
		s.Options, _ = wire.Options{}.AppendSACK(wire.SACKBlock{Left: benchISS + 1 + uint32(i*2%4000), Right: benchISS + 2 + uint32(i*2%4000)})
		b.c.HandleSegment(b.now, s)
		for b.poll() {
		}
	}
	require.Less(t, b.c.flow.snd.board.len(), 1200, "the scoreboard is bounded")
	b.inject(". 1:1(0) ack 4001")
	require.Zero(t, b.c.flow.snd.board.len())
}

func TestPRR(t *testing.T) { // RFC 6937 section 3.1
	var p prr
	// RecoverFS 20 segments, ssthresh 10: one segment sent for two delivered.
	p.start(20, 10)
	pipe, sent := int64(19), int64(0)
	for range 9 {
		pipe--
		p.ack(pipe, 1, 1)
		for p.left > 0 {
			p.sent(1)
			pipe++
			sent++
		}
	}
	require.EqualValues(t, 5, sent, "ceil(9*10/20)")
	// A pipe below ssthresh fills up, by one segment more than was delivered (SSRB).
	p.start(20, 10)
	p.ack(4, 1, 1)
	require.EqualValues(t, 2, p.left)
	p.ack(9, 5, 1)
	require.EqualValues(t, 1, p.left, "never beyond ssthresh")
}

func TestRACKReordering(t *testing.T) { // RFC 8985 section 6.2, T8985-01
	b := newBench(t, sackOnly, reno)
	b.open("<mss 1000, sackOK>")
	b.segments(3)
	b.wait(100 * time.Millisecond)
	b.inject(". 1:1(0) ack 1 <sack 1001:2001>")
	b.wantQuiet("a quarter of the minimum RTT is for reordering", 24*time.Millisecond)
	b.inject(". 1:1(0) ack 2001")
	b.wantQuiet("it was reordering indeed", 20*time.Millisecond)
	require.EqualValues(t, 1, b.stats().SACKReorderSeen)
	b.inject(". 1:1(0) ack 3001")
	require.Zero(t, b.stats().RetransSegs)

	// From now on three duplicates alone prove nothing.
	b.segments(6)
	b.wait(100 * time.Millisecond)
	b.inject(". 1:1(0) ack 3001 <sack 4001:7001>")
	b.wantIdle("three segments above the hole")
	b.wait(25 * time.Millisecond)
	b.want("after the reordering window it is lost", ". 3001:4001(1000)")
	b.inject(". 1:1(0) ack 9001")
	require.EqualValues(t, 1, b.stats().SackRecovery)
}

func TestRACKFindsLostRetransmission(t *testing.T) { // RFC 8985 section 6.2, T8985-01
	b := newBench(t, sackOnly, reno)
	b.open("<mss 1000, sackOK>")
	b.segments(6)
	b.wait(100 * time.Millisecond)
	b.inject(". 1:1(0) ack 1 <sack 1001:4001>")
	b.want("", ". 1:1001(1000)")
	b.write(2000)
	b.inject(". 1:1(0) ack 1 <sack 1001:6001>")
	b.want("new data behind", ". 6001:7001(1000)")
	b.wait(110 * time.Millisecond)
	b.inject(". 1:1(0) ack 1 <sack 1001:7001>")
	b.want("sent after the retransmission and yet here: that was lost, too", ". 1:1001(1000)")
	b.inject(". 1:1(0) ack 7001")
	b.want("", "P. 7001:8001(1000)")
	require.Zero(t, b.stats().Timeouts)
	b.inject(". 1:1(0) ack 8001")
}

func TestTailLossProbe(t *testing.T) { // RFC 8985 section 7, T8985-01
	b := newBench(t, sackOnly, reno)
	b.open("<mss 1000, sackOK>")
	b.segments(4)
	b.wantQuiet("two round trips", 199*time.Millisecond)
	b.wait(time.Millisecond)
	b.want("the last segment again", "P. 3001:4001(1000)")
	require.EqualValues(t, 1, b.stats().LossProbes)
	b.wait(100 * time.Millisecond)
	b.inject(". 1:1(0) ack 1 <sack 3001:4001>")
	b.wait(25 * time.Millisecond)
	b.want("it shows that those before were lost, without a timeout", ". 1:1001(1000)")
	b.inject(". 1:1(0) ack 1001 <sack 3001:4001>")
	b.want("", ". 1001:2001(1000)")
	b.want("", ". 2001:3001(1000)")
	b.inject(". 1:1(0) ack 4001")
	require.Zero(t, b.stats().Timeouts)
}

func TestProbeThatRepairsIsALoss(t *testing.T) { // RFC 8985 section 7.4.2, T8985-01
	b := newBench(t, sackOnly, reno)
	b.open("<mss 1000, sackOK>")
	b.segments(4)
	b.wait(200 * time.Millisecond)
	b.want("probe", "P. 3001:4001(1000)")
	b.inject(". 1:1(0) ack 4001")
	b.segments(1)
	b.inject(". 1:1(0) ack 5001")
	require.EqualValues(t, 1, b.stats().LossProbeRecovery)
	_, ssthresh := b.c.flow.Cwnd()
	require.Equal(t, 2000, ssthresh, "the loss counts, although nothing else noticed it")

	b = newBench(t, sackOnly, reno)
	b.open("<mss 1000, sackOK>")
	b.segments(4)
	b.wait(200 * time.Millisecond)
	b.want("probe", "P. 3001:4001(1000)")
	b.inject(". 1:1(0) ack 4001 <sack 3001:4001>") // a D-SACK: both arrived
	b.segments(1)
	b.inject(". 1:1(0) ack 5001")
	require.Zero(t, b.stats().LossProbeRecovery)
	require.Equal(t, 10000, b.cwnd())
}

func TestProbeWithNewData(t *testing.T) { // RFC 8985 section 7.3, T8985-01
	b := newBench(t, sackOnly, reno)
	b.open("<mss 1000, sackOK>")
	b.segments(10)
	b.write(1000)
	b.wantIdle("the congestion window is full")
	b.wait(200 * time.Millisecond)
	b.want("a probe may exceed it", "P. 10001:11001(1000)")
	b.inject(". 1:1(0) ack 11001")
}

func TestSpuriousTimeout(t *testing.T) { // RFC 3522, RFC 4015
	b := newBench(t, reno)
	b.open("<mss 1012, TS val 1 ecr 1000>")
	b.segments(10)
	b.wait(300 * time.Millisecond)
	b.want("timeout", ". 1:1001(1000) <TS val 1400 ecr 1>")
	require.Equal(t, 1000, b.cwnd())
	b.inject(". 1:1(0) ack 2001 <TS val 2 ecr 1100>")
	require.EqualValues(t, 1, b.stats().SpuriousRTOs)
	require.GreaterOrEqual(t, b.cwnd(), 10000, "the window is back")
	b.wantIdle("and nothing else is repeated")
	b.inject(". 1:1(0) ack 10001 <TS val 3 ecr 1100>")
	require.EqualValues(t, 1, b.stats().RetransSegs)
}

func TestSpuriousRecovery(t *testing.T) { // RFC 3522; reordering that RACK alone would never see, T8985-01
	b := newBench(t, reno)
	b.open("<mss 1012, sackOK, TS val 1 ecr 1000>")
	b.segments(6)
	b.wait(100 * time.Millisecond)
	b.inject(". 1:1(0) ack 1 <TS val 2 ecr 1, sack 1001:4001>")
	b.want("three above the hole", ". 1:1001(1000) <TS val 1200 ecr 2>")
	require.Equal(t, 3000, b.cwnd())
	b.inject(". 1:1(0) ack 4001 <TS val 2 ecr 1100>")
	require.EqualValues(t, 1, b.stats().SpuriousRecovery)
	require.Equal(t, 10000, b.cwnd(), "the first copy had only been late")
	b.inject(". 1:1(0) ack 6001 <TS val 2 ecr 1100>")
	b.segments(6)
	b.wait(100 * time.Millisecond)
	b.inject(". 1:1(0) ack 6001 <TS val 2 ecr 1, sack 7001:10001>")
	b.wantQuiet("next time there is time to spare", 20*time.Millisecond)
	b.inject(". 1:1(0) ack 12001 <TS val 2 ecr 1100>")
}

func TestTrueTimeout(t *testing.T) { // RFC 5681 section 3.1: slow start from one segment
	b := newBench(t, reno)
	b.open("<mss 1012, TS val 1 ecr 1000>")
	b.segments(10)
	b.wait(300 * time.Millisecond)
	b.want("timeout", ". 1:1001(1000) <TS val 1400 ecr 1>")
	b.wait(100 * time.Millisecond)
	b.inject(". 1:1(0) ack 1001 <TS val 2 ecr 1400>")
	require.Zero(t, b.stats().SpuriousRTOs)
	require.Equal(t, 2000, b.cwnd())
	b.want("", ". 1001:2001(1000)")
	b.want("", ". 2001:3001(1000)")
	b.wantIdle("")
	b.wait(100 * time.Millisecond)
	b.inject(". 1:1(0) ack 10001 <TS val 2 ecr 1500>")
	_, ssthresh := b.c.flow.Cwnd()
	require.Equal(t, 5000, ssthresh)
}

func TestSWSAndNagle(t *testing.T) { // RFC 9293 sections 3.7.4 and 3.8.6.2.1, T9293-07, T9293-08
	b := newBench(t, bare, withNagle)
	b.open("<mss 1000>")
	b.write(100)
	b.want("nothing is in flight: at once", "P. 1:101(100)")
	b.write(100)
	b.wantIdle("Nagle: wait for the ACK")
	b.write(800)
	b.wantIdle("still not full")
	b.write(200)
	b.want("a full segment goes", ". 101:1101(1000)")
	b.wantIdle("its rest does not")
	b.inject(". 1:1(0) ack 1101")
	b.want("all acknowledged", "P. 1101:1201(100)")
	b.write(5)
	b.c.CloseWrite(b.now)
	b.want("a FIN pushes", "FP. 1201:1206(5)")

	b = newBench(t, bare)
	b.open("<mss 1000>")
	b.write(100)
	b.want("", "P. 1:101(100)")
	b.write(100)
	b.want("off by default", "P. 101:201(100)")

	b = newBench(t, bare)
	b.open("win 4000 <mss 1000>")
	b.segments(3)
	b.write(2600)
	b.want("what the window holds", ". 3001:4001(1000)")
	b.inject(". 1:1(0) ack 3001 win 1300")
	b.wantIdle("300 octets more are not worth a segment")
	b.inject(". 1:1(0) ack 4001 win 900")
	b.wantIdle("nor 900, less than half of the largest window")
	b.inject(". 1:1(0) ack 4001 win 1000")
	b.want("a full segment is", ". 4001:5001(1000)")
	b.inject(". 1:1(0) ack 5001 win 500")
	b.wantIdle("")
	b.wait(b.c.Deadline().Sub(b.now))
	b.want("but waiting has an end", ". 5001:5501(500)")
}

func TestZeroWindowProbes(t *testing.T) { // RFC 9293 section 3.8.6.1, MUST-36, MUST-37, T9293-06
	b := newBench(t, bare)
	b.open("win 0 <mss 1000>")
	b.write(3000)
	b.wantIdle("no room")
	b.wantQuiet("the window is closed", 299*time.Millisecond)
	b.wait(time.Millisecond)
	b.want("one octet after a timeout", ". 1:2(1)")
	b.inject(". 1:1(0) ack 1 win 0")
	gap := 600 * time.Millisecond
	for range 6 {
		b.wantQuiet("backed off", gap-time.Millisecond)
		b.wait(time.Millisecond)
		b.want("again, the same octet", ". 1:2(1)")
		b.inject(". 1:1(0) ack 1 win 0")
		gap *= 2
	}
	require.EqualValues(t, 7, b.stats().WinProbe)
	require.Zero(t, b.stats().Timeouts)
	b.inject(". 1:1(0) ack 1 win 5000")
	b.want("open: the probe was refused, so again", ". 1:2(1)")
	b.want("and on it goes", ". 2:1002(1000)")
	b.want("", ". 1002:2002(1000)")
	b.want("", "P. 2002:3001(999)")
	b.inject(". 1:1(0) ack 3001 win 5000")
	require.True(t, b.c.Deadline().IsZero())
}

func TestProbesGoOnForEver(t *testing.T) { // MUST-37, T9293-06
	b := newBench(t, bare)
	b.open("win 0 <mss 1000>")
	b.write(10)
	b.wantIdle("no room")
	for range 200 {
		b.wait(b.c.Deadline().Sub(b.now))
		b.want("", ". 1:2(1)")
		b.inject(". 1:1(0) ack 1 win 0")
	}
	b.wantState(Established)
	require.Equal(t, b.cfg.MaxRTO, b.c.Deadline().Sub(b.now))
	for b.c.State() == Established { // until the peer falls silent
		b.wait(b.c.Deadline().Sub(b.now))
		b.poll()
	}
	b.wantState(Closed)
	require.Error(t, b.c.Err())
}

func TestWindowClosesOnDataInFlight(t *testing.T) { // RFC 9293 section 3.8.6, MUST-34, MUST-35
	b := newBench(t, bare)
	b.open("win 5000 <mss 1000>")
	b.segments(4)
	b.inject(". 1:1(0) ack 1001 win 0")
	b.wait(b.c.Deadline().Sub(b.now))
	b.want("a probe, no timeout", ". 1001:1002(1)")
	require.Zero(t, b.stats().Timeouts)
	b.inject(". 1:1(0) ack 4001 win 5000")
	b.segments(1)
	b.inject(". 1:1(0) ack 5001 win 5000")
	require.Equal(t, 10000, b.cwnd(), "nothing was lost, nothing grew")
}

func TestOwnersProbe(t *testing.T) { // the window is the connection's: NoPersist
	b := newBench(t, bare, func(c *Config) { c.NoPersist = true })
	b.open("win 0 <mss 1000>")
	b.write(10)
	b.wantQuiet("no probes of our own", time.Minute)
	b.c.flow.Probe()
	b.want("on demand", ". 1:2(1)")
	b.inject(". 1:1(0) ack 2 win 100")
	b.want("", "P. 2:11(9)")
	b.inject(". 1:1(0) ack 11 win 100")
}

// What an owner declared while the window was open, and has not left when it closes, is probed
// (RFC 9293 section 3.8.6.1, MUST-36): the owner waits for it.
func TestDeclaredBeforeTheWindowClosed(t *testing.T) {
	b := newBench(t, bare, func(c *Config) { c.NoPersist = true })
	b.open("win 2000 <mss 1000>")
	b.write(3000)
	b.want("the window's worth", ". 1:1001(1000)")
	b.want("the window's worth", ". 1001:2001(1000)")
	b.inject(". 1:1(0) ack 2001 win 0")
	b.wantIdle("closed")
	b.wait(time.Minute)
	b.want("a probe", ". 2001:2002(1)")
	b.inject(". 1:1(0) ack 2002 win 2000")
	b.want("open", "P. 2002:3001(999)")
}

func TestKeepAlive(t *testing.T) { // RFC 9293 section 3.8.4, MUST-24 to MUST-27
	b := newBench(t, bare, func(c *Config) { c.KeepAliveIdle, c.KeepAliveProbes = 2*time.Hour, 3 })
	b.open("<mss 1000>")
	b.wantQuiet("two hours", 2*time.Hour-time.Millisecond)
	b.wait(time.Millisecond)
	b.want("a number below the window, no data", ". 0:0(0) ack 1")
	b.inject(". 1:1(0) ack 1")
	b.wantQuiet("answered", 2*time.Hour-time.Millisecond)
	b.wait(time.Millisecond)
	for range 3 {
		b.want("unanswered", ". 0:0(0) ack 1")
		b.wait(75 * time.Second)
	}
	b.wantState(Closed)
	var e *LocalError
	require.ErrorAs(t, b.c.Err(), &e)
	require.Equal(t, KeptAlive, e.Reason)
	b.want("", "R. 1:1(0) ack 1")

	b = newBench(t, bare)
	b.open("<mss 1000>")
	b.wantQuiet("off by default", 100*time.Hour)
}

// RFC 9293 section 3.8.4: a keepalive may carry an octet, here the last one sent. The
// D-SACK that answers it tells of no spurious retransmission (RFC 8985 section 6.2).
func TestAskingWithAnOctet(t *testing.T) {
	b := newBench(t, sackOnly)
	b.open("<mss 1000, sackOK>")
	b.segments(1)
	b.wait(100 * time.Millisecond)
	b.inject(". 1:1(0) ack 1001")
	f := b.c.flow
	f.AskPeer()
	seg := wire.Segment{Options: make([]byte, 0, wire.MaxOptions)}
	out, ok := f.Poll(b.now, &seg)
	require.True(t, ok)
	require.Equal(t, Out{Kind: KindAskPeer, Off: 999}, out)
	require.True(t, f.Commit(b.now, &out, &seg, []byte("zz")))
	require.Equal(t, "z", string(seg.Payload))
	require.Equal(t, benchISS+1000, seg.Seq)
	b.inject(". 1:1(0) ack 1001 <sack 1000:1001>")
	require.EqualValues(t, 1, b.stats().DSACKRecv)
	require.Zero(t, f.rack.mult)
	b.wantIdle("nothing was lost")
	b.inject(". 1:1(0) ack 1001 <sack 501:1001>")
	require.EqualValues(t, 1, f.rack.mult, "another duplicate counts")
}

func TestPathMTUFromICMP(t *testing.T) { // RFC 1191, RFC 5927 section 4
	b := newBench(t, bare, reno)
	b.open("<mss 1460>")
	b.write(2920)
	b.want("", ". 1:1461(1460)")
	b.want("", "P. 1461:2921(1460)")
	f := b.c.flow
	f.HandleMTU(b.now, 1000, benchISS+1+5000)
	require.Equal(t, 1460, f.MSS(), "quotes nothing that is in flight")
	f.HandleMTU(b.now, 9000, benchISS+1)
	require.Equal(t, 1460, f.MSS(), "no message makes it larger")
	f.HandleMTU(b.now, 1040, benchISS+1)
	require.Equal(t, 1000, f.MSS())
	b.want("repeated at once, in smaller pieces, the same octets", ". 1:1001(1000)")
	b.want("", ". 1001:1461(460)")
	b.want("", ". 1461:2461(1000)")
	b.want("", "P. 2461:2921(460)")
	require.Zero(t, b.stats().Timeouts)
	_, ssthresh := f.Cwnd()
	require.Equal(t, 1<<30, ssthresh, "it was no congestion")
	f.HandleMTU(b.now, 68, benchISS+1)
	require.Equal(t, 536, f.MSS(), "not below what every path carries")
	require.EqualValues(t, 2, b.stats().OutOfWindowIcmps+1)
	for b.poll() {
	}
	b.inject(". 1:1(0) ack 2921")
}

func TestBlackHole(t *testing.T) { // RFC 2923 section 2.1: ICMP is filtered
	p := newPair(t, testConfig(t), testConfig(t))
	p.link[0].mtu = 1300
	p.connect()
	p.send(0, pattern(100000), 20*time.Second)
	require.EqualValues(t, 1, p.end[0].flow.stats.MTUPFail)
	require.Equal(t, 1240, p.end[0].flow.MSS())
}

func TestOutageIsNoBlackHole(t *testing.T) { // black-hole probing is taken back when nothing gets through
	p := newPair(t, testConfig(t), testConfig(t))
	p.connect()
	down := true
	p.link[0].fate = func(*wire.Segment, int) (int, time.Duration) {
		if down {
			return 0, 0
		}
		return 1, 0
	}
	_, err := p.end[0].Write(p.now, pattern(20000))
	require.NoError(t, err)
	p.drain(0)
	p.run(5 * time.Second)
	require.Equal(t, 1240, p.end[0].flow.MSS())
	require.Positive(t, p.end[0].flow.Timeouts())
	p.run(10 * time.Minute)
	require.Equal(t, 1460, p.end[0].flow.MSS())
	down = false
	p.run(3 * time.Minute)
	n, _ := p.end[1].Readable()
	require.Equal(t, 20000, n)
	require.Zero(t, p.end[0].flow.Timeouts())
}

func TestGuessedSizeIsRaisedAgain(t *testing.T) { // RFC 1191 section 6.3
	p := newPair(t, testConfig(t), testConfig(t))
	p.link[0].mtu = 1300
	p.connect()
	p.send(0, pattern(50000), 20*time.Second)
	require.Equal(t, 1240, p.end[0].flow.MSS())
	p.link[0].mtu = 0
	p.run(11 * time.Minute)
	p.send(0, pattern(3000), time.Second)
	p.run(time.Second)
	require.Equal(t, 1460, p.end[0].flow.MSS())
}

func TestUnreachable(t *testing.T) { // RFC 5927 section 5.2
	b := newBench(t, bare)
	b.dial()
	b.want("", "S 0:0(0)")
	b.c.flow.HandleUnreachable(b.now, benchISS+77)
	b.wantState(SynSent)
	b.c.flow.HandleUnreachable(b.now, benchISS)
	b.wantState(Closed)

	b = newBench(t, bare)
	b.open("<mss 1000>")
	b.segments(1)
	b.c.flow.HandleUnreachable(b.now, benchISS+1)
	b.wantState(Established) // soft, once the connection is open
}

func TestSegmentsCutByTheLink(t *testing.T) { // DESIGN section 4: SegSize
	b := newBench(t, reno)
	b.par.Offload = 60000
	b.open("win 65535 <mss 1012, TS val 1 ecr 1000, nop, wscale 5>")
	b.write(25500)
	b.want("ten segments in one", ". 1:10001(10000)")
	require.EqualValues(t, 1000, b.seg.SegSize)
	b.wantIdle("the congestion window counts octets")
	b.wait(100 * time.Millisecond)
	b.inject(". 1:1(0) ack 5001 win 65535 <TS val 2 ecr 1100>")
	require.Equal(t, 15000, b.cwnd(), "half of a segment may be acknowledged")
	b.want("", ". 10001:20001(10000)")
	b.inject(". 1:1(0) ack 20001 win 65535 <TS val 2 ecr 1100>")
	b.want("the tail need not be whole", "P. 20001:25501(5500)")
	b.inject(". 1:1(0) ack 25501 win 65535 <TS val 2 ecr 1100>")
}

func TestRetransmissionOfALargeSegment(t *testing.T) {
	b := newBench(t, sackOnly, reno)
	b.par.Offload = 60000
	b.open("win 65535 <mss 1000, sackOK>")
	b.write(10000)
	b.want("", "P. 1:10001(10000)")
	b.wait(100 * time.Millisecond)
	b.inject(". 1:1(0) ack 3001 <sack 4001:9001>")
	b.want("only the hole", ". 3001:4001(1000)")
	b.inject(". 1:1(0) ack 9001")
	b.wait(b.c.Deadline().Sub(b.now))
	b.want("", "P. 9001:10001(1000)")
	b.inject(". 1:1(0) ack 10001")
}

func TestOptionRoom(t *testing.T) { // the owner dresses segments; payload and SACK give way
	b := newBench(t)
	b.open("<mss 1012, sackOK, TS val 1 ecr 1000>")
	b.inject(". 1001:1101(100) ack 1 <TS val 2 ecr 1100>")
	b.want("", ". 1:1(0) <sack 1001:1101>")
	b.write(5000)
	f := b.c.flow
	dress := func(n, limit int) {
		b.seg.Options = make(wire.Options, 0, wire.MaxOptions)
		out, ok := f.Poll(b.now, &b.seg)
		require.True(t, ok)
		opt := make(wire.Option, n)
		opt[0], opt[1] = wire.KindMPTCP, uint8(n)
		b.seg.Options, _ = b.seg.Options.AppendRaw(opt)
		require.True(t, f.Commit(b.now, &out, &b.seg, b.c.out.slice(out.Off, limit)))
	}
	dress(20, 5000)
	require.Len(t, b.seg.Payload, 1012-12-20, "8 octets are left: no SACK block")
	dress(20, 100)
	require.Len(t, b.seg.Payload, 100, "the owner may take less")
	dress(8, 5000)
	require.Len(t, b.seg.Payload, 1012-12-8-12, "a SACK block fits")
	_, ok := b.seg.Options.Find(wire.KindSACK)
	require.True(t, ok)

	// A proposal that is not committed changes nothing.
	b.seg.Options = b.seg.Options[:0]
	one, ok := f.Poll(b.now, &b.seg)
	require.True(t, ok)
	two, _ := f.Poll(b.now, &b.seg)
	require.Equal(t, one, two)
	require.False(t, f.Commit(b.now, &one, &b.seg, nil), "without its data it cannot be sent")
	require.True(t, f.Commit(b.now, &two, &b.seg, b.c.out.slice(two.Off, two.Max)))
	for b.poll() {
	}
}

func TestRequestedAck(t *testing.T) { // a signal of the owner's goes on an ACK of its own
	b := newBench(t, bare)
	b.open("<mss 1000>")
	b.write(10)
	b.c.flow.RequestAck()
	b.want("before the data, and alone", ". 1:1(0) ack 1")
	b.want("", "P. 1:11(10)")
	b.wantIdle("once")
}

func TestLateBinding(t *testing.T) { // Window tells an owner how much it may declare
	b := newBench(t, bare, reno)
	b.open("win 25000 <mss 1000>")
	f := b.c.flow
	require.Equal(t, 10000, f.Window())
	b.write(4000)
	require.Equal(t, 6000, f.Window())
	for b.poll() {
	}
	require.Equal(t, 6000, f.Window())
	b.inject(". 1:1(0) ack 4001 win 3000")
	require.Equal(t, 3000, f.Window(), "the peer's window bounds it")
	b.c.CloseWrite(b.now)
	require.Zero(t, f.Window())
	b.want("", "F. 4001:4001(0)")
}

func TestControllerIsReleased(t *testing.T) {
	g := &countingGroup{Group: cong.NewReno()}
	b := newBench(t, bare, func(c *Config) { c.Congestion = g })
	b.open("<mss 1000>")
	require.Equal(t, 1, g.n)
	b.inject("R 1:1(0)")
	require.Equal(t, 0, g.n)
}

type countingGroup struct {
	cong.Group
	n int
}

func (g *countingGroup) Add(mss int) cong.Controller { g.n++; return g.Group.Add(mss) }
func (g *countingGroup) Remove(c cong.Controller)    { g.n--; g.Group.Remove(c) }
