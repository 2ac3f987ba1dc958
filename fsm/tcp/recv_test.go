package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/wire"
)

func TestResetNeedsTheExactNumber(t *testing.T) { // RFC 5961 section 3.2, T5961-01
	b := newBench(t, bare)
	b.open("<mss 1000>")
	b.inject("R 70000:70000(0)")
	b.wantIdle("outside the window: dropped")
	b.inject("R 0:0(0)")
	b.wantIdle("before it: dropped")
	b.inject("R 2:2(0)")
	b.want("inside: challenged", ". 1:1(0) ack 1")
	b.inject("R. 65000:65000(0) ack 1")
	b.want("inside: challenged", ". 1:1(0) ack 1")
	b.wantState(Established)
	require.EqualValues(t, 2, b.stats().RSTChallenge)
	b.inject("R 1:1(0)")
	b.wantState(Closed)
	var e *PeerError
	require.ErrorAs(t, b.c.Err(), &e)
	require.Equal(t, Reset, e.Reason)
}

func TestSYNInSynchronizedState(t *testing.T) { // RFC 5961 section 4.2, T5961-02
	b := newBench(t, bare)
	b.open("<mss 1000>")
	for _, line := range []string{"S 1:1(0)", "S 60000:60000(0)", "S 4000000000:4000000000(0)", "S. 0:0(0) ack 1"} {
		b.inject(line)
		b.want("challenged, whatever its number", ". 1:1(0) ack 1")
		b.wantState(Established)
	}
	require.EqualValues(t, 4, b.stats().SYNChallenge)
}

func TestAckRange(t *testing.T) { // RFC 5961 section 5.2, T5961-03
	b := newBench(t, bare)
	b.open("win 5000 <mss 1000>")
	b.segments(3)
	b.inject(". 1:1(0) ack 3001 win 5000")
	b.segments(3)
	b.inject(". 1:1(0) ack 6001 win 5000")
	b.inject(". 1:11(10) ack 6002 win 5000")
	b.want("an ACK for the future is answered and its data dropped", ". 6001:6001(0) ack 1")
	b.inject(". 1:11(10) ack 1000 win 5000")
	b.want("older than the largest window: dropped, challenged", ". 6001:6001(0) ack 1")
	require.EqualValues(t, 1, b.stats().AckTooOld)
	b.inject(". 1:11(10) ack 1001 win 5000")
	b.wait(40 * time.Millisecond)
	b.want("old, but within MAX.SND.WND: the data counts", ". 6001:6001(0) ack 11")
}

func TestChallengeAcksAreLimited(t *testing.T) { // RFC 5961 section 7, T5961-04: 10 in 5 s on average, drawn at random
	counts := map[int]bool{}
	total := 0
	b := newBench(t, bare)
	b.open("<mss 1000>")
	for range 40 {
		n := 0
		for range 30 {
			b.inject("R 5:5(0)")
			if b.poll() {
				n++
			}
		}
		counts[n] = true
		total += n
		b.wait(5 * time.Second)
	}
	require.Greater(t, len(counts), 3, "the limit is not the same each time")
	require.InDelta(t, 10, float64(total)/40, 2)
	require.EqualValues(t, 40*30-total, b.stats().ChallengeACKSkipped)
}

func TestZeroWindowStillTakesAcks(t *testing.T) { // RFC 9293 section 3.10.7.4, MUST-66, T9293-05
	b := newBench(t, bare, func(c *Config) { c.ReceiveBuffer = 1000 })
	b.open("<mss 1000>")
	b.inject("P. 1:1001(1000) ack 1")
	b.wait(40 * time.Millisecond)
	b.want("the buffer is full", ". 1:1(0) ack 1001 win 0")
	b.segments(2)
	b.inject("P. 1001:1101(100) ack 2001")
	b.want("data is refused, its ACK is taken", ". 2001:2001(0) ack 1001 win 0")
	require.EqualValues(t, 2000, b.c.flow.Acked())
	b.inject("R 1001:1001(0)")
	b.wantState(Closed) // and so is a RST
}

