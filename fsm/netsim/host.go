package netsim

import (
	"net/netip"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// Host is what lives at the end of paths. fsm.Endpoint has this shape; for a bare
// TCP flow an adapter of a few lines gives it.
type Host interface {
	// HandleSegment takes one segment. Its slices live until the call returns. A
	// bad TCP checksum is a state of the segment, for the host to judge.
	HandleSegment(now time.Time, seg *wire.Segment)
	// HandleTimer is called when Deadline has come.
	HandleTimer(now time.Time)
	// PollSegment fills seg with the next segment to send, its options appended
	// to seg.Options[:0], and reports whether there was one.
	PollSegment(now time.Time, seg *wire.Segment) bool
	// Deadline is when HandleTimer wants to be called; zero: never.
	Deadline() time.Time
}

// Node is a host's place in the world.
type Node struct {
	// App, if set, is the application's turn: called after every input to the
	// host and every script call, before the host is polled, at least once at the
	// start of a run. It writes and reads.
	App func(now time.Time)

	w     *World
	name  string
	host  Host
	port  func(from *Path, pkt []byte) // of a node without a host
	paths []attachment
	stats NodeStats

	timer timer // the host's deadline

	// learned[a] is the path by which a's last packet came, consulted for replies
	// to addresses that no path was laid to, such as a NAT's.
	learned map[netip.Addr]*Path
}

type attachment struct {
	path *Path
	end  int // 0: this node is the left end
}

// NodeStats counts a host's packets.
type NodeStats struct {
	Sent, Received uint64 // segments; a segmented one counts once
	Packets        uint64 // sent, after segmentation
	BadIP          uint64 // received packets dropped for what their IP header says
	Malformed      uint64 // received packets that are neither a whole TCP segment nor an ICMP error about one
	ICMP           uint64 // received ICMP errors about TCP
	BadSum         uint64 // received segments with a bad TCP checksum (the host sees them too)
	NoRoute        uint64 // segments dropped because no path fits
	Unsendable     uint64 // segments that the codec refused
}

// AddHost adds a host.
func (w *World) AddHost(name string, h Host) *Node {
	n := &Node{w: w, name: name, host: h, timer: unarmed, learned: map[netip.Addr]*Path{}}
	w.nodes = append(w.nodes, n)
	return n
}

// AddPort adds an open end: what reaches it is given to receive, as octets that
// live until it returns, and Node.Inject sends. It is where a live interface, an
// attacker or a test is plugged in.
func (w *World) AddPort(name string, receive func(from *Path, pkt []byte)) *Node {
	n := &Node{w: w, name: name, port: receive, timer: unarmed}
	w.nodes = append(w.nodes, n)
	return n
}

// Name is what the node was added as.
func (n *Node) Name() string { return n.name }

// Stats returns the node's counters.
func (n *Node) Stats() NodeStats { return n.stats }

func (n *Node) attach(p *Path, end int) {
	n.paths = append(n.paths, attachment{p, end})
	n.tellPath(p, end)
}

func (n *Node) tellPath(p *Path, end int) {
	if h, ok := n.host.(PathHandler); ok {
		h.HandlePath(n.w.Now(), PathInfo{
			ID: p.id, Local: p.addrs[end], Remote: p.addrs[1-end], MTU: p.mtu(end), Up: !p.down,
		})
	}
}

// Inject sends a copy of pkt into a path from this end of it.
func (n *Node) Inject(p *Path, pkt []byte) {
	k := n.w.pool.New()
	k.Data = append(k.Data, pkt...)
	n.launch(p, k)
}

func (n *Node) launch(p *Path, k *Packet) {
	n.stats.Packets++
	n.w.stats.Sent++
	end, dir := p.ends[0], Forward
	if p.ends[1].end == n {
		end, dir = p.ends[1], Reverse
	}
	if p.down {
		end.Drop(dir, k, "the path is down")
		return
	}
	end.Send(dir, k)
}

func (n *Node) receive(p *Path, k *Packet) {
	k.check()
	if p.down {
		n.w.stats.Dropped++
		n.w.pool.release(k)
		return
	}
	n.w.stats.Delivered++
	if n.port != nil {
		n.port(p, k.Data)
		n.w.pool.release(k)
		return
	}
	n.deliver(p, k.Data)
	n.w.pool.release(k)
	n.turn()
}

// turn is what follows every input: the application acts, the host is polled dry,
// its timer is set.
func (n *Node) turn() {
	if n.host == nil {
		return
	}
	now := n.w.Now()
	if n.App != nil {
		n.App(now)
	}
	seg := &n.w.txSeg
	for polls := 0; ; polls++ {
		*seg = wire.Segment{Options: seg.Options[:0]}
		if !n.host.PollSegment(now, seg) {
			break
		}
		n.send(seg)
		if polls > n.w.MaxInstant {
			n.w.err = n.w.stuck(Livelock, n.name+" sends without end")
			return
		}
	}
	n.arm()
	if n.w.Check != nil && n.w.err == nil {
		n.w.err = n.w.Check()
	}
}

// arm follows the host's deadline.
func (n *Node) arm() {
	n.timer.at = never
	if d := n.host.Deadline(); !d.IsZero() {
		n.timer.at = max(int64(d.Sub(Epoch)), n.w.now)
	}
	n.timer.queue(n.w, event{what: nodeDue, node: n})
}
