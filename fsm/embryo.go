package fsm

import (
	"time"

	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

// embryo is a first subflow whose handshake is not done: what the SYN asked for, and
// what was answered. The third packet makes a connection of it.
type embryo struct {
	l        *Listener
	own      secret
	peerKey  wire.Key // version 0 only, whose SYN has it
	version  wire.Version
	asked    bool // a SYN asked for Multipath TCP, and own was drawn
	option   bool // the SYN that came last asked for it
	checksum bool
	grant    bool // a Fast Open cookie is asked for
}

// judgeSYN decides what a SYN asks of a listener. It is called again for a repeated
// SYN, until the third packet settles the matter (R3.1-43).
func (e *Endpoint) judgeSYN(x *embryo, seg *wire.Segment, o *options) {
	x.option = false
	if !e.wants(seg, o) {
		return
	}
	m := &o.capable
	if !x.asked {
		s, unique := e.newSecret(m.Version)
		if !unique {
			return
		}
		x.own, x.asked, x.version = s, true, m.Version
	} else if x.version != m.Version {
		return
	}
	x.option = true
	// Either side's wish turns checksums on (R3.1-33).
	x.checksum = !e.cfg.NoChecksum || m.Flags&wire.CapableChecksum != 0
	if m.HasSender {
		x.peerKey = m.Sender
	}
}

// wants reports whether a SYN asks for Multipath TCP in a way that we can agree to
// (R3.1-40: without, there is no option in the SYN/ACK either).
func (e *Endpoint) wants(seg *wire.Segment, o *options) bool {
	m := &o.capable
	if e.cfg.Plain || !o.hasCapable || o.hasJoin || !sane(m, seg) || !e.cfg.Versions.has(m.Version) {
		return false
	}
	e.stats.MPCapableSYNRX++
	return !(e.cfg.RefuseChecksum && m.Flags&wire.CapableChecksum != 0) // R3.1-35
}

// keep makes an embryo of a SYN.
func (e *Endpoint) keep(now time.Time, l *Listener, seg *wire.Segment, syn tcp.Embryo, iss uint32) {
	p := e.params(now, seg.Dst, seg.Src, iss)
	h := e.embryos.add(flowID{seg.Dst, seg.Src}.short())
	h.HalfOpen, h.path = tcp.NewHalfOpen(e.tcp, &p, syn), seg.Path
	h.x.l = l
	e.judgeSYN(&h.x, seg, &e.opts)
	h.x.grant = e.asksForCookie(seg)
	l.halfOpen++
	e.embryos.put(h, toAnswer)
}

// dropEmbryo forgets h.
func (e *Endpoint) dropEmbryo(h *half[embryo]) {
	h.x.l.halfOpen--
	if h.x.asked {
		delete(e.tokens, h.x.own.token)
	}
	e.embryos.remove(h)
}

// handleEmbryo takes a segment with the addresses of h.
func (e *Endpoint) handleEmbryo(now time.Time, h *half[embryo], seg *wire.Segment) {
	p := e.answerTo(seg)
	switch h.Judge(now, e.tcp, &p, seg) {
	case tcp.StepAnswer:
		e.opts.parse(seg.Options, wire.V1)
		e.judgeSYN(&h.x, seg, &e.opts)
		e.embryos.put(h, toAnswer)
	case tcp.StepChallenge:
		if out := e.replies.next(); out != nil && h.Challenge(now, e.tcp, &p, out) {
			e.replies.commit()
		}
	case tcp.StepRefuse:
		if out := e.replies.next(); out != nil && tcp.ResetFor(seg, out) {
			e.replies.commit()
		}
	case tcp.StepForget:
		e.dropEmbryo(h)
	case tcp.StepPromote:
		e.promote(now, h, seg, p)
	}
}

// promote makes a connection of h, by the third packet.
func (e *Endpoint) promote(now time.Time, h *half[embryo], seg *wire.Segment, p tcp.Params) {
	x := h.x
	if len(x.l.ready) >= e.cfg.Backlog {
		e.stats.ListenOverflows++ // the SYN/ACK will be repeated, and answered again
		return
	}
	o := &e.opts
	o.parse(seg.Options, wire.V1)
	if x.asked && x.judge(h.SYNs(), seg.Seq == h.IRS+1, seg, o) == thirdLate {
		return
	}
	f, err := h.Promote(now, e.tcp, p)
	if err != nil {
		return
	}
	e.embryos.remove(h)
	x.l.halfOpen--
	e.born(now, e.hatch(&x), f, seg)
}

// hatch returns the connection that x becomes.
func (e *Endpoint) hatch(x *embryo) *Conn {
	c := e.newConn()
	c.listener = x.l
	if !x.asked {
		c.mode = plain
		return c
	}
	c.own.set(x.own)
	e.tokens[x.own.token] = c
	c.version, c.checksum, c.hs.synOption = x.version, x.checksum, x.option
	if x.version == wire.V0 {
		c.peer.set(newSecret(x.peerKey, wire.V0))
	}
	return c
}

// born gives c its first flow, and that its third packet.
func (e *Endpoint) born(now time.Time, c *Conn, f *tcp.Flow, seg *wire.Segment) {
	s := c.addSubflow(f)
	c.handleSegment(now, s, seg)
	if !c.opened { // the flow found fault with it
		c.abandon(now, nil)
	}
	c.settle(now)
}

// third is what the first packet behind a SYN/ACK makes of a connection that was
// offered Multipath TCP.
type third uint8

const (
	thirdPlain  third = iota // falls back
	thirdLate                // proves nothing yet: not to be processed
	thirdProven              // agreed
)

// judge says which; syns is how many SYN/ACKs were sent, and first whether seg begins
// right behind the SYN.
func (x *embryo) judge(syns int, first bool, seg *wire.Segment, o *options) third {
	m := &o.capable
	if o.hasCapable && sane(m, seg) && m.Version == x.version && m.HasReceiver && m.Receiver == x.own.key &&
		(x.version != wire.V0 || m.Sender == x.peerKey) {
		return thirdProven
	}
	if o.hasDSS && !o.hasCapable {
		if x.version == wire.V0 {
			return thirdProven // the SYN brought the key, so the mapping can be checked (V0-12)
		}
		// The third ACK, or the first data, is late or lost, and its key with it.
		// It will be repeated: unless this is that very octet (R3.1-14, R3.1-45).
		if !first || len(seg.Payload) == 0 && syns < 3 {
			return thirdLate
		}
	}
	return thirdPlain // R3.1-41, P-3.1-07
}

// pollEmbryo fills in the SYN/ACK that waits longest.
func (e *Endpoint) pollEmbryo(now time.Time, seg *wire.Segment) bool {
	h := e.embryos.unanswered()
	if h == nil {
		return false
	}
	id := h.id.long()
	p := e.answerOn(h.path, id.local, id.remote)
	h.Answer(now, e.tcp, &p, seg)
	if x := &h.x; x.option {
		m := e.capable(x.version, x.checksum)
		m.HasSender, m.Sender = true, x.own.key
		seg.Options, _ = m.Append(seg.Options)
	}
	if h.x.grant {
		seg.Options, _ = seg.Options.AppendFastOpen(e.fastCookie(id.remote.Addr()))
	}
	e.embryos.answered(h)
	return true
}

// expireHalves repeats the SYN/ACKs that are due, or gives up.
func (e *Endpoint) expireHalves(now time.Time) {
	t := nanos(now)
	for h := e.embryos.due(t); h != nil; h = e.embryos.due(t) {
		if h.Expire(now, e.tcp) {
			e.embryos.put(h, toAnswer)
		} else {
			e.dropEmbryo(h)
		}
	}
	for h := e.joins.due(t); h != nil; h = e.joins.due(t) {
		if h.Expire(now, e.joinTCP) {
			e.joins.put(h, toAnswer)
		} else {
			e.dropJoin(h)
		}
	}
}
