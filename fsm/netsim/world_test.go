package netsim

import (
	"bytes"
	"errors"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/wire"
)

const lossyLink = "link rate=8Mbit delay=10ms buffer=80ms loss=5% reorder=2% dup=2% corrupt=1%"

func mustLink(t testing.TB, text string) *Link {
	l, err := ParseLink(text)
	require.NoError(t, err)
	return l
}

func newSAW(n int) (a, b *stopAndWait) {
	return &stopAndWait{src: clientAddr, dst: serverAddr, send: n, rto: 100 * time.Millisecond},
		&stopAndWait{src: serverAddr}
}

func transferCapture(t *testing.T, seed uint64) []byte {
	var file bytes.Buffer
	c := NewPcap(&file)
	a, b := newSAW(200)
	w, _ := pair(seed, a, b, NewTap(c.See), mustLink(t, lossyLink), NewTap(c.See))
	require.NoError(t, w.RunUntil(func() bool { return a.send == 0 }, time.Hour))
	require.NoError(t, c.Err())
	require.EqualValues(t, 200*sawSize, b.rcv)
	require.Greater(t, a.sent, 205, "some were lost")
	return file.Bytes()
}

func TestSameSeedSameOctets(t *testing.T) {
	one := transferCapture(t, 42)
	require.Equal(t, one, transferCapture(t, 42))
	require.NotEqual(t, one, transferCapture(t, 43))
}

func TestDeadlockIsReported(t *testing.T) {
	a, b := newSAW(5)
	a.giveUpAfter = 3
	w, _ := pair(1, a, b, mustLink(t, "link delay=1ms down=0s-"))
	err := w.RunUntil(func() bool { return a.send == 0 }, time.Hour)
	var stuck *StuckError
	require.ErrorAs(t, err, &stuck)
	require.Equal(t, Deadlock, stuck.Kind)
	require.Equal(t, 200*time.Millisecond, stuck.At, "after the third transmission")
	require.Contains(t, stuck.State, "client: received 0, sent 3, no timer")
	require.Contains(t, stuck.State, "link delay=1ms down=0s-")
	require.NoError(t, w.RunIdle(time.Second), "quiet is what RunIdle asks for")
}

func TestStepByStep(t *testing.T) {
	a, b := newSAW(2)
	w, _ := pair(1, a, b, mustLink(t, "link delay=1ms"))
	require.False(t, w.Step(), "nobody has had a turn")
	w.Kick()
	steps := 0
	for w.Step() {
		steps++
	}
	require.Zero(t, a.send)
	require.EqualValues(t, steps, w.Stats().Events)
	require.Equal(t, 4*time.Millisecond, w.Elapsed(), "timers that were moved or taken back do not count")
}

func TestTimeLimit(t *testing.T) {
	a, b := newSAW(5)
	w, _ := pair(1, a, b, mustLink(t, "link down=0s-"))
	err := w.RunUntil(func() bool { return a.send == 0 }, 950*time.Millisecond)
	var stuck *StuckError
	require.ErrorAs(t, err, &stuck)
	require.Equal(t, TimeLimit, stuck.Kind)
	require.Equal(t, 950*time.Millisecond, w.Elapsed())
	require.Equal(t, 10, a.sent)
	require.Contains(t, stuck.State, "timer at 1s")
}

func TestLivelockWithoutProgress(t *testing.T) {
	a, b := newSAW(50)
	l := mustLink(t, "link delay=1ms down=50ms-")
	w, _ := pair(1, a, b, l)
	w.Progress, w.MaxStall = func() uint64 { return uint64(b.rcv) }, 5*time.Second
	err := w.RunUntil(func() bool { return a.send == 0 }, 0)
	var stuck *StuckError
	require.ErrorAs(t, err, &stuck)
	require.Equal(t, Livelock, stuck.Kind)
	require.InDelta(t, 5, stuck.At.Seconds(), 0.2)
}

// pingPong answers every segment at once, for ever.
type pingPong struct {
	sink
	src, dst netip.AddrPort
	due      int
}

func (h *pingPong) HandleSegment(time.Time, *wire.Segment) { h.due++ }
func (h *pingPong) PollSegment(_ time.Time, seg *wire.Segment) bool {
	if h.due == 0 {
		return false
	}
	h.due--
	*seg = wire.Segment{Src: h.src, Dst: h.dst, Flags: wire.ACK}
	return true
}

func TestLivelockAtOneInstant(t *testing.T) {
	a := &pingPong{src: clientAddr, dst: serverAddr, due: 1}
	b := &pingPong{src: serverAddr, dst: clientAddr}
	w, _ := pair(1, a, b)
	w.MaxInstant = 1000
	err := w.RunIdle(0)
	var stuck *StuckError
	require.ErrorAs(t, err, &stuck)
	require.Equal(t, Livelock, stuck.Kind)
	require.Zero(t, stuck.At)
}

