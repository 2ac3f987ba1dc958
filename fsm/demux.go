package fsm

import (
	"net/netip"
	"time"

	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

// HandleSegment takes a segment that arrived. Neither seg nor what it points to is
// kept. It returns nothing: what is wrong with a segment is counted.
func (e *Endpoint) HandleSegment(now time.Time, seg *wire.Segment) {
	if seg.Sum == wire.SumBad {
		e.stats.InCsumErrors++
		return
	}
	flow := flowID{seg.Dst, seg.Src}
	if s := e.subflows.find(flow); s != nil {
		// Behind the handshake the addresses decide (R3.2-23).
		if s.join.active && s.flow.State() == tcp.SynSent && opens(seg) {
			e.joinsCross(now, s, seg)
			return
		}
		s.conn.handleSegment(now, s, seg)
		s.conn.settle(now)
		return
	}
	if mapped(seg) {
		return
	}
	id := flow.short()
	if h := e.embryos.find(id); h != nil {
		e.handleEmbryo(now, h, seg)
		return
	}
	if h := e.joins.find(id); h != nil {
		e.handleHalfJoin(now, h, seg)
		return
	}
	if w := e.waits.find(id); w != nil {
		e.handleTimeWait(now, w, seg)
		return
	}
	if opens(seg) && e.handleSYN(now, seg, 0) {
		return
	}
	if e.redeem(now, seg) {
		return
	}
	e.stats.NoSuchConn++
	e.takeFarewell(flow, seg)
	if out := e.replies.next(); out != nil && tcp.ResetFor(seg, out) {
		e.replies.commit()
	}
}

// opens reports whether seg is a SYN that answers nothing.
func opens(seg *wire.Segment) bool {
	return seg.Flags&(wire.SYN|wire.ACK|wire.RST|wire.FIN) == wire.SYN
}

// handleTimeWait takes a segment with the addresses of w.
func (e *Endpoint) handleTimeWait(now time.Time, w *timeWait, seg *wire.Segment) {
	if w.Reusable(seg) && e.listenerFor(seg.Dst) != nil {
		next := w.NextISS()
		e.waits.drop(w)
		e.flows.TimeWaitRecycled++
		e.handleSYN(now, seg, next)
		return
	}
	out := e.replies.next()
	if out == nil {
		return
	}
	before := w.Deadline()
	if w.HandleSegment(now, e.tcp, seg, out) {
		e.replies.commit()
	}
	if w.Deadline() != before {
		e.waits.restarted(w)
	}
}

// listenerFor returns the listener of an address, or of its port on any address.
func (e *Endpoint) listenerFor(a netip.AddrPort) *Listener {
	if l := e.listeners[a]; l != nil {
		return l
	}
	any := netip.IPv4Unspecified()
	if !a.Addr().Is4() {
		any = netip.IPv6Unspecified()
	}
	return e.listeners[netip.AddrPortFrom(any, a.Port())]
}

// reset queues a RST in answer to seg, with the reason.
func (e *Endpoint) reset(seg *wire.Segment, why wire.ResetReason) {
	if out := e.replies.next(); out != nil && tcp.ResetFor(seg, out) {
		out.Options, _ = mpTCPRst(why).Append(out.Options)
		e.stats.MPRstTx++
		e.replies.commit()
	}
}

// maxReplies bounds the answers that wait for a poll.
const maxReplies = 256

// replies is a bounded queue of segments that belong to no connection.
type replies struct {
	q    []wire.Segment
	head int
}

// next returns a place to write a reply to, or nil when there are too many.
func (r *replies) next() *wire.Segment {
	if len(r.q)-r.head >= maxReplies {
		return nil
	}
	if r.head > 0 && len(r.q) == cap(r.q) {
		for i := r.head; i < len(r.q); i++ {
			// Swapped, not copied: each keeps the octets of its options.
			r.q[i-r.head], r.q[i] = r.q[i], r.q[i-r.head]
		}
		r.q, r.head = r.q[:len(r.q)-r.head], 0
	}
	n := len(r.q)
	if n < cap(r.q) {
		r.q = r.q[:n+1]
	} else {
		r.q = append(r.q, wire.Segment{})
	}
	s := &r.q[n]
	r.q = r.q[:n]
	return s
}

// commit queues what was written to the place that next returned.
func (r *replies) commit() { r.q = r.q[:len(r.q)+1] }

func (r *replies) poll(seg *wire.Segment) bool {
	if r.head == len(r.q) {
		return false
	}
	s := &r.q[r.head]
	opts := append(seg.Options[:0], s.Options...)
	*seg = *s
	seg.Options = opts
	r.head++
	if r.head == len(r.q) {
		r.q, r.head = r.q[:0], 0
	}
	return true
}
