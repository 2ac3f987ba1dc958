package tcp

import "github.com/mptcp-go/mptcp/fsm/cong"

// dupThresh is DupThresh of RFC 6675 and RFC 5681 (T5681-02).
const dupThresh = 3

// enoughDups is the condition that enters recovery in RFC 6675 section 5: three
// duplicate ACKs, or as much SACKed as three would tell.
func (f *Flow) enoughDups() bool {
	b := &f.snd.board
	return f.snd.dupAcks >= dupThresh || b.runs >= dupThresh || b.sacked > int64((dupThresh-1)*f.segmentSize())
}

// detectLoss marks what an ACK shows to be lost and reports whether it was
// anything.
func (f *Flow) detectLoss(t int64, d *delivery) bool {
	switch {
	case f.snd.board.len() == 0:
		f.timers.stop(timerReorder)
		return false
	case !f.sackOK:
		return f.renoDetect(d)
	case f.cfg.NoRACK:
		return f.sackDetect()
	}
	return f.rackDetect(t)
}

// sackDetect marks by RFC 6675 section 4, IsLost: what has three SACKed runs, or
// more than two segments SACKed, above it.
func (f *Flow) sackDetect() (found bool) {
	b := &f.snd.board
	if f.snd.dupAcks >= dupThresh && b.sacked > 0 && b.at(0).flags&(sacked|lost|ever) == 0 {
		f.markFirst()
		found = true
	}
	var runs int
	var octets int64
	for i := b.len() - 1; i >= 0 && octets < b.sacked+1; i-- {
		s := b.at(i)
		if s.flags&sacked != 0 {
			runs++
			octets += s.len()
			continue
		}
		if s.flags&(lost|ever) == 0 && (runs >= dupThresh || octets > int64((dupThresh-1)*f.segmentSize())) {
			b.markLost(i)
			found = true
		}
	}
	return found
}

// countDuplicates stands in for SACK: each duplicate ACK means that one segment
// left the network (RFC 6582 section 3.2, RFC 6937 section 3).
func (f *Flow) countDuplicates(d *delivery, hint Hint) {
	s := &f.snd
	full := int64(f.segmentSize())
	switch {
	case d.acked > 0:
		used := max(min(s.renoSacked, d.acked-full), 0)
		s.renoSacked -= used
		d.octets = d.acked - used
		if s.mode != inRecovery {
			s.renoSacked, s.dupAcks = 0, 0
		}
	case d.dup && hint&NotCongestion == 0:
		s.dupAcks++
		n := min(full, max(s.nxt-s.una-s.renoSacked-full, 0))
		s.renoSacked += n
		d.octets = n
	}
}

// renoDetect is fast retransmit and the partial ACK of NewReno (RFC 5681 section
// 3.2, RFC 6582 section 3.2).
func (f *Flow) renoDetect(d *delivery) bool {
	s := &f.snd
	b := &s.board
	switch {
	case s.mode == open && s.dupAcks == dupThresh && d.dup && s.una > s.recover,
		s.mode == inRecovery && d.acked > 0:
		if b.at(0).flags&(lost|resent) == 0 {
			f.markFirst()
			f.prr.first = true // RFC 6582 section 3.2: at once, whatever is in flight
			return true
		}
	}
	return false
}

// markFirst marks the first segment's worth of what is in flight.
func (f *Flow) markFirst() {
	b := &f.snd.board
	full := int64(f.segmentSize())
	if s := b.at(0); s.data() > full {
		b.split(0, s.off+full)
	}
	b.markLost(0)
}

// enterRecovery begins fast recovery (RFC 6675 section 5, step 4; RFC 6937).
func (f *Flow) enterRecovery(t int64) {
	s := &f.snd
	if f.sackOK {
		f.stats.SackRecovery++
	} else {
		f.stats.RenoRecovery++
	}
	f.eifelStart(inRecovery)
	flight := s.nxt - s.una
	f.cc.OnSignal(instant(t), cong.Loss, int(flight))
	_, ssthresh := f.cc.State()
	s.mode, s.recover = inRecovery, s.nxt
	f.prr.start(flight, int64(ssthresh))
	f.tlp.reset()
	f.timers.stop(timerProbe)
}
