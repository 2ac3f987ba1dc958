package fsm

import (
	"testing"
	"time"
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
