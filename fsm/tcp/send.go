package tcp

import (
	"time"

	"github.com/mptcp-go/mptcp/fsm/cong"
	"github.com/mptcp-go/mptcp/wire"
)

// mode is the state of loss recovery.
type mode uint8

const (
	open       mode = iota // nothing is being repaired, as far as we know
	inRecovery             // fast recovery (RFC 6675, RFC 6582)
	inLoss                 // after a timeout
)

// sender is what a flow keeps of its own stream.
type sender struct {
	una, nxt int64 // SND.UNA and SND.NXT; -1: the SYN
	end      int64 // where the octets declared by the owner end, and the FIN goes
	closing  bool  // the FIN may be sent
	idle     bool  // idleness was already answered
	scale    uint8 // of wnd, as the peer sends it
	mode     mode
	board    scoreboard

	wnd, maxWnd int64 // the peer's window, and the largest it ever was
	wl1, wl2    int64 // SND.WL1 and SND.WL2
	mss         int   // payload and options of a full segment
	peerMSS     int
	per         int64 // octets of payload in the last segment that was cut to size; 0: none was

	recover    int64 // recovery ends there (RecoveryPoint of RFC 6675)
	entered    int64 // when it began, ns
	dupAcks    int
	renoSacked int64 // octets that duplicate ACKs stand for, where SACK is absent
	repaired   int64 // octets acknowledged of which the congestion controller was not told
	limited    int64 // SND.NXT when the congestion window last held us back
	lastSent   int64 // when data was sent last
}

func (s *sender) init() { s.una, s.nxt = -1, 0 }

// Kind says what sort of segment Poll proposes.
type Kind uint8

// The kinds.
const (
	KindAck     Kind = iota // no data
	KindData                // data, a FIN, or both
	KindProbe               // data beyond the congestion or the receive window, sent to be answered
	KindSYN                 // SYN or SYN/ACK
	KindReset               // RST
	KindAskPeer             // keepalive probe
)

// Out is a segment that Poll proposes.
type Out struct {
	Kind   Kind
	Off    uint64 // where its data begins
	Max    int    // most octets that may follow from there; 0: none, or just a FIN
	Resend bool   // they, or this SYN, were sent before

	index int // the span to be repeated
	syn   int // SYNs sent so far
}

// Poll proposes the segment to be sent next, and reports false when there is none.
// It fills in seg but for the payload: addresses, numbers, flags and TCP options,
// appended to seg.Options[:0]. The owner may append options of its own, and then
// calls Commit; a proposal that is not committed changes nothing.
func (f *Flow) Poll(now time.Time, seg *wire.Segment) (Out, bool) {
	t := nanos(now)
	if f.rst.queued {
		f.header(seg)
		seg.Seq, seg.Flags = f.rst.seq, wire.RST
		if f.rst.hasAck {
			seg.Flags |= wire.ACK
			seg.Ack = f.rst.ack
		}
		return Out{Kind: KindReset}, true
	}
	if f.state == Closed {
		return Out{}, false
	}
	f.takeChallenge(t)
	out, ok := f.choose(t)
	if ok {
		f.propose(t, seg, &out)
	}
	return out, ok
}

func (f *Flow) choose(t int64) (Out, bool) {
	if f.synQueued {
		return Out{Kind: KindSYN, Max: int(f.fastOpenData()), Resend: f.syn.tries > 0}, true
	}
	if f.state == SynSent || f.state == SynReceived && !f.fastOpen {
		return Out{Kind: KindAck}, f.state == SynReceived && f.ack.due
	}
	if f.ack.due && f.ack.pure {
		return Out{Kind: KindAck}, true
	}
	if f.state != TimeWait && f.state != FinWait2 {
		if out, ok := f.chooseResend(); ok {
			return out, true
		}
		if out, ok := f.chooseProbe(); ok {
			return out, true
		}
		if out, ok := f.chooseNew(t); ok {
			return out, true
		}
	}
	switch {
	case f.keep.pending || f.keep.asked:
		return Out{Kind: KindAskPeer, Off: uint64(max(f.snd.nxt-1, 0))}, true
	case f.ack.due:
		return Out{Kind: KindAck}, true
	}
	return Out{}, false
}

// pipe is RFC 6675 section 4's: what is in the network.
func (f *Flow) pipe() int {
	b := &f.snd.board
	una := max(f.snd.una, 0)
	return int(max(f.snd.nxt-una-b.sacked-b.lost+b.resent-f.snd.renoSacked, 0))
}

