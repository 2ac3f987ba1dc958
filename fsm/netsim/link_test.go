package netsim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const headers = 40 // IPv4 and TCP without options

func TestLinkTakesPropagationAndSerializationTime(t *testing.T) {
	b := newBlaster(3, 1000-headers, 0)
	s := &sink{}
	w, _ := pair(1, b, s, NewLink(LinkConfig{Rate: 8e6, Delay: 10 * time.Millisecond}))
	require.NoError(t, w.RunIdle(0))
	// 1000 octets at 8 Mbit/s take 1 ms each.
	require.Equal(t, []time.Duration{11 * time.Millisecond, 12 * time.Millisecond, 13 * time.Millisecond}, s.times)
}

func TestLinkKeepsItsRateExactly(t *testing.T) {
	// 1000 octets at 7 Mbit/s do not take a whole number of nanoseconds.
	b := newBlaster(7000, 1000-headers, 0)
	s := &sink{}
	w, _ := pair(1, b, s, NewLink(LinkConfig{Rate: 7e6}))
	require.NoError(t, w.RunIdle(0))
	require.Equal(t, 8*time.Second, s.times[len(s.times)-1])
}

func TestDropTail(t *testing.T) {
	b := newBlaster(20, 1000-headers, 0)
	s := &sink{}
	l := NewLink(LinkConfig{Rate: 8e6, Buffer: 5999})
	w, _ := pair(1, b, s, l)
	require.NoError(t, w.RunIdle(0))
	require.Equal(t, []uint32{0, 960, 1920, 2880, 3840}, s.seqs, "five packets of 1000 fit in 5999 octets")
	st := l.Stats(Forward)
	require.EqualValues(t, 15, st.QueueDrops)
	require.EqualValues(t, 20, st.Packets)
	require.Equal(t, 5000, st.MaxQueue)
	require.Zero(t, l.Queued(Forward, w.Elapsed()))
	require.Zero(t, w.InFlight())
}

func TestEmptyQueueTakesAnyPacket(t *testing.T) {
	b := newBlaster(3, 1000, 10*time.Millisecond)
	s := &sink{}
	w, _ := pair(1, b, s, NewLink(LinkConfig{Rate: 8e6, Buffer: 10}))
	require.NoError(t, w.RunIdle(0))
	require.Len(t, s.seqs, 3)
}

func TestRandomLoss(t *testing.T) {
	const n = 20000
	b := newBlaster(n, 10, time.Microsecond)
	l := NewLink(LinkConfig{Loss: 0.1})
	w, _ := pair(3, b, &sink{quiet: true}, l)
	require.NoError(t, w.RunIdle(0))
	require.InDelta(t, 0.1, float64(l.Stats(Forward).Lost)/n, 0.01) // 4.7 sigma
}

func TestBurstyLoss(t *testing.T) {
	const n = 100000
	c := LinkConfig{Burst: Burst{Enter: 0.01, Leave: 0.25, LossBad: 1}}
	b := newBlaster(n, 10, time.Microsecond)
	s := &sink{}
	l := NewLink(c)
	w, _ := pair(3, b, s, l)
	require.NoError(t, w.RunIdle(0))
	require.InDelta(t, 0.01/0.26, c.Burst.Rate(), 1e-9)
	require.InDelta(t, c.Burst.Rate(), float64(l.Stats(Forward).Lost)/n, 0.004)
	// Losses come in runs of 1/Leave packets in the mean.
	runs, next := 0, uint32(0)
	for _, seq := range s.seqs {
		if seq != next {
			runs++
		}
		next = seq + 10
	}
	require.InDelta(t, 4, float64(l.Stats(Forward).Lost)/float64(runs), 0.4)
}

func TestReordering(t *testing.T) {
	b := newBlaster(1000, 10, time.Millisecond)
	s := &sink{}
	l := NewLink(LinkConfig{Delay: 5 * time.Millisecond, Reorder: 0.1, ReorderBy: 3500 * time.Microsecond})
	w, _ := pair(3, b, s, l)
	require.NoError(t, w.RunIdle(0))
	require.Len(t, s.seqs, 1000)
	late, highest := 0, uint32(0)
	for _, seq := range s.seqs {
		if seq < highest {
			late++
			require.LessOrEqual(t, highest-seq, uint32(40), "held back for 3.5 packets")
		}
		highest = max(highest, seq)
	}
	require.InDelta(t, l.Stats(Forward).Reordered, late, 20)
	require.Greater(t, late, 50)
}

func TestJitterKeepsOrder(t *testing.T) {
	b := newBlaster(1000, 10, time.Millisecond)
	s := &sink{}
	w, _ := pair(3, b, s, NewLink(LinkConfig{Delay: 5 * time.Millisecond, Jitter: 20 * time.Millisecond}))
	require.NoError(t, w.RunIdle(0))
	spread := map[time.Duration]bool{}
	for i, seq := range s.seqs {
		require.EqualValues(t, 10*i, seq)
		d := s.times[i] - time.Duration(i)*time.Millisecond
		require.True(t, d >= 5*time.Millisecond && d <= 25*time.Millisecond)
		spread[d] = true
	}
	require.Greater(t, len(spread), 100)
}

