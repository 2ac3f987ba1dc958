package cong

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const mss = 1000

var t0 = time.Unix(1000, 0)

func window1(c Controller) int { w, _ := c.State(); return w }

// ackWindow acknowledges one whole window, segment by segment, within one round trip.
func ackWindow(c Controller, now time.Time, rtt time.Duration) {
	w := window1(c)
	for n := 0; n < w; n += mss {
		c.OnAck(now.Add(rtt*time.Duration(n)/time.Duration(w)), Ack{Acked: mss, RTT: rtt, SRTT: rtt, MinRTT: rtt, InFlight: w, Limited: true})
	}
}

func TestInitialWindow(t *testing.T) { // RFC 6928 section 2, T5681-01
	require.Equal(t, 14600, InitialWindow(1460))
	require.Equal(t, 5360, InitialWindow(536))
	require.Equal(t, 14600, InitialWindow(4000))
	require.Equal(t, 18000, InitialWindow(9000), "two segments where they exceed 14600 octets")
}

func TestReno(t *testing.T) { // RFC 5681 section 3.1, T5681-01
	c := NewReno().Add(mss)
	require.Equal(t, 10*mss, window1(c))
	ackWindow(c, t0, time.Second)
	require.Equal(t, 20*mss, window1(c), "slow start doubles the window in a round trip")

	c.OnSignal(t0, Loss, 20*mss)
	w, ss := c.State()
	require.Equal(t, 10*mss, ss, "ssthresh is half of what was in flight")
	require.Equal(t, 10*mss, w)
	for i := 1; i <= 5; i++ {
		ackWindow(c, t0, time.Second)
		require.InDelta(t, (10+i)*mss, window1(c), 0.05*float64(i)*mss, "congestion avoidance adds one segment a round trip")
	}

	// A part of a window earns a part of a segment, which a loss does not take back.
	half := window1(c) / 2
	c.OnAck(t0, Ack{Acked: half, Limited: true})
	require.InDelta(t, mss/2, window1(c)-2*half, 1)

	c.OnSignal(t0, Timeout, 15*mss)
	w, ss = c.State()
	require.Equal(t, mss, w, "the loss window is one segment")
	require.Equal(t, 7500, ss)
	c.OnSignal(t0, Loss, mss)
	_, ss = c.State()
	require.Equal(t, 2*mss, ss, "ssthresh is never below two segments")
}

func TestWindowNotUsedDoesNotGrow(t *testing.T) {
	for _, g := range []Group{NewReno(), NewCubic()} {
		c := g.Add(mss)
		for range 50 {
			c.OnAck(t0, Ack{Acked: mss, InFlight: mss})
		}
		require.Equal(t, 10*mss, window1(c))
	}
}

func TestSignals(t *testing.T) { // RFC 5681 sections 3.1 and 4.1, T5681-02
	for _, g := range []Group{NewReno(), NewCubic()} {
		c := g.Add(mss)
		c.OnSignal(t0, LostSYN, 0)
		w, ss := c.State()
		require.Equal(t, mss, w, "one segment after a lost SYN")
		require.Equal(t, infinite, ss, "and still slow start")

		c = g.Add(mss)
		ackWindow(c, t0, time.Second)
		ackWindow(c, t0, time.Second)
		c.OnSignal(t0, Idle, 0)
		require.Equal(t, 10*mss, window1(c), "restart window after idle")

		c = g.Add(mss)
		ackWindow(c, t0, time.Second)
		c.OnSignal(t0, Timeout, 20*mss)
		c.OnSignal(t0, Spurious, 0)
		w, ss = c.State()
		require.Equal(t, 20*mss, w)
		require.Equal(t, infinite, ss)

		c.OnSignal(t0, Penalty, 0)
		w, ss = c.State()
		require.Equal(t, 10*mss, w, "the paper halves the window of a subflow that blocks")
		require.Equal(t, 10*mss, ss)
	}
}

