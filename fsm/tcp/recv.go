package tcp

import (
	"iter"
	"time"

	"github.com/mptcp-go/mptcp/reasm"
	"github.com/mptcp-go/mptcp/wire"
)

// receiver is what a flow keeps of the peer's stream.
type receiver struct {
	nxt     int64         // RCV.NXT: below it everything is here, the FIN included
	ranges  *reasm.Ranges // what is here from nxt on; nil: nothing is, and it was never needed
	fin     int64         // offset of the peer's FIN; -1: not seen
	finDone bool          // the FIN is below nxt
	finNow  bool          // the segment that carried what is pending had PSH or FIN
	scale   uint8         // of our window
	scaled  bool

	window  int   // octets from nxt that the owner wants advertised
	advEdge int64 // highest right edge ever advertised
	lastAdv int64 // right edge of the segment sent last
	lastAck int64 // Last.ACK.sent of RFC 7323 section 4.3
	mss     int   // largest segment seen, octets
	maxAdv  int   // largest window advertised
	rtt     recvRTT

	pending int64 // offset of the data handed out and not yet kept; see HandleSegment
	handed  int   // octets of it
}

// Hint tells HandleSegment what the owner knows about a segment.
type Hint uint8

// NotCongestion says that a duplicate ACK is not a sign of loss: it carries a
// signal of the owner's (RFC 8684 section 3.4.1).
const NotCongestion Hint = 1

// In is what HandleSegment found for the owner.
type In struct {
	// Accepted says that the segment passed the checks of its numbers, so that
	// options of the owner's in it may be believed: neither old nor blind. A RST
	// is accepted when it ends the flow, a SYN when it is part of the handshake.
	Accepted bool
	Off      uint64 // stream offset of Data
	Data     []byte // aliases the segment's payload
}

// HandleSegment takes a segment that arrived for this flow (RFC 9293 section
// 3.10.7). The caller has checked its checksum and addresses. seg is not kept.
//
// Data it returns is acceptable, and new at least in part, but not necessarily in
// order. Keep must follow before anything else, and tell how much of it the owner
// kept.
func (f *Flow) HandleSegment(now time.Time, seg *wire.Segment, hint Hint) In {
	t := nanos(now)
	if f.state == Closed {
		return In{}
	}
	f.stats.InSegs++
	f.stats.InOctets += uint64(len(seg.Payload))
	if seg.Flags.Has(wire.URG) {
		f.stats.UrgentSegs++ // T9293-10: delivered in line, wherever the pointer points
	}
	var o optionSet
	o.parse(seg.Options)
	if f.state == SynSent {
		return f.handleSynSent(t, seg, &o)
	}
	return f.handleOpen(t, seg, &o, hint)
}

// handleOpen is RFC 9293 section 3.10.7.4, for all states behind SYN-SENT.
func (f *Flow) handleOpen(t int64, seg *wire.Segment, o *optionSet, hint Hint) In {
	flags := seg.Flags
	if f.state == SynReceived && flags.Has(wire.SYN) && !flags.Has(wire.RST) {
		if !f.handleSynReceivedSYN(seg) {
			return In{}
		}
		flags &^= wire.SYN
	}
	off := f.rcvOff(seg.Seq)
	if seg.Flags.Has(wire.SYN) {
		off++ // the octet behind the SYN
	}
	n := len(seg.Payload)

	// RFC 7323 section 5.3: PAWS comes first, but never for a RST.
	if f.tsOK && !flags.Has(wire.RST) {
		if !o.hasTS {
			// Section 3.2 would have it dropped; yet boxes that split or merge
			// segments lose options, and a connection that stalls for good
			// behind one is worse than a segment without PAWS.
			f.stats.TSMissing++
		} else if f.pawsRejects(t, o) {
			f.stats.PAWSEstab++
			f.ackDuplicate(off, n, flags.Has(wire.FIN))
			return In{}
		}
	}

	f.rcv.rtt.note(f, t, seg, o)

	if flags.Has(wire.RST) {
		return In{Accepted: f.handleRST(off)}
	}
	if flags.Has(wire.SYN) {
		// RFC 5961 section 4.2: whatever its number (T5961-02).
		f.stats.SYNChallenge++
		f.challengeAck()
		return In{}
	}
	onlyAck := false
	if !f.acceptable(off, int64(n), flags.Has(wire.FIN)) {
		f.stats.OutOfWindow++
		f.ackDuplicate(off, n, flags.Has(wire.FIN))
		if off < f.rcv.nxt && flags.Has(wire.FIN) && f.state == TimeWait {
			f.timers.arm(timerTimeWait, t+int64(f.cfg.TimeWait))
		}
		// RFC 9293 section 3.10.7.4: with a zero window nothing is acceptable,
		// but valid ACKs are processed (MUST-66, T9293-05). The same for one that
		// starts where it should and only runs into the closed window.
		if off != f.rcv.nxt || f.edge() > f.rcv.nxt {
			return In{}
		}
		onlyAck = true
	}
	if !flags.Has(wire.ACK) {
		return In{}
	}
	f.heard = t
	f.touchKeepAlive(t)

	ack := f.sndOff(seg.Ack)
	if f.state == SynReceived {
		if ack < 0 || ack > f.snd.nxt || f.syn.tries == 0 {
			f.queueRST(seg.Ack, 0, false)
			return In{}
		}
		f.snd.wl1 = off - 1 // this segment sets the window
		f.establish(t, ack, o)
	}
	if !f.ackPlausible(ack) {
		return In{}
	}
	if f.tsOK && o.hasTS && off <= f.rcv.lastAck {
		// RFC 7323 section 4.3, condition (2). What PAWS let pass is newer, or
		// the value it is compared with was outdated.
		f.tsRecent, f.tsRecentAge = o.tsVal, t
	}
	f.handleAck(t, seg, o, off, hint)
	if f.state == Closed || onlyAck {
		return In{Accepted: true}
	}
	in := f.handleData(t, seg, off, n, flags.Has(wire.FIN))
	in.Accepted = true
	return in
}

