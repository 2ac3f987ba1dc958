package mbox

import (
	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// Hole passes no data behind a hole, as proxies do and a few boxes that are none:
// 5 % of the paper's paths, 11 % on port 80 (P-3.3-02). One sequence space striped
// over several paths stalls on it, subflows with their own do not.
//
//	hole [when...]
type Hole struct {
	when  when
	e     edit
	flows flows[ackState]
}

func parseHole(s *netsim.Spec) netsim.Element { return &Hole{when: parseWhen(s)} }

func (x *Hole) String() string { return "hole" + x.when.String() }

// Handle implements netsim.Element.
func (x *Hole) Handle(at *netsim.Slot, dir netsim.Dir, p *netsim.Packet) {
	e := &x.e
	if !e.open(p) {
		at.Send(dir, p)
		return
	}
	chosen := x.when.has(at, dir, e)
	f := x.flows.get(dir, &e.seg)
	f.see(dir, e)
	takesSpace := e.seg.SeqLen() > 0 && !e.seg.Flags.Has(wire.RST)
	if chosen && takesSpace && before(f.next[dir], e.seg.Seq) {
		x.when.spend()
		at.Drop(dir, p, "behind a hole")
		return
	}
	at.Send(dir, p)
}