// chatterbox sends without end whenever it is polled.
type chatterbox struct{ sink }

func (h *chatterbox) PollSegment(_ time.Time, seg *wire.Segment) bool {
	*seg = wire.Segment{Src: clientAddr, Dst: serverAddr, Flags: wire.ACK}
	return true
}

func TestLivelockOfAHostThatNeverStops(t *testing.T) {
	w, _ := pair(1, &chatterbox{}, &sink{quiet: true})
	w.MaxInstant = 1000
	var stuck *StuckError
	require.ErrorAs(t, w.RunIdle(0), &stuck)
	require.Equal(t, Livelock, stuck.Kind)
	require.Contains(t, stuck.Reason, "client")
}

func TestCheckEndsTheRun(t *testing.T) {
	a, b := newSAW(50)
	w, _ := pair(1, a, b, mustLink(t, "link delay=1ms"))
	broken := errors.New("invariant")
	w.Check = func() error {
		if b.rcv >= 1000 {
			return broken
		}
		return nil
	}
	require.Equal(t, broken, w.RunUntil(func() bool { return a.send == 0 }, 0))
	require.EqualValues(t, 1000, b.rcv)
}

func TestAppActsOnEveryInput(t *testing.T) {
	a, b := newSAW(0)
	w, p := pair(1, a, b, mustLink(t, "link delay=1ms"))
	turns := 0
	p.ends[1].end.App = func(now time.Time) { turns++ }
	w.At(5*time.Millisecond, func() { a.send = 1; a.sendAt = w.Now() })
	require.NoError(t, w.RunFor(20*time.Millisecond))
	require.Equal(t, 3, turns, "the start, the script, the segment")
	require.EqualValues(t, sawSize, b.rcv)
	require.Equal(t, 20*time.Millisecond, w.Elapsed())
}

func TestSegmentationCopiesOptions(t *testing.T) { // P-3.3.4-01
	b := newBlaster(1, 2500, 0)
	b.segSize, b.flags = 1000, wire.ACK|wire.PSH|wire.FIN|wire.CWR
	p, err := wire.ParseText(". <dss dack4=1 dsn8=1 ssn=1 dll=2500, nop, nop>")
	require.NoError(t, err)
	b.options = p.Options
	b.summed = true // the sum of the whole is not that of the pieces
	for i := range b.payload {
		b.payload[i] = byte(i * 7)
	}
	s := &sink{}
	w, _ := pair(1, b, s)
	require.NoError(t, w.RunIdle(0))
	require.Equal(t, []uint32{0, 1000, 2000}, s.seqs)
	require.Equal(t, []int{1000, 1000, 500}, s.sizes)
	require.Equal(t, []wire.Flags{wire.ACK | wire.CWR, wire.ACK, wire.ACK | wire.PSH | wire.FIN}, s.flags)
	for _, o := range s.opts {
		require.Equal(t, string(p.Options), o)
	}
}

func TestRouting(t *testing.T) {
	w := New(1)
	b := newBlaster(0, 10, 0)
	client, s1, s2 := w.AddHost("client", b), &sink{}, &sink{}
	second := netip.MustParseAddr("10.1.0.1")
	p1 := w.Connect(client, clientAddr.Addr(), w.AddHost("one", s1), serverAddr.Addr())
	p2 := w.Connect(client, second, w.AddHost("two", s2), serverAddr.Addr())
	send := func(src netip.Addr, dst netip.Addr) {
		b.src, b.dst, b.left, b.next = netip.AddrPortFrom(src, 1), netip.AddrPortFrom(dst, 2), 1, w.Now()
		require.NoError(t, w.RunIdle(0))
	}
	send(clientAddr.Addr(), serverAddr.Addr())
	send(second, serverAddr.Addr())
	require.Equal(t, []int{1, 1}, []int{len(s1.seqs), len(s2.seqs)}, "by both addresses")
	send(second, netip.MustParseAddr("192.0.2.9"))
	require.Equal(t, []int{1, 2}, []int{len(s1.seqs), len(s2.seqs)}, "by source address")
	send(netip.MustParseAddr("172.16.0.1"), serverAddr.Addr())
	require.EqualValues(t, 1, client.Stats().NoRoute)
	p2.SetDown(true)
	require.False(t, s2.paths[len(s2.paths)-1].Up)
	send(second, serverAddr.Addr())
	require.EqualValues(t, 2, client.Stats().NoRoute)
	p2.SetDown(false)
	require.Equal(t, PathInfo{ID: p2.ID(), Local: serverAddr.Addr(), Remote: second, Up: true}, s2.paths[len(s2.paths)-1])
	require.NotEqual(t, p1.ID(), p2.ID())
}

