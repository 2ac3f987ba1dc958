package tcp

import (
	"time"

	"github.com/mptcp-go/mptcp/fsm/cong"
	"github.com/mptcp-go/mptcp/wire"
)

// handleSynSent is RFC 9293 section 3.10.7.3.
func (f *Flow) handleSynSent(t int64, seg *wire.Segment, o *optionSet) In {
	ackOK := false
	if seg.Flags.Has(wire.ACK) {
		ack := f.sndOff(seg.Ack)
		if f.syn.tries == 0 || ack < 0 || ack > f.snd.nxt {
			if !seg.Flags.Has(wire.RST) {
				f.queueRST(seg.Ack, 0, false)
			}
			return In{}
		}
		ackOK = true
	}
	if seg.Flags.Has(wire.RST) {
		// Only a RST that acknowledges the SYN counts (T5961-01).
		if ackOK {
			f.finish(&PeerError{Refused})
		}
		return In{Accepted: ackOK}
	}
	if !seg.Flags.Has(wire.SYN) || seg.Flags.Has(wire.FIN) {
		return In{}
	}
	e := f.embryoOf(seg, o)
	f.irs = seg.Seq
	f.rcv.nxt = 0
	f.agree(t, &e)
	f.begin()
	if o.hasCookie && len(o.cookie) > 0 && f.cfg.FastOpen {
		f.syn.cookie = append([]byte(nil), o.cookie...)
	}
	if !ackOK {
		// Simultaneous open (RFC 9293 section 3.5, figure 7): answer with a
		// SYN/ACK. Data in the SYN is left for the peer to repeat.
		f.stats.SimultaneousOpenCross++
		f.state = SynReceived
		f.synQueued = true
		f.timers.stop(timerRTO)
		return In{Accepted: true}
	}
	f.snd.wl1 = 0 // nothing older may change the window
	f.fastOpenResult(f.sndOff(seg.Ack))
	f.establish(t, f.sndOff(seg.Ack), o)
	f.ack.due = true
	f.handleAck(t, seg, o, 0, 0)
	in := f.handleData(t, seg, 0, len(seg.Payload), false)
	in.Accepted = true
	return in
}

func (f *Flow) embryoOf(seg *wire.Segment, o *optionSet) Embryo {
	e := Embryo{IRS: seg.Seq, Window: seg.Window, MSS: uint16(f.p.defaultMSS()), SACK: o.sackOK,
		Scale: o.hasScale, TS: o.hasTS, TSVal: o.tsVal}
	if o.hasMSS {
		e.MSS = o.mss
	}
	if e.Scale {
		e.SndScale = o.scale
	}
	e.limit(f.cfg)
	return e
}

// establish leaves SYN-SENT or SYN-RECEIVED; ack acknowledges our SYN.
func (f *Flow) establish(t, ack int64, o *optionSet) {
	f.timers.stop(timerRTO)
	f.synQueued = false
	f.shook = true
	f.state = Established
	if f.snd.closing {
		f.state = FinWait1
	}
	switch {
	case f.syn.tries == 1 && f.syn.last != 0:
		f.rtt.sample(t-f.syn.last, 1, t)
	case f.syn.tries > 1:
		if f.tsOK && o.hasTS && o.tsEcr != 0 {
			if d := int32(f.tsClock(t) - o.tsEcr); d >= 0 && int64(d) <= int64(time.Minute/time.Millisecond) {
				f.rtt.sample(max(int64(d), 1)*int64(time.Millisecond), 1, t)
			}
		}
		if f.rtt.srtt == 0 {
			f.rto.base = int64(lostSYNRTO) // RFC 6298 section 5.7, T6298-03
		}
		f.cc.OnSignal(instant(t), cong.LostSYN, 0)
	}
	f.rto.backoff = 0
	f.snd.una = 0
	f.snd.recover = -1
	f.ack.quick = quickAtStart
	f.touchKeepAlive(t)
	if f.snd.nxt > 0 {
		f.armRTO(t) // data of a Fast Open SYN
	}
}

// handleSynReceivedSYN is a SYN in SYN-RECEIVED. It reports whether the segment
// is to be processed on, with its SYN taken off.
func (f *Flow) handleSynReceivedSYN(seg *wire.Segment) bool {
	switch {
	case seg.Seq != f.irs:
		f.challengeAck()
	case seg.Flags.Has(wire.ACK):
		// The other half of a simultaneous open. By its number it is old, yet
		// its ACK is what we wait for (RFC 9293 figure 7, line 6).
		return seg.Ack == f.sndSeq(f.snd.nxt) && !f.passive
	case f.syn.tries > 0:
		f.synQueued = true // the SYN again: our SYN/ACK was lost
	}
	return false
}

// onSYNTimeout repeats a SYN or SYN/ACK.
func (f *Flow) onSYNTimeout(t int64) {
	if t-f.syn.first >= int64(f.cfg.SYNTimeout) {
		f.finish(&LocalError{Reason: SYNTimedOut})
		return
	}
	f.stats.Timeouts++
	f.rto.backoff++
	f.synQueued = true
}

// synSent records a SYN or SYN/ACK that carried n octets of data.
func (f *Flow) synSent(t int64, n int) {
	f.synQueued = false
	if f.syn.tries == 0 {
		f.syn.first = t
	} else {
		f.stats.RetransSegs++
		f.stats.SynRetrans++
	}
	f.syn.last = t
	f.syn.tries++
	if n > 0 && f.snd.nxt == 0 {
		f.snd.board.push(span{off: 0, end: int64(n), at: t})
		f.snd.nxt = int64(n)
		f.syn.tfoSent = true
	}
	f.timers.arm(timerRTO, t+f.rto.current(f.cfg, &f.rtt))
}
