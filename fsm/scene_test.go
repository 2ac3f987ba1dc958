package fsm

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/fsm/netsim/mbox"
	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

// scene is everything that makes a world: the same scene gives the same packets. It
// can be played with Multipath TCP or, as the oracle, with plain TCP; silently, or
// with all that is needed to explain it.
type scene struct {
	seed      uint64
	boxes     []string   // of the first path, from the client to the server, links included
	others    [][]string // further paths
	joins     int        // so many of them are joined as soon as that is possible
	story     []deed     // what happens to the paths
	late      []string   // boxes that come in mid-connection, in front of the others
	otherLate [][]string // the same on further paths
	lateAt    int        // ...when the two ends have read that many octets together
	set       func(side int, c *Config)
	up, down  int
	chunk     int    // octets per Write; 0: as many as fit
	pause     int    // the server reads nothing before the client wrote so many octets
	half      [2]int // an end closes its side only when it has read so many octets
	silent    [2]bool
	silentAt  int            // ...when it has read so many octets, or at the first segment without a mapping
	strict    bool           // hold every segment against the invariants (see witness)
	wrapTCP   bool           // sequence numbers of the first subflow wrap on the way...
	wrap32    bool           // ...and DSNs around 2^32...
	wrap64    bool           // ...or around 2^64
	script    func(w *world) // called before the first segment
	payload   func(n int, seed uint64) []byte
	limit     time.Duration
}

// play builds the world and runs it until both applications have read to the end. The
// error is that of the run.
func (s *scene) play(t testing.TB, plain, record bool) (*world, error) {
	w := s.open(t, plain, record)
	limit := s.limit
	if limit == 0 {
		limit = 48 * time.Hour
	}
	return w, w.w.RunUntil(w.done, limit)
}

// open builds the world and has the client dial.
func (s *scene) open(t testing.TB, plain, record bool) *world {
	t.Helper()
	w := &world{t: t, w: netsim.New(s.seed)}
	for i := range w.ep {
		cfg := Config{Rand: rand.NewPCG(s.seed, 5+uint64(i))}
		if s.set != nil {
			s.set(i, &cfg)
		}
		cfg.Plain = cfg.Plain || plain
		if record {
			name := [2]string{"client", "server"}[i]
			cfg.Trace = func(now time.Time, c *Conn, what string) {
				w.log = append(w.log, fmt.Sprintf("%v %s: %s", now.Sub(netsim.Epoch), name, what))
			}
		}
		var err error
		if w.ep[i], err = NewEndpoint(cfg); err != nil {
			t.Fatal(err)
		}
		if s.wrapTCP {
			w.ep[i].isn.Secret = wrapping(i)
		}
		if s.wrap32 && !cfg.Plain {
			w.ep[i].pool.ready = append(w.ep[i].pool.ready, wrapping32(i))
			w.ep[i].tokens[wrapping32(i).token] = nil
		}
		w.app[i] = &app{t: t, chunk: s.chunk}
		w.node[i] = w.w.AddHost([2]string{"client", "server"}[i], s.host(w, i))
	}
	var err error
	if w.listen, err = w.ep[1].Listen(serverPort); err != nil {
		t.Fatal(err)
	}
	var els []netsim.Element
	if record {
		w.pcap = netsim.NewPcap(&w.capt)
		els = append(els, netsim.NewTap(w.pcap.See), netsim.NewTap(w.say))
		w.w.Log = func(e netsim.Entry) { w.log = append(w.log, e.String()) }
	}
	w.path = w.w.Connect(w.node[0], clientAddr, w.node[1], serverAddr, append(els, elements(t, s.boxes)...)...)
	w.paths = append(w.paths, w.path)
	for _, boxes := range s.others {
		w.connect(append(slices.Clone(els), elements(t, boxes)...)...)
	}
	for _, d := range s.story {
		w.plan(d)
	}
	w.node[0].App = func(now time.Time) { w.events(0); s.turn(w, 0, now) }
	w.node[1].App = func(now time.Time) {
		w.events(1)
		if w.app[1].conn == nil {
			w.app[1].conn, _ = w.listen.Accept()
		}
		s.turn(w, 1, now)
	}
	w.w.Check = w.check
	w.watchStalls(maxStall)
	if s.harmless(0) {
		w.watchStalls(calmStall)
	}
	s.apps(w, len(els))
	if s.script != nil {
		s.script(w)
	}
	c, err := w.ep[0].Dial(w.w.Now(), scenePort, serverPort)
	if err != nil {
		t.Fatal(err)
	}
	w.app[0].conn = c
	return w
}

