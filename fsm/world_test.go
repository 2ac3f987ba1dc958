package fsm

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/fsm/netsim/mbox"
)

var (
	clientAddr = netip.MustParseAddr("10.0.0.1")
	serverAddr = netip.MustParseAddr("10.0.0.2")
	serverPort = netip.MustParseAddrPort("10.0.0.2:80")
)

// host gives an Endpoint the shape of netsim.Host, paths included.
type host struct{ *Endpoint }

func (h host) HandlePath(now time.Time, p netsim.PathInfo) {
	h.Endpoint.HandlePath(now, Path{ID: p.ID, Local: p.Local, MTU: p.MTU, Up: p.Up})
}

// app writes a stream, reads the peer's and compares it with what was to come.
type app struct {
	t       testing.TB
	conn    *Conn
	out     []byte // to be written
	wrote   int
	closing bool // CloseWrite behind out
	in      bytes.Buffer
	eof     bool
	err     error
	hold    bool // do not read
	chunk   int  // octets per Write; 0: all
	events  Event
	more    func(now time.Time)
	watch   func()
}

func (a *app) turn(now time.Time) {
	c := a.conn
	if c == nil {
		return
	}
	for a.wrote < len(a.out) {
		p := a.out[a.wrote:]
		if a.chunk > 0 {
			p = p[:min(len(p), a.chunk)]
		}
		n, err := c.Write(now, p)
		a.wrote += n
		if err != nil || n == 0 {
			break
		}
	}
	if a.closing && a.wrote == len(a.out) {
		c.CloseWrite(now)
	}
	if a.more != nil {
		a.more(now)
	}
	if a.watch != nil {
		a.watch()
	}
	var b [4096]byte
	for !a.hold && !a.eof && a.err == nil {
		n, err := c.Read(now, b[:])
		a.in.Write(b[:n])
		switch {
		case err == io.EOF:
			a.eof = true
		case err != nil:
			a.err = err
		}
		if n == 0 {
			break
		}
	}
}

// world is a client, a server and a path between them.
type world struct {
	t       testing.TB
	w       *netsim.World
	path    *netsim.Path   // the first
	paths   []*netsim.Path // all but those of addPath
	node    [2]*netsim.Node
	pcap    *netsim.Pcap
	ep      [2]*Endpoint
	listen  *Listener
	app     [2]*app
	log     []string
	watch   [2]watch
	capt    bytes.Buffer
	witness [2]*witness
	altered bool // boxes change the payload: streams are not compared
}

// watch is what the invariants of DESIGN section 7 compare with.
type watch struct {
	ack, edge, peerAck uint64
	read               int    // octets compared
	flow               uint64 // octets of the first subflow that were acknowledged
	fellBack           bool
}

func testConfig(seed uint64, change ...func(*Config)) Config {
	c := Config{Rand: rand.NewPCG(seed, 99)}
	for _, f := range change {
		f(&c)
	}
	return c
}

// newWorld builds the world; boxes are specifications of package mbox.
func newWorld(t testing.TB, seed uint64, client, server Config, boxes ...string) *world {
	t.Helper()
	w := &world{t: t}
	for i, cfg := range []Config{client, server} {
		name := [2]string{"client", "server"}[i]
		cfg.Trace = func(now time.Time, c *Conn, what string) {
			w.log = append(w.log, fmt.Sprintf("%v %s: %s", now.Sub(netsim.Epoch), name, what))
		}
		ep, err := NewEndpoint(cfg)
		if err != nil {
			t.Fatal(err)
		}
		w.ep[i] = ep
		w.app[i] = &app{t: t}
	}
	var err error
	if w.listen, err = w.ep[1].Listen(serverPort); err != nil {
		t.Fatal(err)
	}
	w.pcap = netsim.NewPcap(&w.capt)
	els := []netsim.Element{netsim.NewTap(w.pcap.See)}
	for _, b := range boxes {
		el, err := mbox.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		els = append(els, el)
	}
	if len(boxes) == 0 {
		els = append(els, netsim.NewLink(netsim.LinkConfig{Delay: 5 * time.Millisecond}))
	}
	w.w = netsim.New(seed)
	for i := range w.witness {
		w.witness[i] = newWitness(w, i, host{w.ep[i]})
	}
	a, b := w.w.AddHost("client", w.witness[0]), w.w.AddHost("server", w.witness[1])
	w.node = [2]*netsim.Node{a, b}
	w.path = w.w.Connect(a, clientAddr, b, serverAddr, els...)
	w.paths = append(w.paths, w.path)
	a.App = func(now time.Time) { w.events(0); w.app[0].turn(now) }
	b.App = func(now time.Time) {
		w.events(1)
		if w.app[1].conn == nil {
			w.app[1].conn, _ = w.listen.Accept()
		}
		w.app[1].turn(now)
	}
	w.w.Log = func(e netsim.Entry) { w.log = append(w.log, e.String()) }
	w.w.Check = w.check
	t.Cleanup(func() {
		if t.Failed() {
			boxes := 0
			for _, l := range w.log { // what the hosts said, and the first words of the boxes
				if host := strings.Contains(l, " client: ") || strings.Contains(l, " server: "); host || boxes < 8 {
					t.Log(l[:min(len(l), 300)])
					if !host {
						boxes++
					}
				}
			}
		}
	})
	return w
}

