package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/fsm/cong"
	"github.com/mptcp-go/mptcp/wire"
)

func TestOpenOffersEverything(t *testing.T) { // T9293-03, T7323-01, T7323-03
	b := newBench(t)
	b.dial()
	b.want("MSS of an Ethernet path, SACK, timestamps, scale of a 1 MiB buffer; the window is not scaled",
		"S 0:0(0) win 65535 <mss 1460, sackOK, TS val 1000 ecr 0, nop, wscale 5>")
	b.wait(50 * time.Millisecond)
	b.inject("S. 0:0(0) ack 1 win 1000 <mss 1400, sackOK, TS val 7 ecr 1000, nop, wscale 8>")
	b.want("the third ACK is scaled and echoes the timestamp", ". 1:1(0) ack 1 win 32768 <nop, nop, TS val 1050 ecr 7>")
	b.wantState(Established)
	f := b.c.flow
	require.Equal(t, 1400, f.MSS())
	require.Equal(t, 1000, f.PeerWindow(), "the window of a SYN/ACK is never scaled")
	srtt, _ := f.RTT()
	require.Equal(t, 50*time.Millisecond, srtt)
	b.inject(". 1:1(0) ack 1 win 1000 <nop, nop, TS val 8 ecr 1050>")
	require.Equal(t, 256000, f.PeerWindow(), "later ones are")
}

func TestOpenWithoutOptions(t *testing.T) { // T9293-03: default MSS 536 (MUST-15)
	b := newBench(t, smallBuf)
	b.open("win 60000")
	f := b.c.flow
	require.Equal(t, 536, f.MSS())
	require.False(t, f.SACK())
	require.False(t, f.Timestamps())
	peer, own := f.WindowScales()
	require.Zero(t, peer)
	require.Zero(t, own)
	b.write(1000)
	b.want("segments of 536 octets, no options", ". 1:537(536) ack 1 win 60000")
	require.Empty(t, b.seg.Options)
	b.want("the rest", "P. 537:1001(464)")
}

func TestDefaultMSSOfIPv6(t *testing.T) { // T9293-03: 1220
	v6 := Params{Local: v6Addr, Remote: v6Addr}
	require.Equal(t, 1220, v6.defaultMSS())
	require.Equal(t, 536, (&Params{Local: clientAddr}).defaultMSS())
}

func TestSegmentsFitTheOptionsToo(t *testing.T) { // RFC 6691, T9293-03 (MUST-16)
	b := newBench(t)
	b.open("win 60000 <mss 1000, TS val 1 ecr 1000>")
	b.write(3000)
	b.want("12 octets of the MSS are timestamps", ". 1:989(988)")
	b.want("", ". 989:1977(988)")
	b.want("", ". 1977:2965(988)")
	b.want("", "P. 2965:3001(36)")
}

func TestTinyAndHugeMSS(t *testing.T) {
	b := newBench(t, bare)
	b.open("<mss 1>")
	require.Equal(t, minSendMSS, b.c.flow.MSS(), "a tiny MSS cannot make us send single octets")
	b = newBench(t, bare)
	b.open("<mss 65535>")
	require.Equal(t, 1460, b.c.flow.MSS(), "the path's MTU bounds it")
}

func TestWindowScaleAbove14(t *testing.T) { // RFC 7323 section 2.3, T7323-01
	b := newBench(t)
	b.open("<wscale 15>")
	peer, _ := b.c.flow.WindowScales()
	require.EqualValues(t, 14, peer)
}

func TestNoScaleUnlessBothOffer(t *testing.T) { // RFC 7323 section 2.2, T7323-01
	b := newBench(t)
	b.dial()
	b.want("our offer", "S 0:0(0) <wscale 5>")
	b.inject("S. 0:0(0) ack 1 <mss 1460>")
	b.want("not scaled", ". 1:1(0) ack 1 win 65535")
}

func TestSYNIsRepeated(t *testing.T) { // T6298-01, T6298-03: 1 s, doubled; afterwards 3 s
	b := newBench(t, bare)
	b.dial()
	b.want("the SYN", "S 0:0(0)")
	b.wantQuiet("initial timeout is 1 s", 999*time.Millisecond)
	b.wait(time.Millisecond)
	b.want("first repetition", "S 0:0(0)")
	b.wantQuiet("then 2 s", 1999*time.Millisecond)
	b.wait(time.Millisecond)
	b.want("second repetition", "S 0:0(0)")
	b.wait(100 * time.Millisecond)
	b.inject("S. 0:0(0) ack 1 <mss 1000>")
	b.want("established", ". 1:1(0) ack 1")
	require.Equal(t, 3*time.Second, b.c.flow.RTO(), "Karn: no sample, so the timeout begins at 3 s (RFC 6298 section 5.7)")
	require.Equal(t, 1000, b.cwnd(), "the initial window is one segment, RFC 5681 section 3.1")
	require.EqualValues(t, 2, b.stats().SynRetrans)
	b.write(3000)
	b.want("one segment", ". 1:1001(1000)")
	b.wantIdle("no more")
	b.c.Abort(b.now)
	b.want("the end", "R. 1001:1001(0)")
}