// budget is how many octets congestion control lets us send now.
func (f *Flow) budget() int64 {
	if f.snd.mode == inRecovery {
		return f.prr.left
	}
	cwnd, _ := f.cc.State()
	return int64(cwnd) - int64(f.pipe())
}

// chooseResend proposes the first lost span, if there is one.
func (f *Flow) chooseResend() (Out, bool) {
	b := &f.snd.board
	i, ok := b.nextLost()
	if !ok || f.snd.wnd == 0 && !f.cfg.NoPersist {
		return Out{}, false
	}
	if f.rto.count > 0 && f.pipe() > 0 {
		// After a timeout one segment goes out alone, however small (RFC 5681 section
		// 3.1: the loss window): a box that merges segments may be what keeps two from
		// arriving.
		return Out{}, false
	}
	s := b.at(i)
	full := int64(f.segmentSize())
	budget := f.budget()
	if budget < min(s.len(), full) {
		if !(f.snd.mode == inRecovery && f.prr.first) && f.pipe() > 0 {
			return Out{}, false
		}
		budget = full // the fast retransmit, or nothing is left to clock us
	}
	// RFC 9293 section 3.8.6 (SHLD-16): repeat freely what the window covers, and
	// beyond it, where a window shrank, only the first.
	if s.off > f.snd.una && s.end > f.snd.una+f.snd.wnd {
		return Out{}, false
	}
	return Out{Kind: KindData, Off: uint64(s.off), Max: int(min(s.data(), max(budget, full))), Resend: true, index: i}, true
}

// chooseProbe proposes a window probe or a tail loss probe.
func (f *Flow) chooseProbe() (Out, bool) {
	b := &f.snd.board
	if f.persist.pending {
		closed := f.snd.wnd == 0 || f.cfg.NoPersist
		switch {
		case b.len() > 0 && b.at(0).flags&sacked == 0:
			s := b.at(0)
			return Out{Kind: KindProbe, Off: uint64(s.off), Max: int(min(s.data(), 1)), Resend: true}, true
		case f.unsent():
			n := f.snd.end - f.snd.nxt
			if closed {
				n = min(n, 1)
			} else { // silly, but late enough (RFC 9293 section 3.8.6.2.1)
				n = min(n, max(f.snd.una+f.snd.wnd-f.snd.nxt, 1), int64(f.segmentSize()))
			}
			return Out{Kind: KindProbe, Off: uint64(f.snd.nxt), Max: int(n)}, true
		}
		f.persist.pending = false
	}
	if f.tlp.pending {
		full := int64(f.segmentSize())
		if n := min(f.snd.end-f.snd.nxt, full); n > 0 && f.snd.nxt+n <= f.snd.una+f.snd.wnd {
			return Out{Kind: KindProbe, Off: uint64(f.snd.nxt), Max: int(n)}, true
		}
		if b.len() > 0 && b.last().flags&(sacked|lost) == 0 {
			// The last segment's worth of a span that may be larger.
			i := b.len() - 1
			s := b.at(i)
			if s.data() > full {
				b.split(i, s.end-full)
				i++
				s = b.at(i)
			}
			return Out{Kind: KindProbe, Off: uint64(s.off), Max: int(s.data()), Resend: true, index: i}, true
		}
		f.tlp.pending = false
	}
	return Out{}, false
}

// chooseNew proposes data never sent before, or the FIN.
func (f *Flow) chooseNew(t int64) (Out, bool) {
	f.restartIdle(t)
	full := int64(f.segmentSize())
	budget := f.budget()
	if budget < full {
		f.snd.limited = f.snd.nxt
	}
	if !f.unsent() {
		return Out{}, false
	}
	if _, waiting := f.snd.board.nextLost(); waiting {
		return Out{}, false
	}
	avail := f.snd.end - f.snd.nxt
	usable := f.snd.una + f.snd.wnd - f.snd.nxt
	if f.snd.una < 0 {
		usable = f.snd.wnd - f.snd.nxt // Fast Open, before the third ACK
	}
	if avail == 0 { // the FIN takes an octet of the window
		if usable < 1 && !f.cfg.NoPersist { // of which an owner's window knows nothing
			f.waitForWindow(t)
			return Out{}, false
		}
		return Out{Kind: KindData, Off: uint64(f.snd.nxt)}, true
	}
	n := min(avail, usable)
	switch { // sender's silly window avoidance, RFC 9293 section 3.8.6.2.1
	case n <= 0:
		f.waitForWindow(t)
		return Out{}, false
	case n >= full:
	case n == avail && (!f.cfg.Nagle || f.snd.una >= f.snd.nxt || f.snd.closing):
	case n < avail && n >= f.snd.maxWnd/2:
	default:
		if n < avail {
			f.waitForWindow(t)
		}
		return Out{}, false
	}
	per := full
	if f.snd.per > 0 {
		per = f.snd.per
	}
	if budget < min(n, full, per) {
		return Out{}, false
	}
	// The last segment of a burst may exceed the budget by less than itself.
	return Out{Kind: KindData, Off: uint64(f.snd.nxt), Max: int(min(n, max(budget, full)))}, true
}

