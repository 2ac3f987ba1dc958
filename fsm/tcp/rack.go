package tcp

import "time"

// rack is the state of RFC 8985 section 5.
type rack struct {
	xmit int64 // RACK.xmit_ts: when the latest segment that was delivered was sent
	end  int64 // RACK.end_seq
	rtt  int64 // RACK.rtt
	fack int64 // RACK.fack

	reordering bool // RACK.reordering_seen
	hasRound   bool // dsackRound means something
	dsackRound int64
	mult       int64 // RACK.reo_wnd_mult, less one
	persist    int
}

// sentAfter is RACK_sent_after of RFC 8985 section 6.2.
func sentAfter(t1, end1, t2, end2 int64) bool {
	return t1 > t2 || t1 == t2 && end1 > end2
}

// rackDelivered is steps 2 and 3 for a span that was newly acknowledged.
func (f *Flow) rackDelivered(t int64, s *span, o *optionSet) {
	r := &f.rack
	if s.end > r.fack {
		r.fack = s.end
	} else if s.end < r.fack && s.flags&ever == 0 && !r.reordering {
		r.reordering = true
		f.stats.SACKReorderSeen++
	}
	d := t - s.at
	if s.flags&ever != 0 {
		if f.tsOK && o.hasTS && int32(o.tsEcr-f.tsClock(s.at)) < 0 {
			return // the ACK is for an earlier transmission
		}
		if d < f.rtt.min() {
			return
		}
	}
	r.rtt = d
	if sentAfter(s.at, s.end, r.xmit, r.end) {
		r.xmit, r.end = s.at, s.end
	}
}

// reoWindow is RACK_update_reo_wnd, step 4, without the adaptation.
func (f *Flow) reoWindow() int64 {
	r := &f.rack
	if !r.reordering && (f.snd.mode != open || f.enoughDups()) {
		return 0
	}
	return min((r.mult+1)*f.rtt.min()/4, f.rtt.srtt)
}

// rackDSACK is the adaptation of step 4 to a D-SACK.
func (f *Flow) rackDSACK(dsack bool) {
	r := &f.rack
	if r.hasRound && f.snd.una >= r.dsackRound {
		r.hasRound = false
	}
	if dsack && !r.hasRound {
		r.dsackRound, r.hasRound = f.snd.nxt, true
		r.mult++
		r.persist = 16
	}
}

// exit counts a recovery that ended.
func (r *rack) exit() {
	if r.persist--; r.persist <= 0 {
		r.persist, r.mult = 0, 0
	}
}

// rackDetect is RACK_detect_loss_and_arm_timer, step 5. It returns when the latest
// span that it marked was sent; 0: it marked none.
func (f *Flow) rackDetect(t int64) (latest int64) {
	r := &f.rack
	b := &f.snd.board
	f.timers.stop(timerReorder)
	if f.cfg.NoRACK || !f.sackOK || r.xmit == 0 {
		return 0
	}
	window := f.reoWindow()
	var wait int64
	for i := range b.live() {
		s := b.at(i)
		if s.flags&sacked != 0 || s.flags&(lost|resent) == lost {
			continue
		}
		if !sentAfter(r.xmit, r.end, s.at, s.end) {
			if s.off >= b.high {
				break // all behind were sent later still
			}
			continue
		}
		if left := s.at + r.rtt + window - t; left > 0 {
			wait = max(wait, left)
			continue
		}
		latest = max(latest, s.at)
		b.markLost(i)
	}
	if wait > 0 {
		f.timers.arm(timerReorder, t+wait)
	}
	return latest
}

// onReorder is the expiry of the reordering timer.
func (f *Flow) onReorder(t int64) {
	if latest := f.rackDetect(t); latest != 0 {
		f.onLoss(t, latest, 0)
	}
}

// tlp is the state of tail loss probes, RFC 8985 section 7.
type tlp struct {
	end      int64 // TLP.end_seq; 0: none, as no probe ends there
	isResend bool  // TLP.is_retrans
	pending  bool  // a probe waits for Poll
	noSample bool  // no RTT sample since the last probe
}

func (p *tlp) reset() { p.end, p.isResend, p.pending = 0, false, false }

// maxAckDelay is TLP.max_ack_delay: what peers delay an ACK at the most, in practice.
const maxAckDelay = 200 * int64(time.Millisecond)

// minProbe is the least PTO. Where a round trip takes microseconds, twice that is less
// than what a busy host at either end needs to get round to its segments (RFC 8985
// section 9.1 knows of the trouble in data centres), and the timer would be armed anew for
// every ACK. It is far below every RTO.
const minProbe = 2 * int64(time.Millisecond)

// armProbe is TLP_calc_PTO, RFC 8985 section 7.2.
func (f *Flow) armProbe(t int64) {
	f.timers.stop(timerProbe)
	b := &f.snd.board
	if !f.sackOK || f.cfg.NoRACK || f.snd.mode != open || b.sacked > 0 || b.len() == 0 || !f.timers.armed(timerRTO) || !f.shook {
		return
	}
	pto := int64(time.Second)
	if f.rtt.srtt != 0 {
		pto = max(2*f.rtt.srtt, minProbe)
		if b.len() == 1 {
			pto += maxAckDelay
		}
	}
	f.timers.arm(timerProbe, min(t+pto, f.timers[timerRTO]))
}

// onProbe is the expiry, RFC 8985 section 7.3. Poll sends the probe.
func (f *Flow) onProbe(t int64) {
	if f.tlp.end == 0 && !f.tlp.noSample && f.snd.board.len() > 0 {
		f.tlp.pending = true
	}
	f.armRTO(t)
}

// ack is TLP_process_ack, RFC 8985 section 7.4.2. dup: a duplicate ACK
// without SACK. It reports whether a loss has to be answered for.
func (p *tlp) ack(ack int64, dup, dsack bool) (repaired bool) {
	if p.end == 0 || ack < p.end {
		return false
	}
	switch {
	case !p.isResend, dsack, ack == p.end && dup:
	case ack > p.end:
		repaired = true
	default:
		return false
	}
	p.end = 0
	return repaired
}
