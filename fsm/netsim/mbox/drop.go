package mbox

import (
	"strings"

	"github.com/mptcp-go/mptcp/fsm/netsim"
)

// Drop drops segments: the 15 of the Alexa top 10,000 sites that did not answer a
// SYN with a new option are "drop has=mptcp on=syn" (P-3.1-04); the third segment
// of a handshake and the first data lost are "drop on=ack3" and "drop on=data
// count=3" (P-3.1-06).
//
//	drop [has=OPTION+...] [when...]
type Drop struct {
	has  optionSet
	when when
	e    edit
}

func parseDrop(s *netsim.Spec) netsim.Element {
	return &Drop{has: parseOptions(s, "has"), when: parseWhen(s)}
}

func (x *Drop) String() string {
	s := "drop"
	if !x.has.empty() {
		s += " has=" + strings.Join(x.has.names, "+")
	}
	return s + x.when.String()
}

// Handle implements netsim.Element.
func (x *Drop) Handle(at *netsim.Slot, dir netsim.Dir, p *netsim.Packet) {
	e := &x.e
	if !e.open(p) || !x.when.has(at, dir, e) || !x.has.empty() && !x.has.in(e.seg.Options) {
		at.Send(dir, p)
		return
	}
	x.when.spend()
	at.Drop(dir, p, "dropped")
}
