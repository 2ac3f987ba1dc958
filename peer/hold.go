package peer

import (
	"net/netip"
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
	listener bool      // until the listener is closed
	unused   time.Time // since when no flow leaves from it; zero: one did at the last look
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
	s.holds.m[h.Addr()] = &held{Hold: h, listener: listener}
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
	for fc := range s.conns {
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

func (h *holds) all() (list []link.Hold) {
	for _, x := range h.m {
		list = append(list, x.Hold)
	}
	return list
}