func TestUnacceptableIsAnswered(t *testing.T) { // RFC 9293 section 3.10.7.4, T9293-05
	b := newBench(t, bare)
	b.open("<mss 1000>")
	b.inject("P. 1:101(100) ack 1")
	b.wait(time.Second)
	b.want("", ". 1:1(0) ack 101")
	b.inject("P. 1:101(100) ack 1")
	b.want("an old segment", ". 1:1(0) ack 101")
	b.inject("P. 90000:90100(100) ack 1")
	b.want("one beyond the window", ". 1:1(0) ack 101")
	b.inject(". 100:100(0) ack 1")
	b.want("a keepalive probe", ". 1:1(0) ack 101")
	b.inject("P. 51:201(150) ack 1")
	b.wait(time.Second)
	b.want("of one that overlaps, the new part counts", ". 1:1(0) ack 201")
	b.read(200)
}

func TestUrgentIsInline(t *testing.T) { // T9293-10
	b := newBench(t, bare)
	b.open("<mss 1000>")
	b.inject("PU. 1:101(100) ack 1 urg 50")
	b.read(100)
	b.wait(time.Second)
	b.want("", ". 1:1(0) ack 101")
	require.EqualValues(t, 1, b.stats().UrgentSegs)
}

func TestDelayedAck(t *testing.T) { // RFC 9293 section 3.8.6.3, RFC 5681 section 4.2, T9293-08
	b := newBench(t, bare)
	b.open("<mss 1000>")
	b.inject(". 1:1001(1000) ack 1")
	b.wantQuiet("the ACK waits", 39*time.Millisecond)
	b.wait(time.Millisecond)
	b.want("but not for long", ". 1:1(0) ack 1001")
	b.inject(". 1001:2001(1000) ack 1")
	b.wantIdle("one full segment")
	b.inject(". 2001:3001(1000) ack 1")
	b.want("every second full segment is acknowledged at once", ". 1:1(0) ack 3001")
	b.inject(". 3001:4001(1000) ack 1")
	b.write(10)
	b.want("data carries the ACK", "P. 1:11(10) ack 4001")
	b.wantQuiet("and no other follows", 100*time.Millisecond)
	b.inject(". 4001:5001(1000) ack 11")
	b.inject("F. 5001:5001(0) ack 11")
	b.want("a FIN is acknowledged at once", ". 11:11(0) ack 5002")
}

func TestAcksAreQuickAtFirst(t *testing.T) {
	b := newBench(t, bare)
	b.inject("S 0:0(0) <mss 1000>")
	b.want("", "S. 0:0(0) ack 1")
	b.inject(". 1:1(0) ack 1")
	for i := range quickAtStart {
		s := b.parse(". 1:1(0) ack 1")
		s.Seq += uint32(100 * i)
		s.Payload = make([]byte, 100)
		b.c.HandleSegment(b.now, s)
		b.want("a peer in slow start waits for every ACK", ". 1:1(0)")
	}
	b.inject(". 1601:1701(100) ack 1")
	b.wantIdle("later they are delayed")
	b.wait(time.Second)
	b.want("", ". 1:1(0) ack 1701")
	b.wait(time.Minute)
	b.inject(". 1701:1801(100) ack 1")
	b.want("quick again after a pause", ". 1:1(0) ack 1801")
}

func TestOutOfOrderIsAcknowledgedAtOnce(t *testing.T) { // RFC 5681 section 4.2, RFC 2018 section 4, T2018-01
	b := newBench(t, sackOnly)
	b.open("<mss 1000, sackOK>")
	b.inject(". 1001:2001(1000) ack 1")
	b.want("a hole", ". 1:1(0) ack 1 <sack 1001:2001>")
	b.inject(". 5001:6001(1000) ack 1")
	b.want("the latest block is the first", ". 1:1(0) ack 1 <sack 5001:6001 1001:2001>")
	b.inject(". 3001:4001(1000) ack 1")
	b.want("", ". 1:1(0) ack 1 <sack 3001:4001 5001:6001 1001:2001>")
	b.inject(". 2001:3001(1000) ack 1")
	b.want("blocks merge", ". 1:1(0) ack 1 <sack 1001:4001 5001:6001>")
	b.inject(". 1:1001(1000) ack 1")
	b.want("the hole is filled", ". 1:1(0) ack 4001 <sack 5001:6001>")
	b.inject(". 4001:5001(1000) ack 1")
	b.want("and the last", ". 1:1(0) ack 6001")
	require.Empty(t, b.seg.Options)
	b.read(6000)
	b.wantIdle("the window is wide still")
}

