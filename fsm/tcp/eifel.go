package tcp

import "github.com/mptcp-go/mptcp/fsm/cong"

// eifel detects by timestamps that a retransmission was not needed (RFC 3522):
// the ACK for what was repeated echoes a time before that.
type eifel struct {
	armed bool
	mode  mode
	sent  bool   // the retransmission has left
	val   uint32 // its timestamp
	end   int64  // where what it repeated ends
}

func (f *Flow) eifelStart(m mode) {
	f.eifel = eifel{armed: f.tsOK, mode: m}
}

// eifelSent notes the first retransmission. One of what had been repeated before
// proves nothing.
func (f *Flow) eifelSent(t int64, s *span) {
	e := &f.eifel
	if !e.armed || e.sent {
		return
	}
	e.sent, e.val, e.end = true, f.tsClock(t), s.end
	e.armed = s.flags&ever == 0
}

// eifelAck is called for an ACK that advances SND.UNA. It undoes what the false
// alarm did (RFC 4015 section 3.2): the window returns, and what was deemed lost
// but was not yet repeated is thought to be in the network again.
func (f *Flow) eifelAck(t int64, o *optionSet) {
	e := &f.eifel
	if !e.armed || !e.sent || f.snd.una < e.end {
		return
	}
	e.armed = false
	if !o.hasTS || o.tsEcr == 0 || int32(o.tsEcr-e.val) >= 0 {
		return
	}
	b := &f.snd.board
	for i := range b.live() {
		b.unmark(i)
	}
	f.cc.OnSignal(instant(t), cong.Spurious, 0)
	if e.mode == inLoss {
		f.stats.SpuriousRTOs++
	} else {
		f.stats.SpuriousRecovery++
		if !f.rack.reordering {
			// RACK itself cannot see it: it looks at segments never repeated.
			f.rack.reordering = true
			f.stats.SACKReorderSeen++
		}
	}
	f.snd.mode = open
	f.snd.dupAcks, f.snd.renoSacked = 0, 0
	f.rto.backoff = 0
}
