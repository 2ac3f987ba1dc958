package fsm

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

func TestStrawChunksWorkOnCleanPaths(t *testing.T) {
	for _, d := range []chunkDesign{
		{}, {ack: ackInPayload}, {ack: ackExempt}, {ack: ackInPayload, recode: true},
		{agree: inTwoSteps}, {agree: byThirdAck}, {agree: untilAcked}, {ack: ackInPayload, agree: inTwoSteps},
	} {
		for _, line := range []string{"link delay=10ms rate=10Mbit buffer=100ms", "link delay=10ms rate=10Mbit buffer=100ms loss=2% reorder=2%"} {
			x := newChunkPair(t, 1, d, 32000, 32000, line)
			x.end[0].out, x.end[1].out = stream(100_000, 1), stream(200_000, 2)
			if err := x.w.RunUntil(x.done, time.Minute); err != nil {
				t.Fatalf("%+v: %v, read %d and %d", d, err, x.end[0].read, x.end[1].read)
			}
			for i, h := range x.end {
				if !h.multi || !bytes.Equal(h.got, x.end[1-i].out) {
					t.Errorf("%+v: end %d: chunks %v, %d octets, %v", d, i, h.multi, len(h.got), h.err)
				}
			}
			t.Log(d, x.w.Elapsed())
		}
	}
}

// P-3.3.3-01, P-3.3.3-02 (section 3.3.3, figure 2): a client pipelines requests while
// the server's application writes a long response, and reads on only when that is
// written. Data acknowledgments that travel in the client's payload wait for room in the
// server's receive buffer, which waits for the application, which waits for room in the
// send buffer, which waits for the acknowledgments. To let them pass a closed window
// helps only until something on the path holds data: it cannot know that they are
// special. In an option they are not subject to flow control.
func TestPaperFigure2(t *testing.T) {
	const requests, greeting, response, buffer = 150_000, 100, 200_000, 32000
	pipelined, all := stream(requests, 1), stream(greeting+response, 2)
	line := "link delay=10ms rate=10Mbit buffer=200ms"
	lossy := "link delay=10ms rate=10Mbit buffer=200ms c2s.loss=3%"
	for _, k := range []struct {
		name  string
		ack   chunkAck
		boxes []string
		stuck bool
	}{
		{"option", ackInOption, []string{line}, false},
		{"option, loss", ackInOption, []string{lossy}, false},
		{"option, proxy", ackInOption, []string{"proxy dir=c2s", line}, false},
		{"option, proxy, loss", ackInOption, []string{"proxy dir=c2s", lossy}, false},
		{"payload", ackInPayload, []string{line}, true},
		{"exempt", ackExempt, []string{line}, false},
		{"exempt, loss", ackExempt, []string{lossy}, false},
		{"exempt, proxy", ackExempt, []string{"proxy dir=c2s", line}, true},
		{"exempt, proxy, loss", ackExempt, []string{"proxy dir=c2s", lossy}, true},
	} {
		t.Run(k.name, func(t *testing.T) {
			x := newChunkPair(t, 2, chunkDesign{ack: k.ack}, buffer, buffer, k.boxes...)
			c, s := x.end[0], x.end[1]
			s.out = all
			s.busy = greeting // it works on the first request
			x.w.At(500*time.Millisecond, func() { s.busy = 0 })
			c.reads = func() bool {
				if len(c.got) >= greeting {
					c.out = pipelined
				}
				return true
			}
			s.reads = func() bool { return s.wrote == len(s.out) }
			err := x.w.RunUntil(x.done, time.Hour)
			if stuck := err != nil || c.err != nil || s.err != nil; stuck != k.stuck {
				t.Fatalf("%v, %v, %v: server wrote %d read %d, client read %d", err, c.err, s.err, s.wrote, s.read, c.read)
			}
			if !k.stuck {
				if !bytes.Equal(c.got, s.out) || !bytes.Equal(s.got, c.out) {
					t.Error("not what was sent")
				}
				return
			}
			// All that the server was able to write is at the client, and was read.
			// The server does not know, so its application writes no more, so it
			// reads no more.
			if c.read != s.wrote || s.una >= c.read || s.wrote-s.una != buffer || s.wrote == len(s.out) || s.read != 0 {
				t.Errorf("not the deadlock of figure 2: server wrote %d, acknowledged %d, read %d; client read %d", s.wrote, s.una, s.read, c.read)
			}
		})
	}
	for _, boxes := range [][]string{{line}, {lossy}, {"proxy dir=c2s", line}, {"proxy dir=c2s", lossy}} {
		set := func(c *Config) { c.ReceiveBuffer, c.SendBuffer = buffer, buffer }
		w := newWorld(t, 2, testConfig(1, set), testConfig(2, set), boxes...)
		c, s := w.app[0], w.app[1]
		s.out, s.hold = all[:greeting], true
		w.w.At(500*time.Millisecond, func() { s.out = all })
		s.more = func(time.Time) { s.hold = s.wrote < len(all) }
		c.more = func(time.Time) {
			if c.in.Len() >= greeting && c.out == nil {
				c.out = pipelined
				w.w.After(0, func() {})
			}
		}
		w.dial()
		if err := w.w.RunUntil(func() bool { return c.in.Len() == len(all) && s.in.Len() == requests }, time.Hour); err != nil {
			t.Errorf("%q: %v\n%s\n%s", boxes, err, w.dump(0), w.dump(1))
			continue
		}
		if !c.conn.Multipath() || !s.conn.Multipath() {
			t.Errorf("%q: fell back", boxes)
		}
	}
}

