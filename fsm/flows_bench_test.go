package fsm

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/mptcp-go/mptcp/checksum"
	"github.com/mptcp-go/mptcp/fsm/sched"
	"github.com/mptcp-go/mptcp/wire"
)

// newJoined is a connection with n subflows over which the data goes in turn.
func newJoined(t testing.TB, n int, change ...func(*Config)) *direct {
	d := newDirect(t, func(c *Config) {
		c.MaxSubflows = 32
		c.Scheduler = sched.NewRoundRobin
		for _, f := range change {
			f(c)
		}
	})
	var scratch [16]byte
	for i := range 4 {
		d.carry(i%2, []byte("hello"), scratch[:])
	}
	for i := 1; i < n; i++ {
		local := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 7, byte(i)}), 40000)
		if err := d.conn[0].Join(d.now, local, d.conn[0].Remote(), false); err != nil {
			t.Fatal(err)
		}
		d.run()
	}
	for _, c := range d.conn {
		if c.Info().SubflowsUp != n {
			t.Fatal(c.Info().SubflowsUp, "subflows are up")
		}
	}
	return d
}

// carry moves p from one end to the other and drops it there.
func (d *direct) carry(from int, p, scratch []byte) {
	d.conn[from].Write(d.now, p)
	d.run()
	for n := 1; n > 0; {
		n, _ = d.conn[1-from].Read(d.now, scratch)
	}
	d.run()
	for _, e := range d.ep {
		if at := e.Deadline(); !at.IsZero() && !at.After(d.now) {
			e.HandleTimer(d.now)
		}
		for _, _, ok := e.PollEvent(); ok; _, _, ok = e.PollEvent() {
		}
	}
	d.run()
}

// Segments in and out on several subflows, with 0 allocations in steady state, whichever
// the scheduler.
func TestNoAllocationsOnSubflows(t *testing.T) {
	for _, k := range []struct {
		policy  func() sched.Scheduler
		n, used int
	}{{sched.NewRoundRobin, 2, 2}, {sched.NewRoundRobin, 4, 4}, {sched.NewRoundRobin, 8, 8}, {sched.NewRoundRobin, 32, 32},
		{sched.NewLowestRTT, 4, 1}, {sched.NewRedundant, 4, 4}} {
		d := newJoined(t, k.n, func(c *Config) { c.Scheduler = k.policy })
		out, in := make([]byte, 64<<10), make([]byte, 64<<10)
		step := func() {
			d.carry(0, out, in)
			d.carry(1, out, in)
		}
		for range 300 {
			step()
		}
		before := d.conn[1].Info().Received
		if n := testing.AllocsPerRun(100, step); n != 0 {
			t.Errorf("%T, %d subflows: %v allocations for 128 KiB", d.conn[0].sched, k.n, n)
		}
		if got := d.conn[1].Info().Received - before; got < 100*64<<10 {
			t.Errorf("%T, %d subflows: the data did not flow", d.conn[0].sched, k.n)
		}
		used := 0
		for _, s := range d.conn[0].subflows {
			if s.flow.Sent() >= 64<<10 {
				used++
			}
		}
		if used < k.used {
			t.Errorf("%T: of %d subflows %d were used", d.conn[0].sched, k.n, used)
		}
	}
}

// The cost of a segment, in and out, data and ACKs alike, by the number of subflows:
// those that carry data (all, in turn), and those that are merely there (the scheduler
// uses the fastest). It is not to grow faster than the number.
func BenchmarkSegment(b *testing.B) {
	for _, policy := range []struct {
		name string
		make func() sched.Scheduler
	}{{"all", sched.NewRoundRobin}, {"fastest", sched.NewLowestRTT}} {
		b.Run(policy.name, func(b *testing.B) {
			var racers []*racer
			for _, n := range []int{1, 2, 8, 32} {
				d := newJoined(b, n, func(c *Config) { c.Scheduler = policy.make })
				out, in := make([]byte, 64<<10), make([]byte, 64<<10)
				count := func() uint64 { return d.ep[0].FlowStats().OutSegs + d.ep[1].FlowStats().OutSegs }
				for range 300 {
					d.carry(0, out, in)
				}
				before := count()
				for range 100 {
					d.carry(0, out, in)
				}
				racers = append(racers, &racer{name: fmt.Sprint(n), per: float64(count()-before) / 100, run: func(n int) {
					for range n {
						d.carry(0, out, in)
					}
				}})
			}
			race(b, 1, racers...) // short turns: on a busy machine long ones are cut
		})
	}
}

// What checksums cost (paper section 3.3.6, P-3.3.6-03): the sum of the payload is taken
// once, while it is copied, and serves the DSS checksum and that of TCP. Beside it, no
// DSS checksums; and what a second pass over the payload at either end would add, which
// is what "twice" has and "once" has not.
func BenchmarkSums(b *testing.B) {
	kinds := func(noSum, again bool) func(n int) {
		d := newDirect(b, func(c *Config) { c.NoChecksum = noSum })
		out, in := make([]byte, 64<<10), make([]byte, 64<<10)
		if again {
			d.each = func(seg *wire.Segment) { // what the sender would sum, and the receiver
				sink = checksum.Of(seg.Payload).Add(checksum.Of(seg.Payload))
			}
		}
		return func(n int) {
			for range n {
				d.carry(0, out, in)
			}
		}
	}
	race(b, 16, &racer{name: "off", run: kinds(true, false)}, &racer{name: "once", run: kinds(false, false)},
		&racer{name: "twice", run: kinds(false, true)})
}

var sink checksum.Sum
