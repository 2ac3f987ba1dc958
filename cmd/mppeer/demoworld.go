package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/fsm/netsim/mbox"
)

var (
	clientAddrs = [2]netip.Addr{netip.MustParseAddr("10.1.0.1"), netip.MustParseAddr("10.2.0.1")}
	serverAddrs = [2]netip.Addr{netip.MustParseAddr("10.1.0.2"), netip.MustParseAddr("10.2.0.2")}
	demoLinks   = [2]string{"link rate=8Mbit delay=20ms buffer=100ms", "link rate=4Mbit delay=35ms buffer=100ms"}
)

const (
	demoPort  = 80
	demoLimit = 10 * time.Minute
	demoStall = 90 * time.Second // longer than any timer that may still help
)

var errStandstill = errors.New("the streams did not arrive: see above")

// demoWorld is the network of the demonstration.
type demoWorld struct {
	story  story
	size   int
	pcap   *netsim.Pcap
	world  *netsim.World
	paths  []*netsim.Path
	client demoHost
	server demoHost
	listen *fsm.Listener
	joined bool
}

// demoHost is an endpoint with its application: it sends a stream, closes, and reads
// the peer's.
type demoHost struct {
	*fsm.Endpoint
	name   string
	conn   *fsm.Conn
	out    []byte
	wrote  int
	in     bytes.Buffer
	eof    bool
	closed bool
	err    error
	multi  bool
	flows  map[netip.AddrPort]uint64 // octets received, by local address, of plain flows and subflows
}

// HandlePath implements netsim.PathHandler.
func (h *demoHost) HandlePath(now time.Time, p netsim.PathInfo) {
	h.Endpoint.HandlePath(now, fsm.Path{ID: p.ID, Local: p.Local, MTU: p.MTU, Up: p.Up})
}

// build makes hosts and paths.
func (d *demoWorld) build(seed uint64, boxes []netsim.Element, lies [][]netsim.Element, twoPaths bool) error {
	d.world = netsim.New(seed)
	d.world.Log = d.story.edit
	for i, h := range []*demoHost{&d.client, &d.server} {
		*h = demoHost{name: [2]string{"client", "server"}[i], out: make([]byte, d.size), flows: map[netip.AddrPort]uint64{}}
		luck := rand.New(rand.NewPCG(seed, uint64(i)))
		for k := range h.out {
			h.out[k] = byte(luck.Uint32())
		}
		// A demonstration is to be repeatable; a real host draws keys from a source
		// that nobody can guess.
		ep, err := fsm.NewEndpoint(fsm.Config{Rand: rand.NewPCG(seed, 10+uint64(i)),
			Trace: func(now time.Time, c *fsm.Conn, what string) { d.story.counter(h.name, now, what) }})
		if err != nil {
			return err
		}
		h.Endpoint = ep
	}
	var err error
	if d.listen, err = d.server.Listen(netip.AddrPortFrom(serverAddrs[0], demoPort)); err != nil {
		return err
	}
	a, b := d.world.AddHost("client", &d.client), d.world.AddHost("server", &d.server)
	a.App = func(now time.Time) { d.turn(&d.client, now) }
	b.App = func(now time.Time) {
		if d.server.conn == nil {
			d.server.conn, _ = d.listen.Accept()
		}
		d.turn(&d.server, now)
	}
	for i := range 2 {
		if i == 1 && !twoPaths {
			break
		}
		els := append(lies[i], mbox.MustParse(demoLinks[i]))
		if i == 0 {
			els = append(els, boxes...)
		}
		els = append(els, netsim.NewTap(func(now time.Time, dir netsim.Dir, pkt []byte) {
			d.story.segment(now, i, dir, pkt)
			if d.pcap != nil {
				d.pcap.See(now, dir, pkt)
			}
		}))
		d.paths = append(d.paths, d.world.Connect(a, clientAddrs[i], b, serverAddrs[i], els...))
	}
	return nil
}

// run runs until both streams have arrived and both hosts are done with them.
func (d *demoWorld) run() error {
	now := d.world.Now()
	c, err := d.client.Dial(now, netip.AddrPortFrom(clientAddrs[0], 0), netip.AddrPortFrom(serverAddrs[0], demoPort))
	if err != nil {
		return err
	}
	d.client.conn = c
	d.story.tell(now, "client", fmt.Sprintf("opens a connection from %v to %v", c.Local(), c.Remote()))
	d.world.Progress = func() uint64 { return uint64(d.client.in.Len() + d.server.in.Len()) }
	d.world.MaxStall = demoStall
	err = d.world.RunUntil(func() bool { return d.client.done() && d.server.done() }, demoLimit)
	var stuck *netsim.StuckError
	if !errors.As(err, &stuck) {
		return err
	}
	if d.client.eof && d.server.eof {
		return nil // what is left is the end of the connection: somebody's patience
	}
	d.story.tell(d.world.Now(), "", "nothing moves any more: the demonstration ends here")
	return errStandstill
}

