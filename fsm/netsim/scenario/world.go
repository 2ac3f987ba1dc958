package scenario

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/fsm/netsim"
)

// World is a simulated network and the connections in it.
type World struct {
	Net   *netsim.World
	Flows []*Flow
}

// Flow is one connection.
type Flow struct {
	// Opener and Acceptor are the two ends. Acceptor is nil before it was accepted.
	Opener, Acceptor *fsm.Conn
	Hosts            [2]*fsm.Endpoint
	Read             uint64 // octets that the acceptor's application read
	Paths            []*netsim.Path

	// Block, if set before the run, has the application write blocks of so many octets
	// and note in Latency how long each took from the write of its first octet to the
	// reading of its last.
	Block   int
	Latency []time.Duration
	begun   []time.Duration // when the blocks under way were begun

	w        *World
	number   int
	joins    int       // subflows asked for
	tried    time.Time // when all of them had been
	err      error
	subflows []fsm.Subflow
	sample   sample
}

// Options of a connection.
type Options struct {
	Start  time.Duration     // when it is opened
	Paths  [][]*netsim.Link  // the links of each path, from the opener on; the first opens the connection
	Config func(*fsm.Config) // changes what both hosts are made with
	Limit  int               // the application has no more than so many octets unread by the peer's; 0: no limit
}

// New returns an empty world.
func New(seed uint64) *World { return &World{Net: netsim.New(seed)} }

// host gives an Endpoint the shape of netsim.Host.
type host struct{ *fsm.Endpoint }

func (h host) HandlePath(now time.Time, p netsim.PathInfo) {
	h.Endpoint.HandlePath(now, fsm.Path{ID: p.ID, Local: p.Local, MTU: p.MTU, Up: p.Up})
}

func address(flow, path, end int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(flow), byte(path), byte(1 + end)})
}

// Add adds a connection. The error is that of fsm.NewEndpoint.
func (w *World) Add(o Options) (*Flow, error) {
	f := &Flow{w: w, number: len(w.Flows)}
	for i := range f.Hosts {
		cfg := fsm.Config{Rand: rand.NewPCG(w.Net.Seed(), uint64(2*f.number+i))}
		if o.Config != nil {
			o.Config(&cfg)
		}
		var err error
		if f.Hosts[i], err = fsm.NewEndpoint(cfg); err != nil {
			return nil, err
		}
	}
	opener := w.Net.AddHost(fmt.Sprintf("opener %d", f.number), host{f.Hosts[0]})
	acceptor := w.Net.AddHost(fmt.Sprintf("acceptor %d", f.number), host{f.Hosts[1]})
	for i, links := range o.Paths {
		var els []netsim.Element
		for _, l := range links {
			els = append(els, l)
		}
		f.Paths = append(f.Paths, w.Net.Connect(opener, address(f.number, i, 0), acceptor, address(f.number, i, 1), els...))
	}
	listener, err := f.Hosts[1].Listen(netip.AddrPortFrom(address(f.number, 0, 1), 80))
	if err != nil {
		return nil, err
	}
	opener.App = func(now time.Time) { f.write(now) }
	acceptor.App = func(now time.Time) {
		if f.Acceptor == nil {
			f.Acceptor, _ = listener.Accept()
		}
		f.read(now)
	}
	w.Net.At(o.Start, func() {
		f.Opener, f.err = f.Hosts[0].Dial(w.Net.Now(), netip.AddrPortFrom(address(f.number, 0, 0), 0), netip.AddrPortFrom(address(f.number, 0, 1), 80))
	})
	w.Flows = append(w.Flows, f)
	return f, nil
}

// stream is what every connection sends, over and over. Its length is a prime, so that
// octets which land in the wrong place are seen.
var stream = func() []byte {
	b := make([]byte, 65521)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}()

func (f *Flow) write(now time.Time) {
	c := f.Opener
	if c == nil {
		return
	}
	for i := 1; i < len(f.Paths) && now.Sub(f.tried) >= time.Second; i++ {
		f.join(now, i)
	}
	for n := c.Writable(); n > 0; {
		at := c.Info().Written % uint64(len(stream))
		k, err := c.Write(now, stream[at:min(len(stream), int(at)+n)])
		if k == 0 || err != nil {
			break
		}
		if f.Block > 0 {
			for b := f.Block * len(f.begun); b < int(c.Info().Written); b += f.Block {
				f.begun = append(f.begun, now.Sub(netsim.Epoch))
			}
		}
		n -= k
	}
	for _, _, ok := f.Hosts[0].PollEvent(); ok; _, _, ok = f.Hosts[0].PollEvent() {
	}
}

// join opens a subflow on path i where there is none. The peer may refuse it: it does
// as long as it has heard no data.
func (f *Flow) join(now time.Time, i int) {
	f.subflows = f.Opener.Subflows(f.subflows[:0])
	for _, s := range f.subflows {
		if s.Local.Addr() == address(f.number, i, 0) {
			return
		}
	}
	local, remote := netip.AddrPortFrom(address(f.number, i, 0), 0), netip.AddrPortFrom(address(f.number, i, 1), 80)
	if f.Opener.Join(now, local, remote, false) == nil {
		f.joins++
	}
	if f.joins >= len(f.Paths)-1 {
		f.tried = now
	}
}

func (f *Flow) read(now time.Time) {
	c := f.Acceptor
	if c == nil {
		return
	}
	var b [8192]byte
	for {
		n, err := c.Read(now, b[:])
		for p := b[:n]; len(p) > 0; {
			want := stream[f.Read%uint64(len(stream)):]
			k := min(len(p), len(want))
			if !bytes.Equal(p[:k], want[:k]) && f.err == nil {
				f.err = fmt.Errorf("connection %d: octets near %d are not those sent", f.number, f.Read)
			}
			f.Read += uint64(k)
			p = p[k:]
			for f.Block > 0 && int(f.Read) >= (len(f.Latency)+1)*f.Block {
				f.Latency = append(f.Latency, now.Sub(netsim.Epoch)-f.begun[len(f.Latency)])
			}
		}
		if err != nil && err != io.EOF && f.err == nil {
			f.err = err
		}
		if n == 0 {
			break
		}
	}
	for _, _, ok := f.Hosts[1].PollEvent(); ok; _, _, ok = f.Hosts[1].PollEvent() {
	}
}
