package fsm

import (
	"net/netip"
	"slices"
	"time"

	"github.com/mptcp-go/mptcp/fsm/pathmgr"
	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

// managed is a connection's path manager. Events are queued while it is at work: what it
// asks for may bring about more of them.
type managed struct {
	m     pathmgr.Manager
	queue []pathmgr.Event
	busy  bool
}

// maxManaged bounds the events that follow from one another at one time.
const maxManaged = 256

// startManager makes the path manager once further subflows may be opened: at the
// listener when the connection is, at the opener when the peer has shown that it has
// our key (R3.1-21).
func (c *Conn) startManager(now time.Time) {
	e := c.ep
	if c.mgr != nil || e.cfg.PathManager == nil || c.mode != multi || !c.opened || c.opener && !c.hs.proven || c.finished || c.ended {
		return
	}
	c.mgr = &managed{m: e.cfg.PathManager()}
	c.manage(now, pathmgr.Event{Kind: pathmgr.Ready, Local: c.local, Remote: c.remote, Opener: c.opener, NoJoin: c.peerNoJoin,
		Room: e.cfg.MaxSubflows - 1})
	for _, p := range e.paths {
		if p.Up {
			c.manage(now, pathUp(p))
		}
	}
	for _, r := range c.remoteAddrs {
		c.manage(now, pathmgr.Event{Kind: pathmgr.AddrAdded, Remote: r.Addr})
	}
}

func pathUp(p Path) pathmgr.Event {
	return pathmgr.Event{Kind: pathmgr.PathUp, Local: netip.AddrPortFrom(p.Local, 0), Backup: p.Backup}
}

// manage tells the path manager of ev and does what it asks for.
func (c *Conn) manage(now time.Time, ev pathmgr.Event) {
	g := c.mgr
	if g == nil || c.mode != multi || c.ended || c.finished {
		return
	}
	ev.Now = now
	g.queue = append(g.queue, ev)
	if g.busy {
		return
	}
	g.busy = true
	for i := 0; i < len(g.queue) && i < maxManaged; i++ {
		for _, a := range g.m.Handle(g.queue[i]) {
			c.act(now, a)
		}
	}
	g.queue, g.busy = g.queue[:0], false
}

// act does one thing that the path manager asks for.
func (c *Conn) act(now time.Time, a pathmgr.Action) {
	switch a.Do {
	case pathmgr.Join:
		if err := c.Join(now, a.Local, a.Remote, a.Backup); err != nil {
			c.manage(now, pathmgr.Event{Kind: pathmgr.SubflowDown, Local: a.Local, Remote: a.Remote, Cause: pathmgr.Unopened})
		}
	case pathmgr.Announce:
		_ = c.Announce(now, a.Local) // refused: counted
	case pathmgr.Remove:
		_ = c.RemoveAddr(now, a.Local.Addr())
	case pathmgr.Wake:
		c.timers.arm(timerManage, max(nanos(a.At), nanos(now)+1))
	}
}

// subflowLost tells the path manager how s ended.
func (c *Conn) subflowLost(now time.Time, s *subflow, err error) {
	if c.mgr == nil {
		return
	}
	ev := pathmgr.Event{Kind: pathmgr.SubflowDown, Local: s.id.local, Remote: s.id.remote, Worked: s.worked,
		Reason: s.rst.has, Transient: s.rst.Transient, Code: uint8(s.rst.MPTCPRst.Reason.Known())}
	switch err := err.(type) {
	case nil:
		ev.Cause = pathmgr.Closed
	case *tcp.PeerError:
		switch err.Reason {
		case tcp.Refused:
			ev.Cause = pathmgr.Refused
		case tcp.Reset:
			ev.Cause = pathmgr.Reset
		default:
			ev.Cause = pathmgr.TimedOut
		}
	case *tcp.LocalError:
		ev.Cause = pathmgr.TimedOut
		if err.Reason == tcp.Aborted {
			ev.Cause = pathmgr.Given
		}
	}
	c.manage(now, ev)
}

// A connection that a fault has left without any subflow is opened again: by the side that
// opened it between the two first addresses, whatever manages its paths, and by either side
// where a join of its own worked. Boxes reset
// connections, and the RFC has us do so where one meddled (section 3.7): with TCP that is
// the end, here it need not be. The path is the one that failed, so a reset that says
// that there is no use is heeded (section 3.6), but for the one that blames a box.
func (c *Conn) tryAgain(now time.Time, s *subflow, err error) {
	if s.rst.has && !s.rst.Transient && s.rst.MPTCPRst.Reason.Known() != wire.ResetMiddlebox {
		if s.id.local.Addr() == c.local.Addr() && s.id.remote == c.remote {
			c.noReturn = true
		}
		c.ways = slices.DeleteFunc(c.ways, func(w way) bool { return w.same(s) })
	}
	if _, ok := err.(*tcp.PeerError); !ok && !(s.doomed && s.reset.reason == uint8(wire.ResetMiddlebox)) {
		return
	}
	if !c.timers.armed(timerRejoin) {
		c.armRejoin(now)
	}
}

// armRejoin sets the time of the next try, if there is to be one.
func (c *Conn) armRejoin(now time.Time) {
	if c.ep.cfg.NoRejoin || c.rejoins >= maxRejoins || len(c.returns()) == 0 {
		return
	}
	wait := int64(firstRejoin) << c.rejoins
	if !c.opener {
		wait += wait / 2 // the opener comes first: two subflows are no image of the stream
	}
	c.timers.arm(timerRejoin, nanos(now)+wait)
	c.rejoins++
}

// way is a pair of addresses between which a join worked.
type way struct {
	local  netip.Addr
	remote netip.AddrPort
	peerID uint8
}

func (w way) same(s *subflow) bool { return w.local == s.id.local.Addr() && w.remote == s.id.remote }

// maxWays bounds those that are remembered.
const maxWays = 4

// noteWay notes that a join worked.
func (c *Conn) noteWay(s *subflow) {
	if s.id.local.Addr() == c.local.Addr() && s.id.remote == c.remote || !s.join.opener {
		return
	}
	w := way{s.id.local.Addr(), s.id.remote, s.join.peerID}
	if i := slices.IndexFunc(c.ways, func(w way) bool { return w.same(s) }); i >= 0 {
		c.ways[i] = w // in its place: they take turns
		return
	}
	c.ways = append(c.ways, w)
	if len(c.ways) > maxWays {
		c.ways = slices.Delete(c.ways, 0, 1)
	}
}

// returns are the pairs of addresses by which a connection may be opened again: the first
// ones, by who opened it, and those of joins that worked, but not from an address that is gone.
func (c *Conn) returns() []way {
	var q []way
	if c.opener && !c.peerNoJoin && !c.noReturn {
		q = append(q, way{c.local.Addr(), c.remote, 0})
	}
	for _, w := range c.ways {
		if !c.ep.pathDown(w.local) {
			q = append(q, w)
		}
	}
	return q
}

const (
	firstRejoin = time.Second
	maxRejoins  = 5 // in 31 s, of the 60 that a connection is kept
)

// onRejoin is the time to try, between one pair of addresses after the other, whatever became
// of the tries before: a join that came up and was reset again is no reason to stay with its
// pair. Joins that something else began and that are not up yet may never be.
func (c *Conn) onRejoin(now time.Time) {
	if c.anyUp() != nil || !c.timers.armed(timerLonely) {
		return
	}
	q := c.returns()
	for i := range q {
		w := q[(int(c.returned)+i)%len(q)]
		if (c.opener || len(c.halfJoins) == 0) && !c.joining(w) && c.Join(now, netip.AddrPortFrom(w.local, 0), w.remote, c.ep.pathOf(w.local).Backup) == nil {
			c.returned++
			break
		}
	}
	c.armRejoin(now)
}

// joining reports whether a join between w is under way.
func (c *Conn) joining(w way) bool {
	return slices.ContainsFunc(c.subflows, func(s *subflow) bool { return w.same(s) && !s.doomed })
}

// heardReset is the MP_TCPRST of a RST that came.
type heardReset struct {
	wire.MPTCPRst
	has bool
}

// multis returns the connections that are Multipath TCP, in an order that does not
// depend on that of a map.
func (e *Endpoint) multis() []*Conn {
	var q []*Conn
	for _, c := range e.tokens {
		if c != nil && c.mode == multi && c.opened && !c.ended {
			q = append(q, c)
		}
	}
	slices.SortFunc(q, func(a, b *Conn) int {
		if a.own.token < b.own.token {
			return -1
		}
		return 1
	})
	return q
}

// pathCame and pathWent tell all connections of a path.
func (e *Endpoint) pathCame(now time.Time, p Path) {
	for _, c := range e.multis() {
		c.manage(now, pathUp(p))
		c.settle(now)
	}
}

func (e *Endpoint) pathWent(now time.Time, p Path) {
	for _, c := range e.multis() {
		c.withdrawLost(now)
		c.manage(now, pathmgr.Event{Kind: pathmgr.PathDown, Local: netip.AddrPortFrom(p.Local, 0)})
		c.settle(now)
	}
}

// withdrawLost withdraws our addresses whose paths are gone (R3.4.2-01), and resets the
// subflows from them, whoever manages the paths. Where no other subflow is left to say
// so, the subflow stays, in case its path comes back, and it is said when another is up.
func (c *Conn) withdrawLost(now time.Time) {
	if len(c.ep.paths) == 0 {
		return
	}
	lost := func(a netip.Addr) bool { return c.ep.pathDown(a) }
	for i := 0; i < len(c.localAddrs); {
		if a := c.localAddrs[i].addr; !lost(a) || c.RemoveAddr(now, a) != nil {
			i++
		}
	}
	if !lost(c.local.Addr()) {
		return
	}
	for _, s := range c.subflows {
		if s.id.local.Addr() == c.local.Addr() && !s.doomed {
			_ = c.RemoveAddr(now, c.local.Addr())
			return
		}
	}
}