// turn is the application: it acts on events, writes, reads and closes.
func (d *demoWorld) turn(h *demoHost, now time.Time) {
	for c, ev, ok := h.PollEvent(); ok; c, ev, ok = h.PollEvent() {
		if c == h.conn || h.conn == nil {
			h.conn = c
			d.event(h, now, ev)
		}
	}
	c := h.conn
	if c == nil {
		return
	}
	h.look()
	for h.wrote < len(h.out) {
		n, err := c.Write(now, h.out[h.wrote:])
		h.wrote += n
		if n == 0 || err != nil {
			break
		}
	}
	if h.wrote == len(h.out) && !h.closed {
		h.closed = true
		c.CloseWrite(now)
	}
	var b [16 << 10]byte
	for !h.eof && h.err == nil {
		n, err := c.Read(now, b[:])
		h.in.Write(b[:n])
		switch {
		case err == io.EOF:
			h.eof = true
			d.story.tell(now, h.name, fmt.Sprintf("has all %s", octets(h.in.Len())))
		case err != nil:
			h.err = err
			d.story.tell(now, h.name, err.Error())
		}
		if n == 0 {
			break
		}
	}
}

// look keeps what is known of the connection while it lasts.
func (h *demoHost) look() {
	if h.conn.State() != fsm.Closed {
		h.multi = h.conn.Multipath()
	}
	for _, s := range h.conn.Subflows(nil) {
		h.flows[s.Local] = s.Flow.Received()
	}
}

func (h *demoHost) done() bool {
	return h.conn != nil && (h.err != nil || h.conn.State() == fsm.Closed)
}

// event tells of what happened to a connection; the client joins when it is open.
func (d *demoWorld) event(h *demoHost, now time.Time, ev fsm.Event) {
	c := h.conn
	if ev&fsm.Opened != 0 {
		switch {
		case c.Multipath():
			d.story.tell(now, h.name, fmt.Sprintf("open: Multipath TCP version %d", c.Version()))
		default:
			d.story.tell(now, h.name, "open: "+verdict(false, h == &d.client, h.conn.Info().Cause))
		}
	}
	if ev&fsm.FellBack != 0 && ev&fsm.Opened == 0 {
		d.story.tell(now, h.name, "goes on as "+verdict(false, h == &d.client, h.conn.Info().Cause))
	}
	if ev&fsm.SubflowUp != 0 {
		d.story.tell(now, h.name, fmt.Sprintf("has %d subflows", c.Info().SubflowsUp))
	}
	if ev&fsm.SubflowDown != 0 && c.State() < fsm.FinWait1 {
		d.story.tell(now, h.name, fmt.Sprintf("lost a subflow and has %d", c.Info().SubflowsUp))
	}
	if h == &d.client && ev&(fsm.Opened|fsm.SubflowUp|fsm.Readable) != 0 && !d.joined && len(d.paths) == 2 && c.Multipath() {
		// A join is allowed once the peer has shown that it knows the keys.
		if c.Join(now, netip.AddrPortFrom(clientAddrs[1], 0), netip.AddrPortFrom(serverAddrs[1], demoPort), false) == nil {
			d.joined = true
			d.story.tell(now, h.name, fmt.Sprintf("joins from %v", clientAddrs[1]))
		}
	}
}

// summary is the end of the story.
func (d *demoWorld) summary() {
	w := d.story.w
	fmt.Fprintln(w)
	for _, h := range []*demoHost{&d.client, &d.server} {
		peer := map[*demoHost]*demoHost{&d.client: &d.server, &d.server: &d.client}[h]
		state := "as they were sent"
		if !bytes.Equal(peer.out, h.in.Bytes()) {
			state = fmt.Sprintf("but %s were sent", octets(len(peer.out)))
			if h.in.Len() == len(peer.out) {
				state = "but not as they were sent"
			}
		}
		fmt.Fprintf(w, "%s: %s; received %s, %s\n", h.name, verdict(h.multi, h == &d.client, h.conn.Info().Cause), octets(h.in.Len()), state)
	}
	var over []string
	for i := range d.paths {
		over = append(over, fmt.Sprintf("path %d: %s", i+1, octets(d.over(i))))
	}
	fmt.Fprintf(w, "over %s; %.3f s of virtual time; edits: %d\n", strings.Join(over, ", "), d.world.Elapsed().Seconds(), d.story.edits)
}

// over is how many octets both hosts received by a path.
func (d *demoWorld) over(path int) (n int) {
	for _, h := range []*demoHost{&d.client, &d.server} {
		for a, k := range h.flows {
			if a.Addr() == clientAddrs[path] || a.Addr() == serverAddrs[path] {
				n += int(k)
			}
		}
	}
	return n
}
