package fsm

import (
	"crypto/subtle"
	"time"

	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

// halfJoin is a join that has not proven itself: the peer opened it, and we answered.
// Its third packet makes a subflow of it. The token names its connection: there are no
// half-open joins of one that has lost its token.
type halfJoin struct {
	token            wire.Token
	nonce, peerNonce uint32
	id, peerID       uint8
	backup           bool
}

// keepJoin makes a half-open join of a SYN that may join c. Where there are too many,
// of this connection or of all, one is given up by chance: a flood of forged ones
// cannot keep a real one out for long.
func (e *Endpoint) keepJoin(now time.Time, c *Conn, seg *wire.Segment, syn tcp.Embryo, id uint8) {
	switch n := len(c.halfJoins); {
	case n >= e.cfg.MaxHalfJoins:
		e.stats.MPJoinEvicted++
		e.dropJoin(e.joins.at(c.halfJoins[e.cfg.Rand.Uint64()%uint64(n)]))
	case e.joins.n >= e.cfg.MaxHalfJoinsAll:
		e.stats.MPJoinEvicted++
		e.dropJoin(e.joins.pick(e.cfg.Rand.Uint64()))
	}
	j := &e.opts.join
	p := e.params(now, seg.Dst, seg.Src, 0)
	h := e.joins.add(flowID{seg.Dst, seg.Src}.short())
	h.HalfOpen, h.path = tcp.NewHalfOpen(e.joinTCP, &p, syn), seg.Path
	h.x = halfJoin{token: c.own.token, nonce: uint32(e.cfg.Rand.Uint64()), peerNonce: j.Nonce, id: id,
		peerID: j.ID, backup: j.Backup}
	c.halfJoins = append(c.halfJoins, h.self)
	e.joins.put(h, toAnswer)
}

func (e *Endpoint) dropJoin(h *half[halfJoin]) {
	c := e.tokens[h.x.token]
	q := c.halfJoins
	for i, k := range q {
		if k == h.self {
			q[i] = q[len(q)-1]
			c.halfJoins = q[:len(q)-1]
			break
		}
	}
	e.joins.remove(h)
}

// refuseHalfJoins refuses the joins that were answered, before their proof comes or after: c
// becomes TCP, and a peer that never hears whether its proof was taken could not follow
// (docs/fsm.md). The answer to a proof that comes later has no reason any more.
func (c *Conn) refuseHalfJoins() {
	for _, k := range c.halfJoins {
		h := c.ep.joins.at(k)
		if h.SYNs() == 0 {
			continue
		}
		id := h.id.long()
		c.refuse(&wire.Segment{Src: id.remote, Dst: id.local, Path: h.path, Seq: h.IRS + 1, Ack: h.ISS + 1, Flags: wire.ACK}, wire.ResetProhibited)
	}
}

// dropToken makes c impossible to join; what had begun to is given up.
func (c *Conn) dropToken() {
	for n := len(c.halfJoins); n > 0; n = len(c.halfJoins) {
		c.ep.dropJoin(c.ep.joins.at(c.halfJoins[n-1]))
	}
	c.halfJoins = nil
	c.forgetFarewells()
	if c.own.known && c.ep.tokens[c.own.token] == c {
		delete(c.ep.tokens, c.own.token)
	}
}

// handleHalfJoin takes a segment with the addresses of h.
func (e *Endpoint) handleHalfJoin(now time.Time, h *half[halfJoin], seg *wire.Segment) {
	p := e.answerTo(seg)
	switch h.Judge(now, e.joinTCP, &p, seg) {
	case tcp.StepAnswer:
		e.joins.put(h, toAnswer)
	case tcp.StepChallenge:
		if out := e.replies.next(); out != nil && h.Challenge(now, e.joinTCP, &p, out) {
			e.replies.commit()
		}
	case tcp.StepRefuse:
		if out := e.replies.next(); out != nil && tcp.ResetFor(seg, out) {
			e.replies.commit()
		}
	case tcp.StepForget:
		e.dropJoin(h)
	case tcp.StepPromote:
		e.promoteJoin(now, h, seg, p)
	}
}

// promoteJoin makes a subflow of h, if seg has the proof (R3.2-12).
func (e *Endpoint) promoteJoin(now time.Time, h *half[halfJoin], seg *wire.Segment, p tcp.Params) {
	x := h.x
	c := e.tokens[x.token]
	o := &e.opts
	o.parse(seg.Options, c.version)
	e.stats.MPJoinAckRx++
	want := wire.JoinHMAC160(c.version, c.peer.key, c.own.key, x.peerNonce, x.nonce)
	switch {
	case !o.hasJoin || o.join.Form != wire.JoinACK || subtle.ConstantTimeCompare(want[:], o.join.HMAC[:]) != 1:
		e.stats.MPJoinAckHMacFailure++
		e.dropJoin(h)
		c.refuse(seg, wire.ResetMPTCPError) // R3.2-19
		if c.version == wire.V0 {
			c.countRefused()
		}
		return
	}
	if seg.Dst.Port() != c.local.Port() {
		e.stats.MPJoinPortAckRx++
	}
	if !c.joinable() || c.crowd() >= e.cfg.MaxSubflows { // not any more
		e.stats.MPJoinRejected++
		e.dropJoin(h)
		c.refuse(seg, wire.ResetProhibited)
		return
	}
	f, err := h.Promote(now, e.joinTCP, p)
	if err != nil {
		return
	}
	e.dropJoin(h)
	s := c.addSubflow(f)
	s.join = joinState{active: true, nonce: x.nonce, peerNonce: x.peerNonce, id: x.id, peerID: x.peerID, backup: x.backup,
		ownBackup: e.pathOf(seg.Dst.Addr()).Backup}
	c.handleSegment(now, s, seg)
	c.settle(now)
}

// countRefused counts a join without a proof as a subflow, as the peer must whose RST gives
// no reason in version 0 (V0-09, MPJoinNoAnswer): it could not follow a fallback, but it can
// join again.
func (c *Conn) countRefused() {
	c.several = true
	for _, x := range c.subflows {
		x.shared = true
	}
}

// pollHalfJoin fills in the SYN/ACK of a join that waits longest (R3.2-02).
func (e *Endpoint) pollHalfJoin(now time.Time, seg *wire.Segment) bool {
	h := e.joins.unanswered()
	if h == nil {
		return false
	}
	id := h.id.long()
	p := e.answerOn(h.path, id.local, id.remote)
	h.Answer(now, e.joinTCP, &p, seg)
	x, c := &h.x, e.tokens[h.x.token]
	m := wire.MPJoin{Form: wire.JoinSYNACK, Backup: e.pathOf(id.local.Addr()).Backup, ID: x.id, Nonce: x.nonce,
		HMAC64: wire.JoinHMAC64(c.version, c.own.key, c.peer.key, x.nonce, x.peerNonce)}
	seg.Options, _ = m.Append(seg.Options)
	e.joins.answered(h)
	return true
}
