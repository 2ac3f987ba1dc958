package fsm

import (
	"testing"
	"time"
)

// What subflows carried is known when they have ended, and both ends agree about it.
func TestPastSubflows(t *testing.T) {
	w := newWorld(t, 77, testConfig(1), testConfig(2), "link delay=10ms rate=5Mbit buffer=100ms")
	w.addPath("link delay=20ms rate=5Mbit buffer=100ms")
	w.twoPaths(400_000, 100_000)
	w.finishTransfer(time.Minute)
	gone := func() bool { return w.app[0].conn.State() == Closed && w.app[1].conn.State() == Closed }
	if err := w.w.RunUntil(gone, time.Minute); err != nil {
		t.Fatal(err)
	}
	var sides [2][]PastSubflow
	for i := range sides {
		sides[i] = w.app[i].conn.PastSubflows(nil)
		if len(sides[i]) != 2 {
			t.Fatalf("end %d: %+v", i, sides[i])
		}
	}
	up, down := uint64(0), uint64(0)
	for _, a := range sides[0] {
		for _, b := range sides[1] {
			if a.Local != b.Remote || a.Remote != b.Local {
				continue
			}
			if a.Sent != b.Received || a.Received != b.Sent || a.Acked != a.Sent || !a.Worked || !b.Worked || a.Sent == 0 || a.RTT < a.MinRTT || a.MinRTT == 0 {
				t.Errorf("%+v\n%+v", a, b)
			}
			up += a.Sent
			down += b.Sent
		}
	}
	if up < 400_000 || down < 100_000 {
		t.Error(up, down)
	}
}