func TestSACKBlocksFitBesideTimestamps(t *testing.T) { // RFC 2018 section 3, T2018-01: three blocks beside timestamps
	b := newBench(t)
	b.open("<mss 1000, sackOK, TS val 1 ecr 1000>")
	for i, line := range []string{". 1001:1101(100) ack 1", ". 2001:2101(100) ack 1", ". 3001:3101(100) ack 1", ". 4001:4101(100) ack 1", ". 5001:5101(100) ack 1"} {
		b.inject(line)
		b.want("an ACK each", ". 1:1(0) ack 1")
		require.LessOrEqual(t, len(b.seg.Options), wire.MaxOptions)
		o, ok := b.seg.Options.Find(wire.KindSACK)
		require.True(t, ok)
		require.Equal(t, min(i+1, 3), (len(o)-2)/8)
	}
	b2 := newBench(t, sackOnly)
	b2.open("<mss 1000, sackOK>")
	for i := range 6 {
		s := b2.parse(". 1001:1101(100) ack 1")
		s.Seq += uint32(i * 1000)
		b2.c.HandleSegment(b2.now, s)
		b2.want("", ". 1:1(0) ack 1")
		o, _ := b2.seg.Options.Find(wire.KindSACK)
		require.Equal(t, min(i+1, 4), (len(o)-2)/8)
	}
}

func TestDSACK(t *testing.T) { // RFC 2883 section 4, T2883-01
	b := newBench(t, sackOnly)
	b.open("<mss 1000, sackOK>")
	b.inject(". 1:1001(1000) ack 1")
	b.inject(". 1001:2001(1000) ack 1")
	b.want("", ". 1:1(0) ack 2001")
	b.inject(". 1001:2001(1000) ack 1")
	b.want("a duplicate below the ACK", ". 1:1(0) ack 2001 <sack 1001:2001>")
	b.inject(". 3001:4001(1000) ack 1")
	b.want("reported once only", ". 1:1(0) ack 2001 <sack 3001:4001>")
	b.inject(". 3001:4001(1000) ack 1")
	b.want("a duplicate above it: the block, then the one around", ". 1:1(0) ack 2001 <sack 3001:4001 3001:4001>")
	b.inject(". 1501:2501(1000) ack 1")
	b.want("a partial one", ". 1:1(0) ack 2501 <sack 1501:2001 3001:4001>")
	require.EqualValues(t, 2, b.stats().DSACKOldSent)
	require.EqualValues(t, 1, b.stats().DSACKOfoSent)
	b.read(2500)
}

func TestRangesAreBounded(t *testing.T) { // memory attacks by tiny segments and holes
	b := newBench(t, sackOnly, func(c *Config) { c.MaxRanges = 3 })
	b.open("<mss 1000, sackOK>")
	for i := range 10 {
		s := b.parse(". 3:4(1) ack 1")
		s.Seq += uint32(2 * i)
		b.c.HandleSegment(b.now, s)
		b.want("", ". 1:1(0) ack 1")
	}
	require.Equal(t, 3, b.c.flow.rcv.ranges.Nodes())
	require.EqualValues(t, 7, b.stats().OFODrop)
	b.inject(". 1:31(30) ack 1")
	b.want("what is in order always has room", ". 1:1(0) ack 31")
}