// Section 3.3.3, the lossy return path: an acknowledgment in the payload that is lost
// has to be sent again, and those behind it wait: the sender of the data runs into the
// end of its buffer. One in an option is as good as the next.
func TestPaperLossyReturnPath(t *testing.T) {
	const n, buffer = 1_000_000, 64000
	line := "link delay=30ms rate=10Mbit buffer=200ms c2s.loss=10%"
	took := map[chunkAck]time.Duration{}
	for _, ack := range []chunkAck{ackInOption, ackInPayload, ackExempt} {
		x := newChunkPair(t, 3, chunkDesign{ack: ack}, buffer, buffer, line)
		x.end[1].out = stream(n, 2)
		if err := x.w.RunUntil(x.done, time.Hour); err != nil || !bytes.Equal(x.end[0].got, x.end[1].out) {
			t.Fatal(ack, err)
		}
		took[ack] = x.w.Elapsed()
	}
	set := func(c *Config) { c.ReceiveBuffer, c.SendBuffer = buffer, buffer }
	w := newWorld(t, 3, testConfig(1, set), testConfig(2, set), line)
	w.app[1].out = stream(n, 2)
	w.dial()
	if err := w.w.RunUntil(func() bool { return w.app[0].in.Len() == n }, time.Hour); err != nil {
		t.Fatal(err)
	}
	if took[ackInPayload] < 2*took[ackInOption] || took[ackExempt] < 2*took[ackInOption] || w.w.Elapsed() > took[ackInOption]*11/10 {
		t.Errorf("toys: %v, ours: %v", took, w.w.Elapsed())
	}
}

