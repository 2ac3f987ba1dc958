package fsm

import (
	"net/netip"
	"slices"
	"time"

	"github.com/mptcp-go/mptcp/fsm/pathmgr"
	"github.com/mptcp-go/mptcp/wire"
)

// signal is an address option that waits to be sent, or for its echo.
type signal struct {
	kind wire.Subtype
	add  wire.AddAddr
	id   byte
	on   *subflow   // where it has to go; nil: anywhere
	not  netip.Addr // ...but from this address
	sent int        // times; negative: due again
}

const (
	maxSignals = 32 // waiting at once
	// signalRun is how many ACKs in a row may carry nothing but a signal (R3-02).
	signalRun = 2
)

// RemoteAddr is an address that the peer announced.
type RemoteAddr struct {
	ID   uint8
	Addr netip.AddrPort
}

// RemoteAddrs appends the addresses that the peer has announced and not withdrawn,
// those that proved to be from it.
func (c *Conn) RemoteAddrs(b []RemoteAddr) []RemoteAddr { return append(b, c.remoteAddrs...) }

// Announce tells the peer of one more address of ours (ADD_ADDR). Port 0 stands for
// the port of the first subflow. It is repeated until the peer echoes it, and may be
// announced again later, for the peer to try it again (R3.4.1-15). The error is a
// *LocalError.
func (c *Conn) Announce(now time.Time, a netip.AddrPort) error {
	if c.mode != multi || !c.opened || c.ended || !a.Addr().IsValid() {
		return &LocalError{Reason: NotOpen, What: "Announce"}
	}
	for i := range c.signals {
		if g := &c.signals[i]; g.kind == wire.SubAddAddr && !g.add.Echo && g.add.Addr == a.Addr() && g.add.Port == a.Port() {
			return nil // it is on its way
		}
	}
	if len(c.signals) >= maxSignals {
		c.ep.stats.AddAddrTxDrop++
		return &LocalError{Reason: NotOpen, What: "Announce"}
	}
	id, ok := c.localID(a.Addr())
	if !ok {
		c.ep.stats.AddAddrTxDrop++
		return &LocalError{Reason: NotOpen, What: "Announce: all address ids are in use"}
	}
	add := wire.AddAddr{Version: c.version, ID: id, Addr: a.Addr(), HasPort: a.Port() != 0, Port: a.Port()}
	if c.version != wire.V0 {
		add.HasHMAC, add.HMAC = true, wire.AddAddrHMAC(c.own.key, c.peer.key, add.ID, add.Addr, add.Port)
	}
	c.queueSignal(now, signal{kind: wire.SubAddAddr, add: add})
	return nil
}

// RemoveAddr tells the peer that an address of ours is gone or is to be used no more
// (REMOVE_ADDR, R3.4.2-01 to R3.4.2-03). Subflows that leave from it are closed: with a
// FIN (R3.4.2-11), or with a RST where their path is known to be down. An address
// without subflows has to have been announced. The error is a *LocalError; there is one
// when no subflow from another address could carry the news.
func (c *Conn) RemoveAddr(now time.Time, a netip.Addr) error {
	if c.mode != multi || !c.opened || c.ended {
		return &LocalError{Reason: NotOpen, What: "RemoveAddr"}
	}
	id, known := c.idOf(a)
	if !known {
		return &LocalError{Reason: NotOpen, What: "RemoveAddr: the peer does not know it"}
	}
	others := false
	for _, s := range c.subflows {
		others = others || s.up && !s.doomed && !s.fin && !s.leaving() && s.id.local.Addr() != a
	}
	if !others || len(c.signals) >= maxSignals {
		c.ep.stats.RmAddrTxDrop++
		return &LocalError{Reason: NotOpen, What: "RemoveAddr: no other subflow is left"}
	}
	c.dropSignals(func(g *signal) bool { return g.kind == wire.SubAddAddr && !g.add.Echo && g.add.Addr == a })
	c.freeID(a)
	c.queueSignal(now, signal{kind: wire.SubRemoveAddr, id: id, not: a})
	gone := c.ep.pathDown(a)
	for _, s := range c.subflows {
		switch {
		case s.id.local.Addr() != a || s.fin || s.doomed:
		case gone || !s.up:
			c.ep.stats.RmSubflow++
			c.resetSubflow(now, s, wire.ResetUnspecified) // R3.4.2-09
		default:
			c.ep.stats.RmSubflow++
			s.fin = true
			s.flow.Close(now)
		}
	}
	c.settle(now)
	return nil
}