func TestSYNTimesOut(t *testing.T) { // RFC 9293 section 3.8.3, MUST-23
	b := newBench(t)
	b.dial()
	start := b.now
	for b.c.State() == SynSent {
		b.want("SYN", "S 0:0(0)")
		b.wait(b.c.Deadline().Sub(b.now))
	}
	var e *LocalError
	require.ErrorAs(t, b.c.Err(), &e)
	require.Equal(t, SYNTimedOut, e.Reason)
	require.True(t, e.Timeout())
	require.GreaterOrEqual(t, b.now.Sub(start), 3*time.Minute)
}

func TestRefused(t *testing.T) { // RFC 9293 section 3.10.7.3, T5961-01
	b := newBench(t)
	b.dial()
	b.want("SYN", "S 0:0(0)")
	b.inject("R 0:0(0)")
	b.wantState(SynSent) // no ACK: anyone could have sent it
	b.inject("R. 0:0(0) ack 2")
	b.wantState(SynSent) // acknowledges what was not sent
	b.inject("R. 0:0(0) ack 1")
	b.wantState(Closed)
	var e *PeerError
	require.ErrorAs(t, b.c.Err(), &e)
	require.Equal(t, Refused, e.Reason)
}

func TestBadAckInSynSent(t *testing.T) { // RFC 9293 section 3.10.7.3, figure 9
	b := newBench(t)
	b.dial()
	b.want("SYN", "S 0:0(0)")
	b.inject(". 300:300(0) ack 77")
	b.want("a half-open peer is reset, with its own number", "R 77:77(0)")
	b.inject("S. 0:0(0) ack 5")
	b.want("a SYN/ACK of an old SYN, too", "R 5:5(0)")
	b.wantState(SynSent)
	b.inject("S. 0:0(0) ack 1")
	b.want("the right one still counts", ". 1:1(0) ack 1")
}

func TestPassiveOpen(t *testing.T) { // RFC 9293 section 3.5
	b := newBench(t)
	b.inject("S 0:0(0) win 30000 <mss 1460, sackOK, TS val 50 ecr 0, nop, wscale 7>")
	b.want("the SYN/ACK answers the options", "S. 0:0(0) ack 1 win 65535 <mss 1460, sackOK, TS val 1000 ecr 50, wscale 5>")
	b.wantState(SynReceived)
	b.wait(time.Second)
	b.want("repeated after 1 s", "S. 0:0(0) ack 1")
	b.inject("S 0:0(0) win 30000 <mss 1460, sackOK, TS val 51 ecr 0, nop, wscale 7>")
	b.want("and for a repeated SYN", "S. 0:0(0) ack 1")
	b.inject(". 1:1(0) ack 1 win 400 <nop, nop, TS val 60 ecr 2000>")
	b.wantState(Established)
	require.Equal(t, 400<<7, b.c.flow.PeerWindow())
	require.EqualValues(t, 1, b.stats().PassiveOpens)
}

func TestPassiveOpenWithDataInThirdAck(t *testing.T) {
	b := newBench(t, bare)
	b.inject("S 0:0(0) <mss 1460>")
	b.want("SYN/ACK without what was not offered", "S. 0:0(0) ack 1 win 65535 <mss 1460>")
	require.Len(t, b.seg.Options, 4)
	b.inject("P. 1:101(100) ack 1")
	b.want("acknowledged", ". 1:1(0) ack 101")
	b.read(100)
}

func TestPassiveOpenRefusals(t *testing.T) { // RFC 9293 section 3.10.7.4
	b := newBench(t, bare)
	b.inject("S 0:0(0)")
	b.want("", "S. 0:0(0) ack 1")
	b.inject(". 1:1(0) ack 9")
	b.want("an ACK that is not for our SYN", "R 9:9(0)")
	b.wantState(SynReceived)
	b.inject("S 40:40(0)")
	b.want("another SYN is challenged (RFC 5961 section 4)", ". 1:1(0) ack 1")
	b.inject("R 50:50(0)")
	b.want("a RST in the window is challenged", ". 1:1(0) ack 1")
	b.inject("R 1:1(0)")
	b.wantState(Closed) // back to LISTEN, which is the listener's
	require.EqualValues(t, 1, b.stats().AttemptFails)
}

