package pathmgr

import (
	"net/netip"
	"time"
)

// MeshConfig is what a full mesh is told once; its zero value is the usual one.
type MeshConfig struct {
	// Silent has the side that was connected to announce nothing.
	Silent bool
	// FirstOnly joins the peer's first address only, and not those it announces.
	FirstOnly bool
	// Mutual has the side that was connected to join as well. Its SYNs often end at a
	// NAT or firewall (paper section 3.2).
	Mutual bool
	// MaxSubflows bounds the subflows besides the first: 0: what the connection allows.
	MaxSubflows int
}

// maxLocals and maxRemotes bound what a mesh remembers, maxPending the joins of
// announced addresses that wait for an answer.
const (
	maxLocals  = 16
	maxRemotes = 9
	maxPending = 2
)

// Mesh is the full mesh.
type Mesh struct {
	cfg     MeshConfig
	ready   bool
	opener  bool
	room    int
	locals  []local
	remotes []remote
	pairs   []pair

	// What announced addresses that did not answer cost all of them.
	penalty retry

	out []Action
}

type local struct {
	addr     netip.Addr
	backup   bool
	up, told bool
	first    bool
}

type remote struct {
	addr      netip.AddrPort
	announced bool
}

// pair is a subflow that there is, or that was tried.
type pair struct {
	local  netip.Addr
	remote netip.AddrPort
	state  pairState
	retry  retry
}

type pairState uint8

const (
	absent pairState = iota
	asked
	open
)

// NewFullMesh returns a full mesh for one connection.
func NewFullMesh(cfg MeshConfig) *Mesh { return &Mesh{cfg: cfg} }

// Handle takes an event and returns what is to be done. It first notes what there is,
// then compares that with what should be: so no order of events leads astray.
func (m *Mesh) Handle(ev Event) []Action {
	m.out = m.out[:0]
	switch ev.Kind {
	case Ready:
		m.ready, m.opener, m.room = true, ev.Opener, ev.Room
		if m.cfg.MaxSubflows > 0 {
			m.room = min(m.room, m.cfg.MaxSubflows)
		}
		m.locals = append(m.locals, local{addr: ev.Local.Addr(), up: true, told: true, first: true})
		if !ev.NoJoin {
			m.remotes = append(m.remotes, remote{addr: ev.Remote})
		}
		m.pair(ev.Local.Addr(), ev.Remote).state = open
	case PathUp:
		m.pathUp(&ev)
	case PathDown:
		for i := range m.locals {
			if l := &m.locals[i]; l.addr == ev.Local.Addr() {
				l.up, l.told = false, l.first
			}
		}
	case SubflowUp:
		p := m.pair(ev.Local.Addr(), ev.Remote)
		p.state = open
		p.retry.worked(ev.Now)
	case SubflowDown:
		m.subflowDown(&ev)
	case AddrAdded:
		m.addrAdded(&ev)
	case AddrRemoved:
		m.dropRemote(ev.Remote)
	}
	if m.ready {
		m.reconcile(ev.Now)
	}
	return m.out
}

func (m *Mesh) pathUp(ev *Event) {
	a := ev.Local.Addr()
	for i := range m.locals {
		if l := &m.locals[i]; l.addr == a {
			if !l.up { // it came back: what failed before says nothing now
				for j := range m.pairs {
					if p := &m.pairs[j]; p.local == a && p.state == absent && !m.announced(p.remote) {
						p.retry = retry{}
					}
				}
			}
			l.up, l.backup = true, ev.Backup
			return
		}
	}
	if len(m.locals) < maxLocals {
		m.locals = append(m.locals, local{addr: a, up: true, backup: ev.Backup})
	}
}

