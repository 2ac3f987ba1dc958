package tcp

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/fsm/cong"
	"github.com/mptcp-go/mptcp/wire"
)

// loop is a pair of connections that exchange segments with no copy and no
// encoding in between, to measure the flow alone.
type loop struct {
	now  time.Time
	c    [2]*Conn
	seg  wire.Segment
	data []byte
	buf  []byte
}

func newLoop(t testing.TB) *loop {
	l := &loop{now: time.Unix(1e6, 0), data: pattern(1 << 16), buf: make([]byte, 1<<16)}
	cfg := testConfig(t, reno)
	c, err := Dial(l.now, cfg, Params{Local: clientAddr, Remote: serverAddr, ISS: 1, MTU: 1500})
	require.NoError(t, err)
	l.c[0] = c
	l.seg.Options = make(wire.Options, 0, wire.MaxOptions)
	require.True(t, c.PollSegment(l.now, &l.seg))
	l.c[1], _, err = AcceptSYN(l.now, cfg, Params{ISS: 2}, &l.seg, nil)
	require.NoError(t, err)
	for range 3 {
		l.exchange()
	}
	require.Equal(t, Established, l.c[1].State())
	return l
}

// exchange lets each side send what it has, to the other at once.
func (l *loop) exchange() (segments int) {
	for i, c := range l.c {
		for c.PollSegment(l.now, &l.seg) {
			l.c[1-i].HandleSegment(l.now, &l.seg)
			segments++
		}
	}
	return segments
}

// round writes n octets, moves them and reads them.
func (l *loop) round(n int) (segments int) {
	_, _ = l.c[0].Write(l.now, l.data[:n])
	for done := 0; done < n; {
		l.now = l.now.Add(time.Millisecond)
		segments += l.exchange()
		k, _ := l.c[1].Read(l.now, l.buf)
		done += k
		segments += l.exchange()
	}
	return segments
}

func TestNoAllocationsInSteadyState(t *testing.T) {
	l := newLoop(t)
	for range 200 {
		l.round(50000)
	}
	require.Zero(t, testing.AllocsPerRun(200, func() { l.round(50000) }))
}

// TestNoAllocationsWithLoss: neither do SACK, the scoreboard and out-of-order
// data allocate once their arrays have grown.
func TestNoAllocationsWithLoss(t *testing.T) {
	l := newLoop(t)
	n := 0
	round := func() {
		_, _ = l.c[0].Write(l.now, l.data[:50000])
		for done := 0; done < 50000; {
			l.now = l.now.Add(time.Millisecond)
			if d := l.c[0].Deadline(); !d.IsZero() && !d.After(l.now) {
				l.c[0].HandleTimer(l.now)
			}
			for i, c := range l.c {
				for c.PollSegment(l.now, &l.seg) {
					if n++; n%37 == 0 && len(l.seg.Payload) > 0 {
						continue
					}
					l.c[1-i].HandleSegment(l.now, &l.seg)
				}
			}
			k, _ := l.c[1].Read(l.now, l.buf)
			done += k
		}
	}
	for range 300 {
		round()
	}
	require.LessOrEqual(t, testing.AllocsPerRun(200, round), 0.1)
	require.Positive(t, l.c[0].flow.stats.FastRetrans)
}

func BenchmarkSegments(b *testing.B) {
	l := newLoop(b)
	for range 100 {
		l.round(50000)
	}
	b.ReportAllocs()
	b.ResetTimer()
	segments := 0
	for b.Loop() {
		segments += l.round(50000)
	}
	b.SetBytes(50000)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(segments), "ns/segment")
}

// TestGoodputUnderLoss: goodput is within 15 % of the PFTK formula (Padhye et al.)
// at 0.1, 1 and 3 % random loss. One ACK for two segments does not slow us down,
// as octets are counted: b is 1.
func TestGoodputUnderLoss(t *testing.T) {
	for _, c := range []struct {
		loss   float64
		octets int
	}{{0.001, 24 << 20}, {0.01, 8 << 20}, {0.03, 4 << 20}} {
		if testing.Short() && c.loss < 0.01 {
			continue // it takes many segments to see enough losses
		}
		got, want := goodput(t, c.loss, c.octets, reno)
		t.Logf("loss %.3f: %.0f octets/s, formula %.0f, ratio %.2f", c.loss, got, want, got/want)
		require.InDelta(t, 1, got/want, 0.15)
	}
}

