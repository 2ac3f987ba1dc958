package fsm

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// racer is one of several things whose cost is to be compared. run does n of them; rest
// clears up, and is not counted.
type racer struct {
	name string
	run  func(n int)
	rest func()
	per  float64   // cost is given per so many; 0: 1
	took []float64 // ns each, by turn
}

// race lets racers take turns, so that whatever else the machine does hits all alike,
// and reports the median cost of each, and of each but the first how much more that is
// than the first.
func race(b *testing.B, each int, racers ...*racer) {
	for b.Loop() {
		for _, r := range racers {
			start := time.Now()
			r.run(each)
			r.took = append(r.took, float64(time.Since(start).Nanoseconds())/float64(each))
			if r.rest != nil {
				r.rest()
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	median := func(r *racer) float64 {
		slices.Sort(r.took)
		return r.took[len(r.took)/2] / max(r.per, 1)
	}
	first := median(racers[0])
	for i, r := range racers {
		b.ReportMetric(median(r), "ns/"+r.name)
		if i > 0 {
			b.ReportMetric(median(r)/first, r.name+"/"+racers[0].name)
		}
	}
}

// server is a host with full connections from many clients, which are gone.
type server struct {
	ep     *Endpoint
	listen *Listener
	now    time.Time
	next   uint32
	seg    wire.Segment
	buf    [wire.MaxOptions]byte
	syn    wire.Options
	full   bool // answers without state
}

func newServer(b *testing.B, full, tokens int, change ...func(*Config)) *server {
	change = append([]func(*Config){func(c *Config) { c.KeyPool, c.MaxHalfOpen = 1024, 1<<20 }}, change...)
	d := newCrowd(b, full, change...)
	s := &server{ep: d.ep[1], listen: d.listen, now: d.now}
	r := rand.New(rand.NewPCG(9, 9))
	for range tokens {
		s.ep.tokens[wire.Token(r.Uint32())] = nil
	}
	s.syn, _ = s.syn.AppendMSS(1460)
	s.syn, _ = s.syn.AppendSACKPermitted()
	s.syn, _ = wire.Timestamps{Val: 1}.Append(s.syn)
	s.syn, _ = s.syn.AppendNOP(1)
	s.syn, _ = s.syn.AppendWindowScale(7)
	s.syn, _ = wire.MPCapable{Version: wire.V1, Flags: wire.CapableHMAC | wire.CapableChecksum}.Append(s.syn)
	return s
}

// answer takes n SYNs of as many clients, all with MP_CAPABLE, and answers them.
func (s *server) answer(n int) {
	in := wire.Segment{Dst: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 2, 1}), 80), Flags: wire.SYN, Window: 65535, Options: s.syn}
	for range n {
		s.next++
		in.Seq = s.next
		in.Src = netip.AddrPortFrom(netip.AddrFrom4([4]byte{172, 16, byte(s.next >> 8), byte(s.next)}), uint16(1024+s.next>>16))
		s.ep.HandleSegment(s.now, &in)
		s.seg.Options = s.buf[:0]
		if !s.ep.PollSegment(s.now, &s.seg) {
			panic("no answer")
		}
	}
}

func (s *server) rest() {
	if !s.full {
		s.ep.embryos.all(s.ep.dropEmbryo)
	}
	if !s.ep.cfg.Plain && s.ep.cfg.KeyPool > 1 {
		s.ep.Prepare(1 << 20)
	}
}

// flooded fills the table of half-open connections.
func (s *server) flooded() *server {
	s.answer(1)
	s.full = true
	return s
}

func plainTCP(c *Config) { c.Plain = true }

// noPool leaves no key in the pool: each SYN costs a hash.
func noPool(c *Config) { c.KeyPool = 1 }

func (s *server) racer(name string) *racer {
	s.rest()
	return &racer{name: name, run: s.answer, rest: s.rest}
}

// SYN to SYN/ACK at a listener, beside plain TCP's, with full connections and tokens
// present (paper section 5.2, Fig. 10: P-5.2-01, F-10). With the pool it is to cost 1.3
// times as much at most, and no more with many connections than with none.
func BenchmarkSYN(b *testing.B) {
	for _, k := range []struct{ full, tokens int }{{0, 0}, {100, 0}, {1000, 0}, {1000, 1_000_000}, {100_000, 0}} {
		b.Run(fmt.Sprintf("full=%d/tokens=%d", k.full, k.tokens), func(b *testing.B) {
			race(b, 256,
				newServer(b, k.full, 0, plainTCP).racer("tcp"),
				newServer(b, k.full, k.tokens).racer("pool"),
				newServer(b, k.full, k.tokens, noPool).racer("nopool"),
				newServer(b, k.full, k.tokens, func(c *Config) { c.MaxHalfOpen = 1 }).flooded().racer("stateless"))
		})
	}
}

