package fsm

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// harmless are boxes through which TCP delivers what was sent.
var harmless = []string{
	"nat", "seq", "hole", "ackfix", "split 300", "split 500 copy=first", "split 600 copy=last", "dup mptcp", "firewall",
	"normalize", "normalize how=reset", "mss 600", "window 3000", "window 60000 div=2", "coalesce 2", "coalesce 3 keep=last",
	"coalesce 2 keep=both", "proxy", "strip mptcp on=syn", "strip mptcp on=synack", "strip mptcp on=ack3", "strip mptcp", "strip dss", "strip mptcp after=3whs",
	"strip mptcp after=20000B", "strip mptcp after=20000B dir=c2s", "strip mptcp after=20000B dir=s2c", "strip mptcp after=30p dir=s2c",
	"strip dss after=10000B", "strip sack", "strip TS", "drop on=data count=2", "drop on=ack3 count=1", "drop on=synack count=1",
	"drop has=mptcp on=syn", "strip mptcp chance=5%", "strip dss chance=20% dir=s2c", "drop chance=3%",
}

// DESIGN section 7: random paths of up to four boxes, random configurations and
// applications. Both streams arrive whole, the invariants of world.check hold after
// every step, and nothing is left behind. Wherever TCP delivers, so do we: where this
// fails, TCP itself is asked whether it could.
func TestRandomWorlds(t *testing.T) {
	for seed := *firstSeed; seed < *firstSeed+*worlds; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { randomWorld(t, seed) })
	}
}

var (
	firstSeed = flag.Uint64("world", 1, "seed of the first random world")
	worlds    = flag.Uint64("worlds", 150, "how many random worlds")
)

func randomWorld(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	var boxes []string
	for range r.IntN(4) {
		boxes = append(boxes, harmless[r.IntN(len(harmless))])
	}
	boxes = append(boxes, fmt.Sprintf("link delay=%dms rate=%dMbit buffer=%dms loss=%d%% reorder=%d%% dup=%d%%", 1+r.IntN(50), 1+r.IntN(50),
		20+r.IntN(200), r.IntN(4), r.IntN(2)*r.IntN(10), r.IntN(3)))
	set := func(c *Config) {
		c.Versions = Versions(r.IntN(2) * 2)
		c.NoChecksum = r.IntN(2) == 0
		c.ShortDSN = r.IntN(2) == 0
		c.TCP.NoTimestamps = r.IntN(4) == 0
		c.TCP.NoSACK = r.IntN(4) == 0
		if r.IntN(3) == 0 {
			c.ReceiveBuffer = 2000 + r.IntN(20000)
		}
		if r.IntN(3) == 0 {
			c.SendBuffer = 2000 + r.IntN(20000)
		}
	}
	up, down := r.IntN(100_000)*r.IntN(2), r.IntN(100_000)*r.IntN(2)
	a, b := testConfig(seed, set), testConfig(seed+1, set)
	chunk := 0
	if r.IntN(3) == 0 {
		chunk = 1 + r.IntN(3000)
	}
	run := func(plain bool) (*world, error) {
		a, b := a, b
		a.Rand, b.Rand = rand.NewPCG(seed, 5), rand.NewPCG(seed, 6)
		a.Plain, b.Plain = plain, plain
		w := newWorld(t, seed, a, b, boxes...)
		w.app[0].chunk = chunk
		w.app[0].out, w.app[1].out = stream(up, 1), stream(down, 2)
		w.app[0].closing, w.app[1].closing = true, true
		w.dial()
		return w, w.w.RunUntil(w.done, 30*time.Minute)
	}
	w, err := run(false)
	if err == nil {
		w.idle()
		return
	}
	if err != nil && strings.Contains(err.Error(), "invariant") {
		t.Fatalf("boxes %q up %d down %d: %v\n%s\n%s", boxes, up, down, err, w.dump(0), w.dump(1))
	}
	// Behind a box that merges segments, or cuts them and drops options, a peer may have repeated data; when options
	// vanish as well, nobody can tell what is new, and the RFC leaves nothing but a RST
	// (section 3.7). Nothing wrong was delivered: the invariants held.
	all := fmt.Sprint(boxes)
	if w.ep[0].stats.FallbackFailed+w.ep[1].stats.FallbackFailed > 0 && (strings.Contains(all, "coalesce") || strings.Contains(all, "chance=") || strings.Contains(all, "copy=")) {
		return
	}
	_, plain := run(true)
	if plain == nil {
		t.Errorf("boxes %q up %d down %d a %+v: plain TCP delivers, we do not: %v\n%s\n%s", boxes, up, down, w.ep[0].cfg.Versions, err, w.dump(0), w.dump(1))
	}
}
