package tcp

import (
	"time"

	"github.com/mptcp-go/mptcp/fsm/cong"
	"github.com/mptcp-go/mptcp/wire"
)

// delivery is what one ACK tells.
type delivery struct {
	acked   int64 // octets the cumulative ACK moved on
	octets  int64 // octets newly known to have arrived, by ACK or SACK
	sacked  int64 // those of them by SACK
	first   int64 // RTT of the earliest segment that was never repeated; 0: none
	last    int64 // RTT of the latest
	dsack   bool
	dup     bool // a duplicate ACK, RFC 5681 section 2
	spans   int  // segments newly acknowledged
	flight  int  // pipe before
	resends bool // a repeated segment was among them
}

// handleAck takes the acknowledgment and window of an acceptable segment that
// begins at off.
func (f *Flow) handleAck(t int64, seg *wire.Segment, o *optionSet, off int64, hint Hint) {
	s := &f.snd
	ack := f.sndOff(seg.Ack)
	if ack < s.una {
		return
	}
	d := delivery{flight: f.pipe(), acked: ack - s.una}
	moved := f.updateWindow(t, seg, off, ack)
	d.dup = d.acked == 0 && s.una < s.nxt && len(seg.Payload) == 0 && !moved && s.wnd > 0 &&
		seg.Flags&(wire.SYN|wire.FIN) == 0

	f.applyAck(t, ack, o, &d)
	if f.sackOK && o.blocks > 0 {
		f.applySACK(t, ack, o, &d)
	}
	f.measure(t, o, &d)
	if !f.sackOK {
		f.countDuplicates(&d, hint)
	} else if d.sacked > 0 && d.acked == 0 && hint&NotCongestion == 0 {
		s.dupAcks++
	}
	if d.acked > 0 {
		f.rto.count, f.pmtu.fails = 0, 0
		if f.pmtu.retry != 0 && t >= f.pmtu.retry {
			f.raise()
		}
		f.eifelAck(t, o)
	}
	f.rackDSACK(d.dsack)

	was := s.mode
	if s.mode != open && s.una >= s.recover {
		s.mode = open
		s.dupAcks, s.renoSacked = 0, 0
		f.rack.exit()
	}
	if f.tlp.ack(ack, d.dup && o.blocks == 0, d.dsack) {
		// The probe repaired the only loss: answer as to any other.
		f.stats.LossProbeRecovery++
		if s.mode == open {
			f.cc.OnSignal(instant(t), cong.Loss, f.flightSize()+int(d.acked))
		}
	} else if d.acked > 0 && was != inRecovery {
		f.grow(t, &d, was)
	} else {
		f.snd.repaired += d.acked
	}
	latest := f.detectLoss(t, &d)
	if latest == 0 && was == inRecovery && s.mode == open && s.board.lost > 0 {
		latest = t // losses of the window behind the one that was repaired
	}
	switch {
	case latest != 0:
		f.onLoss(t, latest, d.octets)
	case s.mode == inRecovery:
		f.prr.ack(int64(f.pipe()), d.octets, int64(f.segmentSize()))
	}
	if d.acked > 0 {
		f.armRTO(t)
		f.armProbe(t)
		f.finAcked(t)
	} else if d.sacked > 0 {
		f.timers.stop(timerProbe)
	}
}

// updateWindow is RFC 9293 section 3.10.7.4, fifth check. It reports whether the
// window changed.
func (f *Flow) updateWindow(t int64, seg *wire.Segment, off, ack int64) bool {
	s := &f.snd
	w := int64(seg.Window)
	if seg.Flags&wire.SYN == 0 {
		w <<= s.scale
	}
	if s.wl1 > off || s.wl1 == off && s.wl2 > ack {
		return false
	}
	s.wl1, s.wl2 = off, ack
	if w == s.wnd {
		return false
	}
	before := s.wnd
	s.wnd = w
	s.maxWnd = max(s.maxWnd, w)
	switch {
	case w > 0 && before == 0, w > before && f.persist.backoff > 0:
		f.windowOpened(t)
	case w == 0:
		f.armRTO(t)
	case f.timers.armed(timerPersist) && !f.probesWindow():
		// The wait for a window worth using may be over: Poll will see.
		f.timers.stop(timerPersist)
		f.persist = persist{}
	}
	return true
}

// applyAck drops what the cumulative ACK covers.
func (f *Flow) applyAck(t, ack int64, o *optionSet, d *delivery) {
	b := &f.snd.board
	for b.len() > 0 && b.at(0).off < ack {
		s := b.at(0)
		if s.flags&sacked == 0 {
			part := *s
			part.end = min(s.end, ack)
			f.delivered(t, &part, o, d)
		}
		b.popTo(ack)
	}
	f.snd.una = ack
}

