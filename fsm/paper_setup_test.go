package fsm

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// P-3.1-05 to P-3.1-07 (section 3.1): where the option is lost on its way back, the
// client takes the connection for TCP and the server does not; so the third segment has
// to carry it, and since that may be lost, so has all data until some is acknowledged;
// and a server that finds none on the first segment must fall back. The strawmen leave
// one of these out, and encode data differently, so that it shows.
func TestPaperAgreement(t *testing.T) {
	const n = 50_000
	line := "link delay=10ms rate=10Mbit buffer=200ms"
	paths := map[string][]string{
		"clear":             {line},
		"SYN stripped":      {"strip unknown on=syn", line},
		"SYN/ACK stripped":  {"strip unknown on=synack", line},
		"third ACK lost":    {"drop on=ack3 count=1", line},
		"stripped of data":  {"strip unknown dir=c2s on=ack3+data+ack", line},
		"ACK and data lost": {"drop on=ack3 count=1", "drop on=data dir=c2s count=2", line},
	}
	for _, k := range []struct {
		agree agreement
		path  string
		wrong bool
	}{
		{inTwoSteps, "clear", false}, {inTwoSteps, "SYN stripped", false},
		{inTwoSteps, "SYN/ACK stripped", true},
		{byThirdAck, "clear", false}, {byThirdAck, "SYN/ACK stripped", false},
		{byThirdAck, "third ACK lost", true},
		{untilAcked, "clear", false}, {untilAcked, "SYN stripped", false}, {untilAcked, "SYN/ACK stripped", false},
		{untilAcked, "third ACK lost", false}, {untilAcked, "ACK and data lost", false},
	} {
		x := newChunkPair(t, 10, chunkDesign{agree: k.agree}, 64000, 64000, paths[k.path]...)
		c, s := x.end[0], x.end[1]
		c.out, s.out = stream(n, 1), stream(n, 2)
		err := x.w.RunUntil(x.done, time.Minute)
		whole := err == nil && bytes.Equal(c.got, s.out) && bytes.Equal(s.got, c.out)
		if whole == k.wrong || c.multi == s.multi == k.wrong {
			t.Errorf("%d, %s: whole %v, chunks at the client %v, at the server %v: %v", k.agree, k.path, whole, c.multi, s.multi, err)
		}
	}
	for name, boxes := range paths {
		for _, v := range []Versions{OnlyV1, OnlyV0} {
			set := func(c *Config) { c.Versions = v }
			w := newWorld(t, 10, testConfig(1, set), testConfig(2, set), boxes...)
			w.transfer(n, n, time.Minute)
			// Both ends agree, and nothing but a box that strips is a reason for TCP.
			plain := bytes.Contains([]byte(name), []byte("stripped"))
			for i, a := range w.app {
				if a.conn.Multipath() == plain {
					t.Errorf("%s v=%d: end %d: multipath %v", name, v, i, a.conn.Multipath())
				}
			}
		}
	}
}

// P-3.1-06: until data of it was acknowledged at the data level, each segment of the
// client has an option, whatever is lost.
func TestPaperOptionUntilAcked(t *testing.T) {
	for lost := range 7 {
		w := newWorld(t, 11, testConfig(1), testConfig(2), fmt.Sprintf("drop dir=c2s on=ack3+data count=%d", max(lost, 1)), link)
		if lost == 0 {
			w.path.Remove(1)
		}
		acked, bare, with := false, 0, 0
		w.path.Insert(0, netsim.NewTap(func(_ time.Time, dir netsim.Dir, pkt []byte) {
			var s wire.Segment
			if wire.Parse(&s, pkt) != nil || s.Flags.Has(wire.SYN) {
				return
			}
			_, has := s.Options.Find(wire.KindMPTCP)
			switch {
			case dir == netsim.Reverse:
				acked = acked || has
			case !acked && has:
				with++
			case !acked:
				bare++
			}
		}))
		w.transfer(20_000, 0, time.Minute)
		if bare > 0 || with <= lost || !w.app[0].conn.Multipath() || !w.app[1].conn.Multipath() {
			t.Errorf("%d lost: %d segments with the option, %d without; multipath %v %v", lost, with, bare, w.app[0].conn.Multipath(), w.app[1].conn.Multipath())
		}
	}
}

