package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Corners of the sender that broader tests do not pin down.

func TestOlderSegmentsDoNotSetTheWindow(t *testing.T) { // RFC 9293 section 3.10.7.4: SND.WL1, SND.WL2
	b := newBench(t, sackOnly)
	b.open("win 9000 <mss 1000, sackOK>")
	b.inject("P. 501:601(100) ack 1 win 2000")
	b.want("", ". 1:1(0) ack 1 <sack 501:601>")
	b.inject("P. 1:101(100) ack 1 win 8000")
	b.want("", ". 1:1(0) ack 101")
	require.Equal(t, 2000, b.c.flow.PeerWindow(), "it was sent before the other")
	b.inject("P. 601:701(100) ack 1 win 7000")
	b.want("", ". 1:1(0) ack 101")
	require.Equal(t, 7000, b.c.flow.PeerWindow())
}

func TestLossesBehindTheRecoveryPoint(t *testing.T) { // RFC 6675 section 5: a new window, a new reduction
	b := newBench(t, oldSACK, reno)
	b.open("<mss 1000, sackOK>")
	b.segments(10)
	b.write(10000)
	b.inject(". 1:1(0) ack 1 <sack 1001:4001>")
	b.want("", wireLine(".", 0))
	for b.poll() { // as the pipe drains, new data
	}
	b.inject(". 1:1(0) ack 1 <sack 1001:10001>")
	for b.poll() {
	}
	require.GreaterOrEqual(t, b.c.flow.Sent(), uint64(14000), "new data was sent in recovery")
	b.inject(". 1:1(0) ack 1 <sack 11001:14001 1001:10001>")
	require.EqualValues(t, 1, b.stats().SackRecovery)
	_, before := b.c.flow.Cwnd()
	b.inject(". 1:1(0) ack 10001 <sack 11001:14001>")
	_, after := b.c.flow.Cwnd()
	require.EqualValues(t, 2, b.stats().SackRecovery)
	require.Less(t, after, before)
	for b.poll() {
	}
}

func TestRACKIgnoresImpossibleRTT(t *testing.T) { // RFC 8985 section 6.2, step 2, T8985-01
	b := newBench(t, sackOnly)
	b.open("<mss 1000, sackOK>")
	f := b.c.flow
	now := nanos(b.now)
	f.rackDelivered(now, &span{off: 0, end: 10, at: now - int64(5*time.Millisecond), flags: ever}, &optionSet{})
	require.Zero(t, f.rack.rtt, "less than the least round trip: the ACK is for the original")
	f.rackDelivered(now, &span{off: 0, end: 10, at: now - int64(100*time.Millisecond), flags: ever}, &optionSet{})
	require.Equal(t, int64(100*time.Millisecond), f.rack.rtt)
}

func TestRACKAdaptsToDSACK(t *testing.T) { // RFC 8985 section 6.2, step 4, T8985-01
	b := newBench(t, sackOnly)
	b.open("<mss 1000, sackOK>")
	f := b.c.flow
	f.rack.reordering = true
	quarter := int64(25 * time.Millisecond)
	require.Equal(t, quarter, f.reoWindow())
	f.snd.nxt = 1000
	f.rackDSACK(true)
	require.Equal(t, 2*quarter, f.reoWindow())
	f.rackDSACK(true)
	require.Equal(t, 2*quarter, f.reoWindow(), "once in a round trip")
	f.snd.una = 1000
	f.rackDSACK(true)
	require.Equal(t, 3*quarter, f.reoWindow())
	f.rack.mult = 9
	require.Equal(t, f.rtt.srtt, f.reoWindow(), "at most SRTT")
	for range 15 {
		f.rack.exit()
	}
	require.Equal(t, f.rtt.srtt, f.reoWindow())
	f.rack.exit()
	require.Equal(t, quarter, f.reoWindow(), "after 16 recoveries it is forgotten")
	f.snd.nxt, f.snd.una = 0, 0
}

func TestProbeTimeout(t *testing.T) { // RFC 8985 section 7.2, T8985-01
	ms := int64(time.Millisecond)
	for _, c := range []struct {
		srtt     int64
		segments int
		after    time.Duration
	}{{10 * ms, 2, 20 * time.Millisecond}, {10 * ms, 1, 200 * time.Millisecond}, {ms / 20, 2, 2 * time.Millisecond}} {
		b := newBench(t, sackOnly)
		b.open("<mss 1000, sackOK>")
		b.c.flow.rtt = rtt{srtt: c.srtt, rttvar: c.srtt / 10, low: c.srtt, periodEnd: 1 << 62}
		b.segments(c.segments)
		b.wantQuiet("a lone segment may meet a delayed ACK, a short round trip a busy host; at the latest at the RTO", c.after-time.Millisecond)
		b.wait(time.Millisecond)
		b.want("", "P.")
		require.EqualValues(t, 1, b.stats().LossProbes)
		require.Zero(t, b.stats().Timeouts)
	}
}