// waitForWindow arms the persist timer if nothing is in flight whose ACK could
// open the window.
func (f *Flow) waitForWindow(t int64) {
	if f.snd.una >= f.snd.nxt && f.shook {
		f.armPersist(t)
	}
}

// restartIdle is RFC 5681 section 4.1 (T5681-02): a window that was not used for
// a retransmission timeout says nothing about the path any more.
func (f *Flow) restartIdle(t int64) {
	s := &f.snd
	if s.idle || s.lastSent == 0 || s.una < s.nxt || !f.unsent() || t-s.lastSent <= f.rto.current(f.cfg, &f.rtt) {
		return
	}
	s.idle = true
	f.stats.IdleRestarts++
	f.cc.OnSignal(instant(t), cong.Idle, 0)
}

// Window returns how many octets of new data the flow could send now if the owner
// declared them: what congestion control and the peer's window leave. An owner
// that binds data late asks this, and declares no more.
func (f *Flow) Window() int {
	if f.cc == nil || !f.shook && !f.fastOpen || f.snd.closing || f.rst.queued {
		return 0
	}
	if _, waiting := f.snd.board.nextLost(); waiting {
		return 0
	}
	una := max(f.snd.una, 0)
	n := min(f.budget(), una+f.snd.wnd-f.snd.nxt) - (f.snd.end - f.snd.nxt)
	return int(max(n, 0))
}

// propose fills in seg for out.
func (f *Flow) propose(t int64, seg *wire.Segment, out *Out) {
	f.header(seg)
	if out.Kind == KindSYN {
		seg.Seq, seg.Flags = f.iss, wire.SYN
		if f.state == SynReceived {
			seg.Flags |= wire.ACK
			seg.Ack = f.rcvSeq(f.rcv.nxt)
		}
		s := f.synOptions(t)
		seg.Options = s.append(seg.Options)
		out.syn = f.syn.tries
		return
	}
	seg.Flags = wire.ACK
	seg.Ack = f.rcvSeq(f.rcv.nxt)
	seg.Seq = f.sndSeq(f.snd.nxt)
	switch out.Kind {
	case KindData, KindProbe:
		seg.Seq = f.sndSeq(int64(out.Off))
	case KindAskPeer:
		seg.Seq = f.sndSeq(f.snd.nxt - 1)
	case KindAck:
		if f.snd.wnd == 0 && f.snd.nxt == f.snd.una+1 {
			// The probe of a closed window is out, and was or will be refused: behind it an
			// ACK would be refused, too (RFC 9293 section 3.10.7.4).
			seg.Seq = f.sndSeq(f.snd.una)
		}
	}
	if f.tsOK {
		// RFC 7323 section 3.2: in every segment but a RST (T7323-03).
		seg.Options = appendTimestamps(seg.Options, f.tsClock(t), f.tsRecent)
	}
}

// Commit completes seg, which Poll proposed and to which the owner may have
// appended options, and records that it is sent. data are the octets of the
// stream from out.Off on, as many as may go into one segment and no more than
// out.Max (the rest is ignored); Commit puts as many into seg.Payload, which
// aliases data, as fit. It reports false, and records nothing, when data is
// missing.
func (f *Flow) Commit(now time.Time, out *Out, seg *wire.Segment, data []byte) bool {
	t := nanos(now)
	if out.Max > 0 && len(data) == 0 && out.Kind != KindSYN {
		return false
	}
	switch out.Kind {
	case KindReset:
		f.rst.queued = false
		f.stats.OutRsts++
		f.stats.OutSegs++
		return true
	case KindSYN:
		f.commitSYN(t, out, seg, data)
		return true
	case KindAskPeer:
		f.keep.pending, f.keep.asked = false, false
		f.stats.KeepAlive++
		f.keep.octet = 0
		if len(data) > 0 {
			seg.Payload = data[:1]
			f.keep.octet = int64(out.Off) + 1
		}
	}
	if f.sackOK {
		seg.Options = f.appendSACK(seg.Options)
	}
	if out.Kind == KindData || out.Kind == KindProbe {
		f.commitData(t, out, seg, data)
	} else if f.ack.updates {
		f.stats.WindowUpdates++
	}
	seg.Window = f.windowField(false)
	if seg.Window == 0 {
		f.stats.ZeroWindowAdv++
	}
	f.ackSent()
	f.stats.OutSegs++
	return true
}