func (m *Mesh) subflowDown(ev *Event) {
	p := m.pair(ev.Local.Addr(), ev.Remote)
	p.state = absent
	p.retry.ended(ev.Now)
	if !m.known(ev.Remote) {
		m.dropPairs(ev.Remote) // one that the peer had opened
		return
	}
	switch announced := m.announced(ev.Remote); {
	case !ev.passing():
		p.retry.never = true
	case announced && !ev.Worked && ev.Cause == TimedOut:
		p.retry.never = true // until it is announced again (R3.4.1-15)
	default:
		p.retry.failed(ev)
		return
	}
	if m.announced(ev.Remote) && !ev.Worked {
		m.penalty.next = ev.Now.Add(min(firstRetry<<min(m.penalty.fails, 20), maxPenalty))
		m.penalty.fails++
	}
}

func (m *Mesh) addrAdded(ev *Event) {
	for i := range m.remotes {
		if m.remotes[i].addr == ev.Remote {
			for j := range m.pairs { // refreshed
				if p := &m.pairs[j]; p.remote == ev.Remote {
					p.retry.never = false
				}
			}
			return
		}
	}
	if len(m.remotes) < maxRemotes && !m.cfg.FirstOnly {
		m.remotes = append(m.remotes, remote{addr: ev.Remote, announced: true})
	}
}

func (m *Mesh) dropRemote(a netip.AddrPort) {
	for i := range m.remotes {
		if m.remotes[i].addr == a {
			m.remotes = append(m.remotes[:i], m.remotes[i+1:]...)
			break
		}
	}
	m.dropPairs(a)
}

func (m *Mesh) announced(a netip.AddrPort) bool {
	for i := range m.remotes {
		if m.remotes[i].addr == a {
			return m.remotes[i].announced
		}
	}
	return false
}

// pair returns the entry of a pair of addresses. There are no more entries than pairs
// in the tables, and subflows that there are.
func (m *Mesh) pair(l netip.Addr, r netip.AddrPort) *pair {
	for i := range m.pairs {
		if p := &m.pairs[i]; p.local == l && p.remote == r {
			return p
		}
	}
	m.pairs = append(m.pairs, pair{local: l, remote: r})
	return &m.pairs[len(m.pairs)-1]
}

// known reports whether a is an address that is joined.
func (m *Mesh) known(a netip.AddrPort) bool {
	for i := range m.remotes {
		if m.remotes[i].addr == a {
			return true
		}
	}
	return false
}

// dropPairs forgets the pairs with remote a that no subflow has.
func (m *Mesh) dropPairs(a netip.AddrPort) {
	n := 0
	for _, p := range m.pairs {
		if p.remote != a || p.state != absent {
			m.pairs[n] = p
			n++
		}
	}
	m.pairs = m.pairs[:n]
}

// reconcile asks for what should be there and is not.
func (m *Mesh) reconcile(now time.Time) {
	var w waker
	if !m.opener && !m.cfg.Silent {
		for i := range m.locals {
			if l := &m.locals[i]; l.up && !l.told {
				l.told = true
				m.out = append(m.out, Action{Do: Announce, Local: netip.AddrPortFrom(l.addr, 0)})
			}
		}
	}
	if m.opener || m.cfg.Mutual {
		m.join(now, &w)
	}
	m.out = w.append(m.out)
}

func (m *Mesh) join(now time.Time, w *waker) {
	there, pending := -1, 0 // the first is not counted
	for i := range m.pairs {
		if p := &m.pairs[i]; p.state != absent {
			there++
			if p.state == asked && m.announced(p.remote) {
				pending++
			}
		}
	}
	for i := range m.remotes {
		for j := range m.locals {
			r, l := &m.remotes[i], &m.locals[j]
			if !l.up || l.addr.Is4() != r.addr.Addr().Is4() {
				continue
			}
			p := m.pair(l.addr, r.addr)
			switch {
			case p.state != absent || p.retry.never:
				continue
			case there >= m.room:
				return
			case now.Before(p.retry.next):
				w.by(p.retry.next)
				continue
			case r.announced && now.Before(m.penalty.next):
				w.by(m.penalty.next)
				continue
			case r.announced && pending >= maxPending:
				continue // the end of one of those comes as an event
			}
			p.state = asked
			there++
			if r.announced {
				pending++
			}
			m.out = append(m.out, Action{Do: Join, Local: netip.AddrPortFrom(l.addr, 0), Remote: r.addr, Backup: l.backup})
		}
	}
}
