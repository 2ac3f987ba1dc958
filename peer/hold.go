package peer

import (
	"net/netip"
	"slices"
	"time"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/peer/link"
)

// holds are the ports taken from the kernel on links that share its addresses: see
// link.PortHolder.
type holds struct {
	m     map[netip.AddrPort]*held
	swept time.Time
}

type held struct {
	link.Hold
	also     map[*port]link.Hold // for what comes by other links
	listener bool                // until the listener is closed
	unused   time.Time           // since when no flow leaves from it; zero: one did at the last look
}

func (h *held) Close() error {
	for _, k := range h.also {
		_ = k.Close()
	}
	return h.Hold.Close()
}

// introduce tells the other links of a new address, for what comes for it by them, and
// its link of theirs. Links that share the kernel's addresses and others stay apart: to
// the one kind a port must be the kernel's, to the other no address may be.
func (s *Stack) introduce(e *pathEntry) {
	_, shared := sharedBy(e.port.link)
	for _, x := range s.paths {
		if _, alike := sharedBy(x.port.link); x.port == e.port || alike != shared {
			continue
		}
		if g, ok := x.port.link.(link.Guesthouse); ok {
			_ = g.TakeFor([]netip.Addr{e.Local})
		}
		if g, ok := e.port.link.(link.Guesthouse); ok {
			_ = g.TakeFor([]netip.Addr{x.Local})
		}
	}
	if shared {
		for _, h := range s.holds.m {
			s.holdElsewhere(h)
		}
	}
}

// holdElsewhere holds a port on the other links that share the kernel's addresses.
func (s *Stack) holdElsewhere(h *held) {
	own := s.pathAt(h.Addr().Addr())
	for _, p := range s.ports {
		holder, ok := sharedBy(p.link)
		if !ok || own != nil && own.port == p || h.also[p] != nil {
			continue
		}
		if k, err := holder.HoldPort(h.Addr()); err == nil {
			if h.also == nil {
				h.also = map[*port]link.Hold{}
			}
			h.also[p] = k
		}
	}
}

// holdAnnounced holds what a connection announces, for as long as it lives.
func (s *Stack) holdAnnounced(c *Conn, at netip.AddrPort) error {
	if at.Port() == 0 {
		at = netip.AddrPortFrom(at.Addr(), c.fc.Local().Port())
	}
	e := s.pathAt(at.Addr())
	if e == nil {
		return nil // the address of another host, behind some box
	}
	holder, ok := sharedBy(e.port.link)
	if !ok {
		return nil
	}
	if _, err := s.holdNew(holder, at, false); err != nil {
		return err
	}
	if !slices.Contains(c.announced, at) {
		c.announced = append(c.announced, at)
	}
	return nil
}

// sharedBy returns the link as one that shares its addresses with the kernel, if it does.
func sharedBy(l link.Link) (link.PortHolder, bool) {
	holder, ok := l.(link.PortHolder)
	return holder, ok && holder.Shared()
}

// holdSweep is how often holds are looked through. One that is not used at two looks in
// a row is given up: by then the flow's TIME-WAIT is over.
const holdSweep = time.Minute

// hold makes sure that a port is held where the link of its address wants it so. It
// reports false when somebody else has the port.
func (s *Stack) hold(p *port, at netip.AddrPort) bool {
	holder, ok := sharedBy(p.link)
	if !ok || s.holds.m[at] != nil {
		return true
	}
	_, err := s.holdNew(holder, at, false)
	return err == nil
}

// holdNew holds a port, any where it is 0.
func (s *Stack) holdNew(holder link.PortHolder, at netip.AddrPort, listener bool) (netip.AddrPort, error) {
	if h := s.holds.m[at]; h != nil {
		h.listener = h.listener || listener
		return at, nil
	}
	s.sweepHolds()
	h, err := holder.HoldPort(at)
	if err != nil {
		return at, err
	}
	if s.holds.m == nil {
		s.holds.m = map[netip.AddrPort]*held{}
	}
	k := &held{Hold: h, listener: listener}
	s.holds.m[h.Addr()] = k
	s.holdElsewhere(k)
	return h.Addr(), nil
}

// holdFor chooses the local port of a connection to be opened: 0, and so the endpoint's
// choice, where no port needs to be held.
func (s *Stack) holdFor(a netip.Addr) (netip.AddrPort, error) {
	at := netip.AddrPortFrom(a, 0)
	e := s.pathAt(a)
	if e == nil {
		return at, nil
	}
	holder, ok := sharedBy(e.port.link)
	if !ok {
		return at, nil
	}
	return s.holdNew(holder, at, false)
}

// sweepHolds gives up the holds that no flow uses any more.
func (s *Stack) sweepHolds() {
	now := s.now()
	if now.Sub(s.holds.swept) < holdSweep {
		return
	}
	s.holds.swept = now
	used := map[netip.AddrPort]bool{}
	var flows []fsm.Subflow
	for fc, c := range s.conns {
		for _, at := range c.announced {
			used[at] = true
		}
		flows = fc.Subflows(flows[:0])
		for _, f := range flows {
			used[f.Local] = true
		}
	}
	for at, h := range s.holds.m {
		switch {
		case h.listener || used[at]:
			h.unused = time.Time{}
		case h.unused.IsZero():
			h.unused = now
		case now.Sub(h.unused) >= holdSweep:
			_ = h.Close()
			delete(s.holds.m, at)
		}
	}
}

func (h *holds) all() (list []*held) {
	for _, x := range h.m {
		list = append(list, x)
	}
	return list
}
