package fsm

import (
	"testing"
	"time"
)

// R3.1-01 to R3.1-05, R3.1-14 to R3.1-19, R3.3.3-02 to R3.3.3-06: over a clean path a
// connection is Multipath TCP from end to end, and ends without a trace.
func TestCleanPath(t *testing.T) {
	w := newWorld(t, 1, testConfig(1), testConfig(2))
	w.transfer(300_000, 200_000, time.Minute)
	for i, a := range w.app {
		if !a.conn.Multipath() || !a.conn.Checksum() {
			t.Errorf("end %d: Multipath %v, checksum %v", i, a.conn.Multipath(), a.conn.Checksum())
		}
	}
	w.idle()
}
