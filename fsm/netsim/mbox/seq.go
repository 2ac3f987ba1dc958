package mbox

import (
	"strconv"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// Seq rewrites initial sequence numbers, as firewalls do that distrust the hosts'
// own randomness: 10 % of the paper's access networks, 18 % on port 80 (P-3.3-01;
// section 4.1 "sequence number rewriting"). It is why a mapping counts from the
// subflow's ISN (section 3.3.4).
//
//	seq [delta=N] [sack=keep] [dir=...]
//
// Each SYN draws an offset, or takes delta. dir chooses whose numbers are rewritten;
// acknowledgments and SACK blocks that come back are always put right, unless
// sack=keep makes it one of the boxes that forget the blocks. A flow first seen in
// the middle passes unchanged: its numbers were agreed on without this box. Put in place between
// a SYN and its retransmission it sees that the other side answers to the first, and
// leaves the flow alone.
type Seq struct {
	delta    uint32
	keepSACK bool
	when     when
	e        edit
	flows    flows[seqState]
}

type seqState struct {
	delta  [2]uint32 // by direction
	isn    [2]uint32 // before it
	drawn  [2]bool
	agreed [2]bool // the other side has acknowledged a number with the delta
}

func parseSeq(s *netsim.Spec) netsim.Element {
	x := &Seq{keepSACK: s.Choice("sack", "fix", "keep") == "keep"}
	x.delta = s.Uint32("delta", 0)
	x.when = parseWhen(s)
	return x
}

func (x *Seq) String() string {
	s := "seq"
	if x.delta != 0 {
		s += " delta=" + strconv.FormatUint(uint64(x.delta), 10)
	}
	if x.keepSACK {
		s += " sack=keep"
	}
	return s + x.when.String()
}

// Handle implements netsim.Element.
func (x *Seq) Handle(at *netsim.Slot, dir netsim.Dir, p *netsim.Packet) {
	e := &x.e
	if !e.open(p) {
		at.Send(dir, p)
		return
	}
	chosen := x.when.has(at, dir, e)
	f := x.flows.get(dir, &e.seg)
	if e.seg.Flags.Has(wire.SYN) && chosen && !f.drawn[dir] {
		f.drawn[dir], f.isn[dir], f.delta[dir] = true, e.seg.Seq, x.delta
		if x.delta == 0 {
			f.delta[dir] = uint32(at.Luck().Uint64())
		}
		x.when.spend()
		if at.Logging() {
			at.Log(dir, "sequence numbers moved by "+strconv.FormatUint(uint64(f.delta[dir]), 10)+": "+e.text())
		}
	}
	if back := dir.Back(); f.drawn[back] && !f.agreed[back] && e.seg.Flags.Has(wire.ACK) {
		f.agreed[back] = true
		if e.seg.Ack == f.isn[back]+1 {
			f.delta[back] = 0
		}
	}
	if d := f.delta[dir]; d != 0 {
		e.setSeq(e.seg.Seq + d)
	}
	if d := f.delta[dir.Back()]; d != 0 && e.seg.Flags.Has(wire.ACK) {
		e.setAck(e.seg.Ack - d)
		if !x.keepSACK {
			e.mapSACK(func(v uint32) uint32 { return v - d })
		}
	}
	at.Send(dir, p)
}