// edge is the right edge of what the peer may have been told it can send.
func (f *Flow) edge() int64 {
	return max(f.rcv.advEdge, f.rcv.nxt+int64(f.rcv.window))
}

// acceptable is the four cases of RFC 9293 table 6. Segments without data are
// taken up to the right edge itself: a peer that filled the window and misses
// something in between sends its pure ACKs from there. So is a FIN, which needs no
// room in a buffer: refused at a closed window it would have to wait for a reader who
// may have gone.
func (f *Flow) acceptable(off, n int64, fin bool) bool {
	return inWindow(off, n, fin, f.rcv.nxt, f.edge())
}

// inWindow is acceptable for a window from nxt to edge.
func inWindow(off, n int64, fin bool, nxt, edge int64) bool {
	if n == 0 {
		return off >= nxt && off <= edge
	}
	if fin {
		n++
	}
	return off < edge && off+n > nxt
}

// pawsRejects is RFC 7323 section 5.3, R1. A timestamp that was not refreshed
// for 24 days is worth nothing (section 5.5).
func (f *Flow) pawsRejects(t int64, o *optionSet) bool {
	const outdated = 24 * 24 * int64(time.Hour)
	return int32(o.tsVal-f.tsRecent) < 0 && t-f.tsRecentAge < outdated
}

// handleRST is RFC 5961 section 3.2 (T5961-01). It reports whether the RST ended
// the flow.
func (f *Flow) handleRST(off int64) bool {
	switch {
	case off == f.rcv.nxt:
		switch {
		case f.state == TimeWait:
			return false // RFC 1337: a RST must not end TIME-WAIT early
		case f.state == SynReceived:
			f.finish(&PeerError{Refused})
		case (f.state == Closing || f.state == LastAck) && f.snd.una >= f.snd.end:
			f.finish(nil) // all data was exchanged
		default:
			f.stats.EstabResets++
			f.finish(&PeerError{Reset})
		}
		return true
	case off > f.rcv.nxt && off < f.edge():
		f.stats.RSTChallenge++
		f.challengeAck()
	}
	return false
}

// ackPlausible is RFC 5961 section 5.2 (T5961-03).
func (f *Flow) ackPlausible(ack int64) bool {
	switch {
	case ack > f.snd.nxt:
		f.stats.AckUnsent++
		f.challengeAck()
		return false
	case ack < f.snd.una-f.snd.maxWnd:
		f.stats.AckTooOld++
		f.challengeAck()
		return false
	}
	return true
}

// handleData hands the new part of a segment's payload to the owner, and does
// what the segment's end asks for when there is none.
func (f *Flow) handleData(t int64, seg *wire.Segment, off int64, n int, fin bool) In {
	if n == 0 && !fin {
		return In{}
	}
	if !f.state.receives() {
		if n > 0 {
			f.stats.AfterFin += uint64(n)
		}
		f.ackDuplicate(off, n, fin)
		return In{}
	}
	if fin && f.rcv.fin < 0 {
		f.rcv.fin = off + int64(n)
	}
	if seg.SegSize > 0 {
		f.rcv.mss = max(f.rcv.mss, min(int(seg.SegSize), n))
	} else {
		f.rcv.mss = max(f.rcv.mss, min(n, f.p.MTU-f.p.headers()))
	}
	data := seg.Payload
	end := off + int64(n)
	if f.rcv.fin >= 0 && end > f.rcv.fin {
		f.stats.AfterFin += uint64(end - f.rcv.fin)
		end = f.rcv.fin
	}
	end = min(end, f.edge())
	if off < f.rcv.nxt && n > 0 {
		f.duplicate(off, min(end, f.rcv.nxt))
		cut := min(f.rcv.nxt-off, int64(len(data)))
		data, off = data[cut:], off+cut
	}
	if end <= off {
		f.consumeFIN(t)
		if fin || n > 0 {
			f.ack.due = true
		}
		return In{}
	}
	data = data[:end-off]
	if off > f.rcv.nxt {
		f.stats.OFOQueue++
		if lo, hi, ok := f.rcv.around(off); ok {
			f.duplicate(off, min(end, int64(hi)))
			if int64(hi) >= end {
				f.ack.recent(int64(lo))
				f.ackOutOfOrder()
				return In{}
			}
		}
	}
	f.rcv.pending, f.rcv.handed = off, len(data)
	f.rcv.finNow = fin
	return In{Off: uint64(off), Data: data}
}