// P-3.3.3-03 (section 3.3.3, footnote 5): what is sent again must be what was sent.
// Boxes put the first words back, or reset the connection. An acknowledgment in the
// payload tempts one to say the newest instead.
func TestPaperFootnote5(t *testing.T) {
	const n = 400_000
	line := "link delay=10ms rate=10Mbit buffer=200ms loss=3%"
	run := func(recode bool, how string) *chunkPair {
		x := newChunkPair(t, 5, chunkDesign{ack: ackInPayload, recode: recode}, 64000, 64000, "normalize how="+how, line)
		x.logBoxes()
		x.end[1].out = stream(n, 2)
		if err := x.w.RunUntil(x.done, time.Hour); err != nil {
			t.Fatal(err)
		}
		return x
	}
	for _, how := range []string{"reassert", "reset"} {
		if x := run(false, how); x.end[0].read != n || said(x.log, "original octets") || said(x.log, "changed contents") {
			t.Errorf("the same again, %s: read %d", how, x.end[0].read)
		}
	}
	if x := run(true, "reassert"); !said(x.log, "put the original octets back") {
		t.Error("the box did not have to put anything back")
	}
	x := run(true, "reset")
	e, ok := x.end[0].flow.Err().(*tcp.PeerError)
	if x.end[0].read == n || !ok || e.Reason != tcp.Reset || !said(x.log, "reset for changed contents") {
		t.Errorf("the newest instead: read %d, %v", x.end[0].read, x.end[0].flow.Err())
	}
	// Ours, with all that makes it repeat data: losses, data that is repeated on the
	// other subflow, data that a box took the mapping from.
	for _, how := range []string{"reassert", "reset"} {
		box := "normalize how=" + how
		w := newWorld(t, 5, testConfig(1), testConfig(2), box, "coalesce 2 after=20000B", line)
		p := w.addPath(box, "link delay=25ms rate=5Mbit buffer=200ms loss=3%")
		once := []*sameOctets{newSameOctets(t, w.path), newSameOctets(t, p)}
		w.twoPaths(n, n)
		w.finishTransfer(5 * time.Minute)
		if said(w.log, "original octets") || said(w.log, "changed contents") {
			t.Error("something else was said for the same numbers")
		}
		w.idle()
		for _, o := range once {
			o.whole()
		}
		if w.ep[0].stats.MPTCPRetrans == 0 || w.ep[0].flows.RetransSegs == 0 {
			t.Error("nothing was repeated")
		}
	}
}

func said(log []string, text string) bool {
	for _, l := range log {
		if strings.Contains(l, text) {
			return true
		}
	}
	return false
}

// sameOctets is an element that checks that a sequence number has one octet for ever
// (P-3.3.3-03), and whole that none was passed over (P-3.3-04).
type sameOctets struct {
	t     *testing.T
	flows map[[2]netip.AddrPort]*saidFlow
}

type saidFlow struct {
	isn   uint32
	data  []byte
	known []bool
	reset bool
}

// newSameOctets puts one at each end of a path: what a host sends passes it first.
func newSameOctets(t *testing.T, p *netsim.Path) *sameOctets {
	o := &sameOctets{t: t, flows: map[[2]netip.AddrPort]*saidFlow{}}
	see := func(from netsim.Dir) netsim.Element {
		return netsim.NewTap(func(now time.Time, dir netsim.Dir, pkt []byte) {
			if dir == from {
				o.see(pkt)
			}
		})
	}
	p.Insert(0, see(netsim.Forward))
	p.Insert(len(p.Elements()), see(netsim.Reverse))
	return o
}

func (o *sameOctets) see(pkt []byte) {
	var s wire.Segment
	if wire.Parse(&s, pkt) != nil {
		return
	}
	key := [2]netip.AddrPort{s.Src, s.Dst}
	f := o.flows[key]
	if f == nil || s.Flags.Has(wire.SYN) && s.Seq != f.isn {
		f = &saidFlow{isn: s.Seq}
		o.flows[key] = f
	}
	f.reset = f.reset || s.Flags.Has(wire.RST)
	off := int(s.Seq - f.isn - 1)
	for i, b := range s.Payload {
		for off+i >= len(f.data) {
			f.data, f.known = append(f.data, 0), append(f.known, false)
		}
		if f.known[off+i] && f.data[off+i] != b {
			o.t.Fatalf("%v: octet %d was %d and is %d", key, off+i, f.data[off+i], b)
		}
		f.data[off+i], f.known[off+i] = b, true
	}
}

func (o *sameOctets) whole() {
	o.t.Helper()
	n := 0
	for key, f := range o.flows {
		n += len(f.data)
		for i, k := range f.known {
			if !k && !f.reset {
				o.t.Errorf("%v: octet %d of %d was never sent", key, i, len(f.data))
				break
			}
		}
	}
	if n == 0 {
		o.t.Error("no data passed")
	}
}