// Control: the collision check of a token against a table that is searched from end to
// end, as the paper's first implementation had it, beside ours.
func BenchmarkTokenTable(b *testing.B) {
	for _, n := range []int{100, 1000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 1))
			var list []wire.Token
			e, err := NewEndpoint(Config{Rand: rand.NewPCG(1, 2)})
			if err != nil {
				b.Fatal(err)
			}
			for range n {
				t := wire.Token(r.Uint32())
				list = append(list, t)
				e.tokens[t] = nil
			}
			found := 0
			race(b, 16,
				&racer{name: "map", run: func(n int) {
					for range n {
						if _, ok := e.tokens[wire.Token(r.Uint32())]; ok {
							found++
						}
					}
				}},
				&racer{name: "linear", run: func(n int) {
					for range n {
						if slices.Contains(list, wire.Token(r.Uint32())) {
							found++
						}
					}
				}})
		})
	}
}

// newSetup is a client and a server that connect and forget, beside full connections.
func newSetup(b *testing.B, name string, full int, change ...func(*Config)) *racer {
	change = append([]func(*Config){func(c *Config) { c.KeyPool = 1024 }}, change...)
	d := newCrowd(b, full, change...)
	prepare := func() {
		for _, e := range d.ep {
			if !e.cfg.Plain && e.cfg.KeyPool > 1 {
				e.Prepare(1 << 20)
			}
		}
	}
	prepare()
	local := netip.MustParseAddrPort("10.9.9.9:0")
	remote := netip.MustParseAddrPort("10.0.2.1:80")
	var made []*Conn
	return &racer{name: name, run: func(n int) {
		for range n {
			c, err := d.ep[0].Dial(d.now, local, remote)
			if err != nil {
				b.Fatal(err)
			}
			d.run()
			s, ok := d.listen.Accept()
			if !ok || s.Multipath() == d.ep[0].cfg.Plain {
				b.Fatal("no connection")
			}
			made = append(made, c, s)
		}
	}, rest: func() {
		for _, c := range made {
			c.Abort(d.now)
		}
		made = made[:0]
		d.run()
		for _, e := range d.ep {
			for _, _, ok := e.PollEvent(); ok; _, _, ok = e.PollEvent() {
			}
		}
		prepare()
	}}
}

// The whole set-up at both ends, SYN, SYN/ACK, ACK and a connection made at either:
// with the pool at most twice what plain TCP takes.
func BenchmarkSetup(b *testing.B) {
	for _, full := range []int{0, 1000, 100_000} {
		b.Run(fmt.Sprintf("full=%d", full), func(b *testing.B) {
			racers := []*racer{newSetup(b, "tcp", full, plainTCP), newSetup(b, "pool", full), newSetup(b, "nopool", full, noPool)}
			// What these leave is what the race is run on: it is not to measure how
			// fast the system hands out memory that was never used.
			for range 100 {
				for _, r := range racers {
					r.run(256)
					r.rest()
				}
			}
			runtime.GC()
			race(b, 256, racers...)
		})
	}
}

// A few octets there and back on one connection, timers included, among others that are
// idle but each have a timer armed: no call looks at all connections, so it is to cost
// the same. "any" takes another connection each time, which the caches have forgotten.
func BenchmarkAmongMany(b *testing.B) {
	var racers []*racer
	for _, full := range []int{1, 1000, 100_000} {
		d := newCrowd(b, full, func(c *Config) { c.TCP.KeepAliveIdle = 10_000 * time.Hour })
		var in [16]byte
		there := func(i int) {
			d.write(d.conn[0][i])
			d.run()
			d.conn[1][i].Read(d.now, in[:])
			d.write(d.conn[1][i])
			d.run()
			d.conn[0][i].Read(d.now, in[:])
			d.now = d.now.Add(50 * time.Millisecond) // the delayed ACKs
			for _, e := range d.ep {
				if at := e.Deadline(); !at.IsZero() && !at.After(d.now) {
					e.HandleTimer(d.now)
				}
			}
			d.run()
			for _, e := range d.ep {
				for _, _, ok := e.PollEvent(); ok; _, _, ok = e.PollEvent() {
				}
			}
		}
		for i := range full {
			there(i)
		}
		if n := d.ep[0].timers.len(); n != full {
			b.Fatal(n, "timers of", full)
		}
		r := rand.New(rand.NewPCG(1, 1))
		racers = append(racers,
			&racer{name: fmt.Sprint(full), run: func(n int) {
				for range n {
					there(full / 2)
				}
			}},
			&racer{name: fmt.Sprint("any", full), run: func(n int) {
				for range n {
					there(r.IntN(full))
				}
			}})
	}
	race(b, 64, racers...)
}