// Keep tells the flow that the owner kept the first n octets of the data that
// HandleSegment returned, or had them already. What was not kept is not
// acknowledged and will come again.
func (f *Flow) Keep(now time.Time, n int) {
	t := nanos(now)
	off, handed := f.rcv.pending, f.rcv.handed
	if handed == 0 || f.state == Closed {
		return
	}
	f.rcv.handed = 0
	n = max(0, min(n, handed))
	f.stats.RcvQDrop += uint64(handed - n)
	before, holes := f.rcv.nxt, f.rcv.holes()
	if n > 0 {
		n = f.insert(off, n)
	}
	if off > before {
		if n <= 0 {
			f.stats.OFODrop++
		} else {
			f.ack.recent(off)
		}
		f.stats.MaxAckRanges = max(f.stats.MaxAckRanges, uint64(f.rcv.holes()))
		f.ackOutOfOrder()
		return
	}
	f.consumeFIN(t)
	if n < handed || holes > 0 || f.rcv.finNow {
		// Refused, or a hole filled at least in part (RFC 5681 section 4.2).
		f.ack.due = true
		return
	}
	f.ackInOrder(t, n)
}

// insert notes that n octets from off on are kept, and moves over what is whole now. It
// returns how many of them there was room for.
func (f *Flow) insert(off int64, n int) int {
	r := &f.rcv
	if r.ranges == nil {
		if off <= r.nxt {
			r.nxt = max(r.nxt, off+int64(n))
			return n
		}
		r.ranges = reasm.NewRangesAt(reasm.AllShortcuts, reasm.Config{Octets: rangeBound(f.cfg), Nodes: f.cfg.MaxRanges}, uint64(r.nxt))
	}
	_, refused := r.ranges.Insert(0, uint64(off), uint64(off)+uint64(n))
	r.nxt = int64(r.ranges.Edge())
	return n - int(refused)
}

// holes returns how many ranges lie beyond the first octet that is missing.
func (r *receiver) holes() int {
	if r.ranges == nil {
		return 0
	}
	return r.ranges.Nodes()
}

// around returns the range beyond nxt that off is in, if it is in one.
func (r *receiver) around(off int64) (lo, hi uint64, ok bool) {
	if r.ranges == nil {
		return 0, 0, false
	}
	return r.ranges.Around(uint64(off))
}

// beyond returns the ranges beyond nxt.
func (r *receiver) beyond() iter.Seq2[uint64, uint64] {
	if r.ranges == nil {
		return func(func(lo, hi uint64) bool) {}
	}
	return r.ranges.Beyond()
}

// Hold is Keep for data that the owner keeps aside and cannot take responsibility for
// yet. It is not acknowledged, now or until Accept, and the ACK that tells so may be
// as late as a delayed one.
func (f *Flow) Hold(now time.Time) {
	if f.rcv.handed == 0 || f.state == Closed {
		return
	}
	f.rcv.handed = 0
	if !f.timers.armed(timerDelack) {
		f.timers.arm(timerDelack, nanos(now)+int64(f.cfg.DelayedAck))
	}
}

// Accept tells the flow that n octets from the stream offset off on, which were held,
// are accepted after all. They are acknowledged at once.
func (f *Flow) Accept(now time.Time, off uint64, n int) {
	if n <= 0 || !f.state.receives() || int64(off) > f.edge() {
		return
	}
	f.insert(int64(off), n)
	f.ack.due = true
	f.consumeFIN(nanos(now))
}

// consumeFIN moves past the peer's FIN once everything before it is here.
func (f *Flow) consumeFIN(t int64) {
	if f.rcv.finDone || f.rcv.fin < 0 || f.rcv.nxt != f.rcv.fin {
		return
	}
	f.rcv.finDone = true
	f.rcv.nxt++
	f.ack.due = true
	switch f.state {
	case Established:
		f.state = CloseWait
		if f.snd.closing {
			f.state = LastAck
		}
	case FinWait1:
		// Had our FIN been acknowledged, this were FIN-WAIT-2.
		f.state = Closing
	case FinWait2:
		f.enterTimeWait(t)
	}
}

func (f *Flow) enterTimeWait(t int64) {
	f.state = TimeWait
	ack := f.ack
	f.timers = timers{}
	f.ack = ack
	f.timers.arm(timerTimeWait, t+int64(f.cfg.TimeWait))
}