func TestNotASyn(t *testing.T) {
	for _, line := range []string{". 0:0(0) ack 1", "S. 0:0(0) ack 1", "SR 0:0(0)", "FS 0:0(0)", "- 0:0(0)"} {
		b := newBench(t)
		_, ok := ParseSYN(b.parse(line))
		require.False(t, ok, line)
	}
}

func TestPromotedEmbryo(t *testing.T) { // the SYN/ACK was sent before there was a flow
	b := newBench(t, bare)
	e, ok := ParseSYN(b.parse("S 0:0(0) <mss 900>"))
	require.True(t, ok)
	b.par.Promoted = true
	f, err := Accept(b.now, b.cfg, b.par, e)
	require.NoError(t, err)
	b.c = newConn(b.now, f)
	b.wantIdle("no SYN/ACK again")
	b.inject(". 1:1(0) ack 1")
	b.wantState(Established)
	b.segmentsOf(900, 2)
	b.inject(". 1:1(0) ack 1801")
}

func TestCloseBeforeEstablished(t *testing.T) { // RFC 9293 section 3.10.4
	b := newBench(t, bare)
	b.dial()
	b.want("", "S 0:0(0)")
	b.c.CloseWrite(b.now)
	b.wantState(Closed) // nothing was to be sent: nobody misses it

	b = newBench(t, bare)
	b.dial()
	b.want("", "S 0:0(0)")
	b.write(10)
	b.c.CloseWrite(b.now)
	b.inject("S. 0:0(0) ack 1")
	b.want("data and FIN follow", "FP. 1:11(10) ack 1")
	b.wantState(FinWait1)
}

func TestISN(t *testing.T) { // RFC 6528 section 3, T6528-01
	g := ISN{Secret: [32]byte{1}}
	now := time.Unix(1e6, 0)
	a, ts := g.Next(now, clientAddr, serverAddr)
	b, ts2 := g.Next(now.Add(4*time.Millisecond), clientAddr, serverAddr)
	require.Equal(t, a+1000, b, "M ticks every 4 microseconds")
	require.Equal(t, ts, ts2, "timestamps of the same addresses go on growing")
	c, _ := g.Next(now, serverAddr, clientAddr)
	require.NotEqual(t, a, c, "F depends on the addresses")
	g.Secret[31] = 9
	d, _ := g.Next(now, clientAddr, serverAddr)
	require.NotEqual(t, a, d, "and on the secret")
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []Config{{}, {Rand: zeroRand{}, ReceiveBuffer: 1<<30 + 1}, {Rand: zeroRand{}, DelayedAck: time.Second},
		{Rand: zeroRand{}, MaxRTO: time.Second}, {Rand: zeroRand{}, SYNTimeout: time.Minute}} {
		_, err := c.Validate()
		var e *LocalError
		require.ErrorAs(t, err, &e)
		require.Equal(t, BadConfig, e.Reason)
		require.NotEmpty(t, e.What)
	}
	cfg := testConfig(t)
	for _, p := range []Params{{}, {Local: clientAddr, Remote: v6Addr}, {Local: clientAddr, Remote: serverAddr, MTU: 100},
		{Local: clientAddr, Remote: serverAddr, Cookie: []byte{1, 2}}} {
		_, err := Open(time.Unix(1, 0), cfg, p)
		require.Error(t, err)
	}
	_, err := Open(time.Unix(1, 0), &Config{}, Params{Local: clientAddr, Remote: serverAddr})
	require.Error(t, err)
}

type zeroRand struct{}

func (zeroRand) Uint64() uint64 { return 0 }

func reno(c *Config) { c.Congestion = cong.NewReno() }

func TestResetFor(t *testing.T) { // RFC 9293 section 3.10.7.1
	b := newBench(t)
	var out wire.Segment
	require.True(t, ResetFor(b.parse("S 7:7(0)"), &out))
	require.Equal(t, "R. 0:0(0) ack 8 win 0", string(wire.AppendText(nil, &out, wire.TextBase{Ack: benchPeer})))
	require.True(t, ResetFor(b.parse(". 7:17(10) ack 55"), &out))
	require.Equal(t, "R 55:55(0) win 0", string(wire.AppendText(nil, &out, wire.TextBase{Seq: benchISS})))
	require.False(t, ResetFor(b.parse("R 7:7(0)"), &out))
	require.Equal(t, clientAddr, out.Src)
}
