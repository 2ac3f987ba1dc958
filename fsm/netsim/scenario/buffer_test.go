package scenario

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/fsm/cong"
)

// full reports whether the whole set is to be run; by default a slice of it is.
func full() bool { return os.Getenv("MPTCP_SIM") == "full" }

// brief leaves a test out of a short run, which keeps those that other tests of shape
// stand on.
func brief(t *testing.T) {
	if testing.Short() {
		t.Skip("a few seconds of simulation, which -short leaves out")
	}
}

// options is what a DSS with a checksum takes of a segment of 1448 octets, where the
// sender's own DATA_ACK has four octets: goodput is compared as if it did not.
const options = 1448.0 / 1424

// The mechanisms of the paper's section 4.2.
var mechanisms = []struct {
	name   string
	change Change
}{
	{"TCP over the first", func(c *fsm.Config) { c.Plain, c.TCP.Congestion = true, cong.NewReno() }},
	{"regular", func(c *fsm.Config) { c.NoOpportunistic, c.NoPenalty = true, true }},
	{"M1", func(c *fsm.Config) { c.NoPenalty = true }},
	{"M1+M2", func(c *fsm.Config) {}},
}

const (
	tcp = iota
	regular
	m1
	m12
)

// sweep returns goodput and throughput in Mb/s by mechanism and buffer size in KB.
func sweep(t *testing.T, sizes []int, warmup, long time.Duration, links ...Link) (good, sent [4]map[int]float64) {
	t.Helper()
	for k := range mechanisms {
		good[k], sent[k] = map[int]float64{}, map[int]float64{}
	}
	for _, kb := range sizes {
		line := fmt.Sprintf("%5d KB", kb)
		for k, m := range mechanisms {
			l := links
			if k == tcp {
				l = links[:1]
			}
			w, err := Alone(1, kb*1000, m.change, l...)
			if err != nil {
				t.Fatal(err)
			}
			r, err := w.Run(warmup, long)
			if err != nil {
				t.Fatal(err)
			}
			good[k][kb] = r[0].Goodput / 1e6
			for _, s := range r[0].Throughput {
				sent[k][kb] += s / 1e6
			}
			line += fmt.Sprintf("  %s %.2f (%.2f)", m.name, good[k][kb], sent[k][kb])
		}
		t.Log(line)
	}
	return good, sent
}

// F-04a, F-04b, F-04c, P-4.2-M1, P-4.2-M2: WiFi and 3G. Regular dips below TCP over WiFi, opportunistic
// retransmission mends that and wastes capacity, penalties make it better than WiFi
// alone, and a megabyte fills both pipes.
func TestWiFiAnd3G(t *testing.T) {
	sizes := []int{50, 200, 400, 1000}
	warmup, long := 10*time.Second, 30*time.Second
	if full() {
		sizes = []int{25, 50, 75, 100, 125, 150, 175, 200, 250, 300, 350, 400, 500, 600, 700, 850, 1000, 1500, 2000}
		long = 120 * time.Second
	}
	good, sent := sweep(t, sizes, warmup, long, WiFi, Mobile)
	dips, wasted, better := 0, 0, 0
	for _, kb := range sizes {
		best := good[tcp][kb]
		if good[regular][kb] < 0.8*best {
			dips++
		}
		if good[m1][kb]*options < 0.95*best {
			t.Errorf("%d KB: M1 %.2f, TCP %.2f", kb, good[m1][kb], best)
		}
		if sent[m1][kb] > 1.1*good[m1][kb] {
			wasted++
		}
		if good[m12][kb]*options < 0.97*best {
			t.Errorf("%d KB: M1+M2 %.2f, TCP %.2f", kb, good[m12][kb], best)
		}
		if good[m12][kb] > 1.1*best {
			better++
		}
	}
	if dips == 0 || wasted == 0 || better < len(sizes)/2 {
		t.Errorf("of %d sizes regular dips at %d, M1 wastes at %d, M1+M2 is better at %d", len(sizes), dips, wasted, better)
	}
	for kb, v := range good[m12] {
		if kb >= 1000 && v < 0.9*10 {
			t.Errorf("%d KB: %.2f of 10 Mb/s", kb, v)
		}
	}
}

