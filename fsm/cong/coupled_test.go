package cong

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// inAvoidance brings a controller to congestion avoidance with about that window.
func inAvoidance(c Controller, cwnd int, srtt time.Duration) {
	c.OnSignal(time.Time{}, Loss, 2*cwnd)
	ack(c, 0, srtt)
}

// ack acknowledges n octets, at the time when they are due if the window goes out evenly.
func ack(c Controller, n int, srtt time.Duration) {
	c.OnAck(due(c, n, srtt), Ack{Acked: n, RTT: srtt, SRTT: srtt, MinRTT: srtt, InFlight: 1 << 20, Limited: true})
}

// due is when n octets are acknowledged, if nothing else is.
func due(c Controller, n int, srtt time.Duration) time.Time {
	last := int64(0)
	switch c := c.(type) {
	case *lia:
		last = c.heard
	case *olia:
		last = c.heard
	}
	return time.Unix(0, last+int64(srtt)*int64(n)/int64(cwnd(c)))
}

func cwnd(c Controller) int { w, _ := c.State(); return w }

// The increase of RFC 6356 section 3, equations 1 and 2, computed the long way
// (T6356-01, T6356-03).
func TestLIAFormula(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "flows")
		g := NewLIA()
		var flows []Controller
		var rtt []float64
		for range n {
			ms := rapid.IntRange(1, 500).Draw(t, "rtt")
			w := rapid.IntRange(4, 2000).Draw(t, "segments") * 1460
			c := g.Add(1460)
			inAvoidance(c, w, time.Duration(ms)*time.Millisecond)
			flows, rtt = append(flows, c), append(rtt, float64(ms)/1000)
		}
		i := rapid.IntRange(0, n-1).Draw(t, "which")
		acked := rapid.IntRange(1, 64<<10).Draw(t, "acked")
		total, best, sum := 0.0, 0.0, 0.0
		for k, c := range flows {
			w := float64(cwnd(c))
			total += w
			best = max(best, w/(rtt[k]*rtt[k]))
			sum += w / rtt[k]
		}
		alpha := total * best / (sum * sum)
		before := cwnd(flows[i])
		want := min(alpha*float64(acked)*1460/total, float64(acked)*1460/float64(before))
		ack(flows[i], acked, time.Duration(rtt[i]*1e9))
		got := float64(cwnd(flows[i]) - before)
		require.InDelta(t, max(1, math.Floor(want)), got, 1)
	})
}

// An increase of nothing becomes one octet (T6356-02).
func TestLIANeverStandsStill(t *testing.T) {
	c := NewLIA().Add(1460)
	inAvoidance(c, 1<<28, 50*time.Millisecond)
	before := cwnd(c)
	ack(c, 1, 50*time.Millisecond)
	require.Equal(t, before+1, cwnd(c))
}

// Slow start and the decrease are TCP's own (T6356-05).
func TestCouplingLeavesSlowStartAndLossAlone(t *testing.T) {
	for _, g := range []Group{NewLIA(), NewOLIA()} {
		other := g.Add(1460)
		inAvoidance(other, 100*1460, 10*time.Millisecond)
		c, r := g.Add(1460), NewReno().Add(1460)
		for range 5 {
			ack(c, 14600, 20*time.Millisecond)
			ack(r, 14600, 20*time.Millisecond)
			require.Equal(t, cwnd(r), cwnd(c))
		}
		for _, s := range []Signal{Loss, Timeout, Idle, Penalty, LostSYN} {
			c.OnSignal(time.Time{}, s, 50000)
			r.OnSignal(time.Time{}, s, 50000)
			cw, ct := c.State()
			rw, rt := r.State()
			require.Equal(t, rw, cw, s)
			require.Equal(t, rt, ct, s)
		}
	}
}

