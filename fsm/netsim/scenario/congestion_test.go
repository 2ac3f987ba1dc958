package scenario

import (
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/fsm/cong"
)

// bottleneck is what connections compete for in these tests. A millisecond of jitter
// breaks the rhythm that drop-tail queues and equal round-trip times get into.
var bottleneck = Link{Rate: 8e6, RTT: 40 * time.Millisecond, Buffer: 50 * time.Millisecond, Jitter: time.Millisecond}

var controls = []struct {
	name    string
	group   func() cong.Group
	coupled bool
}{{"LIA", cong.NewLIA, true}, {"OLIA", cong.NewOLIA, true}, {"uncoupled", cong.NewReno, false}}

func multi(group func() cong.Group) Change {
	return func(c *fsm.Config) { c.Congestion = group }
}

func plain(c *fsm.Config) { c.Plain, c.TCP.Congestion = true, cong.NewReno() }

// runs says how many seeds to try, and for how long: five of 300 s, or by default a
// slice of that, with more tolerance.
func runs() (seeds uint64, long time.Duration, tolerance float64) {
	if full() {
		return 5, 300 * time.Second, 0
	}
	if testing.Short() {
		return 1, 40 * time.Second, 0.2
	}
	return 2, 60 * time.Second, 0.1
}

const warmup = 20 * time.Second

// mean returns goodputs in bit/s by connection, and throughput of the first by path,
// averaged over the seeds.
func mean(t *testing.T, build func(seed uint64) (*World, error)) (good, sent []float64) {
	t.Helper()
	return meanAfter(t, warmup, build)
}

func meanAfter(t *testing.T, warmup time.Duration, build func(seed uint64) (*World, error)) (good, sent []float64) {
	t.Helper()
	seeds, long, _ := runs()
	for seed := range seeds {
		w, err := build(seed)
		if err != nil {
			t.Fatal(err)
		}
		r, err := w.Run(warmup, long)
		if err != nil {
			t.Fatal(err)
		}
		if good == nil {
			good, sent = make([]float64, len(r)), make([]float64, len(r[0].Throughput))
		}
		for i := range r {
			good[i] += r[i].Goodput / float64(seeds)
		}
		for i := range sent {
			sent[i] += r[0].Throughput[i] / float64(seeds)
		}
	}
	return good, sent
}

// R3.3.7-01, T6356-06: on a bottleneck that both subflows share, a coupled connection
// takes no more than one TCP; an uncoupled one takes nearly two.
func TestSharedBottleneck(t *testing.T) {
	_, _, tolerance := runs()
	for _, k := range controls {
		for _, others := range []int{1, 3} {
			if others > 1 && !full() {
				continue
			}
			good, _ := mean(t, func(seed uint64) (*World, error) {
				l := bottleneck
				l.Rate *= uint64(others+1) / 2
				return Shared(seed, l, multi(k.group), plain, others)
			})
			other := 0.0
			for _, g := range good[1:] {
				other += g / float64(others)
			}
			ratio := good[0] / other
			t.Logf("%-9s against %d: %.2f and %.2f Mb/s, %.2f of one TCP", k.name, others, good[0]/1e6, other/1e6, ratio)
			if k.coupled && ratio > 1.1+tolerance || !k.coupled && ratio < 1.5-tolerance {
				t.Errorf("%s: %.2f", k.name, ratio)
			}
		}
	}
}

// R3.3.7-01, P-2-01: over disjoint paths a connection gets at least what TCP would on the better
// one, and it moves off the more congested one, which a connection without coupling does
// not.
func TestDisjointPaths(t *testing.T) {
	brief(t)
	_, _, tolerance := runs()
	for _, others := range [][]int{{1, 4}, {1, 1}} {
		better, _ := mean(t, func(seed uint64) (*World, error) { return Disjoint(seed, bottleneck, plain, plain, others, true) })
		for _, k := range controls {
			good, sent := mean(t, func(seed uint64) (*World, error) {
				return Disjoint(seed, bottleneck, multi(k.group), plain, others, false)
			})
			crowd := 0.0 // what a TCP gets on the second path
			for _, g := range good[1+others[0]:] {
				crowd += g / float64(others[1])
			}
			t.Logf("%-9s %v: %.2f Mb/s, TCP on the better path %.2f; %.2f on the second path, a TCP there %.2f", k.name, others,
				good[0]/1e6, better[0]/1e6, sent[1]/1e6, crowd/1e6)
			if good[0]*options < (1-tolerance)*better[0] {
				t.Errorf("%s: %.2f, TCP %.2f", k.name, good[0]/1e6, better[0]/1e6)
			}
			if share := sent[1] / crowd; others[1] > 1 && (k.coupled && share > 0.6+tolerance || !k.coupled && share < 0.75) {
				t.Errorf("%s: %.2f of a TCP on the crowded path", k.name, share)
			}
		}
	}
}