func TestPAWS(t *testing.T) { // RFC 7323 section 5, T7323-02
	b := newBench(t)
	b.open("<mss 1000, TS val 5000 ecr 1000>")
	b.inject(". 1:101(100) ack 1 <TS val 4999 ecr 1100>")
	b.want("an old timestamp: dropped and answered", ". 1:1(0) ack 1 <TS val 1100 ecr 5000>")
	require.EqualValues(t, 1, b.stats().PAWSEstab)
	b.inject("R. 1:1(0) ack 1 <TS val 4999 ecr 1100>")
	b.wantState(Closed) // R1: a RST is not subject to PAWS

	b = newBench(t)
	b.open("<mss 1000, TS val 5000 ecr 1000>")
	b.wait(25 * 24 * time.Hour)
	b.inject(". 1:101(100) ack 1 <TS val 4999 ecr 1100>")
	b.read(100) // section 5.5: after 24 days the old value is void
	b.wait(40 * time.Millisecond)
	b.want("", ". 1:1(0) ack 101 <TS val 2160001140 ecr 4999>")
}

func TestTimestampEcho(t *testing.T) { // RFC 7323 section 4.3, T7323-02
	b := newBench(t)
	b.open("<mss 1012, sackOK, TS val 100 ecr 1000>")
	b.inject(". 1:1001(1000) ack 1 <TS val 200 ecr 1100>")
	b.wait(10 * time.Millisecond)
	b.inject(". 1001:2001(1000) ack 1 <TS val 300 ecr 1100>")
	b.want("(A) of delayed ACKs the earliest is echoed", ". 1:1(0) ack 2001 <TS val 1110 ecr 200>")
	b.inject(". 3001:4001(1000) ack 1 <TS val 400 ecr 1100>")
	b.want("(B) a hole: the last segment that advanced the window", ". 1:1(0) ack 2001 <TS val 1110 ecr 200>")
	b.inject(". 2001:3001(1000) ack 1 <TS val 500 ecr 1100>")
	b.want("(C) one that fills it", ". 1:1(0) ack 4001 <TS val 1110 ecr 500>")
}

func TestTimestampsInEverySegment(t *testing.T) { // RFC 7323 section 3.2, T7323-03
	b := newBench(t)
	b.open("<mss 1000, TS val 100 ecr 1000>")
	b.write(10)
	b.want("data", "P. 1:11(10) <TS val 1100 ecr 100>")
	b.c.CloseWrite(b.now)
	b.want("FIN", "F. 11:11(0) <TS val 1100 ecr 100>")
	b.c.flow.RequestAck()
	b.want("ACK", ". 12:12(0) <TS val 1100 ecr 100>")
	b.c.Abort(b.now)
	b.want("not in a RST", "R. 12:12(0) <>")
}

func TestMissingTimestampsAreTolerated(t *testing.T) { // boxes that merge segments lose options
	b := newBench(t)
	b.open("<mss 1000, TS val 100 ecr 1000>")
	b.inject("P. 1:101(100) ack 1")
	b.read(100)
	require.EqualValues(t, 1, b.stats().TSMissing)
	b.wait(time.Second)
	b.want("", ". 1:1(0) ack 101 <TS val 2100 ecr 100>")
}

func TestReceiverAvoidsSillyWindows(t *testing.T) { // RFC 9293 section 3.8.6.2.2, MUST-39, T9293-08
	b := newBench(t, bare, func(c *Config) { c.ReceiveBuffer = 4000 })
	b.open("<mss 1000>")
	b.inject(". 1:1001(1000) ack 1")
	b.inject(". 1001:2001(1000) ack 1")
	b.want("the right edge stays", ". 1:1(0) ack 2001 win 2000")
	b.inject(". 2001:3001(1000) ack 1")
	b.inject(". 3001:4001(1000) ack 1")
	b.want("full", ". 1:1(0) ack 4001 win 0")
	b.read(500)
	b.wantIdle("500 octets are not worth telling")
	b.read(400)
	b.wantIdle("nor are 900")
	b.read(100)
	b.want("a full segment is", ". 1:1(0) ack 4001 win 1000")
	b.read(1000)
	b.want("twice as much", ". 1:1(0) ack 4001 win 2000")
	b.read(1000)
	b.wantIdle("less than twice")
	b.read(1000)
	b.want("", ". 1:1(0) ack 4001 win 4000")
	require.EqualValues(t, 1, b.stats().ZeroWindowAdv)
}

