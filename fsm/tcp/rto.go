package tcp

import (
	"time"

	"github.com/mptcp-go/mptcp/fsm/cong"
)

// lostSYNRTO is the timeout after a repeated SYN, until there is a sample
// (RFC 6298 section 5.7, T6298-03).
const lostSYNRTO = 3 * time.Second

// rtoState is the retransmission timer of RFC 6298.
type rtoState struct {
	base    int64 // timeout while there is no sample
	backoff uint  // doublings since the last sample
	since   int64 // first timeout in a row; 0: none
	count   int   // timeouts in a row
}

func (r *rtoState) init(cfg *Config) { r.base = int64(cfg.InitialRTO) }

// current is RFC 6298 section 2: SRTT + max(G, 4*RTTVAR), within bounds, doubled
// for each backoff.
func (r *rtoState) current(cfg *Config, e *rtt) int64 {
	d := r.base
	if e.srtt != 0 {
		d = e.srtt + max(clockGranularity, 4*e.rttvar)
	}
	d = min(max(d, int64(cfg.MinRTO)), int64(cfg.MaxRTO))
	for i := uint(0); i < r.backoff && d < int64(cfg.MaxRTO); i++ {
		d *= 2
	}
	return min(d, int64(cfg.MaxRTO))
}

// armRTO starts the timer anew (RFC 6298 sections 5.1 and 5.3), or stops it when
// nothing is outstanding (5.2). With a closed window the persist timer rules.
func (f *Flow) armRTO(t int64) {
	if f.snd.una >= f.snd.nxt || f.probesWindow() {
		f.timers.stop(timerRTO)
		f.timers.stop(timerProbe)
		if f.probesWindow() {
			f.armPersist(t)
		}
		return
	}
	f.timers.arm(timerRTO, t+f.rto.current(f.cfg, &f.rtt))
}

// onRTO is the expiry: RFC 6298 sections 5.4 to 5.7, RFC 5681 section 3.1.
func (f *Flow) onRTO(t int64) {
	if !f.shook && f.syn.tries > 0 && (f.state == SynSent || f.state == SynReceived) {
		f.onSYNTimeout(t)
		return
	}
	b := &f.snd.board
	if b.len() == 0 {
		return
	}
	f.stats.Timeouts++
	if f.rto.count == 0 {
		f.rto.since = b.at(0).at
	}
	f.rto.count++
	since := f.rto.since
	if f.snd.wnd == 0 {
		// A peer that still acknowledges may keep its window closed for as long as it
		// likes (RFC 9293 section 3.8.6.1, MUST-37), also where the owner probes it
		// with octets that are data to us.
		if since = max(since, f.heard); f.heard >= f.snd.lastSent {
			since, f.rto.since = t, t // it answered the last one
		}
	}
	if t-since >= int64(f.cfg.UserTimeout) {
		f.stats.AbortOnTimeout++
		f.queueRST(f.sndSeq(f.snd.nxt), f.rcvSeq(f.rcv.nxt), true)
		f.finish(&LocalError{Reason: TimedOut})
		return
	}
	f.blackHole(t, b.at(0))
	if f.snd.mode != inLoss {
		// Later timeouts of the same loss leave ssthresh alone.
		f.eifelStart(inLoss)
		f.cc.OnSignal(instant(t), cong.Timeout, f.flightSize())
	} else {
		f.eifel.armed = false
		f.cc.OnSignal(instant(t), cong.TimeoutAgain, 0)
	}
	if b.at(0).flags&sacked != 0 {
		// RFC 2018 section 8: what was SACKed was thrown away.
		f.stats.SACKReneging++
		b.renege()
	}
	for i := range b.live() {
		if b.at(i).flags&sacked == 0 {
			b.markLost(i)
		}
	}
	b.hint = f.snd.una
	f.snd.mode = inLoss
	f.snd.recover = f.snd.nxt
	f.snd.dupAcks, f.snd.renoSacked = 0, 0
	f.tlp.reset()
	f.timers.stop(timerReorder)
	f.rto.backoff++
	f.timers.arm(timerRTO, t+f.rto.current(f.cfg, &f.rtt))
}
