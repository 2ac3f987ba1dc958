package fsm

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/sched"
)

// withSubflows is a pair of endpoints with n subflows between them.
func withSubflows(t testing.TB, n int, change func(*Config)) *direct {
	d := newDirect(t, func(c *Config) {
		c.MaxSubflows, c.MaxHalfJoins = 32, 32
		change(c)
	})
	d.conn[0].Write(d.now, []byte("proof"))
	d.run()
	for i := 1; i < n; i++ {
		local := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}), 0)
		if err := d.conn[0].Join(d.now, local, serverPort, false); err != nil {
			t.Fatal(err)
		}
		d.run()
	}
	if up := d.conn[1].Info().SubflowsUp; up != n {
		t.Fatalf("%d subflows of %d are up", up, n)
	}
	return d
}

// exchange writes octets at one end and reads them at the other, timers included.
func (d *direct) exchange(p, in []byte) {
	d.conn[0].Write(d.now, p)
	d.run()
	for n := 1; n > 0; {
		n, _ = d.conn[1].Read(d.now, in)
	}
	d.run()
	d.now = d.now.Add(50 * time.Millisecond)
	d.ep[0].HandleTimer(d.now)
	d.ep[1].HandleTimer(d.now)
	d.run()
}

// 0 allocations in steady state with 4 subflows, whichever the scheduler.
func TestNoAllocationsWithFourSubflows(t *testing.T) {
	for _, k := range []struct {
		policy func() sched.Scheduler
		used   int
	}{{sched.NewLowestRTT, 1}, {sched.NewRoundRobin, 4}, {sched.NewRedundant, 4}} {
		d := withSubflows(t, 4, func(c *Config) { c.Scheduler = k.policy })
		p, in := make([]byte, 64<<10), make([]byte, 64<<10)
		for range 300 {
			d.exchange(p, in)
		}
		used := 0
		for _, s := range d.conn[0].subflows {
			if s.flow.Sent() > 1<<20 {
				used++
			}
		}
		if used < k.used {
			t.Errorf("%T: %d subflows were used", d.conn[0].sched, used)
		}
		before := d.conn[1].Info().Received
		if n := testing.AllocsPerRun(200, func() { d.exchange(p, in) }); n != 0 {
			t.Errorf("%T: %v allocations for 64 KiB", d.conn[0].sched, n)
		}
		if got := d.conn[1].Info().Received - before; got < 200*64<<10 {
			t.Errorf("%T: only %d octets", d.conn[0].sched, got)
		}
	}
}

// The cost of a segment, both ends and all acknowledgments, by the number of subflows:
// those that carry data (all, in turn), and those that are merely there (the scheduler
// uses the fastest).
func BenchmarkSubflows(b *testing.B) {
	for _, policy := range []struct {
		name string
		make func() sched.Scheduler
	}{{"all", sched.NewRoundRobin}, {"fastest", sched.NewLowestRTT}} {
		for _, n := range []int{1, 2, 8, 32} {
			b.Run(fmt.Sprintf("%s/%d", policy.name, n), func(b *testing.B) {
				d := withSubflows(b, n, func(c *Config) { c.Scheduler = policy.make })
				p, in := make([]byte, 64<<10), make([]byte, 64<<10)
				for range 200 {
					d.exchange(p, in)
				}
				segments := d.ep[0].FlowStats().OutSegs
				b.ReportAllocs()
				b.ResetTimer()
				for b.Loop() {
					d.exchange(p, in)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(d.ep[0].FlowStats().OutSegs-segments), "ns/segment")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