func TestRepliesGoBackWhereTheyCameFrom(t *testing.T) {
	// Behind a NAT the client has an address that no path was laid to.
	w := New(1)
	b := &stopAndWait{src: serverAddr}
	server := w.AddHost("server", b)
	seen := [2]int{}
	var ports [2]*Node
	var paths [2]*Path
	for i := range ports {
		ports[i] = w.AddPort("port", func(*Path, []byte) { seen[i]++ })
		paths[i] = w.Connect(ports[i], clientAddr.Addr(), server, serverAddr.Addr())
	}
	public := netip.MustParseAddrPort("198.51.100.1:1024")
	pkt, err := wire.Append(nil, &wire.Segment{Src: public, Dst: serverAddr, Flags: wire.ACK, Payload: []byte("x")})
	require.NoError(t, err)
	ports[1].Inject(paths[1], pkt)
	require.NoError(t, w.RunIdle(0))
	require.Equal(t, [2]int{0, 1}, seen)
}

func TestInsertAndRemoveWhileRunning(t *testing.T) {
	b := newBlaster(10, 10, 10*time.Millisecond)
	s := &sink{}
	w, p := pair(1, b, s, mustLink(t, "link delay=15ms"))
	taps := 0
	tap := NewTap(func(time.Time, Dir, []byte) { taps++ })
	w.At(35*time.Millisecond, func() { p.Insert(1, tap) })
	w.At(75*time.Millisecond, func() { require.Same(t, tap, p.Remove(1)) })
	require.NoError(t, w.RunIdle(0))
	require.Len(t, s.seqs, 10)
	require.Equal(t, 4, taps, "those that reached the far end between 35 and 75 ms")
	require.Len(t, p.Elements(), 1)
}

// oneShot takes itself away at its first packet.
type oneShot struct {
	path **Path
	n    int
}

func (o *oneShot) Handle(at *Slot, dir Dir, p *Packet) {
	o.n++
	(*o.path).Remove(1)
	at.Send(dir, p)
}
func (o *oneShot) String() string { return "oneshot" }

func TestWhatIsUnderWayToARemovedElementPassesItBy(t *testing.T) {
	n := 0
	var path *Path
	o := &oneShot{path: &path}
	l := NewLine(1, func(Dir, []byte) { n++ }, mustLink(t, "link dup=1"), o)
	path = l.Path()
	require.NoError(t, l.Input(0, Forward, make([]byte, 40)))
	require.Equal(t, 2, n, "the packet and its twin")
	require.Equal(t, 1, o.n)
}

func TestSentTwicePanics(t *testing.T) {
	l := NewLine(1, func(Dir, []byte) {}, twice{})
	require.Panics(t, func() { _ = l.Input(0, Forward, make([]byte, 40)) })
}

type twice struct{}

func (twice) Handle(at *Slot, dir Dir, p *Packet) {
	at.Send(dir, p)
	at.Drop(dir, p, "")
	at.Send(dir, p)
}
func (twice) String() string { return "twice" }

func TestLine(t *testing.T) {
	var out []Dir
	l := NewLine(1, func(d Dir, pkt []byte) { out = append(out, d) }, mustLink(t, "link c2s.delay=10ms"))
	require.NoError(t, l.Input(5*time.Millisecond, Forward, []byte("whatever")))
	require.NoError(t, l.Input(5*time.Millisecond, Reverse, []byte("whatever")))
	require.Equal(t, []Dir{Reverse}, out)
	at, ok := l.Deadline()
	require.True(t, ok)
	require.Equal(t, 15*time.Millisecond, at)
	require.NoError(t, l.Advance(at))
	require.Equal(t, []Dir{Reverse, Forward}, out)
	_, ok = l.Deadline()
	require.False(t, ok)
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	b := newBlaster(1<<30, 1000, 1200*time.Microsecond)
	s := &sink{quiet: true}
	w, _ := pair(1, b, s, mustLink(t, "link rate=8Mbit delay=10ms buffer=80ms loss=1%"), mustLink(t, "link delay=3ms dup=1%"))
	require.NoError(t, w.RunFor(5*time.Second))
	before := s.n
	n := testing.AllocsPerRun(5, func() { _ = w.RunFor(time.Second) })
	require.Zero(t, n)
	require.Greater(t, s.n-before, 4000)
}

func BenchmarkEvents(b *testing.B) {
	src := newBlaster(math.MaxInt, 1000, 12*time.Microsecond)
	s := &sink{quiet: true}
	w, _ := pair(1, src, s, mustLink(b, "link rate=1Gbit delay=10ms buffer=1MB loss=1%"), mustLink(b, "link delay=3ms"))
	if err := w.RunFor(time.Second); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	before := w.Stats()
	for b.Loop() {
		_ = w.RunFor(time.Millisecond)
	}
	after := w.Stats()
	b.ReportMetric(float64(after.Events-before.Events)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(after.Delivered-before.Delivered)/b.Elapsed().Seconds(), "packets/s")
}