// maxStall is invariant 15: for how long nothing may be read while a path is alive, 15
// RTOs that are backed off as far as they go. Finding out that a path swallows large
// segments takes the most, where it also loses some for other reasons.
const maxStall = 30 * time.Minute

// calmStall is the same where a path stays that does no harm beyond losses, and outages of
// some seconds: they double an RTO a few times, and an application may read nothing for a
// minute.
const calmStall = 2 * time.Minute

// watchStalls has the world end when nothing is read for longer than limit.
func (w *world) watchStalls(limit time.Duration) {
	w.w.Progress = func() uint64 { return uint64(w.app[0].in.Len() + w.app[1].in.Len()) }
	w.w.MaxStall = limit
}

var scenePort = netip.AddrPortFrom(clientAddr, 40_000)

func (s *scene) turn(w *world, i int, now time.Time) {
	if c := w.app[i].conn; c != nil && s.wrap64 {
		for k, side := range []*side{&c.own, &c.peer} {
			if idsn := -uint64(9000 + 3000*(i^k)); side.known && side.space.IDSN != idsn {
				side.idsn, side.space.IDSN = idsn, idsn
				for _, f := range c.subflows {
					f.table.Data = c.peer.space
				}
			}
		}
	}
	a := w.app[i]
	a.turn(now)
	if a.conn != nil && a.conn.opened && a.wrote == len(a.out) && a.in.Len() >= min(s.half[i], len(w.app[1-i].out)) {
		a.conn.CloseWrite(now) // an opener that closes earlier, with nothing to say, asks nothing of the peer
	}
}

// wrapping returns a secret by which the initial sequence number of an end is such
// that the first octets of a scene take it around 2^32.
var wrapping = remember(func(i int) [32]byte {
	ends := [2]netip.AddrPort{scenePort, serverPort}
	for n := uint64(0); ; n++ {
		g := tcp.ISN{Secret: [32]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(i)}}
		if iss, _ := g.Next(netsim.Epoch, ends[i], ends[1-i]); iss > 1<<32-20_000 && iss < 1<<32-8_000 {
			return g.Secret
		}
	}
})

// wrapping32 returns a key by which DSNs do.
var wrapping32 = remember(func(i int) secret {
	for k := uint64(i)<<40 + 1; ; k++ {
		if s := newSecret(wire.Key(k), wire.V1); uint32(s.idsn) > 1<<32-20_000 {
			return s
		}
	}
})

// remember computes f once for each end.
func remember[T any](f func(int) T) func(int) T {
	v := [2]func() T{sync.OnceValue(func() T { return f(0) }), sync.OnceValue(func() T { return f(1) })}
	return func(i int) T { return v[i]() }
}

// host is the endpoint, or what makes a peer of it that falls back without a word.
func (s *scene) host(w *world, i int) netsim.Host {
	h := netsim.Host(host{w.ep[i]})
	if s.silent[i] && !w.ep[i].cfg.Plain {
		h = &silentHost{host: host{w.ep[i]}, w: w, end: i, at: s.silentAt}
	}
	if s.strict {
		w.witness[i] = newWitness(w, i, h)
		h = w.witness[i]
	}
	return h
}

