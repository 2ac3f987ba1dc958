package mbox

import (
	"strings"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// RST resets a connection in both hosts' names, as censors and intrusion
// prevention do. With MPTCP only the subflow dies (P-3.4-01).
//
//	rst [to=both|client|server] [has=OPTION+...] [when...]
//
// The segment that provoked it goes no further. The sequence numbers are the ones
// that the hosts expect (RFC 5961 section 3.2 asks for exact ones).
type RST struct {
	to   string
	has  optionSet
	when when
	e    edit
}

func parseRST(s *netsim.Spec) netsim.Element {
	return &RST{to: s.Choice("to", "both", "client", "server"), has: parseOptions(s, "has"), when: parseWhen(s)}
}

func (x *RST) String() string {
	s := "rst"
	if x.to != "both" {
		s += " to=" + x.to
	}
	if !x.has.empty() {
		s += " has=" + strings.Join(x.has.names, "+")
	}
	return s + x.when.String()
}

// Handle implements netsim.Element.
func (x *RST) Handle(at *netsim.Slot, dir netsim.Dir, p *netsim.Packet) {
	e := &x.e
	if !e.open(p) || !x.when.has(at, dir, e) || e.seg.Flags.Has(wire.RST) ||
		!x.has.empty() && !x.has.in(e.seg.Options) {
		at.Send(dir, p)
		return
	}
	x.when.spend()
	if at.Logging() {
		at.Log(dir, "reset by "+e.text())
	}
	resetBoth(at, dir, e, x.to)
}

// resetBoth drops e's packet and resets the flow it belongs to. The RST to its
// destination is the packet itself without options and payload; to its source it
// is what a host answers to a segment of no connection (RFC 9293 section 3.10.7.1).
func resetBoth(at *netsim.Slot, dir netsim.Dir, e *edit, to string) {
	toSource := to == "both" || (to == "client") == (dir == netsim.Forward)
	if toSource {
		flags, seq := wire.RST, e.seg.Ack
		if !e.seg.Flags.Has(wire.ACK) {
			flags, seq = wire.RST|wire.ACK, 0
		}
		ack := e.endSeq()
		if flags == wire.RST {
			ack = 0
		}
		at.Send(dir.Back(), reply(at, e, flags, seq, ack, 0, stamps{}))
	}
	if to == "both" || !toSource {
		ack := e.seg.Flags & wire.ACK
		e.rebuild(nil, nil)
		e.setFlags(wire.RST | ack)
		at.Send(dir, e.p)
		return
	}
	at.Discard(e.p)
}
