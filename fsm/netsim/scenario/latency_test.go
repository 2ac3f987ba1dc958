package scenario

import (
	"slices"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm"
)

// F-07: how long an octet takes from one application to the other, with buffers of
// 200 KB over WiFi and 3G. Regular Multipath TCP has a long tail, which the mechanisms
// remove; TCP over WiFi takes longer than those on average, as 200 KB wait in its send
// buffer, and no longer when that is made to fit.
func TestLatency(t *testing.T) {
	long := 20 * time.Second
	if full() {
		long = 200 * time.Second
	}
	type result struct{ mean, tail time.Duration }
	run := func(change Change, links ...Link) result {
		w, err := Alone(1, 200_000, change, links...)
		if err != nil {
			t.Fatal(err)
		}
		f := w.Flows[0]
		f.Block = 8 << 10
		if _, err := w.Run(5*time.Second, long); err != nil {
			t.Fatal(err)
		}
		var sum time.Duration
		for _, d := range f.Latency {
			sum += d
		}
		slices.Sort(f.Latency)
		return result{sum / time.Duration(len(f.Latency)), f.Latency[len(f.Latency)*99/100]}
	}
	wifi := run(mechanisms[tcp].change, WiFi)
	small := run(func(c *fsm.Config) { mechanisms[tcp].change(c); c.SendBuffer = 50_000 }, WiFi)
	plain := run(mechanisms[regular].change, WiFi, Mobile)
	both := run(mechanisms[m12].change, WiFi, Mobile)
	t.Logf("mean and 99th percentile: TCP over WiFi %v, with a send buffer of 50 KB %v, regular %v, M1+M2 %v", wifi, small, plain, both)
	if both.tail*3 > plain.tail*2 {
		t.Errorf("the tail with M1+M2 is %v, of regular %v", both.tail, plain.tail)
	}
	if both.mean > wifi.mean || both.mean > plain.mean {
		t.Errorf("mean with M1+M2 %v, TCP over WiFi %v, regular %v", both.mean, wifi.mean, plain.mean)
	}
	if small.mean > both.mean {
		t.Errorf("mean of TCP with a small buffer %v, M1+M2 %v", small.mean, both.mean)
	}
}
