package scenario

import (
	"fmt"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/fsm/cong"
)

// P-2-01: with one subflow a connection is what TCP with the same congestion control is,
// whatever the path: the options it carries are all that it costs.
func TestOnePathIsTCP(t *testing.T) {
	brief(t)
	seeds, long := uint64(2), 20*time.Second
	if full() {
		seeds, long = 5, 100*time.Second
	}
	for _, l := range []Link{
		WiFi,
		Mobile,
		{Rate: 50e6, RTT: 20 * time.Millisecond, Buffer: 20 * time.Millisecond},
		{Rate: 20e6, RTT: 100 * time.Millisecond, Buffer: 20 * time.Millisecond},
		{Rate: 20e6, RTT: 50 * time.Millisecond, Buffer: 50 * time.Millisecond, Loss: 0.001, Jitter: time.Millisecond},
		{Rate: 20e6, RTT: 50 * time.Millisecond, Buffer: 50 * time.Millisecond, Loss: 0.01, Jitter: time.Millisecond},
		{Rate: 20e6, RTT: 50 * time.Millisecond, Buffer: 50 * time.Millisecond, Loss: 0.05, Jitter: time.Millisecond},
	} {
		for _, buffer := range []int{50_000, 2_000_000} {
			var good [2]float64
			for k := range good {
				for seed := range seeds {
					w, err := Alone(seed, buffer, func(c *fsm.Config) {
						c.Plain, c.TCP.Congestion = k == 0, cong.NewReno()
					}, l)
					if err != nil {
						t.Fatal(err)
					}
					r, err := w.Run(2*time.Second, long)
					if err != nil {
						t.Fatal(err)
					}
					good[k] += r[0].Goodput / 1e6 / float64(seeds)
				}
			}
			ratio := good[1] / good[0] * options
			name := fmt.Sprintf("%3.0f Mb/s %4v buffer %4v loss %.3f, %4d KB", float64(l.Rate)/1e6, l.RTT, l.Buffer, l.Loss, buffer/1000)
			t.Logf("%s: TCP %.2f, MPTCP %.2f Mb/s, ratio %.3f", name, good[0], good[1], ratio)
			if full() && ratio < 0.97 || ratio < 0.8 {
				t.Errorf("%s: %.3f", name, ratio)
			}
		}
	}
}