func goodput(t testing.TB, loss float64, octets int, change ...func(*Config)) (got, formula float64) {
	big := func(c *Config) { c.SendBuffer, c.ReceiveBuffer = 4<<20, 4<<20 }
	p := newPair(t, testConfig(t, append(change, big)...), testConfig(t, big))
	p.quiet = true
	p.par[0].MTU = 1052 // segments of 1000 octets
	dice := rand.New(rand.NewPCG(4, 4))
	p.link[0].delay, p.link[1].delay = 25*time.Millisecond, 25*time.Millisecond
	p.link[0].fate = func(s *wire.Segment, _ int) (int, time.Duration) {
		if len(s.Payload) > 0 && dice.Float64() < loss {
			return 0, 0
		}
		return 1, 0
	}
	p.connect()
	x := &transfer{p: p, from: 0, data: pattern(octets)}
	start := p.now
	p.runUntil(20*time.Minute, x.done)
	took := p.now.Sub(start).Seconds()
	const rtt, b, rto = 0.05, 1.0, 0.2
	q := loss
	pkts := 1 / (rtt*math.Sqrt(2*b*q/3) + rto*min(1, 3*math.Sqrt(3*b*q/8))*q*(1+32*q*q))
	return float64(len(x.data)) / took, pkts * 1000
}

// TestCwndIsUsed: goodput is at least 0.95 of the time integral of cwnd/SRTT, on a
// path with random loss and on one whose queue overflows.
func TestCwndIsUsed(t *testing.T) {
	for _, c := range []struct {
		name  string
		group cong.Group
		loss  int // one in so many
		rate  int
	}{
		{"reno, random loss", cong.NewReno(), 200, 0}, {"cubic, random loss", cong.NewCubic(), 200, 0},
		{"reno, queue", cong.NewReno(), 0, 1_250_000}, {"cubic, queue", cong.NewCubic(), 0, 1_250_000},
	} {
		big := func(f *Config) { f.SendBuffer, f.ReceiveBuffer, f.Congestion = 8<<20, 8<<20, c.group }
		p := newPair(t, testConfig(t, big), testConfig(t, big))
		p.quiet = true
		for i := range p.link {
			p.link[i].delay = 20 * time.Millisecond
			p.link[i].rate, p.link[i].limit = c.rate, 100_000
		}
		dice := rand.New(rand.NewPCG(5, 5))
		p.link[0].fate = func(*wire.Segment, int) (int, time.Duration) {
			if c.loss > 0 && dice.IntN(c.loss) == 0 {
				return 0, 0
			}
			return 1, 0
		}
		p.connect()
		x := &transfer{p: p, from: 0, data: pattern(12 << 20)}
		var integral float64
		last, start, skipped := p.now, p.now, 0
		p.runUntil(5*time.Minute, func() bool {
			f := p.end[0].flow
			w, _ := f.Cwnd()
			if p.now.Sub(start) < 2*time.Second && c.rate > 0 {
				skipped = len(x.got) // slow start overshoots a queue, as it must
			} else if srtt, _ := f.RTT(); srtt > 0 {
				integral += float64(w) / srtt.Seconds() * p.now.Sub(last).Seconds()
			}
			last = p.now
			return x.done()
		})
		rate := float64(len(x.data)) / p.now.Sub(start).Seconds()
		t.Logf("%s: %.0f octets/s, %.3f of the integral of cwnd/SRTT; %d repeated, %d timeouts", c.name, rate,
			float64(len(x.data)-skipped)/integral, p.end[0].flow.stats.RetransSegs, p.end[0].flow.stats.Timeouts)
		require.GreaterOrEqual(t, float64(len(x.data)-skipped)/integral, 0.95, c.name)
		if c.rate > 0 {
			require.Greater(t, rate, 0.94*float64(c.rate)*1448/1500, c.name)
		}
	}
}
