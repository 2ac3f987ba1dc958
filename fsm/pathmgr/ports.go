package pathmgr

import "net/netip"

// Ports opens several subflows between the two first addresses, each from a port of its
// own, so that routers that spread flows over paths by their ports use several.
type Ports struct {
	want          int // subflows besides the first
	room          int
	opener        bool
	noJoin        bool
	local, remote netip.AddrPort
	there         int
	retry         retry
	down          bool // the path is gone
	out           []Action
}

// NewDiffPorts returns a manager that has n subflows between the first two addresses.
func NewDiffPorts(n int) *Ports { return &Ports{want: n - 1} }

// Handle takes an event and returns what is to be done.
func (m *Ports) Handle(ev Event) []Action {
	m.out = m.out[:0]
	ours := ev.Local.Addr() == m.local.Addr() && ev.Remote == m.remote
	switch ev.Kind {
	case Ready:
		m.opener, m.noJoin, m.room = ev.Opener, ev.NoJoin, ev.Room
		m.local, m.remote = ev.Local, ev.Remote
		m.want = min(m.want, m.room)
		m.there = 1
	case PathUp:
		if ev.Local.Addr() == m.local.Addr() && m.down {
			m.down, m.retry = false, retry{}
		}
	case PathDown:
		m.down = m.down || ev.Local.Addr() == m.local.Addr()
	case SubflowUp:
		if ours {
			m.retry.fails = 0
		}
	case SubflowDown:
		if !ours {
			break
		}
		m.there--
		switch {
		case !ev.passing():
			m.retry.never = true
		default:
			m.retry.failed(&ev)
		}
	}
	if !m.opener || m.noJoin || m.retry.never || m.down || !m.remote.IsValid() {
		return m.out
	}
	var w waker
	switch {
	case m.there > m.want:
	case ev.Now.Before(m.retry.next):
		w.by(m.retry.next)
	default:
		for ; m.there <= m.want; m.there++ {
			m.out = append(m.out, Action{Do: Join, Local: netip.AddrPortFrom(m.local.Addr(), 0), Remote: m.remote})
		}
	}
	m.out = w.append(m.out)
	return m.out
}
