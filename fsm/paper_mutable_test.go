package fsm

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// flipper changes one bit of the MPTCP options of one segment, and puts the checksum
// right.
type flipper struct {
	dir     netsim.Dir
	nth     int // of the segments with such an option in that direction, from 0
	bit     int // of the octets of those options
	seen    int
	flipped string
	size    int // octets of options that the segment had
}

func (f *flipper) String() string { return "flip" }

func (f *flipper) Handle(at *netsim.Slot, dir netsim.Dir, p *netsim.Packet) {
	var s wire.Segment
	if dir == f.dir && wire.Parse(&s, p.Data) == nil {
		if _, ok := s.Options.Find(wire.KindMPTCP); !ok {
			at.Send(dir, p)
			return
		}
		if f.seen == f.nth {
			f.flip(&s)
			p.Data, _ = wire.Append(p.Data[:0], &s)
		}
		f.seen++
	}
	at.Send(dir, p)
}

func (f *flipper) flip(s *wire.Segment) {
	o := append(wire.Options(nil), s.Options...)
	payload := append([]byte(nil), s.Payload...)
	before := string(wire.AppendText(nil, s, wire.TextBase{}))
	bit := f.bit
	for opt := range o.All() {
		if opt.Kind() != wire.KindMPTCP {
			continue
		}
		f.size += len(opt)
		if bit >= 0 && bit < 8*len(opt) {
			opt[bit/8] ^= 0x80 >> (bit % 8)
		}
		bit -= 8 * len(opt)
	}
	s.Options, s.Payload, s.Sum = o, payload, wire.SumUnknown
	f.flipped = before + " to " + string(wire.AppendText(nil, s, wire.TextBase{}))
}

// P-7-01 (section 7): "the entire TCP header and the payload must be considered as
// mutable fields". Every single bit of the MPTCP options of the first segments is
// changed, one at a time. Whatever becomes of the connection, no octet is delivered
// that was not sent (world.check sees to that), and the stream arrives: where the RFC
// asks for a RST (section 3.7: what the failed mapping says cannot be right), over a new
// subflow.
func TestPaperMutableOptions(t *testing.T) {
	last, step := 5, 1
	if testing.Short() {
		step = 7
	}
	fell, joined, n := 0, 0, 0
	for _, v := range []Versions{OnlyV1, OnlyV0} {
		for _, dir := range []netsim.Dir{netsim.Forward, netsim.Reverse} {
			for nth := range last {
				size := 1
				for bit := 0; bit < 8*size; bit += step {
					set := func(c *Config) { c.Versions = v }
					w := newWorld(t, 15, testConfig(1, set), testConfig(2, set), "link delay=10ms")
					f := &flipper{dir: dir, nth: nth, bit: bit}
					w.path.Insert(0, f)
					c := w.app[0]
					c.out, w.app[1].out = stream(12_000, 1), stream(12_000, 2)
					c.closing, w.app[1].closing = true, true
					check, again := w.w.Check, false
					w.w.Check = func() error {
						if i := c.conn.Info(); !again && i.SubflowsTotal == 1 && len(c.conn.Subflows(nil)) == 0 && c.conn.Multipath() {
							again = true
							w.w.After(0, func() {
								if c.conn.Join(w.w.Now(), netip.AddrPortFrom(clientAddr, 0), netip.AddrPort{}, false) == nil {
									joined++
								}
							})
						}
						return check()
					}
					w.dial()
					err := w.w.RunUntil(w.done, 3*time.Minute)
					refused := nth == 0 && strings.Contains(f.flipped, "to S ") && strings.Contains(f.flipped, "mp_join")
					if err != nil && !refused { // a bit makes an offer of version 0 a join to nowhere
						t.Errorf("v=%d %v segment %d bit %d.%d: %v\n%s\n%s\n%s", v, dir, nth, bit/8, bit%8, err, f.flipped, w.dump(0), w.dump(1))
					}
					size = max(size, f.size)
					if n++; !c.conn.Multipath() {
						fell++
					}
				}
			}
		}
	}
	t.Logf("%d bits changed: %d connections fell back, %d needed another subflow", n, fell, joined)
}

