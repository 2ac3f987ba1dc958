package tcp

import (
	"bytes"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mptcp-go/mptcp/fsm/cong"
	"github.com/mptcp-go/mptcp/wire"
)

// TestRandomPairs: whatever the network does, the stream that arrives is the one
// that was sent, no octet changes for the same sequence number (pair.check), and
// once the network heals everything ends in the regular way.
func TestRandomPairs(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		// One number decides all: the choices are many, and each as likely as the
		// others, while rapid prefers small ones.
		seed := rapid.Uint64().Draw(rt, "seed")
		dice := rand.New(rand.NewPCG(seed, 7))
		conf := func() *Config {
			flag := func() bool { return dice.IntN(4) == 0 }
			group := cong.NewCubic()
			if flag() {
				group = cong.NewReno()
			}
			sizes := []int{1, 10, 600, 3000, 20000, 70000, 1 << 20, 1 << 20, 1 << 20, 1 << 20}
			c, err := Config{
				Rand: rand.NewPCG(1, 1), Congestion: group,
				NoSACK: flag(), NoTimestamps: flag(), NoWindowScale: flag(), NoRACK: flag(),
				Nagle: flag(), SendBuffer: pick(dice, sizes...),
				ReceiveBuffer: pick(dice, sizes...),
				MaxRanges:     pick(dice, 1, 3, 0),
			}.Validate()
			if err != nil {
				rt.Fatal(err)
			}
			return c
		}
		p := newPair(t, conf(), conf())
		p.quiet = os.Getenv("TCP_TRACE") == "" // set it with -rapid.seed to see the segments
		defer func() {
			if rt.Failed() {
				for _, l := range p.log[max(0, len(p.log)-60):] {
					rt.Log(l)
				}
			}
		}()
		p.par[0].ISS = pick[uint32](dice, 0, 0xffff_fff0, 0x7fff_ff00, 12345)
		p.par[1].ISS = pick[uint32](dice, 0, 0xffff_fff0, 0x7fff_ff00, 54321)
		for i := range p.par {
			p.par[i].MTU = pick(dice, 576, 1500, 9000)
			p.par[i].Offload = pick(dice, 0, 0, 8000, 60000)
			p.par[i].TSOffset = pick[uint32](dice, 0, 0xffff_ff00, 0x7fff_ff00)
		}
		healed := false
		for i := range p.link {
			loss := pick(dice, 0, 1, 5, 20, 40)
			dup := pick(dice, 0, 0, 5, 30)
			reorder := pick(dice, 0, 0, 5, 40)
			p.link[i].delay = time.Duration(pick(dice, 0, 1, 20, 300)) * time.Millisecond
			p.link[i].rate = pick(dice, 0, 20000, 1000000)
			p.link[i].limit = pick(dice, 0, 30000)
			p.link[i].fate = func(*wire.Segment, int) (int, time.Duration) {
				if healed {
					return 1, 0
				}
				n, later := 1, time.Duration(0)
				if dice.IntN(100) < loss {
					n = 0
				} else if dice.IntN(100) < dup {
					n = 2 + dice.IntN(2)
				}
				if dice.IntN(100) < reorder {
					later = time.Duration(dice.IntN(50)) * time.Millisecond
				}
				return n, later
			}
		}
		p.dial()
		x := [2]*transfer{}
		for i := range x {
			n := pick(dice, 0, 1, 100, 5000, 40000, 300000)
			if p.cfg[0].ReceiveBuffer < 100 || p.cfg[1].ReceiveBuffer < 100 || p.cfg[0].SendBuffer < 100 || p.cfg[1].SendBuffer < 100 {
				n = min(n, 100)
			}
			x[i] = &transfer{p: p, from: i, data: pattern(n), close: true}
		}
		limit := p.now.Add(5 * time.Second)
		end := p.now.Add(2 * time.Hour)
		for {
			a, b := x[0].done(), x[1].done()
			if a && b {
				break
			}
			if !p.step(end) {
				rt.Fatalf("stuck: %v %v", p.end[0].describe(), p.end[1].describe())
			}
			if p.now.After(limit) && !healed {
				healed = true
			}
			for i, c := range p.end {
				if c != nil {
					c.verify(rt)
					if c.Err() != nil {
						rt.Fatalf("end %d: %v", i, c.Err())
					}
				}
			}
		}
		took := p.now.Sub(limit)
		healed = true
		p.run(5 * time.Minute)
		for i := range x {
			if !bytes.Equal(x[i].got, x[i].data) {
				rt.Fatalf("stream %d was changed", i)
			}
			if c := p.end[i]; c.State() != Closed || c.Err() != nil {
				rt.Fatalf("end %d ends as %v (%v), transfer took %v more", i, c.State(), c.Err(), took)
			}
		}
	})
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// verify checks what must hold between any two calls.
func (c *Conn) verify(t interface{ Fatalf(string, ...any) }) {
	f := c.flow
	b := &f.snd.board
	var s, l, r int64
	runs := 0
	at := max(f.snd.una, 0)
	for i := range b.live() {
		k := b.at(i)
		if k.off != at || k.end <= k.off {
			t.Fatalf("the scoreboard has a gap at %d: %v", at, b.live())
		}
		at = k.end
		switch {
		case k.flags&sacked != 0:
			s += k.len()
			runs++
			if k.flags&(lost|resent) != 0 {
				t.Fatalf("span both sacked and lost: %v", *k)
			}
			if i > 0 && b.at(i-1).flags&sacked != 0 {
				t.Fatalf("sacked spans not merged: %v", b.live())
			}
		default:
			if k.flags&lost != 0 {
				l += k.len()
				if k.flags&resent == 0 && k.off < b.hint {
					t.Fatalf("hint %d beyond a span to be resent: %v", b.hint, *k)
				}
			}
			if k.flags&resent != 0 {
				r += k.len()
			}
		}
		if k.flags&(ever|sacked) == ever && k.end > b.high {
			t.Fatalf("high %d below a resent span: %v", b.high, *k)
		}
	}
	if b.len() > 0 && at != f.snd.nxt || s != b.sacked || l != b.lost || r != b.resent || runs != b.runs {
		t.Fatalf("scoreboard sums: at %d nxt %d sacked %d/%d lost %d/%d resent %d/%d runs %d/%d", at, f.snd.nxt, s, b.sacked, l, b.lost, r, b.resent, runs, b.runs)
	}
	// Timers are armed only where something waits for them (invariant 13).
	if f.timers.armed(timerRTO) && f.snd.una >= f.snd.nxt {
		t.Fatalf("retransmission timer without anything outstanding")
	}
	if f.state != Closed && f.state != TimeWait && f.snd.una >= 0 && f.snd.una < f.snd.nxt &&
		!f.timers.armed(timerRTO) && !f.timers.armed(timerPersist) {
		t.Fatalf("data outstanding without a timer: %v", c.describe())
	}
	if f.state == Closed && f.timers.next() != 0 {
		t.Fatalf("timers of a closed flow: %v", f.timers)
	}
}
