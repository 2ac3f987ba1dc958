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
// path.
type manyTally struct {
	worlds, joined, multi, plain, undelivered, skipped int
	lost                                               map[string]int
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
		case !safe && k.excused() && !everyLoss:
			sum.lost[k.parts[0].spec]++
			t.Logf("%v seed %d: lost", k, seed)
			err = nil
		case !safe && k.v == OnlyV0 && w.doubt():
			sum.lost["in doubt"]++ // version 0 has no refusal that proves anything
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
// the first path: it comes in mid-connection that no mapping passes any path any more, for
// good, when data was or may have been on two subflows. Then nobody can know what octets
// without a mapping are, on the subflows that there are or on another (docs/fsm.md, "No
// mapping on any path"). A path on which a fresh subflow brings one segment with its mapping
// is enough to go on, and so is the knowledge that no join was taken: the first path must
// remove all mappings from then on, each other must, too, or let no join come up, and one of
// them must have let one come up, or have left in doubt in version 0 whether it did.
func (k manyCell) excused() bool {
	others := k.parts[1:]
	return k.late && k.parts[0].silences() &&
		!slices.ContainsFunc(others, func(p part) bool { return !p.silences() && !p.bars() }) &&
		slices.ContainsFunc(others, func(p part) bool { return p.silences() && !p.bars() || k.v == OnlyV0 && k.doubtful(p) })
}

// silences reports whether no mapping passes p once a handshake is over.
func (p part) silences() bool {
	switch p.spec {
	case "strip mptcp", "strip dss", "strip unknown how=remove after=3whs":
		return true
	}
	return false
}

// bars reports whether no join comes up through p.
func (p part) bars() bool {
	switch p.spec {
	case "strip mptcp", "strip mptcp on=syn", "strip mptcp on=synack", "strip mptcp on=ack3", "drop has=mptcp on=syn":
		return true
	}
	return false
}

// doubtful reports whether p takes the proof of a join away that was answered.
func (k manyCell) doubtful(p part) bool {
	return p.spec == "strip mptcp on=ack3" || p.spec == "strip mptcp" && k.dir == "c2s"
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

// Cells that once were lost: a connection without a subflow was opened again over one path
// only, although a subflow over the other would have brought mappings; a join that was under
// way when the peer fell back was refused without a reason; in version 0, which has none to
// give, the end that refused a join fell back alone.
func TestMatrixManyPathsOnceLost(t *testing.T) {
	sum := manyTally{lost: map[string]int{}}
	for _, chain := range [][]part{
		find("strip dss", "strip mptcp after=20000B"),
		find("strip dss", "strip dss chance=20%"),
		find("strip unknown how=remove after=3whs", "rst on=data after=9000B count=1"),
		find("strip unknown how=remove after=3whs", "coalesce 4 keep=none"),
		find("strip unknown how=remove after=3whs", "strip dss", "strip mptcp after=20000B"),
		find("strip mptcp after=20000B", "firewall"),
		find("strip mptcp after=20000B", "strip mptcp on=ack3"),
		find("strip mptcp after=20000B", "strip mptcp"),
	} {
		for i, k := range manyCells(chain...) {
			if i%2 == 0 { // checksums make no difference here
				for seed := range uint64(3) {
					k.judge(t, 1+seed, &sum)
				}
			}
		}
	}
	if len(sum.lost) > 0 {
		t.Error(sum.lost)
	}
}

// find returns the parts of the matrix with these specs.
func find(specs ...string) (q []part) {
	for _, spec := range specs {
		q = append(q, parts[slices.IndexFunc(parts, func(p part) bool { return p.spec == spec })])
	}
	return q
}

// A mapping of several segments, some of which came again on another subflow before the rest was
// there, and changed: that its own octets add up says nothing of those. They were delivered once.
func TestMatrixManyPathsOnceWrong(t *testing.T) {
	sum := manyTally{lost: map[string]int{}}
	for _, k := range manyCells(find("firewall noscale", "payload find=PORT put=Q")...) {
		k.judge(t, 1, &sum)
	}
	if len(sum.lost) > 0 {
		t.Error(sum.lost)
	}
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
	if n > 1+sum.worlds/400 {
		t.Errorf("%d of %d connections are lost", n, sum.worlds)
	}
}
