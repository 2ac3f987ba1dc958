package fsm

import (
	"net/netip"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// signal is an address option that waits to be sent, or for its echo.
type signal struct {
	kind wire.Subtype
	add  wire.AddAddr
	id   byte
	on   *subflow // where it has to go; nil: anywhere
	sent int      // times
}

const (
	maxSignals     = 32 // waiting at once
	maxRemoteAddrs = 8  // NOTES section 4
	maxAddAddrs    = 4  // an ADD_ADDR and its three retransmissions
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
// the port of the first subflow. It is repeated until the peer echoes it. The error is
// a *LocalError.
func (c *Conn) Announce(now time.Time, a netip.AddrPort) error {
	if c.mode != multi || !c.opened || c.ended || !a.Addr().IsValid() || len(c.signals) >= maxSignals {
		return &LocalError{Reason: NotOpen, What: "Announce"}
	}
	add := wire.AddAddr{Version: c.version, ID: c.localID(a.Addr()), Addr: a.Addr(), HasPort: a.Port() != 0, Port: a.Port()}
	if c.version != wire.V0 {
		add.HasHMAC, add.HMAC = true, wire.AddAddrHMAC(c.own.key, c.peer.key, add.ID, add.Addr, add.Port)
	}
	c.queueSignal(now, signal{kind: wire.SubAddAddr, add: add})
	return nil
}

// RemoveAddr tells the peer that an address of ours is gone or is to be used no more
// (REMOVE_ADDR), and closes the subflows that leave from it (R3.4.2-01, R3.4.2-11). The
// error is a *LocalError.
func (c *Conn) RemoveAddr(now time.Time, a netip.Addr) error {
	if c.mode != multi || !c.opened || c.ended || len(c.signals) >= maxSignals {
		return &LocalError{Reason: NotOpen, What: "RemoveAddr"}
	}
	others := false
	for _, s := range c.subflows {
		others = others || s.up && s.id.local.Addr() != a
	}
	if !others {
		return &LocalError{Reason: NotOpen, What: "RemoveAddr: no other subflow is left"}
	}
	for i := 0; i < len(c.signals); i++ {
		if g := &c.signals[i]; g.kind == wire.SubAddAddr && g.add.Addr == a {
			c.signals = append(c.signals[:i], c.signals[i+1:]...)
			i--
		}
	}
	c.queueSignal(now, signal{kind: wire.SubRemoveAddr, id: c.localID(a)})
	for _, s := range c.subflows {
		if s.id.local.Addr() == a && s.up && !s.fin {
			s.fin = true
			s.flow.Close(now)
		}
	}
	c.settle(now)
	return nil
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
	for _, s := range c.subflows {
		if s.up && !s.doomed && s.signals < signalRun && c.nextSignal(s) >= 0 {
			s.flow.RequestAck()
			break
		}
	}
	if !c.timers.armed(timerSignal) {
		if s := c.anyUp(); s != nil {
			c.timers.arm(timerSignal, nanos(now)+int64(max(s.flow.RTO(), time.Second)))
		}
	}
}

// onSignal repeats what was not echoed.
func (c *Conn) onSignal(now time.Time) {
	for i := 0; i < len(c.signals); i++ {
		if g := &c.signals[i]; g.sent >= maxAddAddrs {
			c.signals = append(c.signals[:i], c.signals[i+1:]...)
			i--
		} else if g.sent > 0 {
			g.sent = -g.sent // due again
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
		if g := &c.signals[i]; g.sent <= 0 && (g.on == nil || g.on == s) {
			return i
		}
	}
	return -1
}

// dressSignals completes an ACK with what there is to tell, and with the DATA_ACK
// where both fit.
func (c *Conn) dressSignals(s *subflow, seg *wire.Segment, d *wire.DSS, w *carriage) {
	if i := c.nextSignal(s); i >= 0 && s.signals < signalRun {
		g := &c.signals[i]
		o, err := seg.Options, error(nil)
		switch g.kind {
		case wire.SubAddAddr:
			o, err = g.add.Append(o)
		case wire.SubRemoveAddr:
			o, err = wire.RemoveAddr{IDs: []byte{g.id}}.Append(o)
		case wire.SubMPPrio:
			o, err = wire.MPPrio{Backup: s.join.ownBackup}.Append(o)
		}
		if err == nil {
			seg.Options = o
			w.signal = i + 1
		} else {
			g.sent = maxAddAddrs // it fits no segment of this flow
		}
	}
	if d.Flags != 0 {
		c.appendDSS(seg, d)
	}
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
	}
	if o.hasAdd {
		c.takeAddAddr(now, s, &o.add)
	}
	if o.hasRemove {
		c.ep.stats.RmAddr++
		for _, id := range o.remove.IDs {
			c.takeRemove(id)
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
		if c.remoteAddrs[i] != r {
			c.remoteAddrs[i] = r // another port (R3.4.1-17)
			c.happened(AddrsChanged)
		}
	}
	if !known {
		if len(c.remoteAddrs) >= maxRemoteAddrs {
			c.ep.stats.AddAddrDrop++
			return
		}
		c.remoteAddrs = append(c.remoteAddrs, r)
		c.happened(AddrsChanged)
	}
	if c.version != wire.V0 && len(c.signals) < maxSignals {
		e := *a
		e.Echo, e.HasHMAC = true, false // NOTES 1.2
		c.queueSignal(now, signal{kind: wire.SubAddAddr, add: e, on: s})
	}
}

// takeRemove takes the withdrawal of an address. It is used for no further subflow. The
// subflows that are there get no new data while there are others, and are left to the
// peer, who has to close them, and to TCP: a forged option kills nothing (R3.4.2-05,
// R3.4.2-06).
func (c *Conn) takeRemove(id uint8) {
	for i := range c.remoteAddrs {
		if c.remoteAddrs[i].ID == id {
			c.remoteAddrs = append(c.remoteAddrs[:i], c.remoteAddrs[i+1:]...)
			c.happened(AddrsChanged)
			break
		}
	}
	for _, s := range c.subflows {
		if s.join.peerID == id {
			s.join.backup = true
		}
	}
}