// localAddr is an address of ours with the id by which the peer knows it.
type localAddr struct {
	addr netip.Addr
	id   uint8
}

// idOf returns the id of one of our addresses: 0 is that of the first subflow (R3.2-05).
func (c *Conn) idOf(a netip.Addr) (uint8, bool) {
	if a == c.local.Addr() {
		return 0, true
	}
	for _, l := range c.localAddrs {
		if a == l.addr {
			return l.id, true
		}
	}
	return 0, false
}

// localID is idOf, but gives an address an id that has none. It keeps it until it is
// withdrawn (R3.4.1-16); then the id rests for as long as there are others (R3.4.1-18).
// It reports false when all are in use.
func (c *Conn) localID(a netip.Addr) (uint8, bool) {
	if id, ok := c.idOf(a); ok {
		return id, true
	}
	if len(c.localAddrs) >= 255 {
		return 0, false
	}
	for {
		if c.lastID++; c.lastID == 0 {
			c.lastID = 1
		}
		taken := false
		for _, l := range c.localAddrs {
			taken = taken || l.id == c.lastID
		}
		if !taken {
			c.localAddrs = append(c.localAddrs, localAddr{a, c.lastID})
			return c.lastID, true
		}
	}
}

func (c *Conn) freeID(a netip.Addr) {
	for i, l := range c.localAddrs {
		if l.addr == a {
			c.localAddrs = append(c.localAddrs[:i], c.localAddrs[i+1:]...)
			return
		}
	}
}

// SetBackup asks the peer to use, or no longer to use, the subflows from one of our
// addresses only when nothing else works (MP_PRIO, R3.3.8-01), and does so itself.
func (c *Conn) SetBackup(now time.Time, a netip.Addr, backup bool) {
	if c.mode != multi {
		return
	}
	for _, s := range c.subflows {
		if s.up && s.id.local.Addr() == a && len(c.signals) < maxSignals {
			s.join.ownBackup = backup
			c.queueSignal(now, signal{kind: wire.SubMPPrio, on: s})
		}
	}
}

// tellPriority asks the peer to use the first subflow only when nothing else works, where
// its path is such a one: MP_CAPABLE has no bit for it (R3.3.8-01).
func (c *Conn) tellPriority(now time.Time) {
	if c.prioTold || c.mode != multi || !c.opened || c.opener && !c.hs.proven {
		return
	}
	c.prioTold = true
	if c.ep.pathOf(c.local.Addr()).Backup {
		c.SetBackup(now, c.local.Addr(), true)
	}
}

func (c *Conn) queueSignal(now time.Time, g signal) {
	c.signals = append(c.signals, g)
	c.kickSignals(now)
	c.ep.wake(c)
}

// kickSignals has an ACK sent for the signals that wait, unless two have gone in a row
// without a word from the peer.
func (c *Conn) kickSignals(now time.Time) {
	if len(c.signals) == 0 || c.mode != multi {
		c.timers.stop(timerSignal)
		return
	}
	var on *subflow
	for _, s := range c.subflows {
		if s.up && !s.doomed && s.signals < signalRun && c.nextSignal(s) >= 0 && (on == nil || on.silent() && !s.silent()) {
			on = s
		}
	}
	if on != nil {
		on.flow.RequestAck()
	}
	if !c.timers.armed(timerSignal) {
		if s := c.anyUp(); s != nil {
			c.timers.arm(timerSignal, nanos(now)+int64(max(s.flow.RTO(), time.Second)))
		}
	}
}

// silent reports whether s shows signs of being dead.
func (s *subflow) silent() bool { return s.stale || s.ask != nil || s.flow.Timeouts() > 0 }

// onSignal repeats what was not echoed.
func (c *Conn) onSignal(now time.Time) {
	c.dropSignals(func(g *signal) bool { return g.sent >= c.ep.cfg.AddAddrTries })
	for i := range c.signals {
		if g := &c.signals[i]; g.sent > 0 {
			g.sent = -g.sent
		}
	}
	for _, s := range c.subflows {
		s.signals = 0
	}
	c.kickSignals(now)
}

