package fsm

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// manyCell is one entry of the matrix with several subflows: each of its boxes stands on a
// path of its own, the first on the path that the connection begins on.
type manyCell struct{ cell }

func (k manyCell) scene(seed uint64) *scene {
	s := &scene{seed: seed, up: 90_000, down: 60_000, payload: words, limit: 20 * time.Minute, strict: true, joins: len(k.parts) - 1, lateAt: 40_000}
	for i, p := range k.parts {
		spec, link := p.spec, fmt.Sprintf("link delay=%dms rate=%dMbit buffer=100ms", 8+5*i, 30-6*i)
		if k.late && p.late != "" {
			spec = p.late
		}
		if k.dir != "" && !p.both {
			spec += " dir=" + k.dir
		}
		chain, late := []string{spec, link}, []string(nil)
		if k.late {
			chain, late = chain[1:], chain[:1]
		}
		if i == 0 {
			s.boxes, s.late = chain, late
		} else {
			s.others, s.otherLate = append(s.others, chain), append(s.otherLate, late)
		}
	}
	s.set = func(_ int, c *Config) { c.Versions, c.NoChecksum = k.v, !k.sums }
	return s
}

// harmless reports whether p lets options and octets pass, or costs no more than time.
func (p part) harmless() bool {
	for _, word := range []string{"nat", "firewall", "seq", "hole", "ackfix", "split 500", "dup", "normalize", "mss", "window", "pmtu", "drop on=data", "drop chance"} {
		if strings.HasPrefix(p.spec, word) && !strings.HasSuffix(p.spec, "noscale") && !strings.Contains(p.spec, "how=") {
			return true
		}
	}
	return false
}

// manyTally counts the outcomes. Undelivered are those that TCP does not bring over the
// first path either, lost those that it does (see manyCell.excused), by the box on that
// path; beside those of them in which another path does no harm.
type manyTally struct {
	worlds, joined, multi, plain, undelivered, skipped int
	lost                                               map[string]int
	beside                                             int
}

// judge plays one cell: what is read is what was sent, whatever stands where; and all of
// it is where plain TCP delivers over the first path alone, with the same dice, or where
// any path does no harm, but for one condition (see excused). What is plain TCP in the end
// a box explains, and a counter.
func (k manyCell) judge(t testing.TB, seed uint64, sum *manyTally) {
	payload, length := k.alters()
	if length && !k.sums {
		sum.skipped++ // nobody can notice (R3.7-18)
		return
	}
	sum.worlds++
	s := k.scene(seed)
	w, err := s.verdict(t, k.cell, payload)
	if w.joined() {
		sum.joined++
	}
	if err == nil {
		if w.app[0].conn.Multipath() && w.app[1].conn.Multipath() {
			sum.multi++
		} else {
			sum.plain++
		}
		if err = k.explained(w); err == nil {
			err = w.left()
		}
	} else if !violates(err) {
		safe := k.parts[0].harmless() || w.joined() && slices.ContainsFunc(k.parts[1:], part.harmless)
		tcp := true
		if !safe {
			_, bad := s.play(t, true, false)
			tcp = bad == nil
		}
		switch {
		case !tcp:
			sum.undelivered++
			err = nil
		case k.excused() && !everyLoss:
			sum.lost[k.parts[0].spec]++
			if safe {
				sum.beside++
			}
			t.Logf("%v seed %d: lost, safe=%v", k, seed, safe)
			err = nil
		}
	}
	if err == nil {
		return
	}
	if err = fmt.Errorf("%v seed %d: %w", k, seed, err); brief {
		line, _, _ := strings.Cut(err.Error(), "\n")
		t.Error(line)
		return
	}
	s.explain(t, err)
}

// excused is the one condition on which a connection may be lost although TCP delivers over
// the first path, or another path does no harm: the first path begins to remove mappings
// when there are joins, and a box meddles with another path, too. Octets whose mapping is
// missing were repeated elsewhere, or may have been, so neither end can become TCP on the
// path that is left; see docs/fsm.md. (A firewall that comes in the middle of a handshake
// meddles with it.)
func (k manyCell) excused() bool {
	first := k.parts[0].spec
	return (strings.HasPrefix(first, "strip") || first == "coalesce 4 keep=none") &&
		slices.ContainsFunc(k.parts[1:], func(p part) bool { return !p.harmless() || k.late && strings.HasPrefix(p.spec, "firewall") })
}

// violates reports whether a run ended with something that is wrong whatever TCP does.
func violates(err error) bool {
	return strings.Contains(err.Error(), "invariant") || strings.Contains(err.Error(), "R3.") || strings.Contains(err.Error(), "read ") || strings.Contains(err.Error(), "without end")
}

// manyCells are all combinations for boxes on as many paths.
func manyCells(boxes ...part) (all []manyCell) {
	for _, k := range cells(boxes...) {
		all = append(all, manyCell{k})
	}
	return all
}

// TestMatrixManyPaths is TestMatrix with two to four subflows and another box on each path
// (P-4.1-01): every ordered pair, by direction, moment, version and checksums, and many
// triples and quadruples. The short run takes a slice of it; MPTCP_SWEEP=1 takes all,
// and MPTCP_SWEEP=triples=N,seed=S so many triples and quadruples.
func TestMatrixManyPaths(t *testing.T) {
	sweep := os.Getenv("MPTCP_SWEEP")
	triples, seed := 10_000, uint64(1)
	fmt.Sscanf(sweep, "triples=%d,seed=%d", &triples, &seed)
	var todo []manyCell
	for _, p := range parts {
		for _, q := range parts {
			if !strings.HasPrefix(sweep, "triples") {
				todo = append(todo, manyCells(p, q)...)
			}
		}
	}
	r := rand.New(rand.NewPCG(seed, 12))
	draw := func() part { return parts[r.IntN(len(parts))] }
	for range triples {
		for _, c := range [][]manyCell{manyCells(draw(), draw(), draw()), manyCells(draw(), draw(), draw(), draw())} {
			todo = append(todo, c[r.IntN(len(c))])
		}
	}
	if sweep == "" {
		keep := 1200
		if testing.Short() {
			keep = 100
		}
		r.Shuffle(len(todo), func(i, j int) { todo[i], todo[j] = todo[j], todo[i] })
		todo = todo[:keep]
	}
	sum := manyTally{lost: map[string]int{}}
	for i, k := range todo {
		k.judge(t, seed+uint64(i%3), &sum)
		if t.Failed() && !brief {
			break
		}
	}
	t.Logf("%+v", sum)
	n := 0
	for _, k := range sum.lost {
		n += k
	}
	if n > 2+sum.worlds/80 {
		t.Errorf("%d of %d connections are lost", n, sum.worlds)
	}
}
