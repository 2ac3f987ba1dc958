package fsm

import (
	"bytes"
	"testing"
	"time"
)

// P-3-01, P-3.3-01 to P-3.3-04 (sections 3 and 3.3): one sequence space striped over two
// paths leaves holes in each of them. A third of the paths of the paper's study do not
// put up with that, or with acknowledgments of what went another way, or give the two
// paths different numbers. Subflows with a contiguous space of their own pass.
func TestPaperStriping(t *testing.T) {
	const n = 401 * stripe // the last segment goes over path 1
	line := "link delay=10ms rate=10Mbit buffer=200ms"
	for _, k := range []struct {
		name    string
		second  []string
		ackPath uint16
		fails   bool
		wrong   bool // octets of the stream are not those that were sent
		most    int  // octets that can be acknowledged
	}{
		{"nothing", nil, 0, false, false, n},
		{"nothing, one return path", nil, 2, false, false, n},
		{"hole", []string{"hole"}, 0, true, false, stripe},
		{"ACKs corrected", []string{"ackfix"}, 2, true, false, n - 1},
		{"ACKs dropped", []string{"ackfix how=drop"}, 2, true, false, n - 1},
		{"numbers rewritten", []string{"seq"}, 0, true, false, stripe},
		{"numbers moved back by two segments", []string{"seq delta=4294964400 dir=c2s"}, 1, true, true, n},
	} {
		second := append(k.second, line)
		x := newStriped(t, 6, n, k.ackPath, []string{line}, second)
		acked, err := x.run(time.Hour)
		wrong := len(x.got) > n || !bytes.Equal(x.got, x.out[:len(x.got)])
		if (err != nil || wrong) != k.fails || wrong != k.wrong || acked > k.most {
			t.Errorf("%s: read %d, acknowledged %d of %d, wrong %v: %v", k.name, len(x.got), acked, n, wrong, err)
		}
		w := ours(t, 6, n, nil, []string{line}, second)
		f := w.flows()
		w.finishTransfer(time.Minute)
		if !w.app[0].conn.Multipath() || !w.app[1].conn.Multipath() || f[0].Acked() < n/10 || f[1].Acked() < n/10 {
			t.Errorf("%s: multipath %v; %d octets on subflow 1, %d on 2", k.name, w.app[0].conn.Multipath(), f[0].Acked(), f[1].Acked())
		}
	}
}
