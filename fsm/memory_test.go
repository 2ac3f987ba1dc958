package fsm

import (
	"net/netip"
	"os"
	"testing"
	"time"
)

// manyConns is how many connections the tests of memory make: 10^4, and 10^5 where
// MPTCP_SCALE=1 asks for it.
func manyConns() int {
	if os.Getenv("MPTCP_SCALE") == "1" {
		return 100_000
	}
	return 10_000
}

// talk has each connection carry a few octets both ways, and time pass until nothing is
// left to be said.
func (d *crowd) talk(t testing.TB) {
	t.Helper()
	var p [16]byte
	for from := range 2 {
		for _, c := range d.conn[from] {
			d.write(c)
		}
		d.run()
		for i, c := range d.conn[1-from] {
			if n, err := c.Read(d.now, p[:]); string(p[:n]) != "hello" || err != nil {
				t.Fatalf("connection %d: %q, %v", i, p[:n], err)
			}
		}
	}
	d.quiet()
}

// quiet lets time pass while something is due within a minute.
func (d *crowd) quiet() {
	for end := d.now.Add(time.Minute); ; {
		at := d.ep[0].Deadline()
		if b := d.ep[1].Deadline(); at.IsZero() || !b.IsZero() && b.Before(at) {
			at = b
		}
		if at.IsZero() || at.After(end) {
			break
		}
		if at.After(d.now) {
			d.now = at
		}
		for _, e := range d.ep {
			e.HandleTimer(d.now)
		}
		d.run()
	}
	for _, e := range d.ep {
		for _, _, ok := e.PollEvent(); ok; _, _, ok = e.PollEvent() {
		}
	}
}

func (d *crowd) trim() {
	for i := range d.conn {
		for _, c := range d.conn[i] {
			c.Trim()
		}
	}
}

// NOTES section 4: an idle connection that has carried data takes 4 KB at the most with
// one subflow, and 2 KB for each more; a record of TIME-WAIT 96 octets; and when all is
// over nothing is left. Both ends live in this process, and each counts.
func TestIdleMemory(t *testing.T) {
	n := manyConns()
	d := newCrowdConfig(t)
	empty := heapInUse()
	d.open(t, n)
	d.talk(t)
	used := (heapInUse() - empty) / (2 * n)
	d.trim()
	one := (heapInUse() - empty) / (2 * n)
	t.Logf("%d connections: %d octets for each end, %d as it was left", n, one, used)
	if one > 4096 || used > 4096 {
		t.Errorf("%d octets for an idle connection, %d as it was left; at most 4096 are allowed", one, used)
	}

	for i, c := range d.conn[0] {
		local := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 3, 1}), uint16(1024+i>>8))
		if err := c.Join(d.now, local, c.Remote(), false); err != nil {
			t.Fatal(err)
		}
		if i%100 == 99 {
			d.run()
		}
	}
	d.run()
	d.talk(t)
	for i := range d.conn {
		for _, c := range d.conn[i] {
			if c.Info().SubflowsUp != 2 {
				t.Fatal(c.Info().SubflowsUp, "subflows are up")
			}
		}
	}
	d.trim()
	two := (heapInUse() - empty) / (2 * n)
	t.Logf("a second subflow: %d more", two-one)
	if two-one > 2048 {
		t.Errorf("%d octets for a second subflow, at most 2048 are allowed", two-one)
	}

	// All close.
	for i := range 2 {
		for _, c := range d.conn[i] {
			c.CloseWrite(d.now)
		}
		d.run()
	}
	for range 100 {
		d.now = d.now.Add(10 * time.Millisecond)
		for _, e := range d.ep {
			e.HandleTimer(d.now)
		}
		d.run()
	}
	for i := range d.conn {
		for _, c := range d.conn[i] {
			if c.State() != Closed && c.State() != TimeWait || c.Err() != nil {
				t.Fatal(c.State(), c.Err())
			}
		}
		for _, _, ok := d.ep[i].PollEvent(); ok; _, _, ok = d.ep[i].PollEvent() {
		}
		d.conn[i] = nil
	}
	if n0, n1 := d.ep[0].subflows.n, d.ep[1].subflows.n; n0+n1 != 0 {
		t.Errorf("%d and %d subflows are left", n0, n1)
	}
	records := d.ep[0].waits.n + d.ep[1].waits.n
	if records < 2*n {
		t.Errorf("%d records of TIME-WAIT for %d flows", records, 2*n)
	}
	before := heapInUse()
	d.now = d.now.Add(5 * time.Minute)
	for _, e := range d.ep {
		e.HandleTimer(d.now)
	}
	d.run()
	record := (before - heapInUse()) / records
	t.Logf("%d octets for a record of TIME-WAIT", record)
	if record > 96 || record < 60 {
		t.Errorf("%d octets for a record of TIME-WAIT, at most 96 are allowed", record)
	}
	for i, e := range d.ep {
		if e.subflows.n != 0 || e.known() != 0 || e.waits.n != 0 || e.timers.len() != 0 || !e.Deadline().IsZero() {
			t.Errorf("end %d keeps %d subflows, %d tokens, %d records, %d timers", i, e.subflows.n, e.known(), e.waits.n, e.timers.len())
		}
	}
}
