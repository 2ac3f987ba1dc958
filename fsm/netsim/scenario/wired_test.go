package scenario

import (
	"testing"
	"time"
)

// Wires with queues of a hundred packets, at a fifth of the paper's rates.
var (
	wire     = Link{Rate: 200e6, RTT: time.Millisecond, Buffer: 6 * time.Millisecond}
	slowWire = Link{Rate: 20e6, RTT: time.Millisecond, Buffer: 60 * time.Millisecond}
)

// F-06b: one fast wire and one of a tenth of its rate. With the mechanisms both are used
// with a quarter of a megabyte, without them the slow one costs more than it brings.
func TestUnequalWires(t *testing.T) {
	brief(t)
	sizes, long := []int{100, 250}, 2*time.Second
	if full() {
		sizes, long = []int{50, 100, 150, 250, 500, 1000, 1500, 2000, 3000}, 20*time.Second
	}
	good, _ := sweep(t, sizes, time.Second, long, wire, slowWire)
	for _, kb := range sizes {
		if good[m12][kb]*options < 0.97*good[tcp][kb] {
			t.Errorf("%d KB: M1+M2 %.1f, TCP %.1f", kb, good[m12][kb], good[tcp][kb])
		}
	}
	if good[m12][250] < 1.03*good[tcp][250] || good[regular][250] > good[tcp][250] {
		t.Errorf("250 KB: M1+M2 %.1f, regular %.1f, TCP %.1f", good[m12][250], good[regular][250], good[tcp][250])
	}
}

// F-06c: three wires alike. The paper finds no difference between regular and M1+M2. Here
// there is none where the buffer suffices, and never one to the disadvantage of M1+M2;
// with less they do better, since wires that are alike do not have queues that are.
func TestEqualWires(t *testing.T) {
	brief(t)
	sizes, long := []int{50, 500}, time.Second
	if full() {
		sizes, long = []int{25, 50, 100, 200, 300, 500, 1000}, 10*time.Second
	}
	good, _ := sweep(t, sizes, time.Second, long, wire, wire, wire)
	for _, kb := range sizes {
		if r := good[m12][kb] / good[regular][kb]; r < 0.95 || r > 1.05 && kb >= 500 {
			t.Errorf("%d KB: regular %.1f, M1+M2 %.1f", kb, good[regular][kb], good[m12][kb])
		}
		if good[m12][kb]*options < 0.97*good[tcp][kb] {
			t.Errorf("%d KB: M1+M2 %.1f, TCP over one %.1f", kb, good[m12][kb], good[tcp][kb])
		}
	}
}
