package fsm

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/mptcp-go/mptcp/fsm/netsim"
)

// slowFast is a transfer over a fast path and a slow one with deep buffers, the
// receiver's buffer being what it is given.
func slowFast(t *testing.T, buffer, octets int, change func(*Config)) (*world, *netsim.Path) {
	set := func(c *Config) {
		c.ReceiveBuffer, c.SendBuffer = buffer, max(buffer, 1<<16)
		change(c)
	}
	w := newWorld(t, 5, testConfig(1, set), testConfig(2, set), "link delay=10ms rate=8Mbit buffer=80ms")
	slow := w.addPath("link delay=75ms rate=1Mbit buffer=2s")
	w.twoPaths(octets, 1000)
	return w, slow
}

// P-4.2-M1: never while the receiver's buffer is ample, and what is repeated was sent on
// another subflow and is not acknowledged.
func TestOpportunisticRetransmission(t *testing.T) {
	for _, k := range []struct {
		buffer int
		off    bool
		want   bool
	}{{8 << 20, false, false}, {150_000, false, true}, {150_000, true, false}} {
		t.Run(fmt.Sprint(k), func(t *testing.T) {
			w, _ := slowFast(t, k.buffer, 6_000_000, func(c *Config) { c.NoOpportunistic, c.NoPenalty = k.off, true })
			w.finishTransfer(2 * time.Minute)
			s := w.ep[0].stats
			if (s.OpportunisticRetrans > 0) != k.want || (s.WindowLimited > 0) != (k.buffer < 1<<20) || s.SubflowPenalized > 0 {
				t.Errorf("%+v", s)
			}
			w.idle()
		})
	}
}

// P-4.2-M1: one segment, the first that is not acknowledged: nothing else is repeated at
// that moment, and its mapping is that of the same data.
func TestOpportunisticTakesTheFirstSegment(t *testing.T) {
	w, _ := slowFast(t, 150_000, 6_000_000, func(c *Config) { c.NoPenalty = true })
	seen, before := 0, uint64(0)
	var una uint64
	w.app[0].watch = func() {
		c := w.app[0].conn
		n := w.ep[0].stats.OpportunisticRetrans
		if n > before && len(c.subflows) == 2 {
			fast := c.subflows[0]
			for i := range fast.maps.len() {
				m := fast.maps.at(i)
				if m.flags&sentAgain == 0 || m.sub < fast.flow.Acked() || m.dataEnd() <= c.snd.una {
					continue
				}
				if seen++; m.len > c.segmentRoom(fast) {
					t.Fatalf("%d octets at once", m.len)
				}
				if m.data < una {
					t.Fatalf("octets at %d repeated, DATA_ACK was %d", m.data, una)
				}
			}
		}
		before, una = n, c.snd.una
	}
	w.finishTransfer(2 * time.Minute)
	if seen == 0 {
		t.Error("nothing was repeated")
	}
}

// P-4.2-M2: half the window and as much for the threshold, of the slower subflow, and
// not again within its round-trip time.
func TestPenalty(t *testing.T) {
	w, _ := slowFast(t, 150_000, 6_000_000, func(c *Config) { c.NoOpportunistic = true })
	var last time.Time
	before := uint64(0)
	cwnd := [2]int{}
	w.app[0].watch = func() {
		c := w.app[0].conn
		if len(c.subflows) < 2 {
			return
		}
		s := w.ep[0].stats
		slow := c.subflows[1].flow
		now, ssthresh := slow.Cwnd()
		if s.SubflowPenalized > before {
			rtt, _ := slow.RTT()
			if !last.IsZero() && w.w.Now().Sub(last) < rtt*9/10 {
				t.Errorf("again after %v, in %v", w.w.Now().Sub(last), rtt)
			}
			if now > cwnd[1]/2+2*1460 || ssthresh > max(now, 2*1460)+1460 {
				t.Errorf("window %d, threshold %d, window before %d", now, ssthresh, cwnd[1])
			}
			last, before = w.w.Now(), s.SubflowPenalized
		}
		cwnd[0], _ = c.subflows[0].flow.Cwnd()
		cwnd[1] = now
	}
	w.finishTransfer(2 * time.Minute)
	if s := w.ep[0].stats; s.SubflowPenalized == 0 || s.OpportunisticRetrans != 0 {
		t.Errorf("%+v", s)
	}
	w, _ = slowFast(t, 150_000, 3_000_000, func(c *Config) { c.NoOpportunistic, c.NoPenalty = true, true })
	w.finishTransfer(2 * time.Minute)
	if s := w.ep[0].stats; s.SubflowPenalized != 0 || s.WindowLimited == 0 {
		t.Errorf("%+v", s)
	}
}

