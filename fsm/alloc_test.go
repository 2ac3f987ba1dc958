package fsm

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// direct is two endpoints with nothing between them: segments cross without being
// encoded.
type direct struct {
	ep   [2]*Endpoint
	conn [2]*Conn
	now  time.Time
	seg  wire.Segment
	buf  [wire.MaxOptions]byte
	each func(*wire.Segment) // is shown each segment
}

func newDirect(t testing.TB, change func(*Config)) *direct {
	d := &direct{now: time.Unix(1_000_000, 0)}
	for i := range d.ep {
		cfg := Config{Rand: rand.NewPCG(uint64(i), 1)}
		change(&cfg)
		var err error
		if d.ep[i], err = NewEndpoint(cfg); err != nil {
			t.Fatal(err)
		}
	}
	l, err := d.ep[1].Listen(serverPort)
	if err != nil {
		t.Fatal(err)
	}
	if d.conn[0], err = d.ep[0].Dial(d.now, netip.AddrPortFrom(clientAddr, 0), serverPort); err != nil {
		t.Fatal(err)
	}
	d.run()
	d.conn[1], _ = l.Accept()
	if d.conn[1] == nil || !d.conn[1].Multipath() {
		t.Fatal("no connection")
	}
	return d
}

// run moves segments until neither end has more, 1 ms for each.
func (d *direct) run() {
	for again := true; again; {
		again = false
		for i := range d.ep {
			d.seg.Options = d.buf[:0]
			for d.ep[i].PollSegment(d.now, &d.seg) {
				d.now = d.now.Add(time.Millisecond / 10)
				if d.each != nil {
					d.each(&d.seg)
				}
				d.ep[1-i].HandleSegment(d.now, &d.seg)
				d.seg.Options = d.buf[:0]
				again = true
			}
		}
	}
}

// Issue: segments in and out with 0 allocations in steady state on the data path.
func TestNoAllocations(t *testing.T) {
	for _, noSum := range []bool{false, true} {
		d := newDirect(t, func(c *Config) { c.NoChecksum = noSum })
		out, in := make([]byte, 32<<10), make([]byte, 64<<10)
		step := func() {
			d.conn[0].Write(d.now, out)
			d.conn[1].Write(d.now, out)
			d.run()
			for n := 1; n > 0; {
				n, _ = d.conn[0].Read(d.now, in)
			}
			for n := 1; n > 0; {
				n, _ = d.conn[1].Read(d.now, in)
			}
			d.run()
			d.now = d.now.Add(50 * time.Millisecond)
			d.ep[0].HandleTimer(d.now)
			d.ep[1].HandleTimer(d.now)
			d.run()
		}
		for range 200 {
			step()
		}
		before := d.conn[1].Info().Received
		if n := testing.AllocsPerRun(200, step); n != 0 {
			t.Errorf("checksums off %v: %v allocations for 64 KiB", noSum, n)
		}
		if d.conn[1].Info().Received < before+200*32<<10 {
			t.Error("the data did not flow")
		}
	}
}

// Octets through a pair of endpoints in memory, both directions' work included.
func BenchmarkTransfer(b *testing.B) {
	for _, k := range []struct {
		name  string
		noSum bool
	}{{"checksum", false}, {"plain", true}} {
		b.Run(k.name, func(b *testing.B) {
			d := newDirect(b, func(c *Config) { c.NoChecksum = k.noSum })
			out, in := make([]byte, 64<<10), make([]byte, 64<<10)
			b.SetBytes(int64(len(out)))
			for b.Loop() {
				d.conn[0].Write(d.now, out)
				d.run()
				for n := 1; n > 0; {
					n, _ = d.conn[1].Read(d.now, in)
				}
				d.run()
			}
		})
	}
}
