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
	halfOpen int
	ready    []*Conn
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
	embryo, ok := tcp.ParseSYN(seg)
	if !ok {
		return false
	}
	if l.halfOpen >= e.cfg.MaxHalfOpen {
		e.stats.ListenOverflows++
		return true
	}
	c := e.newConn()
	c.listener = l
	c.judgeSYN(seg, o)
	f, err := tcp.Accept(now, e.tcp, e.params(now, seg.Dst, seg.Src, iss), embryo)
	if err != nil {
		c.forget()
		return true
	}
	l.halfOpen++
	c.halfOpen = true
	c.addSubflow(f)
	e.wake(c)
	return true
}

// params are the parameters of a new flow.
func (e *Endpoint) params(now time.Time, local, remote netip.AddrPort, least uint32) tcp.Params {
	p := e.pathOf(local.Addr())
	iss, offset := e.isn.Next(now, local, remote)
	if least != 0 && int32(iss-least) < 0 {
		iss = least
	}
	return tcp.Params{Local: local, Remote: remote, Path: p.ID, ISS: iss, TSOffset: offset, MTU: p.MTU, Offload: p.Max,
		Window: e.cfg.ReceiveBuffer}
}
