package mbox

import (
	"strconv"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// Proxy stands between the two ends of a flow, acknowledges what it takes and keeps
// it until the other side has it: the TCP proxies of the paper, of which most keep
// MPTCP from being negotiated "but a few do not" (footnote 3). It passes segments as
// they were, options included, so MPTCP runs through it; it passes nothing behind a
// hole (P-3.3-02); and what it holds defeats per-subflow windows (P-3.3.1-01) and
// acknowledgments in the payload (P-3.3.3-02).
//
//	proxy [buffer=64KiB] [rto=200ms] [lose=P] [die=OCTETS] [when...]
//
// Window and acknowledgment fields that pass are the proxy's own, and so is the sequence
// number of an ACK that overtakes data. Of when, only dir
// counts: the direction in which data is held. lose is the probability to
// acknowledge a segment and then lose it for good. die=N makes it crash when it has
// acknowledged N octets of a flow: what it holds is lost and the flow is dead.
type Proxy struct {
	buffer int
	rto    time.Duration
	lose   float64
	die    int
	when   when

	e, out edit
	flows  flows[proxyState]
	active []*proxyHalf // those with something held, in order of arrival
}

func parseProxy(s *netsim.Spec) netsim.Element {
	x := &Proxy{buffer: s.Octets("buffer", 64<<10), rto: s.Duration("rto", 200*time.Millisecond),
		lose: s.Chance("lose"), die: s.Octets("die", 0)}
	if x.buffer < 1 || x.rto < time.Millisecond {
		s.Fail("buffer or rto too small")
	}
	x.when = parseWhen(s)
	if (&when{dir: x.when.dir}).String() != x.when.String() {
		s.Fail("only dir may be chosen")
	}
	return x
}

func (x *Proxy) String() string {
	s := "proxy"
	if x.buffer != 64<<10 {
		s += " buffer=" + strconv.Itoa(x.buffer)
	}
	if x.rto != 200*time.Millisecond {
		s += " rto=" + x.rto.String()
	}
	if x.lose != 0 {
		s += " lose=" + strconv.FormatFloat(x.lose, 'g', -1, 64)
	}
	if x.die != 0 {
		s += " die=" + strconv.Itoa(x.die)
	}
	return s + x.when.String()
}

// Handle implements netsim.Element.
func (x *Proxy) Handle(at *netsim.Slot, dir netsim.Dir, p *netsim.Packet) {
	e := &x.e
	if !e.open(p) {
		at.Send(dir, p)
		return
	}
	f := x.flows.get(dir, &e.seg)
	if f.dead {
		at.Drop(dir, p, "the proxy has died")
		return
	}
	mine, theirs := &f.half[dir], &f.half[dir.Back()]
	mine.stamps.see(&e.seg)
	switch {
	case e.seg.Flags.Has(wire.RST):
		x.clear(at, mine)
		x.clear(at, theirs)
		at.Send(dir, p)
		return
	case e.seg.Flags.Has(wire.SYN):
		mine.shake(&e.seg)
		if e.seg.Flags.Has(wire.ACK) && f.shaken() { // its window is unscaled and counts for data that comes early
			theirs.edge, theirs.edged = e.seg.Ack+uint32(e.seg.Window), true
		}
		at.Send(dir, p)
		return
	}
	if x.holds(dir.Back()) && e.seg.Flags.Has(wire.ACK) {
		x.acked(at, f, dir, theirs)
	}
	mine.ackOut, mine.windowOut = e.seg.Ack, e.seg.Window
	switch {
	case x.holds(dir) && e.seg.SeqLen() > 0:
		x.take(at, dir, f)
	default:
		if at := mine.passed(); len(mine.held) > 0 && before(at, e.seg.Seq) {
			e.setSeq(at) // an ACK from beyond what the receiver has would mean nothing to it
		}
		at.Send(dir, p)
	}
	x.pump(at, dir.Back(), theirs)
}

func (x *Proxy) holds(dir netsim.Dir) bool { return x.when.dir < 0 || netsim.Dir(x.when.dir) == dir }

// take acknowledges the segment in x.e and keeps it, or not.
func (x *Proxy) take(at *netsim.Slot, dir netsim.Dir, f *proxyState) {
	e, h := &x.e, &f.half[dir]
	if !h.known {
		// In the middle of a flow only the receiver can say where to begin: what it
		// lacks may be under way, and acknowledging past that would lose it.
		at.Send(dir, e.p)
		return
	}
	n := int(e.seg.SeqLen())
	fits := len(h.held) == 0 || h.octets+n <= x.buffer
	switch {
	case before(h.next, e.seg.Seq) && !h.settled:
		// The acknowledgment that this half began with was an old one: let the
		// receiver tell.
		at.Send(dir, e.p)
		return
	case before(h.next, e.seg.Seq):
		at.Drop(dir, e.p, "behind a hole")
	case !before(h.next, e.endSeq()):
		at.Drop(dir, e.p, "known already")
	case !fits:
		at.Drop(dir, e.p, "no room")
	default:
		h.settled = true
		h.taken += n
		h.next = e.endSeq()
		dies := x.die > 0 && h.taken >= x.die
		lost := at.Luck().Chance(x.lose)
		if !dies && !lost {
			x.hold(at, dir, h, n)
		}
		x.acknowledge(at, dir, f)
		switch {
		case dies:
			at.Drop(dir, e.p, "acknowledged, and died of it")
			f.dead = true
			x.clear(at, &f.half[0])
			x.clear(at, &f.half[1])
		case lost:
			at.Drop(dir, e.p, "acknowledged and lost")
		}
		return
	}
	x.acknowledge(at, dir, f)
}

// hold keeps x.e's packet, of n octets of sequence space, and passes it on if it may.
func (x *Proxy) hold(at *netsim.Slot, dir netsim.Dir, h *proxyHalf, n int) {
	e := &x.e
	if len(h.held) == 0 {
		h.dir, h.resend, h.backoff = dir, at.Now()+x.rto, 0
		x.active = append(x.active, h)
	}
	h.held = append(h.held, heldData{e.p, e.seg.Seq, e.endSeq()})
	h.octets += n
	x.pump(at, dir, h)
}

// acknowledge answers the sender of x.e in the receiver's name.
func (x *Proxy) acknowledge(at *netsim.Slot, dir netsim.Dir, f *proxyState) {
	e, h, back := &x.e, &f.half[dir], dir.Back()
	seq := e.seg.Ack
	if b := &f.half[back]; b.known && x.holds(back) {
		seq = b.una // e's own acknowledgment is the proxy's by now
	}
	at.Send(back, reply(at, e, wire.ACK, seq, h.next, x.window(f, h), f.half[back].stamps))
}

// window is the room left, in the units that the receiver announced. It grows by
// steps worth a segment, lest the sender send ever smaller ones (RFC 9293 section
// 3.8.6.2.2). Where the handshake was not seen the units are not known, and the
// receiver's own window is repeated.
func (x *Proxy) window(f *proxyState, h *proxyHalf) uint16 {
	if !f.shaken() {
		return h.window
	}
	edge := h.next + uint32(max(x.buffer-h.octets, 0))
	if !h.offered || !before(edge, h.right+uint32(min(proxyStep, x.buffer/2))) {
		h.right, h.offered = edge, true
	}
	if before(h.right, h.next) {
		return 0
	}
	return uint16(min((h.right-h.next)>>h.peerShift, 0xffff))
}

const proxyStep = 1000
