package fsm

import (
	"time"

	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

// handshake is what a connection keeps of MP_CAPABLE (RFC 8684 section 3.1).
type handshake struct {
	synOption bool // listener: the SYN that came last had the option
	proven    bool // opener: the peer has our key, so the option need not be repeated (R3.1-14)
	shown     bool // opener: the keys were shown, and the DATA_FIN finds no room beside them
	estab     bool // counted in MPCurrEstab
	dropped   bool // a plain SYN was sent after those with the option
}

// offer draws a key for a SYN of ours.
func (c *Conn) offer() {
	if c.mode == plain {
		return
	}
	s, ok := c.ep.newSecret(c.version)
	if !ok {
		c.mode = plain
		return
	}
	c.own.set(s)
	c.ep.tokens[s.token] = c
	c.checksum = !c.ep.cfg.NoChecksum
}

// sane reports whether an MP_CAPABLE on seg may be acted on: its length fits the
// segment (R3.1-05), B is clear (R3.1-24), and the one algorithm we know is named
// (R3.1-27, R3.1-28).
func sane(m *wire.MPCapable, seg *wire.Segment) bool {
	return m.Fits(seg.Flags, len(seg.Payload)) && m.Flags&wire.CapableExtension == 0 && m.Flags&wire.CapableHMAC != 0
}

// notePeer takes the peer's key and wishes from an option that has its key.
func (c *Conn) notePeer(m *wire.MPCapable) {
	if m.HasSender {
		c.peer.set(newSecret(m.Sender, c.version))
		c.peer.space.IDSN -= uint64(c.fo.got)
		for _, s := range c.subflows {
			s.table.Data = c.peer.space
		}
	}
	c.peerNoJoin = c.version != wire.V0 && m.Flags&wire.CapableNoJoin != 0 // V0-06
}

// judgeSYNACK decides, at the opener, what the SYN/ACK makes of the connection.
func (c *Conn) judgeSYNACK(now time.Time, seg *wire.Segment, o *options) {
	e := c.ep
	m := &o.capable
	if o.hasCapable && sane(m, seg) && m.Version == c.version && !(e.cfg.RefuseChecksum && m.Flags&wire.CapableChecksum != 0) {
		e.stats.MPCapableSYNACKRX++
		if m.Flags&wire.CapableChecksum != 0 {
			c.checksum = true // R3.1-34
		}
		c.notePeer(m)
		c.mode = multi
		return
	}
	c.fallBack(now, nil, &e.stats.MPCapableFallbackSYNACK, "MPCapableFallbackSYNACK") // R3.1-39
}

// judgeACK decides, at the listener, what the first packet behind the SYN/ACK makes
// of the connection. It reports whether the packet is to be processed.
func (c *Conn) judgeACK(now time.Time, s *subflow, seg *wire.Segment, o *options) bool {
	e := c.ep
	x := embryo{own: c.own.secret, peerKey: c.peer.key, version: c.version}
	switch x.judge(s.flow.SYNs(), seg.Seq == s.flow.IRS()+1+uint32(c.fo.got), seg, o) {
	case thirdLate:
		return false
	case thirdProven:
		if o.hasCapable {
			e.stats.MPCapableACKRX++
			c.notePeer(&o.capable)
		}
		c.mode = multi
		return true
	}
	c.fallBack(now, nil, &e.stats.MPCapableFallbackACK, "MPCapableFallbackACK")
	return true
}

// shake takes the handshake forward. It reports whether seg is to be processed.
func (c *Conn) shake(now time.Time, s *subflow, seg *wire.Segment, o *options, ok bool) bool {
	switch s.flow.State() {
	case tcp.SynSent:
		switch {
		case ok && c.mode == asking:
			c.judgeSYNACK(now, seg, o)
		case seg.Flags&(wire.SYN|wire.ACK|wire.RST) == wire.SYN && c.mode == asking:
			// Linux and we: a simultaneous open is plain TCP.
			c.fallBack(now, nil, &c.ep.stats.SimultConnectFallback, "SimultConnectFallback")
		}
	case tcp.SynReceived:
		switch {
		case ok && c.mode == asking && !seg.Flags.Has(wire.RST):
			return c.judgeACK(now, s, seg, o)
		}
	}
	return true
}

// shook is called when the flow of the first subflow is established.
func (c *Conn) shook(now time.Time, s *subflow) {
	s.up, s.worked = true, true
	c.opened = true
	c.snd.edge = max(c.snd.edge, uint64(s.flow.PeerWindow()))
	switch {
	case c.opener:
		c.synAnswered(now, s)
	case c.fo.early:
		c.late()
		c.armResend(now)
	default:
		c.listener.ready = append(c.listener.ready, c)
	}
	if c.mode == multi {
		c.hs.estab = true
		c.ep.stats.MPCurrEstab++
		s.optAt = nanos(now)
		if c.opener && c.version == wire.V0 {
			s.flow.RequestAck() // in version 0 the option never rides on data (V0-08)
		}
	}
	c.openWindow(now)
	c.happened(Opened | Writable)
}

// capable is the option of this side, as far as its flags go.
func (e *Endpoint) capable(v wire.Version, checksum bool) wire.MPCapable {
	m := wire.MPCapable{Version: v, Flags: wire.CapableHMAC} // R3.1-26, R3.1-36
	if checksum {
		m.Flags |= wire.CapableChecksum
	}
	if e.cfg.NoJoin && v != wire.V0 {
		m.Flags |= wire.CapableNoJoin
	}
	return m
}

// dressSYN puts MP_CAPABLE on a SYN or SYN/ACK.
func (c *Conn) dressSYN(now time.Time, s *subflow, seg *wire.Segment) {
	if s.join.active {
		c.dressJoinSYN(s, seg)
		return
	}
	if c.mode != asking {
		return
	}
	m := c.ep.capable(c.version, c.checksum)
	switch {
	case !c.opener:
		if !c.hs.synOption {
			return
		}
		m.HasSender, m.Sender = true, c.own.key
	case s.flow.SYNs() >= c.ep.cfg.CapableSYNs:
		// Something may drop SYNs with the option (P-3.1-04, P-3.1-08).
		if !c.hs.dropped {
			c.hs.dropped = true
			c.ep.stats.MPCapableSYNTXDrop++
			c.ep.trace(now, c, "MPCapableSYNTXDrop")
			c.blame("MPCapableSYNTXDrop")
		}
		return
	default:
		c.ep.stats.MPCapableSYNTX++
		if c.version == wire.V0 {
			m.HasSender, m.Sender = true, c.own.key
		}
	}
	seg.Options, _ = m.Append(seg.Options)
}

// bothKeys is the option of the third ACK.
func (c *Conn) bothKeys() wire.MPCapable {
	m := c.ep.capable(c.version, c.checksum)
	m.HasSender, m.Sender = true, c.own.key
	m.HasReceiver, m.Receiver = true, c.peer.key
	return m
}