// P-3.1-04, P-3.1-08: servers that do not answer a SYN with a new option. Who does not
// follow it by one without never connects, where TCP does.
func TestPaperSilentServer(t *testing.T) {
	boxes := []string{"drop has=mptcp on=syn", link}
	stubborn := newWorld(t, 12, testConfig(1, func(c *Config) { c.CapableSYNs = 100 }), testConfig(2), boxes...)
	stubborn.app[0].out = stream(1000, 1)
	stubborn.dial()
	if err := stubborn.w.RunUntil(func() bool { return stubborn.app[0].err != nil }, time.Hour); err != nil {
		t.Fatal(err)
	}
	if e, ok := stubborn.app[0].err.(*LocalError); !ok || e.Reason != TimedOut {
		t.Error("always with the option:", stubborn.app[0].err)
	}
	for _, plain := range []bool{false, true} {
		w := newWorld(t, 12, testConfig(1, func(c *Config) { c.Plain = plain }), testConfig(2), boxes...)
		w.transfer(10_000, 10_000, time.Minute)
		w.idle()
	}
}

// P-3.1-09: "the negotiation is two-way with mediation". Each kind of segment of the
// beginning loses its options, has them twice or keeps them, in all combinations: the
// stream is whole, and nothing is left behind.
func TestPaperMediation(t *testing.T) {
	kinds := []string{"on=syn", "on=synack", "on=ack3", "on=data dir=c2s", "on=data dir=s2c", "on=ack dir=s2c"}
	all := 1
	for range kinds {
		all *= 3
	}
	step := 1
	if testing.Short() {
		step = 7
	}
	stayed, fell := 0, 0
	for i := 0; i < 4*all; i += step {
		var boxes []string
		for k, what := 0, i%all; k < len(kinds); k, what = k+1, what/3 {
			switch what % 3 {
			case 1:
				boxes = append(boxes, "strip mptcp "+kinds[k])
			case 2:
				boxes = append(boxes, "dup mptcp "+kinds[k])
			}
		}
		v := Versions(1 + i/all%2)
		if i/all/2 == 1 {
			boxes = append(boxes, "drop on=ack3 count=1")
		}
		set := func(c *Config) { c.Versions = v }
		w := newWorld(t, 13, testConfig(1, set), testConfig(2, set), append(boxes, "link delay=10ms")...)
		w.app[0].out, w.app[1].out = stream(4000, 1), stream(4000, 2)
		w.app[0].closing, w.app[1].closing = true, true
		w.dial()
		if err := w.w.RunUntil(w.done, time.Minute); err != nil {
			t.Errorf("v=%d %q: %v\n%s\n%s", v, boxes, err, w.dump(0), w.dump(1))
			return
		}
		if w.app[0].conn.Multipath() && w.app[1].conn.Multipath() {
			stayed++
		} else {
			fell++
		}
		w.idle()
		if t.Failed() {
			t.Fatalf("v=%d %q", v, boxes)
		}
	}
	if stayed < all/step/10 || fell < all/step {
		t.Errorf("%d connections stayed Multipath TCP, %d did not", stayed, fell)
	}
}

// P-3.1-03, P-3.3.6-05 (section 3.3.6): a routing change takes the options away, at each
// segment of a connection in turn, from both directions or one: it is TCP from then on,
// and the stream is whole.
func TestPaperOptionsVanish(t *testing.T) {
	step := 1
	if testing.Short() {
		step = 8
	}
	for _, dir := range []string{"", " dir=c2s", " dir=s2c"} {
		for at := 0; at < 120; at += step {
			w := newWorld(t, 14, testConfig(1), testConfig(2), fmt.Sprintf("strip mptcp after=%dp%s", at, dir), link)
			w.app[0].out, w.app[1].out = stream(60_000, 1), stream(40_000, 2)
			w.app[0].closing, w.app[1].closing = true, true
			w.dial()
			if err := w.w.RunUntil(w.done, 5*time.Minute); err != nil {
				t.Fatalf("after %d segments%s: %v\n%s\n%s", at, dir, err, w.dump(0), w.dump(1))
			}
			if at < 40 && (w.app[0].conn.Multipath() || w.app[1].conn.Multipath()) {
				t.Errorf("after %d segments%s: still Multipath TCP", at, dir)
			}
			w.idle()
		}
	}
}

