package fsm

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/pathmgr"
)

// fate is what became of a world.
type fate uint8

const (
	fateDelivered fate = iota
	fateTCP            // plain TCP does not deliver either
	fateUnlucky        // both ends were TCP, and TCP fails with other dice (see scene.luck)
	fateBetrayed       // a box lost what it had acknowledged (see world.betrayed)
	fateDoubt          // see manyPaths.doubt
	numFates
)

func (f fate) String() string {
	return [...]string{"delivered", "tcp", "unlucky", "betrayed", "doubt"}[f]
}

// ask plays the world, and where it does not deliver asks plain TCP whether it would have.
func (s *pathsScene) ask(t testing.TB) (*manyPaths, fate, error) {
	m, err := s.play(t, s.seed, false)
	switch {
	case err == nil:
		return m, fateDelivered, m.left()
	case strings.Contains(err.Error(), "invariant"), strings.Contains(err.Error(), "R3."):
		return m, 0, err
	}
	if _, plain := s.play(t, s.seed, true); plain != nil {
		return m, fateTCP, nil
	}
	switch {
	case m.betrayed():
		return m, fateBetrayed, nil
	case m.doubt():
		return m, fateDoubt, nil
	case m.bothPlain() && s.luck(t):
		return m, fateUnlucky, nil
	}
	return m, 0, err
}

// doubt reports whether one end became TCP while the other could not know: its own join
// had ended before it heard whether the peer took its proof. If so, data of the peer's may
// have been on it, and a fallback would be a guess.
func (w *world) doubt() bool {
	for i := range w.app {
		if a, b := w.app[i].conn, w.app[1-i].conn; a != nil && b != nil && a.Multipath() && !b.Multipath() && w.ep[i].stats.MPJoinNoAnswer > 0 {
			return true
		}
	}
	return false
}

// bothPlain reports whether both ends had become TCP.
func (m *manyPaths) bothPlain() bool {
	for _, a := range m.app {
		if a.conn == nil || a.conn.Multipath() {
			return false
		}
	}
	return true
}

// luck reports whether TCP fails over the first path with other dice.
func (s *pathsScene) luck(t testing.TB) bool {
	for i := range uint64(300) {
		if _, err := s.play(t, s.seed+1000+i, true); err != nil {
			return true
		}
	}
	return false
}

// pathsScene is what makes a world with many paths: the same scene gives the same packets.
type pathsScene struct {
	seed    uint64
	chains  [][]string
	bad     bool // boxes that meddle may stand on the first path, too
	meddled bool // they stand anywhere
	set     [2]Config
	story   []deed
	out     [2][]byte
}

func drawManyPaths(seed uint64) *pathsScene {
	r := rand.New(rand.NewPCG(seed, 4))
	s := &pathsScene{seed: seed}
	n := 1 + r.IntN(4)
	s.bad = r.IntN(4) == 0
	for k := range n {
		var chain []string
		for range r.IntN(3) {
			switch {
			case s.bad && r.IntN(2) == 0:
				chain = append(chain, stubborn[r.IntN(len(stubborn))])
				s.meddled = true
			case k > 0 && r.IntN(4) == 0:
				chain = append(chain, meddlers[r.IntN(len(meddlers))])
				s.meddled = true
			default:
				chain = append(chain, transparent[r.IntN(len(transparent))])
			}
		}
		s.chains = append(s.chains, append(chain, fmt.Sprintf("link delay=%dms rate=%dMbit buffer=%dms loss=%d%% reorder=%d%%", 1+r.IntN(60), 1+r.IntN(20),
			50+r.IntN(200), r.IntN(3), r.IntN(6))))
	}
	version := []Versions{OnlyV1, OnlyV0}[r.IntN(2)]
	for i := range s.set {
		c := &s.set[i]
		c.Versions = version
		c.NoChecksum = r.IntN(3) == 0
		c.ShortDSN = r.IntN(2) == 0
		c.EarlyFIN = r.IntN(2) == 0
		c.NoJoin = r.IntN(6) == 0
		c.TCP.NoTimestamps = r.IntN(4) == 0
		if r.IntN(3) == 0 {
			c.ReceiveBuffer = 10000 + r.IntN(100000)
		}
		if r.IntN(4) == 0 {
			c.MaxSubflows = 1 + r.IntN(4)
		}
		switch r.IntN(4) {
		case 0:
			c.PathManager = func() pathmgr.Manager { return pathmgr.NewDiffPorts(2 + int(seed%3)) }
		case 1, 2:
			mutual := r.IntN(3) == 0
			c.PathManager = func() pathmgr.Manager { return pathmgr.NewFullMesh(pathmgr.MeshConfig{Mutual: mutual}) }
		}
	}
	for at := time.Duration(0); r.IntN(8) > 0 && at < 8*time.Second; {
		at += time.Duration(r.IntN(1000)) * time.Millisecond
		d := deed{at: at}
		d.path, d.end, d.what = r.IntN(n), r.IntN(2), happening(r.IntN(int(addrReplaced)))
		d.until = at + time.Duration(r.IntN(4000))*time.Millisecond
		d.port = []uint16{0, 80, 4433}[r.IntN(3)]
		d.backup = r.IntN(2) == 0
		if d.path == 0 && s.meddled && (d.what == pathDown || d.what == addrWithdrawn) {
			d.what = pathCut // the one path that does no harm is not given up for others
		}
		s.story = append(s.story, d)
	}
	s.out = [2][]byte{stream(1+r.IntN(600_000)*r.IntN(2), 1), stream(r.IntN(400_000)*r.IntN(2), 2)}
	return s
}