func TestWindowNeverShrinks(t *testing.T) { // RFC 9293 section 3.8.6, SHLD-14; RFC 7323 section 2.4
	var w RecvWindow
	require.Equal(t, 992, w.Size(0, 1000, 1000, 32, 100), "whole units only")
	require.Equal(t, 892, w.Size(100, 900, 1000, 32, 100))
	require.Equal(t, 792, w.Size(200, 100, 1000, 32, 100), "a buffer that got smaller does not take it back")
	require.Equal(t, 792, w.Size(200, 870, 1000, 32, 100), "864 would be silly")
	require.Equal(t, 896, w.Size(200, 900, 1000, 32, 100))
}

func TestFinBeforeData(t *testing.T) { // a FIN that arrives before what precedes it
	b := newBench(t, sackOnly)
	b.open("<mss 1000, sackOK>")
	b.inject("FP. 101:201(100) ack 1")
	b.want("", ". 1:1(0) ack 1 <sack 101:201>")
	b.wantState(Established)
	b.inject(". 1:101(100) ack 1")
	b.want("data and FIN at once", ". 1:1(0) ack 202")
	b.wantState(CloseWait)
	b.inject(". 202:302(100) ack 1")
	b.want("nothing counts behind a FIN", ". 1:1(0) ack 202")
	b.inject("F. 201:201(0) ack 1")
	b.want("a FIN again", ". 1:1(0) ack 202")
	b.read(200)
}

func TestTimeWait(t *testing.T) { // RFC 9293 sections 3.4.2 and 3.10.7.4, MUST-13, T9293-09
	b := newBench(t, bare)
	b.open("<mss 1000>")
	b.c.CloseWrite(b.now)
	b.want("", "F. 1:1(0) ack 1")
	b.wantState(FinWait1)
	b.inject(". 1:1(0) ack 2")
	b.wantState(FinWait2)
	b.inject("F. 1:1(0) ack 2")
	b.want("", ". 2:2(0) ack 2")
	b.wantState(TimeWait)
	b.wait(50 * time.Second)
	b.inject("F. 1:1(0) ack 2")
	b.want("the last ACK was lost: again, and the wait begins anew", ". 2:2(0) ack 2")
	w, ok := b.c.flow.TimeWaiter()
	require.True(t, ok)
	require.Equal(t, b.now.Add(60*time.Second), w.Deadline())
	b.inject("R 2:2(0)")
	b.wantState(TimeWait) // RFC 1337
	b.wait(60 * time.Second)
	b.wantState(Closed)
	require.NoError(t, b.c.Err())
}

func TestTimeWaiter(t *testing.T) { // T9293-09; RFC 6191 section 2
	b := newBench(t)
	b.open("<mss 1000, TS val 100 ecr 1000>")
	b.inject("F. 1:1(0) ack 1 <TS val 101 ecr 1000>")
	b.want("", ". 1:1(0) ack 2")
	b.c.CloseWrite(b.now)
	b.want("", "F. 1:1(0) ack 2")
	_, ok := b.c.flow.TimeWaiter()
	require.False(t, ok, "the passive closer does not wait")
	b.inject(". 2:2(0) ack 2 <TS val 102 ecr 1000>")
	b.wantState(Closed)

	b = newBench(t)
	b.open("<mss 1000, TS val 100 ecr 1000>")
	b.c.CloseWrite(b.now)
	b.want("", "F. 1:1(0) ack 1")
	b.inject("F. 1:1(0) ack 2 <TS val 101 ecr 1000>")
	b.want("", ". 2:2(0) ack 2")
	w, ok := b.c.flow.TimeWaiter()
	require.True(t, ok)
	require.True(t, w.Reusable(b.parse("S 0:0(0) <TS val 102 ecr 0>")))
	require.False(t, w.Reusable(b.parse("S 90:90(0) <TS val 100 ecr 0>")), "an old duplicate")
	require.True(t, w.Reusable(b.parse("S 90:90(0)")), "by number, where there is no timestamp")
	require.False(t, w.Reusable(b.parse("S 0:0(0)")))
	require.False(t, w.Reusable(b.parse("S 2:2(0)")), "a number that was in use")
	require.True(t, w.Reusable(b.parse("S 3:3(0)")))
	require.False(t, w.Reusable(b.parse("S. 90:90(0) ack 2")))
	var out wire.Segment
	require.True(t, w.HandleSegment(b.now, b.cfg, b.parse("F. 1:1(0) ack 2"), &out))
	require.Equal(t, "2:2(0) ack 2", string(wire.AppendText(nil, &out, wire.TextBase{Seq: benchISS, Ack: benchPeer}))[2:14])
	require.False(t, w.HandleSegment(b.now, b.cfg, b.parse("R 2:2(0)"), &out))
	require.False(t, w.HandleSegment(b.now, b.cfg, b.parse(". 2:2(0) ack 2"), &out), "no ACK is answered by an ACK")
	require.Equal(t, benchISS+2+65537, w.NextISS())
}

