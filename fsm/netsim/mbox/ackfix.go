package mbox

import (
	"strconv"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// AckFix does not believe in an ACK for data that it has not seen: 26 % of the
// paper's paths drop or "correct" it, 33 % on port 80 (P-3.3-03). It is what breaks
// one sequence space striped over several paths.
//
//	ackfix [how=clamp|drop] [when...]
//
// clamp lowers the acknowledgment to what was seen, and takes away SACK blocks that
// lie beyond; drop drops the segment, data and all.
type AckFix struct {
	drop  bool
	when  when
	e     edit
	flows flows[seenState]
}

// seenState is the highest sequence number seen, by direction.
type seenState struct {
	end   [2]uint32
	isn   [2]uint32
	known [2]bool
	begun bool
	trust time.Duration // until when an ACK proves that what it names was sent
}

// middleTrust is how long the box believes ACKs on a flow that it first sees in the
// middle: what they acknowledge was under way before it came.
const middleTrust = time.Second

func (f *seenState) see(now time.Duration, dir netsim.Dir, e *edit) {
	syn := e.seg.Flags.Has(wire.SYN)
	if !f.begun {
		f.begun = true
		if !syn {
			f.trust = now + middleTrust
		}
	}
	end := e.endSeq()
	if !f.known[dir] || syn && e.seg.Seq != f.isn[dir] {
		f.isn[dir] = e.seg.Seq
		f.known[dir], f.end[dir] = true, end
	}
	f.end[dir] = latest(f.end[dir], end)
	if back := dir.Back(); e.seg.Flags.Has(wire.ACK) && (!f.known[back] || now < f.trust) {
		if !f.known[back] {
			f.known[back], f.end[back] = true, e.seg.Ack
		}
		f.end[back] = latest(f.end[back], e.seg.Ack)
	}
}

func parseAckFix(s *netsim.Spec) netsim.Element {
	return &AckFix{drop: s.Choice("how", "clamp", "drop") == "drop", when: parseWhen(s)}
}

func (x *AckFix) String() string {
	s := "ackfix"
	if x.drop {
		s += " how=drop"
	}
	return s + x.when.String()
}

// Handle implements netsim.Element.
func (x *AckFix) Handle(at *netsim.Slot, dir netsim.Dir, p *netsim.Packet) {
	e := &x.e
	if !e.open(p) {
		at.Send(dir, p)
		return
	}
	chosen := x.when.has(at, dir, e)
	f := x.flows.get(dir, &e.seg)
	f.see(at.Now(), dir, e)
	seen := f.end[dir.Back()]
	if !chosen || !e.seg.Flags.Has(wire.ACK) || e.seg.Flags.Has(wire.RST) || !before(seen, e.seg.Ack) {
		at.Send(dir, p)
		return
	}
	x.when.spend()
	if x.drop {
		at.Drop(dir, p, "acknowledges what was not seen")
		return
	}
	if at.Logging() {
		at.Log(dir, "acknowledgment lowered to "+strconv.FormatUint(uint64(seen), 10)+": "+e.text())
	}
	e.setAck(seen)
	blankSACK(e)
	at.Send(dir, p)
}

// blankSACK overwrites SACK options with NOPs.
func blankSACK(e *edit) {
	var nops [wire.MaxOptions]byte
	for i := range nops {
		nops[i] = wire.KindNOP
	}
	e.eachOption(func(off int, o wire.Option) {
		if o.Kind() == wire.KindSACK {
			e.patch(offOptions+off, nops[:len(o)])
		}
	})
}