func TestDuplication(t *testing.T) {
	b := newBlaster(1000, 10, time.Millisecond)
	s := &sink{}
	l := NewLink(LinkConfig{Duplicate: 0.2})
	w, _ := pair(3, b, s, l)
	require.NoError(t, w.RunIdle(0))
	require.EqualValues(t, 1000+l.Stats(Forward).Duplicated, len(s.seqs))
	require.InDelta(t, 200, l.Stats(Forward).Duplicated, 60)
}

func TestChecksumsCatchCorruption(t *testing.T) {
	b := newBlaster(1000, 500, time.Millisecond)
	s := &sink{}
	l := NewLink(LinkConfig{Corrupt: 0.5})
	w, p := pair(3, b, s, l)
	require.NoError(t, w.RunIdle(0))
	st := p.ends[1].end.Stats()
	hit := l.Stats(Forward).Corrupted
	require.InDelta(t, 500, hit, 80)
	require.EqualValues(t, hit, st.BadIP+st.BadSum+st.Malformed, "one flipped bit is always seen")
	require.EqualValues(t, st.BadSum, s.bad)
	require.NotZero(t, st.BadIP)
	require.NotZero(t, st.BadSum)
}

func TestLinkGoesDownAndUp(t *testing.T) {
	b := newBlaster(10, 10, time.Second)
	s := &sink{}
	l, err := ParseLink("link down=1500ms-3500ms+8s-")
	require.NoError(t, err)
	w, _ := pair(1, b, s, l)
	require.NoError(t, w.RunIdle(0))
	require.Equal(t, []uint32{0, 10, 40, 50, 60, 70}, s.seqs)
	require.EqualValues(t, 4, l.Stats(Forward).DownDrops)

	b, s, l = newBlaster(4, 10, time.Second), &sink{}, NewLink(LinkConfig{})
	w, _ = pair(1, b, s, l)
	w.At(500*time.Millisecond, func() { l.SetDown(Forward, true) })
	w.At(1500*time.Millisecond, func() { l.SetDown(Forward, false) })
	require.NoError(t, w.RunIdle(0))
	require.Equal(t, []uint32{0, 20, 30}, s.seqs)
}

func TestOneDirectionsLuckIsNotTheOthers(t *testing.T) {
	lost := func(reverse int) []uint32 {
		s := &sink{}
		w, p := pair(5, newBlaster(500, 10, time.Microsecond), s, NewLink(LinkConfig{Loss: 0.3, Duplicate: 0.1}))
		w.At(10*time.Microsecond, func() {
			for range reverse {
				p.ends[1].end.Inject(p, make([]byte, 40))
			}
		})
		require.NoError(t, w.RunIdle(0))
		return s.seqs
	}
	require.Equal(t, lost(0), lost(77))
}

func TestAddingABoxDoesNotChangeALinksLuck(t *testing.T) {
	got := func(els ...Element) []uint32 {
		s := &sink{}
		w, _ := pair(9, newBlaster(500, 10, time.Microsecond), s, els...)
		require.NoError(t, w.RunIdle(0))
		return s.seqs
	}
	lossy := func() *Link { return NewLink(LinkConfig{Loss: 0.3}) }
	tap := func() *Tap { return NewTap(func(time.Time, Dir, []byte) {}) }
	alone := got(lossy())
	require.Less(t, len(alone), 450)
	require.Equal(t, alone, got(tap(), lossy(), tap()))
	other := got(lossy(), lossy())
	require.Less(t, len(other), len(alone)-50, "two links have different luck")
}

func TestLinkSpecRoundTrip(t *testing.T) {
	for _, text := range []string{
		"link",
		"link rate=8000000 delay=10ms jitter=1ms buffer=80000 mtu=1500 loss=0.01 burst=0.01/0.25/1/0 reorder=0.1 by=3ms dup=0.001 corrupt=1e-05 down=2s-5s+9s- noicmp",
		"link c2s.rate=8000000 s2c.rate=1000000 delay=10ms",
		"link c2s.loss=0.5",
	} {
		l, err := ParseLink(text)
		require.NoError(t, err, text)
		require.Equal(t, text, l.String())
	}
	l, err := ParseLink("link rate=8Mbit buffer=80ms loss=1% s2c.rate=50kbit burst=1%/25%")
	require.NoError(t, err)
	require.Equal(t, "link c2s.rate=8000000 s2c.rate=50000 buffer=80000 loss=0.01 burst=0.01/0.25/1/0", l.String())
	for _, text := range []string{"", "nat", "link rate=x", "link loss=2", "link down=5s-2s", "link foo=1", "link bar",
		"link delay=-1s", "link buffer=1s", "link burst=1", "link mtu=70000", "link loss=NaN", "link loss=1 loss=1"} {
		_, err := ParseLink(text)
		var bad *SpecError
		require.ErrorAs(t, err, &bad, text)
	}
}
