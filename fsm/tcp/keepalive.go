package tcp

// keepAlive is RFC 9293 section 3.8.4.
type keepAlive struct {
	probes  int // unanswered
	pending bool
	asked   bool  // by AskPeer: not called off by what is heard
	octet   int64 // where the octet ends that was repeated to ask; 0: none was
}

// touchKeepAlive restarts the silence: the peer was heard.
func (f *Flow) touchKeepAlive(t int64) {
	f.keep = keepAlive{asked: f.keep.asked, octet: f.keep.octet}
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

// AskPeer has a keepalive probe sent, whatever the timers say: an acceptable segment
// heard from then on (see LastHeard) shows that the path lives. An owner asks who was
// told that it does not (RFC 8684 section 3.4.2). The owner may give Commit the octet at
// Out.Off, the last one sent, to go with it: that is answered by those, too, who limit their
// answers to old segments without data.
func (f *Flow) AskPeer() {
	if f.shook && f.state != Closed && f.state != TimeWait {
		f.keep.asked = true
	}
}