// applySACK marks what the blocks cover (RFC 2018, RFC 2883 section 4, RFC 6675
// section 4 Update).
func (f *Flow) applySACK(t, ack int64, o *optionSet, d *delivery) {
	b := &f.snd.board
	// A peer that picks single octets would have us keep a span for each.
	limit := 1024 + 4*int(f.snd.nxt-f.snd.una)/f.snd.mss
	for k := range o.blocks {
		l, r := f.sndOff(o.sack[k].Left), f.sndOff(o.sack[k].Right)
		if k == 0 && f.isDSACK(l, r, ack, o) {
			d.dsack = r != f.keep.octet || l != r-1 // that one was meant to be a duplicate
			f.stats.DSACKRecv++
			continue
		}
		if l >= r || r > f.snd.nxt || r <= ack {
			f.stats.SACKDiscard++
			continue
		}
		l = max(l, ack)
		for i := b.find(l); i < b.len() && b.at(i).off < r; i++ {
			s := b.at(i)
			if s.flags&sacked != 0 {
				continue
			}
			if s.off < l {
				if b.len() < limit {
					b.split(i, l) // the next round takes the rest
				}
				continue
			}
			if s.end > r {
				if b.len() >= limit {
					break
				}
				b.split(i, r)
				s = b.at(i)
			}
			d.sacked += s.len()
			f.delivered(t, s, o, d)
			i = b.markSacked(i)
		}
	}
}

// isDSACK is RFC 2883 section 4.1: a first block below the ACK, or inside the
// second.
func (f *Flow) isDSACK(l, r, ack int64, o *optionSet) bool {
	if l >= r {
		return false
	}
	if r <= ack {
		return l >= ack-max(f.snd.maxWnd, 1<<16)
	}
	return o.blocks > 1 && l >= f.sndOff(o.sack[1].Left) && r <= f.sndOff(o.sack[1].Right)
}

// delivered notes that s arrived.
func (f *Flow) delivered(t int64, s *span, o *optionSet, d *delivery) {
	d.octets += s.len()
	d.spans++
	if s.flags&ever == 0 {
		// Karn's rule: nothing that was repeated is measured (T6298-02).
		rtt := max(t-s.at, 1)
		d.first = max(d.first, rtt)
		if d.last == 0 || rtt < d.last {
			d.last = rtt
		}
	} else {
		d.resends = true
	}
	f.rackDelivered(t, s, o)
}

// measure takes the RTT sample of an ACK (RFC 6298 section 3). The earliest
// segment counts, as its ACK may have been delayed. Where one of them was repeated,
// the others may have waited for it, as without SACK blocks the ACK of a repetition is
// also that of all behind it: timestamps tell which transmission is meant (RFC 7323
// section 4.1), provided that the ACK is for new data.
func (f *Flow) measure(t int64, o *optionSet, d *delivery) {
	sample := d.first
	if d.resends {
		sample = 0
	}
	if sample == 0 && d.acked > 0 && d.resends && f.tsOK && o.hasTS && o.tsEcr != 0 {
		if ms := int32(f.tsClock(t) - o.tsEcr); ms >= 0 && time.Duration(ms)*time.Millisecond <= f.cfg.MaxRTO {
			sample = max(int64(ms), 1) * int64(time.Millisecond)
		}
	}
	if sample == 0 {
		return
	}
	f.rtt.sample(sample, (d.flight/f.snd.mss+1)/2, t)
	if d.last != 0 {
		f.rtt.lowest(d.last, t)
	}
	f.rto.backoff = 0
	f.tlp.noSample = false
}

// grow tells the congestion controller of new data acknowledged.
func (f *Flow) grow(t int64, d *delivery, was mode) {
	cwnd, ssthresh := f.cc.State()
	a := cong.Ack{Acked: int(d.acked), RTT: time.Duration(d.last), SRTT: time.Duration(f.rtt.srtt),
		MinRTT: time.Duration(f.rtt.min()), InFlight: d.flight}
	// RFC 7661 section 3: a window that is not used must not grow. It was used if
	// what is acknowledged was in flight when it was full; in slow start
	// half of it is use enough, since it doubles while the data is on its way.
	before := f.snd.una - d.acked
	a.Limited = before < f.snd.limited || was == inLoss || cwnd < ssthresh && cwnd < 2*d.flight
	if was == inLoss {
		a.Acked = int(d.octets) // not what had been SACKed before
	}
	a.Repaired, f.snd.repaired = int(f.snd.repaired), 0
	f.cc.OnAck(instant(t), a)
}

// finAcked moves on when our FIN is acknowledged.
func (f *Flow) finAcked(t int64) {
	if !f.FinAcked() {
		return
	}
	switch f.state {
	case FinWait1:
		f.state = FinWait2
	case Closing:
		f.enterTimeWait(t)
	case LastAck:
		f.finish(nil)
	}
}