// nextSignal returns the signal to be sent on s, or -1.
func (c *Conn) nextSignal(s *subflow) int {
	for i := range c.signals {
		if g := &c.signals[i]; g.sent <= 0 && (g.on == nil || g.on == s) && g.not != s.id.local.Addr() {
			return i
		}
	}
	return -1
}

// dropSignals forgets the signals for which drop holds.
func (c *Conn) dropSignals(drop func(*signal) bool) {
	n := 0
	for i := range c.signals {
		if !drop(&c.signals[i]) {
			c.signals[n] = c.signals[i]
			n++
		}
	}
	clear(c.signals[n:])
	c.signals = c.signals[:n]
}

// dressSignals completes an ACK with what there is to tell, and with the DATA_ACK
// where both fit. Where they do not, news at the subflow level goes with its DATA_ACK
// first: octets acknowledged without one look as if the path had removed it.
func (c *Conn) dressSignals(s *subflow, seg *wire.Segment, d *wire.DSS, w *carriage) {
	if i := c.nextSignal(s); i >= 0 && s.signals < signalRun {
		g := &c.signals[i]
		var room [wire.MaxOptions]byte
		o, err := g.append(append(room[:0], seg.Options...), s)
		switch {
		case err != nil && c.failing():
			// MP_FAIL is on every ACK, and if it is answered there will be no signals.
		case err != nil && len(seg.Options) > 12:
			w.later = true // something else is on this one
		case err != nil:
			c.ep.stats.AddAddrTxDrop++
			g.sent = c.ep.cfg.AddAddrTries // it fits no segment of this flow
		case d.Flags != 0 && s.flow.AckNews() && len(o)+d.Size()-4 > wire.MaxOptions:
			w.later = true
		default:
			seg.Options = append(seg.Options[:0], o...)
			w.signal = i + 1
		}
	}
	if d.Flags != 0 {
		c.appendDSS(seg, d)
	}
}

// append puts the option of g, on s, behind o. One that needs all the room beside
// timestamps gets it by giving up their padding (an IPv6 address with a port takes 30
// octets, and timestamps 10).
func (g *signal) append(o wire.Options, s *subflow) (wire.Options, error) {
	all, err := g.put(o, s)
	if err != nil && len(o) == 12 && o[0] == wire.KindNOP && o[1] == wire.KindNOP {
		all, err = g.put(o[:copy(o, o[2:])], s)
	}
	return all, err
}

func (g *signal) put(o wire.Options, s *subflow) (wire.Options, error) {
	switch g.kind {
	case wire.SubAddAddr:
		return g.add.Append(o)
	case wire.SubRemoveAddr:
		return wire.RemoveAddr{IDs: []byte{g.id}}.Append(o)
	}
	return wire.MPPrio{Backup: s.join.ownBackup}.Append(o)
}

// signalSent notes that signal i went out on s.
func (c *Conn) signalSent(s *subflow, i int) {
	g := &c.signals[i]
	s.signals++
	if g.sent < 0 {
		g.sent = -g.sent
	}
	g.sent++
	done := true
	switch g.kind {
	case wire.SubAddAddr:
		if g.add.Echo {
			c.ep.stats.EchoAddTx++
		} else {
			c.ep.stats.AddAddrTx++
			done = c.version == wire.V0 // which has no echo (V0-04)
		}
	case wire.SubRemoveAddr:
		c.ep.stats.RmAddrTx++
	case wire.SubMPPrio:
		c.ep.stats.MPPrioTx++
	}
	if done {
		c.signals = append(c.signals[:i], c.signals[i+1:]...)
		if len(c.signals) == 0 {
			c.timers.stop(timerSignal)
		}
	}
	if c.nextSignal(s) >= 0 && s.signals < signalRun {
		s.flow.RequestAck()
	}
}

// takeSignals acts on the options that are about addresses and priorities; the segment
// that brought them is acceptable (R3.4.1-01, R3.4.2-08).
func (c *Conn) takeSignals(now time.Time, s *subflow, o *options) {
	s.signals = 0
	if o.hasPrio {
		c.ep.stats.MPPrioRx++
		for _, x := range c.subflows {
			if x == s && !o.prio.HasID || o.prio.HasID && x.join.peerID == o.prio.ID {
				x.join.backup = o.prio.Backup
			}
		}
		c.ep.wake(c)
	}
	if o.hasAdd {
		c.takeAddAddr(now, s, &o.add)
	}
	if o.hasRemove {
		c.ep.stats.RmAddr++
		for _, id := range o.remove.IDs {
			c.takeRemove(now, id)
		}
	}
	if len(c.signals) > 0 {
		c.kickSignals(now)
	}
}