// A flow that the application does not fill counts with what it has in flight
// (T6356-04).
func TestLIACountsWhatIsUsed(t *testing.T) {
	g := NewLIA()
	a, idle := g.Add(1460), g.Add(1460)
	inAvoidance(a, 50*1460, 20*time.Millisecond)
	inAvoidance(idle, 1000*1460, 20*time.Millisecond)
	before := cwnd(a)
	ack(a, 14600, 20*time.Millisecond)
	coupledStep := cwnd(a) - before
	idle.OnAck(due(idle, 0, 0), Ack{SRTT: 20 * time.Millisecond, InFlight: 1460})
	before = cwnd(a)
	ack(a, 14600, 20*time.Millisecond)
	require.Greater(t, cwnd(a)-before, 5*coupledStep)
}

// Alone, LIA and OLIA are Reno; a flow that left counts no more.
func TestCoupledAloneIsReno(t *testing.T) {
	for _, g := range []Group{NewLIA(), NewOLIA()} {
		c, gone := g.Add(1460), g.Add(1460)
		inAvoidance(gone, 500*1460, 5*time.Millisecond)
		g.Remove(gone)
		g.Remove(gone)
		g.Remove(NewReno().Add(1460))
		inAvoidance(c, 40*1460, 30*time.Millisecond)
		start := cwnd(c)
		for got := 0; got < start; got += 1460 {
			ack(c, 1460, 30*time.Millisecond)
		}
		require.InDelta(t, start+1460, cwnd(c), 60)
	}
}

// Goal 2 of RFC 6356: over paths that are alike the group grows by no more than one
// TCP would, whatever their number.
func TestCoupledGroupGrowsAsOneTCP(t *testing.T) {
	for name, g := range map[string]Group{"LIA": NewLIA(), "OLIA": NewOLIA()} {
		var flows []Controller
		for range 4 {
			c := g.Add(1460)
			inAvoidance(c, 50*1460, 40*time.Millisecond)
			flows = append(flows, c)
		}
		total := func() (n int) {
			for _, c := range flows {
				n += cwnd(c)
			}
			return n
		}
		before := total()
		for range 50 {
			for _, c := range flows {
				ack(c, 1460, 40*time.Millisecond)
			}
		}
		grown := float64(total()-before) / 1460
		// Of n paths that are alike, alpha is 1/n (RFC 6356 section 3): the group adds
		// a quarter of a segment a round trip, far from the four that Reno would.
		require.InDelta(t, 0.25, grown, 0.15, name)
	}
}

// OLIA moves its window to the path that loses less.
func TestOLIAPrefersTheBetterPath(t *testing.T) {
	g := NewOLIA()
	good, bad := g.Add(1460), g.Add(1460)
	rtt := 20 * time.Millisecond
	inAvoidance(bad, 60*1460, rtt)
	inAvoidance(good, 20*1460, rtt)
	for i := range 20000 {
		for _, c := range []Controller{good, bad} {
			for sent := 0; sent < cwnd(c); sent += 1460 {
				ack(c, 1460, rtt)
			}
		}
		if i%40 == 39 {
			bad.OnSignal(time.Time{}, Loss, cwnd(bad))
		}
		if i%400 == 399 {
			good.OnSignal(time.Time{}, Loss, cwnd(good))
		}
	}
	require.Greater(t, cwnd(good), 3*cwnd(bad))
}

// The paper's section 4.2, mechanism 4.
func TestCappedHoldsTheWindow(t *testing.T) {
	g := NewCapped(NewLIA())
	c := g.Add(1460)
	inAvoidance(c, 40*1460, 20*time.Millisecond)
	w := cwnd(c)
	ack(c, 14600, 41*time.Millisecond) // more than twice the least
	require.Equal(t, w, cwnd(c))
	ack(c, 14600, 40*time.Millisecond)
	require.Greater(t, cwnd(c), w)
	c.OnSignal(time.Time{}, Loss, 20*1460) // losses act as ever
	require.Equal(t, 10*1460, cwnd(c))
	g.Remove(c)
}

func TestWindowsStayInBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		groups := []Group{NewLIA(), NewOLIA(), NewCapped(NewOLIA())}
		g := groups[rapid.IntRange(0, 2).Draw(t, "group")]
		var flows []Controller
		for range rapid.IntRange(1, 4).Draw(t, "flows") {
			flows = append(flows, g.Add(1460))
		}
		for range 200 {
			c := flows[rapid.IntRange(0, len(flows)-1).Draw(t, "flow")]
			if rapid.Bool().Draw(t, "ack") {
				rtt := time.Duration(rapid.IntRange(0, 5000).Draw(t, "rtt")) * 100 * time.Microsecond
				c.OnAck(time.Time{}, Ack{
					Acked: rapid.IntRange(0, 1<<17).Draw(t, "acked"), RTT: rtt, SRTT: rtt,
					InFlight: rapid.IntRange(0, 1<<20).Draw(t, "flight"), Limited: rapid.Bool().Draw(t, "limited"),
				})
			} else {
				c.OnSignal(time.Time{}, Signal(rapid.IntRange(0, 5).Draw(t, "signal")), rapid.IntRange(0, 1<<20).Draw(t, "flight"))
			}
			w, ss := c.State()
			require.GreaterOrEqual(t, w, 1460)
			require.GreaterOrEqual(t, ss, 1460)
			require.Less(t, w, 1<<30)
		}
	})
}

// A window over the round-trip time is no rate where time is lost: a path that stands still
// for half of its time counts half, and the group as a whole stays as fast as one TCP.
func TestCoupledCountsTheTimeLost(t *testing.T) {
	const rtt = 20 * time.Millisecond
	for _, repaired := range []bool{false, true} {
		g := NewLIA()
		steady, halting := g.Add(1460).(*lia), g.Add(1460).(*lia)
		inAvoidance(steady, 20*1460, rtt)
		inAvoidance(halting, 20*1460, rtt)
		now := time.Unix(0, 0)
		for range 1000 {
			now = now.Add(2 * rtt)
			steady.note(now, Ack{Acked: 2 * cwnd(steady), SRTT: rtt, Limited: true})
			a := Ack{Acked: cwnd(halting), SRTT: rtt, Limited: true}
			if repaired { // nothing was lost but the right to grow
				a.Repaired = a.Acked
			}
			halting.note(now, a)
		}
		want := 10.0 * 1460
		if repaired {
			want *= 2
		}
		require.InDelta(t, 20*1460, steady.steady(), 1)
		require.InDelta(t, want, halting.steady(), 1)

		halting.OnSignal(now, Timeout, 20*1460) // now it waits, and counts for what it sends
		require.EqualValues(t, 1460, halting.steady())
		halting.note(now.Add(rtt), Ack{Acked: 1460, SRTT: rtt, Limited: true})
		require.Greater(t, halting.steady(), 0.9*want)
		halting.note(now.Add(meanOver*2*rtt), Ack{Acked: 1460, SRTT: rtt, Limited: true}) // too long ago
		require.EqualValues(t, 1460, halting.steady())
	}
}

// A pause of the application's is not counted: nobody wanted to send.
func TestCoupledDoesNotCountPauses(t *testing.T) {
	const rtt = 20 * time.Millisecond
	c := NewOLIA().Add(1460).(*olia)
	inAvoidance(c, 20*1460, rtt)
	now := time.Unix(0, 0)
	for range 10 {
		now = now.Add(100 * rtt)
		c.OnSignal(now, Idle, 0)
		c.cwnd = 20 * 1460
		now = now.Add(rtt)
		c.note(now, Ack{Acked: 20 * 1460, SRTT: rtt, Limited: true})
	}
	require.InDelta(t, 20*1460, c.steady(), 1)
}

// The window of the path that carries most rises in a straight line between two losses, as
// TCP's does: what it gains in a round trip depends on its mean, not on itself.
func TestCoupledRisesInAStraightLine(t *testing.T) {
	const rtt = 20 * time.Millisecond
	for _, g := range []Group{NewLIA(), NewOLIA()} {
		c, other := g.Add(1460), g.Add(1460)
		inAvoidance(c, 100*1460, rtt)
		inAvoidance(other, 10*1460, rtt)
		gain := func() float64 {
			before := cwnd(c)
			for n := 0; n < before; n += 1460 {
				ack(c, 1460, rtt)
			}
			return float64(cwnd(c) - before)
		}
		high := gain()
		c.OnSignal(time.Time{}, Loss, 100*1460) // to half
		require.InEpsilon(t, high, gain(), 0.1)
	}
}