func TestSetMSSBeforeFirstAck(t *testing.T) {
	c := NewReno().Add(536)
	c.SetMSS(1460)
	require.Equal(t, 14600, window1(c))
	c.OnAck(t0, Ack{Acked: 1460, Limited: true})
	c.SetMSS(500)
	require.Equal(t, 14600+1460, window1(c), "later, only the floor follows")
}

func TestCubicCurve(t *testing.T) { // RFC 9438 sections 4.2 and 4.6
	c := NewCubic().Add(mss)
	for window1(c) < 100*mss {
		ackWindow(c, t0, 100*time.Millisecond)
	}
	before := window1(c)
	c.OnSignal(t0, Loss, before)
	w, ss := c.State()
	require.Equal(t, before*7/10, ss, "multiplicative decrease by 0.7")
	require.Equal(t, ss, w)

	// K seconds after the loss the curve is back at the old maximum.
	k := math.Cbrt(float64(before-w) / mss / cubicC)
	const rtt = 100 * time.Millisecond
	now := t0
	var atHalf int
	for now.Sub(t0).Seconds() < k {
		if atHalf == 0 && now.Sub(t0).Seconds() > k/2 {
			atHalf = window1(c)
		}
		ackWindow(c, now, rtt)
		now = now.Add(rtt)
	}
	require.InDelta(t, before, window1(c), float64(before)*0.05)
	require.Greater(t, atHalf-w, (before-w)*3/4, "concave: fast first, flat near the maximum")
}

func TestCubicIsNotSlowerThanReno(t *testing.T) { // RFC 9438 section 4.3
	c, r := NewCubic().Add(mss), NewReno().Add(mss)
	c.OnSignal(t0, Loss, 20*mss)
	r.OnSignal(t0, Loss, 20*mss)
	now := t0
	const rtt = time.Millisecond // where the cubic curve is slow
	for range 300 {
		ackWindow(c, now, rtt)
		ackWindow(r, now, rtt)
		now = now.Add(rtt)
	}
	require.GreaterOrEqual(t, float64(window1(c)), 0.5*float64(window1(r)))
}

func TestWindowStaysSane(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := rapid.SampledFrom([]Group{NewReno(), NewCubic()}).Draw(t, "group")
		size := rapid.IntRange(1, 9000).Draw(t, "mss")
		c := g.Add(size)
		now := t0
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "wait")))
			if rapid.Bool().Draw(t, "ack") {
				c.OnAck(now, Ack{Acked: rapid.IntRange(0, 1<<20).Draw(t, "acked"),
					SRTT: time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "rtt")), Limited: rapid.Bool().Draw(t, "limited")})
			} else {
				c.OnSignal(now, Signal(rapid.IntRange(0, 5).Draw(t, "signal")), rapid.IntRange(0, 1<<24).Draw(t, "flight"))
			}
			w, ss := c.State()
			if w < size || ss < 2*size && ss != infinite {
				t.Fatalf("cwnd %d ssthresh %d mss %d", w, ss, size)
			}
		}
		g.Remove(c)
		g.Remove(c)
	})
}

// A controller that takes over keeps the window and goes on from there.
func TestResume(t *testing.T) {
	for _, g := range []Group{NewReno(), NewCubic(), NewLIA(), NewOLIA(), NewCapped(NewLIA())} {
		c := g.Add(mss)
		c.Resume(50*mss, 40*mss)
		w, ss := c.State()
		require.Equal(t, []int{50 * mss, 40 * mss}, []int{w, ss})
		ackWindow(c, t0, time.Second)
		w, _ = c.State()
		require.InDelta(t, 51*mss, w, mss, "congestion avoidance, from the window it had")
		c.Resume(0, 0)
		w, ss = c.State()
		require.Equal(t, []int{mss, 2 * mss}, []int{w, ss}, "never below what makes sense")
		n := g.Add(mss)
		n.Resume(n.State())
		n.SetMSS(2 * mss)
		require.Equal(t, InitialWindow(2*mss), window1(n), "nothing happened yet")
	}
}
