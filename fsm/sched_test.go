package fsm

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/sched"
	"github.com/mptcp-go/mptcp/wire"
)

// Every policy delivers over two paths, and the octets go where it says.
func TestSchedulers(t *testing.T) {
	for _, k := range []struct {
		name   string
		policy func() sched.Scheduler
		check  func(t *testing.T, fast, slow, stream int)
	}{
		{"lowest RTT", sched.NewLowestRTT, func(t *testing.T, fast, slow, n int) {
			if fast+slow > n+n/20 || fast < 2*slow {
				t.Errorf("fast %d, slow %d", fast, slow)
			}
		}},
		{"round robin", sched.NewRoundRobin, func(t *testing.T, fast, slow, n int) {
			if fast+slow > n+n/20 || slow < n/10 {
				t.Errorf("fast %d, slow %d", fast, slow)
			}
		}},
		{"redundant", sched.NewRedundant, func(t *testing.T, fast, slow, n int) {
			if fast < n*9/10 || slow < n/10 {
				t.Errorf("fast %d, slow %d", fast, slow)
			}
		}},
	} {
		t.Run(k.name, func(t *testing.T) {
			set := func(c *Config) { c.Scheduler = k.policy }
			w := newWorld(t, 3, testConfig(1, set), testConfig(2), "link delay=5ms rate=20Mbit buffer=100ms")
			w.addPath("link delay=30ms rate=5Mbit buffer=100ms")
			const n = 3_000_000
			w.twoPaths(n, 1000)
			sent := [2]int{}
			w.app[0].watch = func() {
				for _, s := range w.app[0].conn.subflows {
					sent[s.index] = int(s.flow.Sent())
				}
			}
			w.finishTransfer(time.Minute)
			k.check(t, sent[0], sent[1], n)
			w.idle()
		})
	}
}

// A connection over two paths, one of which dies without a word: whatever the policy,
// the other repeats what is missing (R3.3.6-01, R3.3.6-04).
func TestSchedulersReinject(t *testing.T) {
	for i, policy := range []func() sched.Scheduler{sched.NewLowestRTT, sched.NewRoundRobin, sched.NewRedundant} {
		for dead := range 2 {
			t.Run(fmt.Sprint(i, dead), func(t *testing.T) {
				set := func(c *Config) { c.Scheduler = policy }
				down := []string{"", ""}
				down[dead] = " down=300ms-"
				w := newWorld(t, 4, testConfig(1, set), testConfig(2, set), "link delay=5ms rate=5Mbit buffer=100ms"+down[0])
				w.addPath("link delay=30ms rate=5Mbit buffer=100ms" + down[1])
				w.twoPaths(1_000_000, 1000)
				w.finishTransfer(time.Minute)
				if st := w.ep[0].stats; st.MPTCPRetrans+st.RedundantTx == 0 {
					t.Error("nothing was repeated elsewhere")
				}
			})
		}
	}
}

// R3.3.6-05, R3.3.6-06: a subflow that performs badly is reset, with reason 5, and what it
// had goes over the others; the only one is not.
func TestResetSubflow(t *testing.T) {
	w := newWorld(t, 5, testConfig(1), testConfig(2), "link delay=5ms rate=5Mbit buffer=100ms")
	w.addPath("link delay=75ms rate=500kbit buffer=400ms")
	w.twoPaths(1_000_000, 1000)
	reset := false
	w.app[0].watch = func() {
		c := w.app[0].conn
		if reset || c.snd.una < 300_000 {
			return
		}
		reset = true
		slow, fast := c.subflows[1], c.subflows[0]
		if !slow.up || slow.flow.Sent() == slow.flow.Acked() {
			t.Error("the slow path has nothing to deliver")
		}
		if err := c.ResetSubflow(w.w.Now(), slow.id.local, slow.id.remote, wire.ResetUnacceptable); err != nil {
			t.Error(err)
		}
		for _, id := range []flowID{slow.id, fast.id, {serverPort, serverPort}} {
			var local *LocalError
			if err := c.ResetSubflow(w.w.Now(), id.local, id.remote, wire.ResetUnacceptable); !errors.As(err, &local) || local.Reason != NotOpen {
				t.Errorf("%v: %v", id, err)
			}
		}
	}
	w.finishTransfer(time.Minute)
	w.idle()
	if !reset || w.ep[0].stats.MPRstTx != 1 || w.ep[1].stats.MPRstRx != 1 || w.ep[0].stats.MPTCPRetrans == 0 {
		t.Errorf("reset %v, %+v", reset, w.ep[0].stats)
	}
	if !bytes.Contains(w.capt.Bytes(), []byte{30, 4, 0x81, byte(wire.ResetUnacceptable)}) {
		t.Error("no MP_TCPRST with that reason on the wire")
	}
}
