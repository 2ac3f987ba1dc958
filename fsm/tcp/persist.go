package tcp

// persist is the probing of a closed or too small window (RFC 9293 section
// 3.8.6.1, MUST-36; T9293-06).
type persist struct {
	backoff uint
	pending bool // a probe waits for Poll: one octet where the window is closed
	since   int64
}

// probesWindow reports whether the window is closed and probing it is our job:
// there is something to send or to repeat, and no room at all. It is ours, too, for what an
// owner has declared while there was room: the owner waits for that to leave.
func (f *Flow) probesWindow() bool {
	if f.cfg.NoPersist {
		return f.snd.wnd == 0 && f.shook && f.snd.una >= f.snd.nxt && f.snd.nxt < f.snd.end
	}
	return f.snd.wnd == 0 && f.shook && (f.snd.una < f.snd.nxt || f.unsent())
}

// unsent reports whether data or a FIN waits to be sent for the first time.
func (f *Flow) unsent() bool {
	return f.snd.nxt < f.snd.end || f.snd.closing && f.snd.nxt == f.snd.end
}

// armPersist starts the timer unless it runs, with the retransmission timeout as
// the first interval (SHLD-29, SHLD-30).
func (f *Flow) armPersist(t int64) {
	if f.timers.armed(timerPersist) || f.persist.pending {
		return
	}
	if f.persist.since == 0 {
		f.persist.since = t
	}
	d := f.rto.current(f.cfg, &f.rtt)
	for i := uint(0); i < f.persist.backoff && d < int64(f.cfg.MaxRTO); i++ {
		d *= 2
	}
	f.timers.arm(timerPersist, t+min(d, int64(f.cfg.MaxRTO)))
}

// onPersist is the expiry. As long as the peer acknowledges something the probes
// go on for ever (MUST-37).
func (f *Flow) onPersist(t int64) {
	if t-max(f.heard, f.persist.since) >= int64(f.cfg.UserTimeout) && f.heard < f.snd.lastSent {
		f.stats.AbortOnTimeout++
		f.queueRST(f.sndSeq(f.snd.nxt), f.rcvSeq(f.rcv.nxt), true)
		f.finish(&LocalError{Reason: TimedOut})
		return
	}
	if b := &f.snd.board; b.len() > 0 && b.at(0).flags&sacked != 0 {
		// As after a timeout: what is SACKed and next in order was thrown away.
		f.stats.SACKReneging++
		b.renege()
	}
	f.persist.pending = true
	f.persist.backoff++
}

// Probe has one octet sent in spite of the peer's window: for an owner who set
// NoPersist. Without an octet to send it does nothing.
func (f *Flow) Probe() { f.persist.pending = true }

// windowOpened ends probing. If probes were sent, they and what was in flight when
// the window closed were most likely thrown away, and are repeated, which says
// nothing about congestion. Before that the usual timers know better.
func (f *Flow) windowOpened(t int64) {
	probed := f.persist.backoff > 0
	if f.cfg.NoPersist && f.rto.count > 0 { // the owner's probes are data to us
		probed = true
		f.rto.count, f.rto.backoff = 0, 0
	}
	f.timers.stop(timerPersist)
	f.persist = persist{}
	b := &f.snd.board
	for i := 0; probed && i < b.len(); i++ {
		if b.at(i).flags&sacked == 0 {
			b.markLost(i)
		}
	}
	f.armRTO(t)
}
