package fsm

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mptcp-go/mptcp/fsm/pathmgr"
	"github.com/mptcp-go/mptcp/fsm/sched"
)

// manyScene draws a world with one to four paths: the first as in randomScene, or with
// boxes that do no harm; the others with boxes and links of their own; path managers,
// schedulers and limits; and what happens to paths and addresses at any moment.
func manyScene(d dice, seed uint64) *scene {
	s := randomScene(d, seed)
	if !chance(d, 3) {
		s.boxes, s.late = append(transparentBoxes(d), randomLink(d, s.wrap64)), nil
	}
	for range d.IntN(4) {
		boxes := transparentBoxes(d)
		if chance(d, 3) {
			boxes = append(boxes, s.meddler(d))
		}
		s.others = append(s.others, append(boxes, randomLink(d, false)))
	}
	s.joins = d.IntN(len(s.others) + 1)
	s.storyOf(d)
	s.manage(d)
	if s.unchecked() && s.lengthens() {
		set := s.set
		s.set = func(i int, c *Config) { set(i, c); c.NoChecksum = false }
		s.silent = [2]bool{}
	}
	return s
}

func transparentBoxes(d dice) (boxes []string) {
	for range d.IntN(3) {
		boxes = append(boxes, transparent[d.IntN(len(transparent))])
	}
	return boxes
}

// meddler draws a box that does harm, but no second one that changes the payload, since
// two cannot be undone.
func (s *scene) meddler(d dice) string {
	if chance(d, 2) {
		return meddlers[d.IntN(len(meddlers))]
	}
	p := parts[d.IntN(len(parts))]
	for strings.HasPrefix(p.spec, "payload") && strings.Contains(s.chains(), "payload") {
		p = parts[d.IntN(len(parts))]
	}
	if dir := d.IntN(3); dir > 0 && !p.both {
		return p.spec + " dir=" + []string{"c2s", "s2c"}[dir-1]
	}
	return p.spec
}

// chains are the boxes of all paths.
func (s *scene) chains() string { return fmt.Sprint(s.boxes, s.late, s.others, s.otherLate) }

// storyOf draws what happens to the paths. The first, where it does no harm and others
// may, is not given up for them, only cut for a while.
func (s *scene) storyOf(d dice) {
	at := time.Duration(0)
	if s.wrap64 {
		at = time.Second // see randomScene: nothing of the handshake may be lost
	}
	for range d.IntN(3) * d.IntN(4) {
		at += time.Duration(d.IntN(1000)) * time.Millisecond
		x := deed{at: at, what: happening(d.IntN(int(numHappenings))), path: d.IntN(len(s.others) + 1), end: d.IntN(2)}
		x.until = at + time.Duration(d.IntN(4000))*time.Millisecond
		x.port = []uint16{0, 80, 4433}[d.IntN(3)]
		x.backup = chance(d, 2)
		switch {
		case x.path > 0:
		case x.what == addrReplaced, (x.what == pathDown || x.what == addrWithdrawn) && s.meddled():
			x.what = pathCut
		}
		s.story = append(s.story, x)
	}
}

// manage draws who manages the paths, how data is spread over them, and what they may.
func (s *scene) manage(d dice) {
	type choice struct {
		manager, sched, limit, ports int
		mutual, early, noJoin        bool
	}
	var of [2]choice
	for i := range of {
		of[i] = choice{d.IntN(4), d.IntN(3), d.IntN(8), 2 + d.IntN(3), chance(d, 3), chance(d, 2), chance(d, 8)}
	}
	set := s.set
	s.set = func(i int, c *Config) {
		set(i, c)
		x := of[i]
		switch x.manager {
		case 1:
			c.PathManager = func() pathmgr.Manager { return pathmgr.NewDiffPorts(x.ports) }
		case 2, 3:
			c.PathManager = func() pathmgr.Manager { return pathmgr.NewFullMesh(pathmgr.MeshConfig{Mutual: x.mutual}) }
		}
		c.Scheduler = []func() sched.Scheduler{sched.NewLowestRTT, sched.NewRoundRobin, sched.NewRedundant}[x.sched]
		if x.limit > 3 {
			c.MaxSubflows = x.limit - 3
		}
		c.EarlyFIN, c.NoJoin = x.early, x.noJoin
	}
}

// harmless reports whether only transparent boxes stand on path k.
func (s *scene) harmless(k int) bool {
	boxes := s.boxes
	if k > 0 {
		boxes = s.others[k-1]
	} else if len(s.late) > 0 {
		return false
	}
	for _, b := range boxes {
		ok := strings.HasPrefix(b, "link ")
		for _, t := range transparent {
			ok = ok || b == t
		}
		if !ok {
			return false
		}
	}
	return true
}

// meddled reports whether boxes do harm on any path.
func (s *scene) meddled() bool {
	for k := range len(s.others) + 1 {
		if !s.harmless(k) {
			return true
		}
	}
	return false
}

// clean reports whether there is a path besides the first that does no harm.
func (s *scene) clean() bool {
	for k := range s.others {
		if s.harmless(k + 1) {
			return true
		}
	}
	return false
}

// DESIGN section 7 with one to four paths, drawn like TestRandomWorlds: all invariants
// are held after every step, what is read is what was sent, and nothing is left behind.
// All is delivered where the first path does no harm, or only TCP's boxes stand on it;
// where boxes meddle with it, TCP over it delivers, and we do not, that is counted. What is
// plain TCP has one subflow (R3.7-16).
func TestRandomPaths(t *testing.T) {
	sum, n := askAll(t, 2*(*worlds), func(seed uint64) *scene { return manyScene(rand.New(rand.NewPCG(seed, 11)), seed) })
	if bad := sum[lost] + sum[lostClean]; bad > 2+int(n)/50 {
		t.Errorf("%d of %d connections whose first path is meddled with do not deliver, where TCP does", bad, n)
	}
}

// The same worlds drawn by rapid, which makes what fails small: fewer paths, fewer boxes,
// a shorter story, less data.
func TestRapidPaths(t *testing.T) {
	rapidly(t, func(r *rapid.T) *scene { return manyScene(drawn{r}, 1) })
}

// Worlds in which something was wrong once: a join without proof (2143), data repeated into
// what had become TCP (123142), probes that died with their subflow (127724, 144641, 148601,
// 156400), ACKs without end (131547, 160124, 179462), a timer for nothing (1710), a join
// before the first DSS (154), an end that had all and could not fall back on a join (50041).
func TestPathsRemembered(t *testing.T) {
	for _, seed := range []uint64{154, 1710, 2143, 50041, 123142, 127724, 131547, 144641, 148601, 156400, 160124, 179462} {
		s := manyScene(rand.New(rand.NewPCG(seed, 11)), seed)
		if r, err := s.ask(t); err != nil {
			s.report(t, err)
		} else if r >= lost {
			t.Errorf("seed %d: %v", seed, r)
		}
	}
}