// P-7-01 with two paths, while a join is under way and after it: a part of the bits of
// each path's segments, another part of each segment. No octet is wrong, and the stream
// arrives without a further join.
func TestPaperMutableOptionsOfTwo(t *testing.T) {
	step := 9
	if testing.Short() {
		step = 31
	}
	n, fell := 0, 0
	for k := range 2 * 2 * 2 * 12 {
		v, path, dir, nth := Versions(1+k%2), k/2%2, netsim.Dir(k/4%2), k/8
		size := 1
		for bit := k % step; bit < 8*size; bit += step {
			set := func(c *Config) { c.Versions = v }
			w := newWorld(t, 15, testConfig(1, set), testConfig(2, set), "link delay=10ms rate=10Mbit buffer=100ms")
			p := w.addPath("link delay=15ms rate=10Mbit buffer=100ms")
			if path == 0 {
				p = w.path
			}
			f := &flipper{dir: dir, nth: nth, bit: bit}
			p.Insert(0, f)
			c := w.app[0]
			c.out, w.app[1].out = stream(40_000, 1), stream(40_000, 2)
			c.closing, w.app[1].closing = true, true
			joined := false
			c.more = func(now time.Time) {
				if !joined && c.conn.hs.proven { // refused where the connection is TCP by now
					joined = true
					_ = c.conn.Join(now, netip.AddrPortFrom(clientAddr2, 0), serverPort2, false)
				}
			}
			w.dial()
			err := w.w.RunUntil(w.done, 10*time.Minute)
			if err != nil && w.app[1].conn != nil { // else the SYN was made a join
				t.Errorf("v=%d path %d %v segment %d bit %d.%d: %v\n%s\n%s\n%s", v, path, dir, nth, bit/8, bit%8, err, f.flipped, w.dump(0), w.dump(1))
			}
			size = max(size, f.size)
			if n++; !c.conn.Multipath() {
				fell++
			}
		}
	}
	t.Logf("%d bits changed: %d connections fell back", n, fell)
}

// chaos changes a bit of the options of a part of all segments.
type chaos struct{ chance float64 }

func (x *chaos) String() string { return "chaos" }

func (x *chaos) Handle(at *netsim.Slot, dir netsim.Dir, p *netsim.Packet) {
	var s wire.Segment
	if wire.Parse(&s, p.Data) == nil && at.Luck().Chance(x.chance) {
		if _, ok := s.Options.Find(wire.KindMPTCP); ok {
			f := &flipper{bit: at.Luck().IntN(160)}
			f.flip(&s)
			p.Data, _ = wire.Append(p.Data[:0], &s)
		}
	}
	at.Send(dir, p)
}

// P-7-01: bits changed again and again on both of two paths, while subflows come and go.
// A connection may not survive that; but no octet that it delivers is wrong.
func TestPaperMutableAtRandom(t *testing.T) {
	done, n := 0, *worlds/3
	for seed := *firstSeed; seed < *firstSeed+n; seed++ {
		w := newWorld(t, seed, testConfig(seed), testConfig(seed+1), "link delay=10ms rate=10Mbit buffer=100ms loss=1%")
		p := w.addPath("link delay=25ms rate=5Mbit buffer=100ms loss=1%")
		w.path.Insert(0, &chaos{0.03})
		p.Insert(0, &chaos{0.03})
		c := w.app[0]
		c.out, w.app[1].out = stream(200_000, 1), stream(200_000, 2)
		c.closing, w.app[1].closing = true, true
		joins := 0
		c.more = func(now time.Time) {
			if c.conn.hs.proven && c.conn.Multipath() && len(c.conn.Subflows(nil)) < 2 && joins < 50 {
				joins++
				_ = c.conn.Join(now, netip.AddrPortFrom(clientAddr2, 0), serverPort2, false)
			}
		}
		w.dial()
		err := w.w.RunUntil(w.done, 5*time.Minute)
		if err != nil && strings.Contains(err.Error(), "invariant") {
			t.Errorf("seed %d: %v\n%s\n%s", seed, err, w.dump(0), w.dump(1))
		}
		if err == nil {
			done++
		}
	}
	if uint64(done) < n/2 {
		t.Errorf("%d of %d connections came to their end", done, n)
	}
}