func TestOneProbeAtATime(t *testing.T) { // RFC 8985 section 7.3, conditions 1 and 2, T8985-01
	b := newBench(t, sackOnly)
	b.open("<mss 1000, sackOK>")
	b.segments(3)
	b.wait(200 * time.Millisecond)
	b.want("probe", "P. 2001:3001(1000)")
	b.inject(". 1:1(0) ack 1001")
	b.wantQuiet("the probe is not answered yet: no other", 300*time.Millisecond)
	require.EqualValues(t, 1, b.stats().LossProbes)
	b.wait(b.c.Deadline().Sub(b.now))
	b.want("the timeout", ". 1001:2001(1000)")
	b.inject(". 1:1(0) ack 3001")
}

func TestLateFinIsNotRepeatedData(t *testing.T) { // a FIN takes a number that SND.NXT must cover
	b := newBench(t, bare)
	b.open("win 1 <mss 1000>")
	b.write(1)
	b.want("", "P. 1:2(1)")
	b.c.CloseWrite(b.now)
	b.wantIdle("no room for the FIN")
	b.wait(b.c.Deadline().Sub(b.now))
	b.want("repeated as it was", "P. 1:2(1)")
	b.inject(". 1:1(0) ack 2 win 1")
	b.want("now the FIN", "F. 2:2(0)")
	b.wait(b.c.Deadline().Sub(b.now))
	b.want("which is repeated, too", "F. 2:2(0)")
	b.inject(". 1:1(0) ack 3")
	b.wantState(FinWait2)
}

func TestRetransmissionAndShrunkenWindow(t *testing.T) { // RFC 9293 section 3.8.6, SHLD-15, SHLD-16
	b := newBench(t, bare)
	b.open("win 5000 <mss 1000>")
	b.segments(4)
	b.inject(". 1:1(0) ack 1 win 500")
	b.wait(300 * time.Millisecond)
	b.want("the first is repeated, although it exceeds the window", ". 1:1001(1000)")
	b.inject(". 1:1(0) ack 1001 win 1000")
	b.want("what the window covers", ". 1001:2001(1000)")
	b.wantIdle("and no more")
	b.inject(". 1:1(0) ack 2001 win 2000")
	b.want("", ". 2001:3001(1000)")
	b.want("", "P. 3001:4001(1000)")
	b.inject(". 1:1(0) ack 4001 win 2000")
}

func TestWindowThatOpensAtOnce(t *testing.T) { // closed for a moment: what is in flight is not lost
	b := newBench(t, bare)
	b.open("win 5000 <mss 1000>")
	b.segments(4)
	b.inject(". 1:1(0) ack 1001 win 0")
	b.wantIdle("")
	b.wait(10 * time.Millisecond)
	b.inject(". 1:1(0) ack 1001 win 5000")
	b.wantIdle("nothing is repeated")
	require.True(t, b.c.flow.timers.armed(timerRTO))
	b.inject(". 1:1(0) ack 4001 win 5000")
	require.Zero(t, b.stats().RetransSegs)
}

func TestRenegingBehindAClosedWindow(t *testing.T) { // RFC 2018 section 8, T2018-01
	b := newBench(t, sackOnly)
	b.open("<mss 1000, sackOK>")
	b.segments(3)
	b.inject(". 1:1(0) ack 1 win 0 <sack 1001:3001>")
	b.inject(". 1:1(0) ack 1001 win 0")
	b.wait(b.c.Deadline().Sub(b.now))
	b.want("the probe repeats what had been SACKed", ". 1001:1002(1)")
	require.EqualValues(t, 1, b.stats().SACKReneging)
	b.inject(". 1:1(0) ack 1002 win 5000")
	b.want("", ". 1002:2002(1000)")
	b.want("", "P. 2002:3001(999)")
	b.inject(". 1:1(0) ack 3001 win 5000")
}

func TestEifelWaitsForTheWholeSegment(t *testing.T) { // RFC 3522 section 3.2
	b := newBench(t, reno)
	b.open("<mss 1012, TS val 1 ecr 1000>")
	b.segments(10)
	b.wait(300 * time.Millisecond)
	b.want("timeout", ". 1:1001(1000) <TS val 1400 ecr 1>")
	b.inject(". 1:1(0) ack 501 <TS val 2 ecr 1100>") // half of it was known before
	require.Zero(t, b.stats().SpuriousRTOs)
	for b.poll() {
	}
	b.inject(". 1:1(0) ack 1001 <TS val 2 ecr 1400>")
	require.Zero(t, b.stats().SpuriousRTOs)
	for b.poll() {
	}
	b.inject(". 1:1(0) ack 10001 <TS val 2 ecr 1400>")
}

func TestEifelNeedsAFirstRetransmission(t *testing.T) { // RFC 3522 section 3.3: the echo could be the probe's
	b := newBench(t, reno)
	b.open("<mss 1012, sackOK, TS val 1 ecr 1000>")
	b.segments(1)
	b.wait(300 * time.Millisecond)
	b.want("probe", "P. 1:1001(1000) <TS val 1400 ecr 1>")
	b.wait(300 * time.Millisecond)
	b.want("timeout", "P. 1:1001(1000) <TS val 1700 ecr 1>")
	b.inject(". 1:1(0) ack 1001 <TS val 2 ecr 1400>")
	require.Zero(t, b.stats().SpuriousRTOs)
	require.EqualValues(t, 1, b.stats().Timeouts)
}
