package tcp

import (
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// Acceptable reports whether HandleSegment would act on seg: whether its sequence
// number is in the window, its timestamp not old, and its acknowledgment plausible
// (RFC 9293 section 3.10.7.4, RFC 7323 section 5.3, RFC 5961 sections 3.2 and 5.2).
// It changes nothing. An owner whose options have a meaning of their own asks
// before it acts on them (RFC 8684 section 3, R3-03).
func (f *Flow) Acceptable(now time.Time, seg *wire.Segment) bool {
	if f.state == Closed {
		return false
	}
	if f.state == SynSent {
		ack := f.sndOff(seg.Ack)
		return seg.Flags&(wire.SYN|wire.ACK|wire.RST) == wire.SYN|wire.ACK && f.syn.tries > 0 && ack >= 0 && ack <= f.snd.nxt
	}
	off := f.rcvOff(seg.Seq)
	if seg.Flags.Has(wire.RST) {
		return off == f.rcv.nxt
	}
	if seg.Flags&(wire.SYN|wire.ACK) != wire.ACK {
		return false
	}
	if f.tsOK {
		var o optionSet
		o.parse(seg.Options)
		if o.hasTS && f.pawsRejects(nanos(now), &o) {
			return false
		}
	}
	if !f.acceptable(off, int64(len(seg.Payload)), seg.Flags.Has(wire.FIN)) && (off != f.rcv.nxt || f.edge() > f.rcv.nxt) {
		return false
	}
	ack := f.sndOff(seg.Ack)
	if f.state == SynReceived && (ack < 0 || f.syn.tries == 0) {
		return false
	}
	return ack <= f.snd.nxt && ack >= f.snd.una-f.snd.maxWnd
}

// AckDue reports whether an ACK waits for Poll, ResetDue whether a RST does: an owner
// who discards flows polls them first.
func (f *Flow) AckDue() bool { return f.ack.due }

// ResetDue reports whether a RST waits for Poll.
func (f *Flow) ResetDue() bool { return f.rst.queued }

// AckNews reports whether the next segment acknowledges octets that none before did.
func (f *Flow) AckNews() bool { return f.rcv.nxt > f.rcv.lastAck }