func (c *Conn) takeAddAddr(now time.Time, s *subflow, a *wire.AddAddr) {
	if a.Echo {
		c.ep.stats.EchoAdd++
		for i := range c.signals {
			if g := &c.signals[i]; g.kind == wire.SubAddAddr && !g.add.Echo && g.add.ID == a.ID && g.add.Addr == a.Addr && g.add.Port == a.Port {
				c.signals = append(c.signals[:i], c.signals[i+1:]...)
				c.kickSignals(now)
				return
			}
		}
		return // a wrong echo means nothing
	}
	if c.version != wire.V0 && (!a.HasHMAC || a.HMAC != wire.AddAddrHMAC(c.peer.key, c.own.key, a.ID, a.Addr, a.Port)) {
		c.ep.stats.AddAddrDrop++ // ignored, and not echoed (R3.4.1-10)
		return
	}
	c.ep.stats.AddAddr++
	if a.HasPort {
		c.ep.stats.PortAdd++
	}
	r := RemoteAddr{ID: a.ID, Addr: netip.AddrPortFrom(a.Addr, a.Port)}
	if !a.HasPort {
		r.Addr = netip.AddrPortFrom(a.Addr, s.id.remote.Port()) // R3.4.1-08
	}
	known := false
	for i := range c.remoteAddrs {
		if c.remoteAddrs[i].ID != a.ID {
			continue
		}
		known = true
		if c.remoteAddrs[i].Addr.Addr() != a.Addr {
			c.ep.stats.AddAddrDrop++ // an id names one address until it is withdrawn (R3.4.1-18)
			return
		}
		if old := c.remoteAddrs[i]; old != r {
			c.remoteAddrs[i] = r // another port (R3.4.1-17)
			c.happened(AddrsChanged)
			c.manage(now, pathmgr.Event{Kind: pathmgr.AddrRemoved, Remote: old.Addr})
		}
	}
	if !known {
		if len(c.remoteAddrs) >= c.ep.cfg.MaxRemoteAddrs {
			c.ep.stats.AddAddrDrop++
			return
		}
		c.remoteAddrs = append(c.remoteAddrs, r)
		c.happened(AddrsChanged)
	}
	c.manage(now, pathmgr.Event{Kind: pathmgr.AddrAdded, Remote: r.Addr})
	for i := range c.signals {
		if g := &c.signals[i]; g.add.Echo && g.add.ID == a.ID && g.add.Port == a.Port {
			return // the echo waits already
		}
	}
	switch {
	case c.version == wire.V0:
	case len(c.signals) >= maxSignals:
		c.ep.stats.EchoAddTxDrop++
	default:
		e := *a
		e.Echo, e.HasHMAC = true, false // NOTES 1.2
		c.queueSignal(now, signal{kind: wire.SubAddAddr, add: e, on: s})
	}
}

// takeRemove takes the withdrawal of an address. It is used for no further subflow. Of
// the subflows that are there it is asked first if they live (R3.4.2-05): then the
// peer, who has to close them, or TCP decides (R3.4.2-06).
func (c *Conn) takeRemove(now time.Time, id uint8) {
	known := false
	for i := range c.remoteAddrs {
		if c.remoteAddrs[i].ID == id {
			known = true
			gone := c.remoteAddrs[i].Addr
			c.remoteAddrs = append(c.remoteAddrs[:i], c.remoteAddrs[i+1:]...)
			c.happened(AddrsChanged)
			c.manage(now, pathmgr.Event{Kind: pathmgr.AddrRemoved, Remote: gone})
			break
		}
	}
	c.ways = slices.DeleteFunc(c.ways, func(w way) bool { return w.peerID == id })
	for _, s := range c.subflows {
		if s.up && s.join.peerID == id {
			known = true
			c.askPath(now, s)
		}
	}
	if !known {
		c.ep.stats.RmAddrDrop++ // R3.4.2-10, R3.8-03
	}
}
