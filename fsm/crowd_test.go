package fsm

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// crowd is many connections between two endpoints with nothing between them.
type crowd struct {
	direct
	conn   [2][]*Conn
	listen *Listener
}

func newCrowdConfig(t testing.TB, change ...func(*Config)) *crowd {
	d := &crowd{direct: direct{now: time.Unix(1_000_000, 0)}}
	for i := range d.ep {
		cfg := Config{Rand: rand.NewPCG(uint64(i), 1)}
		for _, f := range change {
			f(&cfg)
		}
		var err error
		if d.ep[i], err = NewEndpoint(cfg); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if d.listen, err = d.ep[1].Listen(netip.MustParseAddrPort("0.0.0.0:80")); err != nil {
		t.Fatal(err)
	}
	return d
}

// newCrowd opens n connections; each is from a port of its own to one of 256
// addresses.
func newCrowd(t testing.TB, n int, change ...func(*Config)) *crowd {
	d := newCrowdConfig(t, change...)
	d.open(t, n)
	return d
}

func (d *crowd) open(t testing.TB, n int) {
	for range n {
		d.connect(t)
	}
	for c, _, ok := d.ep[0].PollEvent(); ok; c, _, ok = d.ep[0].PollEvent() {
		_ = c
	}
	for _, _, ok := d.ep[1].PollEvent(); ok; _, _, ok = d.ep[1].PollEvent() {
	}
}

// connect opens one more connection.
func (d *crowd) connect(t testing.TB) {
	k := len(d.conn[0])
	remote := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 2, byte(k)}), 80)
	local := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1, 1}), uint16(1024+k>>8))
	c, err := d.ep[0].Dial(d.now, local, remote)
	if err != nil {
		t.Fatal(err)
	}
	d.run()
	s, ok := d.listen.Accept()
	if !ok || !d.ep[0].cfg.Plain && !s.Multipath() {
		t.Fatal("no connection")
	}
	d.conn[0], d.conn[1] = append(d.conn[0], c), append(d.conn[1], s)
}

func (d *crowd) write(c *Conn) { c.Write(d.now, []byte("hello")) }
