package fsm

import (
	"net/netip"
	"time"

	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

// Listener takes connections to one address and port, or to one port on any address.
type Listener struct {
	ep       *Endpoint
	local    netip.AddrPort
	halfOpen int     // embryos
	early    int     // connections by Fast Open whose handshake is not done
	ready    []*Conn // at most Config.Backlog
	closed   bool
}

// Listen returns a listener; an unspecified address stands for all of its family.
// The error is a *LocalError.
func (e *Endpoint) Listen(local netip.AddrPort) (*Listener, error) {
	if !local.IsValid() || local.Port() == 0 {
		return nil, &LocalError{Reason: BadConfig, What: "Listen"}
	}
	if e.listeners[local] != nil {
		return nil, &LocalError{Reason: InUse, What: local.String()}
	}
	l := &Listener{ep: e, local: local}
	e.listeners[local] = l
	return l, nil
}

// Accept returns a connection whose handshake is done; it reports false when there
// is none yet.
func (l *Listener) Accept() (*Conn, bool) {
	if len(l.ready) == 0 {
		return nil, false
	}
	c := l.ready[0]
	l.ready[0] = nil
	l.ready = l.ready[1:]
	return c, true
}

// Close ends the listener. Connections that were not accepted are reset.
func (l *Listener) Close(now time.Time) {
	if l.closed {
		return
	}
	l.closed = true
	delete(l.ep.listeners, l.local)
	for _, c := range l.ready {
		c.Abort(now)
	}
	l.ready = nil
	l.ep.embryos.all(func(h *half[embryo]) {
		if h.x.l == l {
			l.ep.dropEmbryo(h)
		}
	})
}

// handleSYN takes a SYN that belongs to no flow. It reports false when nobody wants
// it. iss, if not 0, is the least initial sequence number for the answer.
func (e *Endpoint) handleSYN(now time.Time, seg *wire.Segment, iss uint32) bool {
	o := &e.opts
	o.parse(seg.Options, wire.V1)
	if o.hasJoin && o.join.Form == wire.JoinSYN && !o.hasCapable && !e.cfg.Plain {
		// By token, not by port (R3.2-22).
		return e.handleJoinSYN(now, seg)
	}
	l := e.listenerFor(seg.Dst)
	if l == nil {
		return false
	}
	if o.hasCapable && o.capable.Version == wire.V0 && o.capable.Flags&wire.CapableExtension != 0 && e.cfg.Versions.has(wire.V0) && !e.cfg.Plain {
		return true // version 0 wants silence where it does not understand B (V0-07)
	}
	syn, ok := tcp.ParseSYN(seg)
	switch {
	case !ok:
		return false
	case len(l.ready) >= e.cfg.Backlog:
		e.stats.ListenOverflows++
	case e.acceptFast(now, l, seg, syn, iss): // a cookie proves the address, flood or not
	case l.halfOpen >= e.cfg.MaxHalfOpen:
		e.answerStateless(now, seg)
	default:
		e.keep(now, l, seg, syn, iss)
	}
	return true
}

// params are the parameters of a new flow; its number is at least least, if that is
// not 0.
func (e *Endpoint) params(now time.Time, local, remote netip.AddrPort, least uint32) tcp.Params {
	p := e.paramsOf(local, remote)
	p.ISS, p.TSOffset = e.isn.Next(now, local, remote)
	if least != 0 && int32(p.ISS-least) < 0 {
		p.ISS = least
	}
	return p
}

// paramsOf is params without the numbers.
func (e *Endpoint) paramsOf(local, remote netip.AddrPort) tcp.Params {
	return paramsOn(e.pathOf(local.Addr()), local, remote, e.cfg.ReceiveBuffer)
}

func paramsOn(p Path, local, remote netip.AddrPort, window int) tcp.Params {
	return tcp.Params{Local: local, Remote: remote, Path: p.ID, MTU: p.MTU, Offload: p.Max, Window: window}
}

// answerOn is paramsOf for what answers a segment that came by a path: it leaves by the
// same one, whatever path has the address, since a NAT there knows no other.
func (e *Endpoint) answerOn(path uint16, local, remote netip.AddrPort) tcp.Params {
	for _, p := range e.paths {
		if path != 0 && p.ID == path {
			return paramsOn(p, local, remote, e.cfg.ReceiveBuffer)
		}
	}
	return e.paramsOf(local, remote)
}

// answerTo is answerOn for what answers seg itself.
func (e *Endpoint) answerTo(seg *wire.Segment) tcp.Params {
	return e.answerOn(seg.Path, seg.Dst, seg.Src)
}
