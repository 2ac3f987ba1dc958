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

// detectLoss marks what an ACK shows to be lost. It returns when the latest of it
// was sent; 0: nothing was marked.
func (f *Flow) detectLoss(t int64, d *delivery) (latest int64) {
	switch {
	case f.snd.board.len() == 0:
		f.timers.stop(timerReorder)
		return 0
	case !f.sackOK:
		return f.renoDetect(d)
	case f.cfg.NoRACK:
		return f.sackDetect()
	}
	return f.rackDetect(t)
}

// onLoss answers for losses that were marked, unless a timeout did. latest is when
// the latest of what was lost had been sent, and just what the last ACK delivered.
func (f *Flow) onLoss(t, latest, just int64) {
	switch f.snd.mode {
	case open:
		f.enterRecovery(t)
	case inRecovery:
		if latest > f.snd.entered {
			// A retransmission, or data sent at the lower rate, was lost as
			// well: a second sign of congestion (RFC 5681 section 4.3).
			f.enterRecovery(t)
		}
	case inLoss:
		return
	}
	f.prr.ack(int64(f.pipe()), just, int64(f.segmentSize()))
}

// sackDetect marks by RFC 6675 section 4, IsLost: what has three SACKed runs, or
// more than two segments SACKed, above it.
func (f *Flow) sackDetect() (latest int64) {
	b := &f.snd.board
	if f.snd.dupAcks >= dupThresh && b.sacked > 0 && b.at(0).flags&(sacked|lost|ever) == 0 {
		latest = b.at(0).at
		f.markFirst()
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
			latest = max(latest, s.at)
			b.markLost(i)
		}
	}
	return latest
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
func (f *Flow) renoDetect(d *delivery) (latest int64) {
	s := &f.snd
	b := &s.board
	switch {
	case s.mode == open && s.dupAcks == dupThresh && d.dup && s.una > s.recover,
		s.mode == inRecovery && d.acked > 0:
		if b.at(0).flags&(lost|resent) == 0 {
			latest = b.at(0).at
			f.markFirst()
			if s.mode == inRecovery {
				f.prr.first = true // RFC 6582 section 3.2: at once, whatever is in flight
			}
		}
	}
	return latest
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
	flight := f.flightSize()
	f.cc.OnSignal(instant(t), cong.Loss, flight)
	_, ssthresh := f.cc.State()
	s.mode, s.recover, s.entered = inRecovery, s.nxt, t
	if f.prr == nil {
		f.prr = new(prr)
	}
	f.prr.start(int64(flight), int64(ssthresh))
	f.tlp.reset()
	f.timers.stop(timerProbe)
}

// flightSize is FlightSize for the congestion controller. After a long recovery
// most of what is unacknowledged has arrived, and limited transmit exceeds the
// window: neither counts (RFC 5681 section 3.2, step 2).
func (f *Flow) flightSize() int {
	cwnd, _ := f.cc.State()
	return min(int(f.snd.nxt-f.snd.una), cwnd)
}
