package scenario

import (
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/fsm/cong"
)

// F-05, P-4.2-M3: what a connection keeps in memory with autotuning, as a function of
// the buffers it may use: TCP over WiFi least, over 3G more, Multipath TCP most; capping
// halves that where it may use much; the receiver keeps two thirds of what the sender
// does, where TCP's keeps next to nothing, and little on paths alike.
func TestMemory(t *testing.T) {
	brief(t)
	sizes := []int{200, 4000}
	long := 40 * time.Second
	if full() {
		sizes = []int{100, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 4000}
		long = 200 * time.Second
	}
	type cell struct{ good, send, recv float64 }
	run := func(kb int, change Change, links ...Link) cell {
		w, err := Alone(1, kb*1000, func(c *fsm.Config) { c.Autotune = true; change(c) }, links...)
		if err != nil {
			t.Fatal(err)
		}
		r, err := w.Run(10*time.Second, long)
		if err != nil {
			t.Fatal(err)
		}
		return cell{r[0].Goodput / 1e6, r[0].SendMemory / 1e3, r[0].RecvMemory / 1e3}
	}
	tcp := func(c *fsm.Config) { c.Plain, c.TCP.Congestion = true, cong.NewReno() }
	var wifi, mobile, tuned, held, alike cell
	for _, kb := range sizes {
		wifi, mobile = run(kb, tcp, WiFi), run(kb, tcp, Mobile)
		tuned = run(kb, func(*fsm.Config) {}, WiFi, Mobile)
		held = run(kb, func(c *fsm.Config) { c.CapWindow = true }, WiFi, Mobile)
		alike = run(kb, func(*fsm.Config) {}, WiFi, WiFi)
		t.Logf("%5d KB: WiFi %.0f, 3G %.0f, both %.0f (received %.0f, %.2f Mb/s), capped %.0f (%.0f, %.2f), alike %.0f (%.0f)",
			kb, wifi.send, mobile.send, tuned.send, tuned.recv, tuned.good, held.send, held.recv, held.good, alike.send, alike.recv)
		if held.good < 0.95*tuned.good {
			t.Errorf("%d KB: capping costs throughput: %.2f and %.2f", kb, held.good, tuned.good)
		}
		if kb >= 700 && (wifi.send > mobile.send || mobile.send > tuned.send) {
			t.Errorf("%d KB: order of memory", kb)
		}
	}
	if r := held.send / tuned.send; r > 0.6 {
		t.Errorf("capping leaves %.2f of the memory", r)
	}
	for _, c := range []cell{tuned, held} {
		if c.recv < 0.6*c.send || c.recv > c.send {
			t.Errorf("the receiver keeps %.0f KB, the sender %.0f KB", c.recv, c.send)
		}
	}
	for name, c := range map[string]cell{"WiFi": wifi, "3G": mobile, "paths alike": alike} {
		part := 0.1
		if name == "paths alike" { // their sawtooths are out of step
			part = 0.2
		}
		if c.recv > part*c.send {
			t.Errorf("%s: the receiver keeps %.0f KB of %.0f", name, c.recv, c.send)
		}
	}
}
