package fsm

import (
	"net/netip"
	"time"

	"github.com/mptcp-go/mptcp/fsm/pathmgr"
	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

// joinState is what a subflow keeps of MP_JOIN (RFC 8684 section 3.2).
type joinState struct {
	active     bool // the subflow was opened by MP_JOIN
	opener     bool // by us
	nonce      uint32
	peerNonce  uint32
	id, peerID uint8 // address ids, ours and the peer's; 0 for the first subflow
	backup     bool  // the peer wants no data here while there is another way (R3.2-08)
	ownBackup  bool  // we told the peer so
	pre        bool  // PRE_ESTABLISHED: our third ACK is not known to have arrived
	bad        bool  // the SYN/ACK proved nothing
	tries      int   // retransmissions of the third ACK
	proven     bool  // a DATA_ACK came on it (R3.7-03)
}

// Join opens a subflow from local, whose port may be 0, to remote; where remote is not
// valid, to the address and port of the first subflow (R3.4-01). backup asks the peer
// to send data there only when nothing else works. The subflow is up when the peer
// has answered our proof; SubflowUp tells. The error is a *LocalError.
func (c *Conn) Join(now time.Time, local, remote netip.AddrPort, backup bool) error {
	e := c.ep
	if !remote.IsValid() {
		remote = c.remote
	}
	switch {
	case c.mode != multi || !c.opened || c.ended || c.fast.waiting || c.finished || c.fb.failed:
		return &LocalError{Reason: NotOpen, What: "Join"}
	case !c.hs.proven:
		// R3.1-21: not before a DSS came on the first subflow.
		return &LocalError{Reason: NotOpen, What: "Join before the connection is proven"}
	case c.peerNoJoin && remote == c.remote:
		return &LocalError{Reason: NotOpen, What: "Join: the peer wants none at this address"} // R3.1-25
	case c.crowd() >= e.cfg.MaxSubflows:
		return &LocalError{Reason: NotOpen, What: "Join: too many subflows"}
	case !local.IsValid() || local.Addr().Is4() != remote.Addr().Is4():
		return &LocalError{Reason: BadConfig, What: "Join"}
	}
	if local.Port() == 0 {
		// The port of the first subflow, where it is free (R3.9.1-02).
		p, ok := c.local.Port(), true
		if e.busy(flowID{netip.AddrPortFrom(local.Addr(), p), remote}) {
			p, ok = e.freePort(local.Addr(), remote)
		}
		if !ok {
			return &LocalError{Reason: InUse, What: local.String()}
		}
		local = netip.AddrPortFrom(local.Addr(), p)
	}
	id := flowID{local, remote}
	if e.busy(id) {
		return &LocalError{Reason: InUse, What: local.String()}
	}
	aid, ok := c.localID(local.Addr())
	if !ok {
		return &LocalError{Reason: NotOpen, What: "Join: all address ids are in use"}
	}
	f, err := tcp.Open(now, e.joinTCP, e.params(now, local, remote, 0))
	if err != nil {
		return &LocalError{Reason: BadConfig, What: "Join", Err: err}
	}
	s := c.addSubflow(f)
	s.join = joinState{active: true, opener: true, nonce: uint32(e.cfg.Rand.Uint64()), id: aid, ownBackup: backup}
	e.wake(c)
	return nil
}

// handleJoinSYN takes a SYN with MP_JOIN, whose token names the connection, whatever
// its port (R3.2-04, R3.2-22).
func (e *Endpoint) handleJoinSYN(now time.Time, seg *wire.Segment) bool {
	j := &e.opts.join
	e.stats.MPJoinSynRx++
	c := e.tokens[j.Token]
	if c == nil {
		e.stats.MPJoinNoTokenFound++
		e.reset(seg, wire.ResetMPTCPError) // R3.2-10, R3.2-16, R3.2-18
		return true
	}
	if seg.Dst.Port() != c.local.Port() {
		e.stats.MPJoinPortSynRx++
	}
	syn, ok := tcp.ParseSYN(seg)
	switch {
	case !ok, !c.joinable(), e.cfg.NoJoin && seg.Dst == c.local, c.crowd() >= e.cfg.MaxSubflows:
		e.stats.MPJoinRejected++
		c.refuse(seg, wire.ResetProhibited)
		return true
	}
	id, ok := c.localID(seg.Dst.Addr())
	if !ok {
		e.stats.MPJoinRejected++
		c.refuse(seg, wire.ResetNoResources)
		return true
	}
	if j.Backup {
		e.stats.MPJoinSynBackupRx++
	}
	e.keepJoin(now, c, seg, syn, id)
	return true
}

// joinsCross takes a SYN between the addresses of a join of ours that was not answered. RFC
// 8684 does not say what becomes of joins of both ends that cross, but its proofs (section
// 3.2) need an end that asks and one that answers: a flow that both had opened would be up
// without any, also when the SYN is forged. So the end that opened the connection asks,
// and its SYN goes again if it has to; the other gives its own join up and answers.
func (e *Endpoint) joinsCross(now time.Time, s *subflow, seg *wire.Segment) {
	c, o := s.conn, &e.opts
	o.parse(seg.Options, c.version)
	if c.opener || !o.hasJoin || o.join.Form != wire.JoinSYN || o.join.Token != c.own.token {
		return
	}
	for i, x := range c.subflows {
		if x == s {
			c.dropSubflow(i)
			break
		}
	}
	c.lost(now, s, &tcp.LocalError{Reason: tcp.Aborted})
	e.handleSYN(now, seg, 0)
	c.settle(now)
}

// refuse answers a segment of a join of c's by a RST with the reason, which version 0 has
// no option for (V0-09).
func (c *Conn) refuse(seg *wire.Segment, why wire.ResetReason) {
	if c.version != wire.V0 {
		c.ep.reset(seg, why)
	} else if out := c.ep.replies.next(); out != nil && tcp.ResetFor(seg, out) {
		c.ep.replies.commit()
	}
}

// joinable reports whether the connection takes joins of the peer's at all. That the
// peer has a DSS of ours is for the peer to know (R3.1-21): Linux joins at once when the
// first comes, so before anything of its own does.
func (c *Conn) joinable() bool {
	return c.mode == multi && c.opened && !c.fb.failed && !c.finished && !c.fast.waiting && !c.ended
}

// crowd is how many subflows there are. Joins of the peer's that are not proven are
// none yet, and have a limit of their own, lest a flood of them shut out everyone.
func (c *Conn) crowd() int {
	n := 0
	for _, s := range c.subflows {
		if !s.doomed {
			n++
		}
	}
	return n
}

// shakeJoin takes the handshake of a join forward. It reports whether seg is to be
// processed.
func (c *Conn) shakeJoin(now time.Time, s *subflow, seg *wire.Segment, o *options, ok bool) bool {
	j := &s.join
	if o.hasRst && seg.Flags.Has(wire.RST|wire.ACK) && s.flow.State() == tcp.SynSent && seg.Ack == s.flow.ISS()+1 {
		c.ep.stats.MPRstRx++
		s.rst = heardReset{o.rst, true} // why the SYN was refused
	}
	if !ok || s.doomed || seg.Flags.Has(wire.RST) {
		return true
	}
	switch s.flow.State() {
	case tcp.SynSent:
		c.ep.stats.MPJoinSynAckRx++
		if seg.Src.Port() != c.remote.Port() {
			c.ep.stats.MPJoinPortSynAckRx++
		}
		want := wire.JoinHMAC64(c.version, c.peer.key, c.own.key, o.join.Nonce, j.nonce)
		switch {
		case !o.hasJoin || o.join.Form != wire.JoinSYNACK: // R3.2-20
			j.bad = true
		case want != o.join.HMAC64: // R3.2-17
			c.ep.stats.MPJoinSynAckHMacFailure++
			j.bad = true
		default:
			j.peerNonce, j.peerID, j.backup = o.join.Nonce, o.join.ID, o.join.Backup
			if j.backup {
				c.ep.stats.MPJoinSynAckBackupRx++
			}
			j.pre = true
		}
	}
	return true
}

// joined is called when a segment of a join that is not up was processed: the fourth
// ACK, or any other acceptable one, ends PRE_ESTABLISHED (R3.2-14).
func (c *Conn) joined(now time.Time, s *subflow, seg *wire.Segment, ok bool) {
	j := &s.join
	switch {
	case s.doomed || !shookHands(s.flow):
		return
	case j.bad, j.opener && !j.pre: // nothing was proved
		c.resetSubflow(now, s, wire.ResetMPTCPError)
		return
	case c.mode != multi || c.fb.failed:
		c.resetSubflow(now, s, wire.ResetProhibited)
		return
	case j.opener && seg.Flags.Has(wire.SYN):
		if j.pre && !c.timers.armed(timerJoin) {
			c.timers.arm(timerJoin, nanos(now)+int64(s.flow.RTO()))
		}
		return
	case !ok:
		return
	case !j.opener:
		s.flow.RequestAck() // the fourth ACK (R3.2-12)
	}
	j.pre = false
	s.up, s.worked = true, true
	for _, x := range c.subflows {
		x.joined = true
	}
	c.notAlone(s)
	c.haunt(s)
	c.noteWay(s)
	c.awaitEnd = 0
	s.optAt = nanos(now)
	c.openWindow(now)
	c.happened(SubflowUp | Writable)
	if c.snd.finSent && !c.snd.finAcked && c.snd.next == c.snd.buf.end {
		s.dataFin = true
		s.flow.RequestAck()
	}
	c.timers.stop(timerLonely)
	c.timers.stop(timerRejoin)
	c.withdrawLost(now)
	c.manage(now, pathmgr.Event{Kind: pathmgr.SubflowUp, Local: s.id.local, Remote: s.id.remote})
}

// proven reports whether s is the first subflow, or one on which a DATA_ACK came. On
// another a fallback would be a guess (R3.7-03).
func (s *subflow) proven() bool { return !s.join.active || s.join.proven }

// refused reports whether it was the peer itself that ended s, by a RST with a reason: a join
// whose proof it was to take, it never took.
func (s *subflow) refused(err error) bool {
	e, ok := err.(*tcp.PeerError)
	return ok && e.Reason == tcp.Reset && s.rst.has
}

// onJoin sends the third ACK of joins again until it is answered (R3.2-13).
func (c *Conn) onJoin(now time.Time) {
	at := int64(0)
	for _, s := range c.subflows {
		if !s.join.pre || s.doomed {
			continue
		}
		s.join.tries++
		if s.join.tries > maxJoinTries {
			c.resetSubflow(now, s, wire.ResetMPTCPError)
			continue
		}
		s.flow.RequestAck()
		at = sooner(at, nanos(now)+int64(min(s.flow.RTO()<<s.join.tries, maxInterval)))
	}
	c.timers.arm(timerJoin, at)
}

// maxJoinTries bounds the retransmissions of a third ACK.
const maxJoinTries = 6

// dressJoinSYN puts MP_JOIN on a SYN (R3.2-01); SYN/ACKs are pollHalfJoin's.
func (c *Conn) dressJoinSYN(s *subflow, seg *wire.Segment) {
	j := &s.join
	m := wire.MPJoin{Form: wire.JoinSYN, Backup: j.ownBackup, ID: j.id, Token: c.peer.token, Nonce: j.nonce}
	c.ep.stats.MPJoinSynTx++
	seg.Options, _ = m.Append(seg.Options)
}

// dressJoinACK puts the proof on the third ACK (R3.2-03) and reports whether a DSS may
// follow.
func (c *Conn) dressJoinACK(s *subflow, seg *wire.Segment) bool {
	j := &s.join
	if !j.pre {
		return true
	}
	m := wire.MPJoin{Form: wire.JoinACK, HMAC: wire.JoinHMAC160(c.version, c.own.key, c.peer.key, j.nonce, j.peerNonce)}
	seg.Options, _ = m.Append(seg.Options)
	return false
}
