package mbox

import (
	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// Ack acknowledges data before the receiver has it, as performance-enhancing
// proxies do (paper section 4.1 "pro-active acking"). It keeps nothing: what is
// lost behind it is lost, and only a data-level retransmission (section 3.3.5)
// helps. A TCP behind it dies of the first loss. Its ACKs carry no MPTCP option.
//
//	ack [when...]
//
// on and after choose the segments that are acknowledged at once; only what comes
// in order is. See Proxy for a box that keeps what it acknowledged.
type Ack struct {
	when  when
	e     edit
	flows flows[ackState]
}

// ackState is what the box saw of both sides, by direction.
type ackState struct {
	next   [2]uint32 // after all that came in order
	first  [2]uint32 // where that begins
	known  [2]bool
	whole  [2]bool // nothing is missing before next: there was a SYN, or the receiver has first
	window [2]uint16
	stamps [2]stamps
}

// see takes a segment into account and reports whether it had new octets in order.
func (f *ackState) see(dir netsim.Dir, e *edit) bool {
	f.window[dir] = e.seg.Window
	f.stamps[dir].see(&e.seg)
	// A SYN that comes again, late perhaps, begins nothing.
	syn := e.seg.Flags.Has(wire.SYN)
	if !f.known[dir] || syn && e.seg.Seq != f.first[dir] {
		f.known[dir], f.next[dir], f.first[dir] = true, e.seg.Seq, e.seg.Seq
		f.whole[dir] = syn
	}
	if back := dir.Back(); e.seg.Flags.Has(wire.ACK) && f.known[back] && !before(e.seg.Ack, f.first[back]) {
		f.whole[back] = true
		f.next[back] = latest(f.next[back], e.seg.Ack)
	}
	if before(f.next[dir], e.seg.Seq) || !before(f.next[dir], e.endSeq()) {
		return false
	}
	f.next[dir] = e.endSeq()
	return true
}

func parseAck(s *netsim.Spec) netsim.Element { return &Ack{when: parseWhen(s)} }

func (x *Ack) String() string { return "ack" + x.when.String() }

// Handle implements netsim.Element.
func (x *Ack) Handle(at *netsim.Slot, dir netsim.Dir, p *netsim.Packet) {
	e := &x.e
	if !e.open(p) {
		at.Send(dir, p)
		return
	}
	chosen := x.when.has(at, dir, e)
	f := x.flows.get(dir, &e.seg)
	fresh := f.see(dir, e)
	back := dir.Back()
	if !chosen || !fresh || !f.whole[dir] || len(e.seg.Payload) == 0 || e.seg.Flags&(wire.SYN|wire.RST) != 0 || !e.seg.Flags.Has(wire.ACK) {
		at.Send(dir, p)
		return
	}
	x.when.spend()
	seq, window := e.seg.Ack, uint16(0xffff)
	if f.known[back] {
		seq, window = latest(seq, f.next[back]), f.window[back]
	}
	if at.Logging() {
		at.Log(dir, "acknowledged "+e.text())
	}
	answer := reply(at, e, wire.ACK, seq, f.next[dir], window, f.stamps[back])
	at.Send(dir, p)
	at.Send(back, answer)
}