// P-2-01, P-4.2-M1, P-4.2-M2: the same wherever the packets happen to fall. Nothing in the
// worlds above is left to chance; here a millisecond of jitter is, and each seed is compared
// with TCP over WiFi that had the same luck.
func TestWiFiAnd3GSeeds(t *testing.T) {
	brief(t)
	sizes, seeds, long := []int{150, 1000}, uint64(2), 10*time.Second
	if full() {
		sizes, seeds, long = []int{25, 50, 75, 100, 150, 200, 300, 400, 500, 700, 1000, 2000}, 10, 40*time.Second
	}
	links := []Link{WiFi, Mobile}
	for i := range links {
		links[i].Jitter = time.Millisecond
	}
	for _, kb := range sizes {
		var least, most [4]float64 // of TCP
		for seed := range seeds {
			var good [4]float64
			for k, m := range mechanisms {
				l := links
				if k == tcp {
					l = links[:1]
				}
				w, err := Alone(seed, kb*1000, m.change, l...)
				if err != nil {
					t.Fatal(err)
				}
				r, err := w.Run(10*time.Second, long)
				if err != nil {
					t.Fatal(err)
				}
				good[k] = r[0].Goodput / 1e6
				ratio := good[k] * options / good[tcp]
				if seed == 0 || ratio < least[k] {
					least[k] = ratio
				}
				most[k] = max(most[k], ratio)
			}
			if kb >= 1000 && good[m12] < 0.9*10 {
				t.Errorf("%d KB, seed %d: %.2f of 10 Mb/s", kb, seed, good[m12])
			}
		}
		t.Logf("%4d KB, of TCP over WiFi: regular %.3f to %.3f, M1 %.3f to %.3f, M1+M2 %.3f to %.3f", kb,
			least[regular], most[regular], least[m1], most[m1], least[m12], most[m12])
		if kb >= 125 && kb <= 500 && most[regular] > 0.8 || least[m1] < 0.95 || least[m12] < 0.97 {
			t.Errorf("%d KB", kb)
		}
	}
}

// F-06a: a 3G path of 50 kb/s stalls the whole connection, but for the mechanisms.
func TestWiFiAndWeak3G(t *testing.T) {
	sizes := []int{130, 175, 300}
	long := 60 * time.Second
	if full() {
		sizes = []int{50, 100, 110, 120, 130, 140, 150, 175, 200, 225, 250, 275, 300, 400, 500, 700, 1000}
		long = 200 * time.Second
	}
	good, _ := sweep(t, sizes, 10*time.Second, long, WiFi, Weak)
	most := 0.0
	for _, kb := range sizes {
		if kb >= 100 && kb <= 300 {
			most = max(most, good[m12][kb]/good[regular][kb])
		}
	}
	if most < 5 {
		t.Errorf("at most %.1f times as fast as regular", most)
	}
	for _, kb := range sizes {
		if good[m12][kb]*options < 0.97*good[tcp][kb] { // P-2-01
			t.Errorf("%d KB: M1+M2 %.2f, TCP %.2f", kb, good[m12][kb], good[tcp][kb])
		}
	}
}

// F-09: WiFi of no more than 3G's 2 Mb/s. A quarter more than TCP with 100 KB, almost
// double with 500 KB, and never less.
func TestWiFiLike3G(t *testing.T) {
	brief(t)
	sizes, long := []int{50, 100, 200, 500}, 60*time.Second
	if full() {
		long = 300 * time.Second
	}
	good, _ := sweep(t, sizes, 10*time.Second, long, SlowWiFi, Mobile)
	for kb, least := range map[int]float64{50: 0.97 / options, 100: 1.2, 200: 1.5, 500: 1.8} {
		if r := good[m12][kb] / good[tcp][kb]; r < least {
			t.Errorf("%d KB: %.2f of TCP", kb, r)
		}
	}
}