func (w *world) events(i int) {
	for c, ev, ok := w.ep[i].PollEvent(); ok; c, ev, ok = w.ep[i].PollEvent() {
		if c == w.app[i].conn {
			w.app[i].events |= ev
		}
	}
}

func (w *world) dial() {
	w.t.Helper()
	c, err := w.ep[0].Dial(w.w.Now(), netip.AddrPortFrom(clientAddr, 0), serverPort)
	if err != nil {
		w.t.Fatal(err)
	}
	w.app[0].conn = c
}

// check holds the invariants that are cheap to see (DESIGN section 7).
func (w *world) check() error {
	for i, a := range w.app {
		peer := w.app[1-i]
		got := a.in.Bytes()
		v := &w.watch[i]
		if n := len(got); !w.altered && n > v.read {
			if n > len(peer.out) || !bytes.Equal(got[v.read:], peer.out[v.read:n]) {
				same := v.read
				for same < n && same < len(peer.out) && got[same] == peer.out[same] {
					same++
				}
				return fmt.Errorf("invariant 1: end %d read %d octets of which only %d are those sent", i, n, same)
			}
			v.read = n
		}
		c := a.conn
		if c == nil {
			continue
		}
		if c.rcv.next < v.ack {
			return fmt.Errorf("invariant 2: DATA_ACK of end %d went back from %d to %d", i, v.ack, c.rcv.next)
		}
		if c.rcv.edge < v.edge {
			return fmt.Errorf("invariant 3: right edge of end %d went back from %d to %d", i, v.edge, c.rcv.edge)
		}
		if c.snd.buf.start > c.snd.una {
			return fmt.Errorf("invariant 4: end %d freed up to %d, DATA_ACK is %d", i, c.snd.buf.start, c.snd.una)
		}
		if c.snd.una < v.peerAck {
			return fmt.Errorf("end %d: acknowledgment went back", i)
		}
		if v.fellBack && c.Multipath() {
			return fmt.Errorf("invariant 9: end %d left its fallback", i)
		}
		if len(c.subflows) > 0 && c.subflows[0].index == 0 {
			v.flow = max(v.flow, c.subflows[0].flow.Received())
		}
		*v = watch{c.rcv.next, c.rcv.edge, c.snd.una, v.read, v.flow, c.fb.done}
	}
	for _, v := range w.witness {
		if v == nil {
			continue
		}
		if err := v.state(); err != nil {
			return err
		}
	}
	return nil
}

func stream(n int, seed uint64) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(seed, 7))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// done reports whether both applications have read to the end.
func (w *world) done() bool { return w.app[0].eof && w.app[1].eof }

// transfer carries n octets each way, closes, and expects both streams whole.
func (w *world) transfer(up, down int, limit time.Duration) {
	w.t.Helper()
	w.app[0].out, w.app[1].out = stream(up, 1), stream(down, 2)
	w.app[0].closing, w.app[1].closing = true, true
	w.dial()
	if err := w.w.RunUntil(w.done, limit); err != nil {
		w.t.Fatalf("%v: client wrote %d read %d %v, server wrote %d read %d %v\n%s\n%s", err,
			w.app[0].wrote, w.app[0].in.Len(), w.app[0].err, w.app[1].wrote, w.app[1].in.Len(), w.app[1].err, w.dump(0), w.dump(1))
	}
	for i := range 2 {
		if !bytes.Equal(w.app[i].in.Bytes(), w.app[1-i].out) {
			w.t.Fatalf("end %d read %d octets, not those that were sent", i, w.app[i].in.Len())
		}
	}
}

func (w *world) dump(i int) string {
	c := w.app[i].conn
	if c == nil {
		return "no connection"
	}
	s := fmt.Sprintf("%v %+v", c.State(), c.Info())
	for _, f := range c.subflows {
		s += fmt.Sprintf("\n  flow %v up=%v sent=%d acked=%d avail=%d rcvd=%d win=%d peerwin=%d inflight=%d end=%d held=%d rto=%v deadline=%v", f.flow.State(), f.up, f.flow.Sent(), f.flow.Acked(),
			f.flow.Available(), f.flow.Received(), f.flow.Window(), f.flow.PeerWindow(), f.flow.InFlight(), f.end, f.held.octets, f.flow.RTO(), f.flow.Deadline().Sub(netsim.Epoch))
	}
	return s
}

// idle runs until both hosts have nothing armed, TIME-WAIT included.
func (w *world) idle() {
	w.t.Helper()
	w.w.MaxStall = 0 // all is read
	if err := w.w.RunIdle(10 * time.Minute); err != nil {
		w.t.Fatalf("%v\n%s\n%s", err, w.dump(0), w.dump(1))
	}
	for i, ep := range w.ep {
		if ep.subflows.n != 0 || ep.known() != 0 || ep.waits.n != 0 {
			w.t.Errorf("end %d keeps %d subflows, %d tokens, %d records of TIME-WAIT", i, ep.subflows.n, ep.known(), ep.waits.n)
		}
		if ep.embryos.n != 0 || ep.joins.n != 0 || w.listen.halfOpen != 0 {
			w.t.Errorf("end %d keeps %d embryos, %d half-open joins", i, ep.embryos.n, ep.joins.n)
		}
		if ep.stats.MPCurrEstab != 0 {
			w.t.Errorf("end %d: MPCurrEstab is %d", i, ep.stats.MPCurrEstab)
		}
	}
}
