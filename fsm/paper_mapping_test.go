package fsm

import (
	"fmt"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
)

// P-3.3.4-01 to P-3.3.4-03 (section 3.3.4): segmentation hardware copies the option
// into every piece. An option that names only a data sequence number then says the same
// of different octets; one that names the octets it means may come as often, and on as
// many segments, as it likes, but must count from the subflow's ISN, because boxes
// rewrite sequence numbers.
func TestPaperMappings(t *testing.T) {
	const n = 300_000
	line := "link delay=10ms rate=10Mbit buffer=200ms"
	rough := line + " reorder=5% loss=1%"
	quick := 3 * time.Second
	for _, k := range []struct {
		name      string
		boxes     []string
		d         design
		misplaced bool // octets of the stream are wrong
		slow      bool // there is progress by timeouts only, if any
	}{
		{"full, TSO", []string{"split 300", line}, design{}, false, false},
		{"full, TSO, reordering", []string{"split 300", rough}, design{}, false, false},
		// The pieces behind the first pass for copies of it...
		{"DSN only, TSO", []string{"split 300", line}, design{mapping: dsnOnly}, false, true},
		// ...and whichever comes first takes its place.
		{"DSN only, TSO, reordering", []string{"split 300", rough}, design{mapping: dsnOnly}, true, true},
		{"DSN only, reordering", []string{rough}, design{mapping: dsnOnly}, false, false},
		{"absolute, TSO, reordering", []string{"split 300", rough}, design{mapping: absoluteMapping}, false, false},
		{"full, numbers rewritten", []string{"seq", rough}, design{}, false, false},
		{"absolute, numbers rewritten", []string{"seq", rough}, design{mapping: absoluteMapping}, false, true},
		{"absolute, numbers moved by 500", []string{"seq delta=500", rough}, design{mapping: absoluteMapping}, true, true},
	} {
		x := newDuo(t, 4, k.d, 64000, stream(n, 1), k.boxes)
		x.open(0)
		err := x.run(time.Hour)
		if (x.rcv.misplaced > 0) != k.misplaced || (err != nil || x.w.Elapsed() > 10*quick) != k.slow || !k.slow && x.w.Elapsed() > quick {
			t.Errorf("%s: %d octets misplaced, read %d of %d after %v: %v", k.name, x.rcv.misplaced, x.rcv.read, n, x.w.Elapsed(), err)
		}
	}
	for _, boxes := range [][]string{{"split 300", line}, {"split 300", rough}, {"seq", rough}, {"seq delta=500", rough}, {"split 300", "seq", rough}, {"split 700 copy=last after=50000B", rough}} {
		for _, noSum := range []bool{false, true} {
			w := ours(t, 4, n, func(c *Config) { c.NoChecksum = noSum }, boxes)
			w.finishTransfer(quick)
			if !w.app[0].conn.Multipath() || !w.app[1].conn.Multipath() {
				t.Errorf("%q: fell back", boxes)
			}
		}
	}
}

// P-3.3.5-01, P-3.3.5-02 (section 3.3.5): a receiver may acknowledge octets at the
// subflow and drop them at the data level. A sender that frees what the subflow
// acknowledged, like TCP, has lost them; one that waits for the DATA_ACK sends them
// again.
func TestPaperReceiverReneges(t *testing.T) {
	const n = 500_000
	for _, freeEarly := range []bool{false, true} {
		x := newDuo(t, 7, design{freeEarly: freeEarly}, 64000, stream(n, 1), duoPaths...)
		seen := map[uint64]bool{}
		x.rcv.drop = func(_ int, data uint64) bool { // one packet in 29, once
			first := !seen[data]
			seen[data] = true
			return first && data/strawPacket%29 == 7
		}
		x.open(0)
		x.open(1)
		err := x.run(time.Hour)
		if (err != nil) != freeEarly || x.rcv.dropped == 0 || freeEarly && x.rcv.read != 7*strawPacket {
			t.Errorf("freed early %v: read %d, %d dropped: %v", freeEarly, x.rcv.read, x.rcv.dropped, err)
		}
	}
	for _, paths := range [][][]string{duoPaths, {{"link delay=10ms rate=10Mbit buffer=100ms loss=1%"}}} {
		for _, noSum := range []bool{false, true} {
			w := ours(t, 7, n, func(c *Config) { c.NoChecksum = noSum }, paths...)
			dropped, luck := 0, netsim.NewLuck(7)
			w.app[1].more = func(time.Time) {
				c := w.app[1].conn
				if c.mode != multi || !luck.Chance(0.2) {
					return
				}
				// What is here out of order, and acknowledged on its subflow.
				lo := c.rcv.next + 1 + luck.Uint64()%20_000
				dropped += c.rcv.buf.Remove(lo, lo+3000)
			}
			w.finishTransfer(5 * time.Minute)
			if dropped == 0 || w.ep[0].stats.MPTCPRetrans == 0 || !w.app[0].conn.Multipath() {
				t.Errorf("%d paths: %d octets dropped, %d sent again at the data level, multipath %v", len(paths), dropped,
					w.ep[0].stats.MPTCPRetrans, w.app[0].conn.Multipath())
			}
		}
	}
}