func (f *Flow) commitSYN(t int64, out *Out, seg *wire.Segment, data []byte) {
	n := min(out.Max, len(data), max(f.snd.mss-seg.Options.Padded(), 0))
	if n > 0 {
		seg.Payload = data[:n]
		f.stats.OutOctets += uint64(n)
	}
	if f.tryFastOpen() && len(f.p.Cookie) == 0 {
		f.stats.FastOpenCookieReqd++
	}
	seg.Window = f.windowField(true)
	f.rcv.lastAck = f.rcv.nxt
	f.ack.due = false
	f.synSent(t, n)
	f.stats.OutSegs++
}

// commitData puts data in seg and records it.
func (f *Flow) commitData(t int64, out *Out, seg *wire.Segment, data []byte) {
	per := max(f.snd.mss-seg.Options.Padded(), 1)
	n := min(out.Max, len(data))
	if n > per {
		f.snd.per = int64(per)
		if f.p.Offload > per && out.Kind == KindData {
			n = min(n, f.p.Offload)
			if n < out.Max {
				n -= n % per // whole segments, but at the end
			}
			if n > per {
				seg.SegSize = uint16(per)
			}
		} else {
			n = per
		}
	}
	if n > 0 {
		seg.Payload = data[:n]
	}
	off := int64(out.Off)
	end := off + int64(n)
	fin := f.snd.closing && end == f.snd.end
	if out.Resend {
		// A FIN decided on since would take a number that SND.NXT does not cover.
		fin = fin && f.snd.nxt > f.snd.end
	}
	if fin {
		end++
		seg.Flags |= wire.FIN
	}
	if n > 0 && off+int64(n) == f.snd.end {
		seg.Flags |= wire.PSH // nothing follows: RFC 9293 section 3.9.1.2 (MUST-61)
	}
	f.stats.OutOctets += uint64(n)
	if out.Resend {
		f.recordResend(t, out, off, end)
	} else {
		s := span{off: off, end: end, at: t}
		if fin {
			s.flags = finished
		}
		f.snd.board.push(s)
		f.snd.nxt = end
	}
	if f.snd.mode == inRecovery {
		f.prr.sent(end - off)
	}
	f.snd.lastSent, f.snd.idle = t, false
	if out.Kind == KindProbe {
		f.probeSent(t, out.Resend)
		return
	}
	if !f.timers.armed(timerRTO) {
		f.armRTO(t)
	}
	if !out.Resend {
		f.armProbe(t)
	}
}

// recordResend notes that [off, end) went out again.
func (f *Flow) recordResend(t int64, out *Out, off, end int64) {
	b := &f.snd.board
	i := out.index
	if s := b.at(i); end < s.end {
		b.split(i, end)
	}
	f.eifelSent(t, b.at(i))
	b.markResent(i, t)
	f.stats.RetransSegs++
	switch {
	case out.Kind == KindProbe:
	case f.snd.mode == inLoss:
		f.stats.SlowStartRetrans++
	case f.snd.mode == inRecovery:
		f.stats.FastRetrans++
	}
}

// probeSent does what follows a window probe or a tail loss probe.
func (f *Flow) probeSent(t int64, resend bool) {
	if f.persist.pending {
		f.persist.pending = false
		f.stats.WinProbe++
		if f.cfg.NoPersist || f.snd.wnd > 0 {
			f.armRTO(t)
			return
		}
		f.timers.stop(timerRTO)
		f.timers.stop(timerProbe)
		f.armPersist(t)
		return
	}
	f.tlp.pending = false
	f.tlp.end, f.tlp.isResend, f.tlp.noSample = f.snd.nxt, resend, true
	f.stats.LossProbes++
	f.timers.stop(timerProbe)
	f.armRTO(t)
}