// apps sets what the applications do; at is where late boxes are put.
func (s *scene) apps(w *world, at int) {
	octets := s.payload
	if octets == nil {
		octets = stream
	}
	w.app[0].out, w.app[1].out = octets(s.up, 1), octets(s.down, 2)
	come := append([][]string{s.late}, s.otherLate...)
	if s.pause > 0 {
		w.w.After(time.Minute, func() { w.app[1].hold = false }) // buffers may be too small for so much
	}
	for i, a := range w.app {
		a.hold = i == 1 && s.pause > 0
		a.watch = func() {
			if w.app[0].in.Len()+w.app[1].in.Len() >= s.lateAt {
				for i, boxes := range come {
					for k, el := range elements(w.t, boxes) {
						w.paths[i].Insert(at+k, el)
					}
				}
				come = nil
			}
			if a.hold && s.pause > 0 && w.app[0].wrote >= min(s.pause, s.up) {
				w.w.After(time.Second, func() { a.hold = false })
			}
		}
	}
	if joins := s.joins; joins > 0 {
		w.app[0].more = func(now time.Time) {
			for c := w.app[0].conn; joins > 0 && c.mode == multi && c.hs.proven; joins-- {
				from, to := pathAddrs(s.joins + 1 - joins)
				if c.Join(now, netip.AddrPortFrom(from, 0), netip.AddrPortFrom(to, serverPort.Port()), false) != nil {
					return
				}
			}
		}
	}
}

func elements(t testing.TB, boxes []string) (els []netsim.Element) {
	for _, b := range boxes {
		el, err := mbox.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		els = append(els, el)
	}
	return els
}

// say writes a segment to the transcript.
func (w *world) say(now time.Time, dir netsim.Dir, pkt []byte) {
	var seg wire.Segment
	if wire.Parse(&seg, pkt) == nil {
		arrow := [2]string{"client > ", "server > "}[dir]
		w.log = append(w.log, fmt.Sprintf("%v %s%s", now.Sub(netsim.Epoch), arrow, wire.AppendText(nil, &seg, wire.TextBase{})))
	}
}

// explain plays the scene once more and fails the test with a transcript and the name
// of a capture that "mpdecode why" explains.
func (s *scene) explain(t testing.TB, why error) {
	t.Helper()
	w, _ := s.play(t, false, true)
	dir := os.Getenv("MPTCP_FAILURES")
	if dir == "" {
		dir = os.TempDir()
	}
	file := filepath.Join(dir, fmt.Sprintf("mptcp-scene-%d.pcap", s.seed))
	if err := os.WriteFile(file, w.capt.Bytes(), 0o644); err != nil {
		t.Log(err)
	}
	for i, l := range w.log {
		if n := len(w.log); i < 150 || i > n-150 {
			t.Log(l[:min(len(l), 260)])
		} else if i == 150 {
			t.Logf("... %d lines", n-300)
		}
	}
	t.Log(why)
	t.Errorf("seed %d boxes %q late %q %q at %d others %q joins %d story %v up %d down %d silent %v: %v\ncapture: %s\n%s\n%s", s.seed, s.boxes, s.late, s.otherLate, s.lateAt, s.others,
		s.joins, s.story, s.up, s.down, s.silent, why, file, w.dump(0), w.dump(1))
}

// whole reports what is wrong with what the applications read.
func (w *world) whole() error {
	for i := range 2 {
		if got, want := w.app[i].in.Bytes(), w.app[1-i].out; !w.altered && !bytes.Equal(got, want) {
			return fmt.Errorf("end %d read %d octets, not the %d that were sent", i, len(got), len(want))
		}
	}
	return nil
}

// left runs the world dry and reports what was not given back.
func (w *world) left() error {
	w.w.MaxStall = 0 // all is read
	if err := w.w.RunIdle(30 * time.Minute); err != nil {
		return err
	}
	for i, ep := range w.ep {
		if ep.subflows.n != 0 || ep.known() != 0 || ep.waits.n != 0 || ep.embryos.n != 0 || ep.joins.n != 0 || ep.stats.MPCurrEstab != 0 {
			return fmt.Errorf("end %d keeps %d subflows, %d tokens, %d records of TIME-WAIT, %d embryos, %d half-open joins, counts %d connections", i,
				ep.subflows.n, ep.known(), ep.waits.n, ep.embryos.n, ep.joins.n, ep.stats.MPCurrEstab)
		}
	}
	return nil
}