// P-3.3.5-03 (section 3.3.5): a box that merges segments keeps one mapping of them. Where
// each segment has a mapping of its own, as with a small send buffer, the other octets arrive
// without one, are acknowledged at the subflow (where there are others), and sent again at the
// data level: slower, but the connection makes progress and stays what it is.
func TestPaperCoalescing(t *testing.T) {
	const n = 300_000
	line := "link delay=10ms rate=10Mbit buffer=200ms"
	for _, freeEarly := range []bool{false, true} {
		x := newDuo(t, 8, design{freeEarly: freeEarly}, 64000, stream(n, 1), []string{"coalesce 2", line})
		x.open(0)
		err := x.run(time.Hour)
		if (err != nil) != freeEarly || x.rcv.unmapped == 0 {
			t.Errorf("freed early %v: read %d, %d octets without mapping: %v", freeEarly, x.rcv.read, x.rcv.unmapped, err)
		}
	}
	var took []time.Duration
	for _, k := range []int{1, 2, 3, 4, 6} {
		boxes := []string{line}
		if k > 1 {
			boxes = []string{fmt.Sprintf("coalesce %d", k), line}
		}
		small := func(c *Config) { c.SendBuffer = 11_000 } // an eighth of it is less than a segment
		w := ours(t, 8, n, small, boxes, boxes)
		w.finishTransfer(time.Hour)
		if !w.app[0].conn.Multipath() || (w.ep[0].stats.MPTCPRetrans > 0) != (k > 1) {
			t.Errorf("coalesce %d on two paths: multipath %v, %d sent again", k, w.app[0].conn.Multipath(), w.ep[0].stats.MPTCPRetrans)
		}
		// Over one path only, TCP is left to repeat them (docs/fsm.md).
		w = ours(t, 8, n, small, boxes)
		w.finishTransfer(time.Hour)
		if s := w.ep[0]; !w.app[0].conn.Multipath() || s.stats.MPTCPRetrans > 0 || (s.flows.RetransSegs > 0) != (k > 1) {
			t.Errorf("coalesce %d: multipath %v, %d sent again, %d by TCP", k, w.app[0].conn.Multipath(), s.stats.MPTCPRetrans, s.flows.RetransSegs)
		}
		took = append(took, w.w.Elapsed())
	}
	for i := 1; i < len(took); i++ {
		if took[i] <= took[0] || took[i] > time.Minute {
			t.Errorf("by segments merged, %d octets take %v", n, took)
			break
		}
	}
	t.Logf("%d octets take %v", n, took)
}

// P-3.3.4-01, P-3.3.5-03: what merges segments takes nothing from a sender whose mappings
// cover several, each with the same option.
func TestMappingsOfSeveralSegmentsMerge(t *testing.T) {
	const n = 1_000_000
	line := "link delay=10ms rate=10Mbit buffer=200ms"
	for _, noSum := range []bool{false, true} {
		set := func(c *Config) { c.NoChecksum = noSum }
		w := ours(t, 8, n, set, []string{line})
		w.finishTransfer(time.Hour)
		clean := w.w.Elapsed()
		for _, box := range []string{"coalesce 2", "coalesce 3", "coalesce 4", "coalesce 8", "coalesce 2 keep=last", "coalesce 3 keep=last"} {
			w := ours(t, 8, n, set, []string{box, line})
			w.finishTransfer(time.Hour)
			if took := w.w.Elapsed(); !w.app[0].conn.Multipath() || took > 2*clean {
				t.Errorf("%s, without checksums %v: %v, without the box %v", box, noSum, took, clean)
			}
		}
	}
}
