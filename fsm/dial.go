package fsm

import (
	"net/netip"
	"time"

	"github.com/mptcp-go/mptcp/fsm/tcp"
)

const (
	firstEphemeral = 49152 // RFC 6335 section 6
	lastEphemeral  = 65535
)

// Dial returns a connection that will send a SYN. Port 0 of local stands for one
// that is free. The error is a *LocalError.
func (e *Endpoint) Dial(now time.Time, local, remote netip.AddrPort) (*Conn, error) {
	if !remote.IsValid() || !local.IsValid() || local.Addr().Is4() != remote.Addr().Is4() {
		return nil, &LocalError{Reason: BadConfig, What: "Dial"}
	}
	if local.Port() == 0 {
		p, ok := e.freePort(local.Addr(), remote)
		if !ok {
			return nil, &LocalError{Reason: InUse, What: local.String()}
		}
		local = netip.AddrPortFrom(local.Addr(), p)
	}
	id := flowID{local, remote}
	if e.busy(id) {
		return nil, &LocalError{Reason: InUse, What: local.String()}
	}
	c := e.newConn()
	c.opener = true
	c.offer()
	p := e.params(now, local, remote, 0)
	f, err := tcp.Open(now, e.dialFast(&p), p)
	if err != nil {
		c.forget()
		return nil, &LocalError{Reason: BadConfig, What: "Dial", Err: err}
	}
	c.addSubflow(f)
	e.wake(c)
	return c, nil
}

// freePort looks for a port that no flow to remote uses.
func (e *Endpoint) freePort(local netip.Addr, remote netip.AddrPort) (uint16, bool) {
	for range lastEphemeral - firstEphemeral + 1 {
		p := e.port
		if e.port++; e.port < firstEphemeral {
			e.port = firstEphemeral
		}
		id := flowID{netip.AddrPortFrom(local, p), remote}
		if !e.busy(id) {
			return p, true
		}
	}
	return 0, false
}

// busy reports whether these addresses are those of a flow, or were a moment ago.
func (e *Endpoint) busy(id flowID) bool {
	s := id.short()
	return e.subflows.find(id) != nil || e.waits.find(s) != nil || e.embryos.find(s) != nil || e.joins.find(s) != nil
}
