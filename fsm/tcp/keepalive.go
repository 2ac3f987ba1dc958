package tcp

// keepAlive is RFC 9293 section 3.8.4.
type keepAlive struct {
	probes  int // unanswered
	pending bool
}

// touchKeepAlive restarts the silence: the peer was heard.
func (f *Flow) touchKeepAlive(t int64) {
	f.keep = keepAlive{}
	if f.cfg.KeepAliveIdle > 0 && f.shook && f.state != TimeWait && f.state != Closed {
		f.timers.arm(timerKeepAlive, t+int64(f.cfg.KeepAliveIdle))
	}
}

func (f *Flow) onKeepAlive(t int64) {
	if f.snd.una < f.snd.nxt || f.unsent() {
		// Retransmissions and window probes tell as much.
		f.timers.arm(timerKeepAlive, t+int64(f.cfg.KeepAliveIdle))
		return
	}
	if f.keep.probes >= f.cfg.KeepAliveProbes {
		f.stats.AbortOnTimeout++
		f.queueRST(f.sndSeq(f.snd.nxt), f.rcvSeq(f.rcv.nxt), true)
		f.finish(&LocalError{Reason: KeptAlive})
		return
	}
	f.keep.probes++
	f.keep.pending = true
	f.timers.arm(timerKeepAlive, t+int64(f.cfg.KeepAliveInterval))
}
