package peer

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/peer/link"
	"github.com/mptcp-go/mptcp/wire"
)

// port is a link of the stack.
type port struct {
	stack  *Stack
	link   link.Link
	number int
	gone   bool
	backup bool

	queued  *batch   // what waits to be sent; nil: nothing
	spares  []*batch // empty; there are two in all
	sending bool
	queuing bool // in Stack.dirty
	idle    chan struct{}
}

// pathEntry is an address of ours on a link.
type pathEntry struct {
	fsm.Path
	port   *port
	prefix netip.Prefix
}

// readPaths tells the endpoint what the addresses of a link are now.
func (s *Stack) readPaths(p *port) {
	now := s.now()
	up := !p.gone && p.link.Up()
	var addrs []netip.Prefix
	if !p.gone {
		addrs = p.link.Addrs()
	}
	for _, e := range s.paths {
		if e.port != p {
			continue
		}
		found := false
		for _, a := range addrs {
			found = found || a.Addr() == e.Local
		}
		s.setPath(now, e, up && found)
	}
next:
	for _, a := range addrs {
		for _, e := range s.paths {
			if e.Local == a.Addr() && e.port == p {
				e.prefix = a
				continue next
			}
		}
		e := &pathEntry{port: p, prefix: a, Path: fsm.Path{ID: uint16(len(s.paths) + 1), Local: a.Addr(), Backup: p.backup}}
		s.paths = append(s.paths, e)
		s.setPath(now, e, up)
		s.introduce(e)
		for l := range s.listeners {
			for _, local := range l.locals {
				_ = s.holdListener(local) // where somebody else has the port, nothing arrives
			}
		}
	}
}

func (s *Stack) setPath(now time.Time, e *pathEntry, up bool) {
	was := e.Path
	e.Up, e.MTU, e.Max = up, e.port.link.MTU(), e.port.link.MaxPayload()
	if e.Path != was {
		s.ep.HandlePath(now, e.Path)
	}
}

// pathOf returns the path that a segment leaves by, nil where there is none: the one it
// names, which a passive open has from the SYN, whatever the address, as long as it is up.
func (s *Stack) pathOf(seg *wire.Segment) *pathEntry {
	if i := int(seg.Path) - 1; i >= 0 && i < len(s.paths) && s.paths[i].Up {
		return s.paths[i]
	}
	return s.pathAt(seg.Src.Addr())
}

// arrivedBy returns the path by which a segment for an address of ours came: one of its
// link, with that address if there is such a one.
func (s *Stack) arrivedBy(p *port, e *pathEntry) *pathEntry {
	if e.port == p {
		return e
	}
	by := e
	for _, x := range s.paths {
		switch {
		case x.port != p || x.Local.Is4() != e.Local.Is4():
		case x.Local == e.Local:
			return x
		case by == e:
			by = x
		}
	}
	return by
}

func (s *Stack) pathAt(a netip.Addr) *pathEntry {
	var down *pathEntry
	for _, e := range s.paths {
		if e.Local == a {
			if e.Up {
				return e
			}
			down = e
		}
	}
	return down
}

// source chooses the address to speak to remote from: one on a link that is up, then one
// that reaches it without a router, by the longest prefix, then one that is no backup, then
// the first of its family.
func (s *Stack) source(remote netip.Addr) (netip.Addr, bool) {
	var best *pathEntry
	score := func(e *pathEntry) int {
		n := 0
		if e.Up {
			n += 1000
		}
		if e.prefix.Contains(remote) {
			n += 2 * (1 + e.prefix.Bits())
		}
		if !e.Backup {
			n++
		}
		return n
	}
	for _, e := range s.paths {
		if e.Local.Is4() == remote.Is4() && (best == nil || score(e) > score(best)) {
			best = e
		}
	}
	if best == nil {
		return netip.Addr{}, false
	}
	return best.Local, true
}

// watch follows the state of a link.
func (s *Stack) watch(p *port) {
	defer s.wg.Done()
	for {
		select {
		case <-s.done:
			return
		case <-p.link.Changes():
		}
		s.mu.Lock()
		s.readPaths(p)
		s.turn(s.now())
		s.unlock()
	}
}

// batchSize is how many packets one Recv may return.
const batchSize = 64

// receive takes packets from a link until it ends.
func (s *Stack) receive(p *port) {
	defer s.wg.Done()
	pkts := make([]link.Packet, batchSize)
	for {
		n, err := p.link.Recv(pkts)
		now := s.lock()
		for i := range n {
			s.input(now, p, &pkts[i])
		}
		s.merger.flush(now, s.handle)
		if err != nil && !s.closed {
			p.gone = true // the paths are down, and the connections live on
			s.readPaths(p)
		}
		s.turn(now)
		s.unlock()
		if err != nil {
			return
		}
	}
}

// nobody reports whether a is no address that a packet may come from: nothing, or many
// hosts, who would all hear the answer (RFC 1122 section 3.2.1.3, RFC 9293 section 3.9.2.3).
func (s *Stack) nobody(a netip.Addr) bool {
	if !a.Is4() || a.IsMulticast() || a.IsUnspecified() {
		return a.IsMulticast() || a.IsUnspecified()
	}
	if a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return true
	}
	for _, e := range s.paths {
		if e.prefix.Bits() <= 30 && e.prefix.Contains(a) { // longer ones have no broadcast (RFC 3021)
			b, host := a.As4(), uint32(1)<<(32-e.prefix.Bits())-1
			if binary.BigEndian.Uint32(b[:])&host == host {
				return true
			}
		}
	}
	return false
}

// input takes one packet.
func (s *Stack) input(now time.Time, p *port, k *link.Packet) {
	if s.cfg.Capture != nil {
		s.capture(now, p, k.Data, inbound)
	}
	seg := &s.in
	var err error
	trusted := k.Partial || k.SumOK || k.SegSize > 0 // it has not been on a wire, or the link has verified it
	if trusted {
		err = wire.ParseTrusted(seg, k.Data, wire.SumUnknown)
	} else {
		err = wire.Parse(seg, k.Data)
	}
	if err != nil {
		var m wire.ICMP
		if wire.ParseICMP(&m, k.Data) == nil {
			s.ep.HandleICMP(now, &m)
		} else if !s.echo(now, p, k) {
			s.stats.NotTCP++
		}
		return
	}
	if s.nobody(seg.Src.Addr()) {
		return
	}
	e := s.pathAt(seg.Dst.Addr())
	if e == nil {
		s.stats.NotOurs++ // a route to a whole network ends here
		return
	}
	seg.Path = s.arrivedBy(p, e).ID
	if !trusted && seg.Sum == wire.SumPartial {
		seg.Sum = wire.SumBad // the sender's network card should have finished it
	}
	seg.SegSize = uint16(k.SegSize)
	s.merger.take(now, seg, s.handle)
}
