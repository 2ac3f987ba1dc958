package fsm

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/fsm/sched"
)

// R3.7-06 to R3.7-08, P-3.3.6-02: with another subflow alive, a checksum failure resets
// the subflow with MP_FAIL and reason 6, and what it had goes over the other.
func TestPayloadChangedOnOneOfTwo(t *testing.T) {
	w := newWorld(t, 31, testConfig(1), testConfig(2), "link delay=10ms rate=5Mbit buffer=100ms")
	w.addPath("payload find=PORT put=TROP dir=c2s", "link delay=10ms rate=5Mbit buffer=100ms")
	w.twoPaths(0, 0)
	w.app[0].out, w.app[1].out = text(600_000), text(100_000)
	w.finishTransfer(2 * time.Minute)
	if !w.app[0].conn.Multipath() || !w.app[1].conn.Multipath() {
		t.Error("the connection fell back although a subflow was whole")
	}
	s := w.ep[1].stats
	if s.DataCsumErr == 0 || s.MPFailTx == 0 || s.MPRstTx == 0 || w.ep[0].stats.MPFailRx == 0 {
		t.Errorf("%+v", s)
	}
}

// P-4.1-01 (issue: every subflow modified): the first to fail is reset, the last falls
// back, and the stream is what TCP would give.
func TestPayloadChangedOnBoth(t *testing.T) {
	w := newWorld(t, 32, testConfig(1), testConfig(2), "payload find=PORT put=TROP dir=c2s after=150000B", "link delay=10ms rate=5Mbit buffer=100ms")
	w.addPath("payload find=PORT put=TROP dir=c2s", "link delay=10ms rate=5Mbit buffer=100ms")
	w.altered = true
	w.twoPaths(0, 0)
	w.app[0].out, w.app[1].out = text(900_000), nil
	if err := w.w.RunUntil(w.done, 5*time.Minute); err != nil {
		t.Fatalf("%v\n%s\n%s", err, w.dump(0), w.dump(1))
	}
	got := bytes.ReplaceAll(w.app[1].in.Bytes(), []byte("TROP"), []byte("PORT"))
	if !bytes.Equal(got, w.app[0].out) {
		t.Errorf("read %d octets, not those sent with some words changed", len(got))
	}
	if w.app[1].conn.Multipath() || w.ep[1].stats.DataCsumErr < 2 {
		t.Errorf("multipath %v, %d checksums failed", w.app[1].conn.Multipath(), w.ep[1].stats.DataCsumErr)
	}
}

// DESIGN section 7 with two paths: random boxes on each that leave options alone, losses
// and outages of one path at a time; the stream arrives whole.
func TestRandomTwoPaths(t *testing.T) {
	boxes := []string{"nat", "seq", "split 300", "split 900", "dup mptcp", "coalesce 2", "mss 700", "window 8000", "hole",
		"ackfix", "drop chance=3%", "drop on=synack count=1", "drop on=ack3 count=1", "firewall", "normalize", "strip sack", "strip dss chance=2%"}
	for seed := *firstSeed; seed < *firstSeed+*worlds/3; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 2))
			path := func() []string {
				var b []string
				for range r.IntN(3) {
					b = append(b, boxes[r.IntN(len(boxes))])
				}
				return append(b, fmt.Sprintf("link delay=%dms rate=%dMbit buffer=%dms loss=%d%% reorder=%d%%", 1+r.IntN(60), 1+r.IntN(20), 50+r.IntN(200), r.IntN(3), r.IntN(6)))
			}
			set := func(c *Config) {
				c.NoChecksum = r.IntN(2) == 0
				c.ShortDSN = r.IntN(2) == 0
				if r.IntN(3) == 0 {
					c.ReceiveBuffer = 10000 + r.IntN(100000)
				}
				// By the seed's own digits, so that the draws stay what they are.
				c.Scheduler = []func() sched.Scheduler{sched.NewLowestRTT, sched.NewRoundRobin, sched.NewRedundant}[seed%3]
				c.Autotune, c.CapWindow = seed%5 == 0, seed%7 == 0
				c.NoOpportunistic, c.NoPenalty = seed%11 == 0, seed%13 == 0
				if seed%2 == 0 {
					c.SendBuffer = 30000 + int(seed%50)*3000
				}
			}
			one, two := path(), path()
			w := newWorld(t, seed, testConfig(seed, set), testConfig(seed+1, set), one...)
			other := w.addPath(two...)
			for at := time.Duration(0); r.IntN(2) == 0 && at < 5*time.Second; {
				p := []*netsim.Path{w.path, other}[r.IntN(2)]
				at += time.Duration(r.IntN(2000)) * time.Millisecond
				down := func(v bool) func() {
					return func() {
						for _, el := range p.Elements() {
							if l, ok := el.(*netsim.Link); ok {
								l.SetDown(netsim.Forward, v)
								l.SetDown(netsim.Reverse, v)
							}
						}
					}
				}
				w.w.At(at, down(true))
				at += time.Duration(r.IntN(3000)) * time.Millisecond
				w.w.At(at, down(false))
			}
			w.twoPaths(r.IntN(500_000), r.IntN(300_000))
			if err := w.w.RunUntil(w.done, 30*time.Minute); err != nil {
				t.Fatalf("paths %q and %q: %v\n%s\n%s", one, two, err, w.dump(0), w.dump(1))
			}
			w.finishTransfer(time.Minute)
			w.idle()
		})
	}
}

// Options begin to vanish on the first path while a join is under way: the peer may
// have the proof of the join before the joiner knows, and then resets the first subflow
// for what it lacks. The joiner does not fall back on it meanwhile.
func TestOptionsVanishDuringAJoin(t *testing.T) {
	for after := 20_000; after <= 180_000; after += 8_000 {
		for _, dir := range []string{"", " dir=c2s", " dir=s2c"} {
			box := fmt.Sprintf("strip mptcp after=%dB", after) + dir
			t.Run(box, func(t *testing.T) {
				w := newWorld(t, 1, testConfig(1), testConfig(2), "link rate=8Mbit delay=20ms buffer=100ms", box)
				w.addPath("link rate=4Mbit delay=35ms buffer=100ms")
				w.twoPaths(200_000, 200_000)
				w.finishTransfer(time.Minute)
			})
		}
	}
}
