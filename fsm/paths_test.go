package fsm

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/fsm/netsim/mbox"
	"github.com/mptcp-go/mptcp/wire"
)

// pathAddrs are the addresses of path k, the first being path 0.
func pathAddrs(k int) (client, server netip.Addr) {
	return netip.AddrFrom4([4]byte{10, byte(k), 0, 1}), netip.AddrFrom4([4]byte{10, byte(k), 0, 2})
}

// connect lays a further path between the two hosts, with addresses of its own.
func (w *world) connect(els ...netsim.Element) *netsim.Path {
	client, server := pathAddrs(len(w.paths))
	p := w.w.Connect(w.node[0], client, w.node[1], server, els...)
	w.paths = append(w.paths, p)
	return p
}

// cut cuts a path in silence, or gives it back.
func cut(p *netsim.Path, down bool) {
	for _, el := range p.Elements() {
		if l, ok := el.(*netsim.Link); ok {
			l.SetDown(netsim.Forward, down)
			l.SetDown(netsim.Reverse, down)
		}
	}
}

// happening is what a deed does.
type happening uint8

const (
	pathDown      happening = iota // the interface goes, and comes back
	pathCut                        // nothing passes for a while, and nobody is told
	addrWithdrawn                  // REMOVE_ADDR
	addrAnnounced                  // ADD_ADDR
	pathPriority                   // MP_PRIO
	pathJoined
	allJoined    // ...from one address to all that the peer announced
	flowReset    // a box resets a subflow at both ends
	addrReplaced // one end moves: its address goes, and another comes with a path of its own
	numHappenings
)

func (h happening) String() string {
	return [...]string{"down", "cut", "withdraw", "announce", "priority", "join", "join all", "reset", "replace"}[h]
}

// deed is what happens to a world with several paths at some moment.
type deed struct {
	what      happening
	path, end int
	at, until time.Duration
	port      uint16
	backup    bool
}

func (d deed) String() string {
	return fmt.Sprintf("%v: %v path %d end %d until %v", d.at, d.what, d.path, d.end, d.until)
}

// plan has d done when its time comes.
func (w *world) plan(d deed) { w.w.At(d.at, func() { w.enact(d) }) }

func (w *world) enact(d deed) {
	local, remote := pathAddrs(d.path)
	if d.end == 1 {
		local, remote = remote, local
	}
	p, now, c := w.paths[d.path], w.w.Now(), w.app[d.end].conn
	switch {
	case d.what == pathDown:
		p.SetDown(true)
		w.w.At(d.until, func() { p.SetDown(false) })
	case d.what == pathCut:
		cut(p, true)
		w.w.At(d.until, func() { cut(p, false) })
	case d.what == addrReplaced:
		p.SetDown(true)
		client, server := pathAddrs(d.path)
		fresh := [2]netip.Addr{}
		if fresh[0], fresh[1] = pathAddrs(len(w.paths)); d.end == 0 {
			fresh[1] = server
		} else {
			fresh[0] = client
		}
		w.paths = append(w.paths, w.w.Connect(w.node[0], fresh[0], w.node[1], fresh[1], mbox.MustParse(quickLink)))
	case c == nil:
	case d.what == addrWithdrawn:
		c.RemoveAddr(now, local)
	case d.what == addrAnnounced:
		c.Announce(now, netip.AddrPortFrom(local, d.port))
	case d.what == pathPriority:
		c.SetBackup(now, local, d.backup)
	case d.what == pathJoined && d.end == 0:
		c.Join(now, netip.AddrPortFrom(local, 0), netip.AddrPortFrom(remote, serverPort.Port()), d.backup)
	case d.what == allJoined:
		for _, a := range c.RemoteAddrs(nil) {
			c.Join(now, netip.AddrPortFrom(local, 0), a.Addr, d.backup)
		}
	case d.what == flowReset && w.app[0].conn != nil && w.app[1].conn != nil && len(w.app[0].conn.subflows) > 0:
		w.resetOne(uint64(d.until))
	}
}

// resetOne is a box that resets a subflow at both ends. One is left on the first path,
// where nothing meddles.
func (w *world) resetOne(k uint64) {
	c := w.app[0].conn
	good := 0
	for _, s := range c.subflows {
		if s.up && !s.doomed && s.id.local.Addr() == clientAddr && s.id.remote.Addr() == serverAddr {
			good++
		}
	}
	s := c.subflows[k%uint64(max(len(c.subflows), 1))]
	first := s.id.local.Addr() == clientAddr && s.id.remote.Addr() == serverAddr
	if good == 0 || first && good < 2 || !s.up {
		return
	}
	for i := range 2 {
		for _, x := range w.app[i].conn.subflows {
			if x == s || x.flow.IRS() == s.flow.ISS() && x.flow.ISS() == s.flow.IRS() {
				seg := wire.Segment{Src: x.id.remote, Dst: x.id.local, Seq: x.flow.IRS() + 1 + uint32(x.flow.Received()), Flags: wire.RST}
				w.ep[i].HandleSegment(w.w.Now(), &seg)
				break
			}
		}
	}
}