// P-3.1-07: whatever the first segment behind the SYN is, without an MPTCP option the
// server is TCP from then on, and takes no later word for it; with it, whatever else it
// carries, it is not.
func TestPaperFirstSegment(t *testing.T) {
	for _, first := range []string{". 1:1(0) ack 1", "P. 1:4(3) ack 1", "F. 1:1(0) ack 1", "FP. 1:4(3) ack 1", "P. 1:4(3) ack 1 <sack 5:6>"} {
		b := newBench(t, false)
		b.inject("S 0:0(0) <mss 1460, mp_capable v1 H>")
		b.want("SYN/ACK", "S. 0:0(0) ack 1 <mp_capable v1 H key=KO>")
		b.inject(first)
		b.inject(". 1:1(0) ack 1 <mp_capable v1 H key=KP+KO>")
		b.inject("P. 1:4(3) ack 1 <mp_capable v1 H key=KP+KO dll=3>")
		b.want("plain", ". 1:1(0)")
		if !strings.HasPrefix(first, "F.") {
			b.read("abc")
		}
		if b.conn.Multipath() || b.ep.stats.MPCapableFallbackACK != 1 {
			t.Errorf("%s: multipath %v", first, b.conn.Multipath())
		}
	}
	for _, first := range []string{". 1:1(0) ack 1 <mp_capable v1 H key=KP+KO>", "P. 1:4(3) ack 1 <mp_capable v1 H key=KP+KO dll=3>", "FP. 1:4(3) ack 1 <mp_capable v1 H key=KP+KO dll=3>"} {
		b := newBench(t, false)
		b.inject("S 0:0(0) <mss 1460, mp_capable v1 H>")
		b.want("SYN/ACK", "S. 0:0(0) ack 1 <mp_capable v1 H key=KO>")
		b.inject(first)
		if b.conn == nil || !b.conn.Multipath() {
			t.Errorf("%s: not Multipath TCP", first)
		}
	}
}

// P-3.1-01, P-3.2-03: MP_CAPABLE goes in the SYN and comes back in the SYN/ACK; the two
// ends learn each other's key of 64 random bits in the first exchange. No two keys of
// a thousand connections are alike, and every bit of them is set in about half.
func TestPaperKeys(t *testing.T) {
	const n = 1000
	seen := map[wire.Key]bool{}
	var ones [64]int
	for i := range n / 2 {
		w := newWorld(t, uint64(i), testConfig(uint64(2*i)), testConfig(uint64(2*i+1)))
		w.dial()
		if err := w.w.RunUntil(func() bool { return w.app[1].conn != nil }, time.Second); err != nil {
			t.Fatal(err)
		}
		a, b := w.app[0].conn, w.app[1].conn
		if !a.Multipath() || !b.Multipath() || a.own.key != b.peer.key || a.peer.key != b.own.key {
			t.Fatalf("the ends do not know each other: %v %v %v %v", a.own, b.peer, a.peer, b.own)
		}
		for _, k := range []wire.Key{a.own.key, b.own.key} {
			if seen[k] {
				t.Fatal("a key came twice")
			}
			seen[k] = true
			for bit := range ones {
				ones[bit] += int(k>>bit) & 1
			}
		}
	}
	for bit, k := range ones {
		if k < n*4/10 || k > n*6/10 {
			t.Errorf("bit %d is set in %d of %d keys", bit, k, n)
		}
	}
}