func TestResetWhileClosing(t *testing.T) { // RFC 9293 section 3.10.7.4: no error once all is exchanged
	b := newBench(t, bare)
	b.open("<mss 1000>")
	b.inject("F. 1:1(0) ack 1")
	b.want("", ". 1:1(0) ack 2")
	b.c.CloseWrite(b.now)
	b.want("", "F. 1:1(0) ack 2")
	b.wantState(LastAck)
	b.inject("R 2:2(0)")
	b.wantState(Closed)
	require.NoError(t, b.c.Err())

	b = newBench(t, bare)
	b.open("<mss 1000>")
	b.inject("F. 1:1(0) ack 1")
	b.want("", ". 1:1(0) ack 2")
	b.write(5)
	b.c.CloseWrite(b.now)
	b.want("", "FP. 1:6(5) ack 2")
	b.inject("R 2:2(0)")
	require.Error(t, b.c.Err(), "five octets were never acknowledged")
}

func TestOwnerRefuses(t *testing.T) { // what was not kept is not acknowledged
	b := newBench(t, bare)
	b.open("<mss 1000>")
	f := b.c.flow
	in := f.HandleSegment(b.now, b.parse("P. 1:1001(1000) ack 1"), 0)
	require.Len(t, in.Data, 1000)
	f.Keep(b.now, 400)
	b.want("the rest will come again", ". 1:1(0) ack 401")
	in = f.HandleSegment(b.now, b.parse("P. 601:1001(400) ack 1"), 0)
	require.EqualValues(t, 600, in.Off)
	f.Keep(b.now, 0)
	b.want("", ". 1:1(0) ack 401")
	in = f.HandleSegment(b.now, b.parse("P. 1:1001(1000) ack 1"), 0)
	require.EqualValues(t, 400, in.Off, "only what is new")
	require.Len(t, in.Data, 600)
	f.Keep(b.now, 600)
	require.EqualValues(t, 1000, f.Received())
	require.EqualValues(t, 1000, f.stats.RcvQDrop)
	b.want("", ". 1:1(0) ack 1001")
}

func TestAcceptedSegments(t *testing.T) { // only these may carry options that the owner believes
	b := newBench(t, bare)
	b.dial()
	b.want("", "S 0:0(0)")
	f := b.c.flow
	accepted := func(line string, want bool) {
		t.Helper()
		in := f.HandleSegment(b.now, b.parse(line), 0)
		f.Keep(b.now, len(in.Data))
		require.Equal(t, want, in.Accepted, line)
		for b.poll() {
		}
	}
	accepted(". 0:0(0) ack 1", false)
	accepted("S. 0:0(0) ack 9", false)
	accepted("S. 0:0(0) ack 1 <mss 1000>", true)
	accepted(". 1:1(0) ack 1", true)
	accepted(". 70000:70000(0) ack 1", false)
	accepted(". 1:1(0) ack 2", false)
	accepted("- 1:1(0)", false)
	accepted("S 1:1(0)", false)
	accepted("P. 1:101(100) ack 1", true)
	accepted("P. 1:101(100) ack 1", false) // wholly old
	accepted("P. 51:151(100) ack 1", true)
	accepted("P. 301:401(100) ack 1", true)
	accepted("R. 300:300(0) ack 1", false)
	accepted("R. 151:151(0) ack 1", true)
}