// play runs the world until both applications have read to the end. With alone it has
// plain TCP, and the first path only.
func (s *pathsScene) play(t testing.TB, seed uint64, alone bool) (*manyPaths, error) {
	chains := s.chains
	var set [2]Config
	for i := range set {
		set[i] = testConfig(seed+uint64(i), func(c *Config) {
			r := c.Rand
			*c = s.set[i]
			c.Rand, c.Plain = r, alone
		})
	}
	if alone {
		chains = chains[:1]
	}
	m := newManyPaths(t, seed, set[0], set[1], chains...)
	if !s.bad {
		m.watchStalls(calmStall)
	}
	for _, d := range s.story {
		if alone && (d.path > 0 || d.what > pathCut) {
			continue // TCP knows nothing of it, and a flow that is the only one on the first path is not reset
		}
		m.plan(d)
	}
	for i, a := range m.app {
		a.out, a.closing = s.out[i], true
	}
	m.dial()
	err := m.w.RunUntil(m.done, 30*time.Minute)
	if err == nil {
		err = m.whole()
	}
	return m, err
}

// describe says what became of the world.
func (s *pathsScene) describe(m *manyPaths, err error) string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %v\n", s.seed, err)
	for _, c := range s.chains {
		fmt.Fprintf(&b, "%q\n", c)
	}
	for _, d := range s.story {
		fmt.Fprintf(&b, "%v\n", d)
	}
	for i := range 2 {
		fmt.Fprintf(&b, "end %d: wrote %d of %d, read %d: %s\n", i, m.app[i].wrote, len(m.app[i].out), m.app[i].in.Len(), m.dump(i))
	}
	file := filepath.Join(os.TempDir(), fmt.Sprintf("mptcp-many-%d.pcap", s.seed))
	if os.WriteFile(file, m.capt.Bytes(), 0o644) == nil {
		fmt.Fprintf(&b, "capture: %s", file)
	}
	return b.String()
}

// Worlds that once ended without a subflow though TCP delivers: a join that the peer never
// took barred the fallback, a late ACK with an option was not believed, joins were tried
// over one path only or were waited for in vain, and round-trip times came of losses.
func TestManyPathsOnceLost(t *testing.T) {
	for _, seed := range []uint64{29, 100862, 101489, 101607, 101611, 101749, 102169, 102636, 102684, 102970, 103555, 103633, 103795, 104542, 105057,
		105284, 105587, 105660, 105662, 105858, 105948, 106290, 106332, 106365, 106488, 106653, 107378, 107645, 108156, 108485, 108779, 109427,
		109520, 109789, 109865, 202469,
		407729, 602568, 800151, 807351, // what a subflow had delivered, and was dropped, was left out of what is sent again
		306964, 808446, // a repetition was one segment on one subflow and two on the other, which a box merged
		709556, // a subflow rested while the other was a backup
		// A RST was lost, and what its subflow carried, sent again on the next one out of order and
		// in part twice, was taken for the stream going on when options vanished there. Then one end
		// fell back, which had all, and the other could not, although it had all, too.
		704595, 706598,
		// The same between two ends that send again in order; the other fell back alone beside it.
		901920, 907012,
		1100482, // a path on which joins come up and nothing more was tried every second, and no other
		707287,  // the opener, which may not join, waited for a join that only the listener could open
	} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := drawManyPaths(seed)
			if m, f, err := s.ask(t); err != nil || f != fateDelivered {
				t.Fatal(f, s.describe(m, err))
			}
		})
	}
}