// R3.3.6-03: a subflow that is far behind keeps what it has still to deliver, and only
// that, in memory, while the stream goes on elsewhere.
func TestSlowSubflowKeepsItsOwn(t *testing.T) {
	w, slowPath := slowFast(t, 4<<20, 8_000_000, func(c *Config) {})
	most := 0
	frozen := false
	w.app[0].watch = func() {
		c := w.app[0].conn
		if c.snd.una > 1_000_000 && !frozen {
			frozen = true // the slow path answers no more, for a while
			for _, el := range slowPath.Elements() {
				if l, ok := el.(*netsim.Link); ok {
					l.SetDown(netsim.Reverse, true)
				}
			}
		}
		if frozen {
			most = max(most, int(c.snd.una-c.snd.buf.start))
			flight := 0
			for _, s := range c.subflows {
				flight += int(s.flow.Available() - s.flow.Acked())
			}
			flight += 4 * 1460 // what the last ACK freed but for a part of a mapping
			assert.LessOrEqual(t, c.snd.buf.strayOctets, flight)
			assert.LessOrEqual(t, c.snd.buf.len(), int(c.snd.buf.end-c.snd.una)+blockSize+flight)
		}
	}
	w.finishTransfer(5 * time.Minute)
	if most == 0 || most > blockSize {
		t.Errorf("%d octets below the DATA_ACK in blocks", most)
	}
	if w.app[0].conn.snd.buf.strayOctets != 0 && len(w.app[0].conn.subflows) == 0 {
		t.Error("strays of nobody")
	}
}

// A path so slow that a single segment on it holds up the stream is used ever less, and
// as soon as the other is gone, at once.
func TestPauses(t *testing.T) {
	for _, dies := range []bool{false, true} {
		w := newWorld(t, 6, testConfig(1, func(c *Config) { c.SendBuffer = 150_000 }), testConfig(2, func(c *Config) { c.ReceiveBuffer = 150_000 }),
			"link delay=10ms rate=8Mbit buffer=80ms")
		w.addPath("link delay=75ms rate=50kbit buffer=2s")
		fast := w.path
		w.twoPaths(8_000_000, 1000)
		segments, at, most := uint64(0), time.Duration(0), time.Duration(0)
		w.app[0].watch = func() {
			for _, s := range w.app[0].conn.subflows {
				if n := s.flow.Available(); s.index == 1 && n > segments {
					if now := w.w.Elapsed(); segments > 0 {
						most = max(most, now-at)
					}
					segments, at = n, w.w.Elapsed()
				}
			}
		}
		if dies {
			w.app[0].out = w.app[0].out[:4_200_000]
			w.w.At(4*time.Second, func() {
				for _, el := range fast.Elements() {
					if l, ok := el.(*netsim.Link); ok {
						l.SetDown(netsim.Forward, true)
						l.SetDown(netsim.Reverse, true)
					}
				}
			})
		}
		w.finishTransfer(30 * time.Minute)
		if w.ep[0].stats.SubflowPaused == 0 || !dies && most < 2*time.Second {
			t.Errorf("%d pauses, %v at most, %d octets", w.ep[0].stats.SubflowPaused, most, segments)
		}
	}
}

// A subflow that rests leaves its data to others only if they send it: not to a backup (RFC
// 8684 section 3.3.8), and not to one that rests as well.
func TestRestNeedsAnother(t *testing.T) {
	for _, k := range []struct {
		name  string
		other func(b *bench, s *subflow)
		rests bool
	}{
		{"free", func(*bench, *subflow) {}, true},
		{"backup", func(_ *bench, s *subflow) { s.join.ownBackup = true }, false},
		{"rests", func(b *bench, s *subflow) { s.restEnd = nanos(b.now.Add(time.Second)) }, false},
		{"rested", func(b *bench, s *subflow) { s.restEnd = nanos(b.now) }, true},
	} {
		b := proven(t)
		b.join(newLane("10.0.0.2:80", "10.7.7.7:5000"), 7)
		b.drain()
		first, other := b.conn.subflows[0], b.conn.subflows[1]
		first.restEnd = nanos(b.now.Add(time.Second))
		k.other(b, other)
		b.write("x")
		if n := b.flush(); n == 0 {
			t.Errorf("%s: nothing is sent", k.name)
		}
		if sent := first.flow.Sent() > 0; sent == k.rests {
			t.Errorf("%s: the one that rests sent: %v", k.name, sent)
		}
	}
}
