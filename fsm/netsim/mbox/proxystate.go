package mbox

import (
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// proxyState is what a Proxy knows of a flow.
type proxyState struct {
	half [2]proxyHalf // by direction of the data
	dead bool
}

// proxyHalf is one direction: the receiver of its sender, the sender of its
// receiver.
type proxyHalf struct {
	dir     netsim.Dir
	known   bool   // next and una mean something
	settled bool   // by a SYN, or by data that began where the receiver was
	next    uint32 // expected from the sender
	una     uint32 // what the receiver still has to acknowledge
	taken   int    // octets acknowledged to the sender
	held    []heldData
	octets  int
	sent    int    // of held, how many were passed on
	edge    uint32 // right edge of the receiver's window
	edged   bool
	window  uint16 // as the receiver last sent it
	right   uint32 // right edge of the window offered to the sender
	offered bool
	dups    int
	recover uint32 // until una is here, an ACK that advances asks for a retransmission
	lossy   bool   // recover means something
	resend  time.Duration
	backoff uint
	unheard int    // expiries since the receiver was heard
	stamps  stamps // of this direction's sender
	// What its latest segment acknowledged, as it went on from here.
	ackOut    uint32
	windowOut uint16

	shaken    bool // this direction's sender sent a SYN
	isn       uint32
	shift     uint8 // in it
	scales    bool
	peerShift uint8 // of the windows that this direction's receiver announces
}

func (f *proxyState) shaken() bool { return f.half[0].shaken && f.half[1].shaken }

type heldData struct {
	p        *netsim.Packet
	seq, end uint32
}

// After so many expiries without a sign of life the proxy gives up, as a TCP does. A
// receiver that answers with a closed window lives (RFC 9293 section 3.8.6.1, MUST-37).
const maxProxyBackoff = 8

// shake learns from a SYN.
func (h *proxyHalf) shake(s *wire.Segment) {
	if h.shaken && h.isn == s.Seq {
		return // it comes again, late perhaps
	}
	// Data on the SYN passes; the receiver may leave it alone (RFC 7413 section 3).
	h.isn, h.known, h.next, h.una = s.Seq, true, s.Seq+1, s.Seq+1
	h.shaken, h.settled, h.window = true, true, s.Window
	if o, ok := s.Options.Find(wire.KindWindowScale); ok {
		v, err := wire.ParseWindowScale(o)
		h.scales, h.shift = err == nil, min(v, 14)
	}
}

// acked handles the acknowledgment in x.e, which travels in dir, of data in h, and
// makes the fields the proxy's own.
func (x *Proxy) acked(at *netsim.Slot, f *proxyState, dir netsim.Dir, h *proxyHalf) {
	e := &x.e
	h.window, h.unheard = e.seg.Window, 0
	if mine := &f.half[dir]; mine.scales && h.scales {
		h.peerShift = mine.shift
	}
	ack := e.seg.Ack
	if !h.known {
		h.known, h.next, h.una = true, ack, ack
	}
	if before(h.next, ack) {
		// The receiver has more than this box ever saw: the flow took another way.
		h.next = ack
	}
	switch {
	case before(h.una, ack):
		h.una, h.dups, h.backoff = ack, 0, 0
		h.resend = at.Now() + x.rto
		h.lossy = h.lossy && before(ack, h.recover)
	case ack == h.una && len(e.seg.Payload) == 0 && h.sent > 0:
		h.dups++
	}
	advanced := len(h.held) > 0 && !before(h.una, h.held[0].end)
	for len(h.held) > 0 && !before(h.una, h.held[0].end) {
		h.drop(at)
	}
	edge := ack + uint32(e.seg.Window)<<h.peerShift
	if f.shaken() && (!h.edged || before(h.edge, edge)) {
		h.edge, h.edged = edge, true
	}
	if h.next != ack {
		e.setAck(h.next)
	}
	if w := x.window(f, h); w != e.seg.Window {
		e.setWindow(w)
	}
	blankSACK(e) // losses on this side are the proxy's own business
	if (h.dups == 3 || h.lossy && advanced) && len(h.held) > 0 {
		x.repeat(at, h) // after a partial ACK too, RFC 6582 section 3.2
	}
}

// passed is the sequence number behind what was passed on.
func (h *proxyHalf) passed() uint32 {
	if h.sent < len(h.held) {
		return h.held[h.sent].seq
	}
	return h.next
}

// drop lets the first held segment go.
func (h *proxyHalf) drop(at *netsim.Slot) {
	d := h.held[0]
	at.Discard(d.p)
	h.octets -= int(d.end - d.seq)
	h.held = append(h.held[:0], h.held[1:]...)
	h.sent = max(0, h.sent-1)
}

func (x *Proxy) clear(at *netsim.Slot, h *proxyHalf) {
	for len(h.held) > 0 {
		h.drop(at)
	}
	x.rearm(at)
}

// pump passes on what the receiver has room for.
func (x *Proxy) pump(at *netsim.Slot, dir netsim.Dir, h *proxyHalf) {
	for h.sent < len(h.held) && (!h.edged || !before(h.edge, h.held[h.sent].end)) {
		x.pass(at, dir, h, h.held[h.sent].p)
		h.sent++
	}
	x.rearm(at)
}

// repeat passes the first held segment on again.
func (x *Proxy) repeat(at *netsim.Slot, h *proxyHalf) {
	if at.Logging() && x.out.open(h.held[0].p) {
		at.Log(h.dir, "retransmitted "+x.out.text())
	}
	x.pass(at, h.dir, h, h.held[0].p)
	h.sent = max(h.sent, 1)
	h.recover, h.lossy = h.held[h.sent-1].end, true
	h.resend = at.Now() + x.rto<<h.backoff
}

// pass sends a copy of p that acknowledges what the sender's latest segment did and
// has its timestamp: the receiver has seen those, and would take what was held for an
// old duplicate (RFC 7323 section 5.3, RFC 5961 section 5.2).
func (x *Proxy) pass(at *netsim.Slot, dir netsim.Dir, h *proxyHalf, p *netsim.Packet) {
	twin := at.New()
	twin.Data = append(twin.Data, p.Data...)
	if e := &x.out; e.open(twin) {
		if e.seg.Flags.Has(wire.ACK) {
			e.setAck(h.ackOut)
			e.setWindow(h.windowOut)
		}
		e.eachOption(func(off int, o wire.Option) {
			if _, err := wire.ParseTimestamps(o); err == nil && h.stamps.used {
				e.patch32(offOptions+off+2, h.stamps.val)
			}
		})
	}
	at.Send(dir, twin)
}

// rearm forgets halves that hold nothing and sets the timer for the others.
func (x *Proxy) rearm(at *netsim.Slot) {
	keep := x.active[:0]
	for _, h := range x.active {
		if len(h.held) > 0 {
			keep = append(keep, h)
		}
	}
	clear(x.active[len(keep):])
	x.active = keep
	at.Sleep()
	first := time.Duration(-1)
	for _, h := range x.active {
		if first < 0 || h.resend < first {
			first = h.resend
		}
	}
	if first >= 0 {
		at.Wake(first)
	}
}

// HandleWake implements netsim.Waker: what is not acknowledged is sent again, with
// exponential back-off, also into a closed window, which makes it the probe.
func (x *Proxy) HandleWake(at *netsim.Slot) {
	for _, h := range append([]*proxyHalf(nil), x.active...) {
		if len(h.held) == 0 || h.resend > at.Now() {
			continue
		}
		if h.unheard++; h.unheard > maxProxyBackoff {
			x.clear(at, h)
			continue
		}
		h.backoff = min(h.backoff+1, maxProxyBackoff)
		x.repeat(at, h)
	}
	x.rearm(at)
}
