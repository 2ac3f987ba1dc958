package mbox

import (
	"strconv"

	"github.com/mptcp-go/mptcp/fsm/netsim"
)

// PMTU silently drops packets above a size, TCP or not: the black hole that a
// tunnel behind a firewall makes which drops ICMP. (A link with an mtu answers.)
//
//	pmtu OCTETS [dir=...]
type PMTU struct {
	most int
	dir  int8
}

func parsePMTU(s *netsim.Spec) netsim.Element {
	x := &PMTU{most: parseCount(s, 40, 65535, "octets")}
	w := parseWhen(s)
	x.dir = w.dir
	if (&when{dir: w.dir}).String() != w.String() {
		s.Fail("only dir may be chosen")
	}
	return x
}

func (x *PMTU) String() string {
	return "pmtu " + strconv.Itoa(x.most) + (&when{dir: x.dir}).String()
}

// Handle implements netsim.Element.
func (x *PMTU) Handle(at *netsim.Slot, dir netsim.Dir, p *netsim.Packet) {
	if len(p.Data) <= x.most || x.dir >= 0 && netsim.Dir(x.dir) != dir {
		at.Send(dir, p)
		return
	}
	at.Drop(dir, p, "swallowed")
}
