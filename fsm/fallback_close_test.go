package fsm

import (
	"testing"
	"time"
)

// A connection that falls back with its DATA_FIN still to be sent has no use for that
// any more: both ends are closed when the FINs are through, not a TIME-WAIT later.
func TestCloseBehindFallback(t *testing.T) {
	for _, box := range []string{"strip mptcp after=3whs", "strip mptcp on=ack+data+fin", "strip mptcp after=3whs dir=c2s", "strip mptcp after=3whs dir=s2c"} {
		w := newWorld(t, 1, testConfig(1), testConfig(2), "link delay=10ms", box)
		w.transfer(3, 3, time.Minute)
		closed := func() bool { return w.app[0].conn.State() == Closed && w.app[1].conn.State() == Closed }
		if err := w.w.RunUntil(closed, 5*time.Second); err != nil {
			t.Errorf("%s: %v\n%s\n%s", box, err, w.dump(0), w.dump(1))
		}
	}
}
