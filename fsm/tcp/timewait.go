package tcp

import (
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// TimeWaiter is what has to be remembered of a flow in TIME-WAIT: enough to
// answer its peer's last FIN and to tell a new connection from old segments. It
// takes the place of the flow where many wait.
type TimeWaiter struct {
	until    int64 // ns
	next     uint32
	seq      uint32
	recent   uint32
	tsOffset uint32
	window   uint16
	hasTS    bool
}

// TimeWaiter returns the record of a flow in TIME-WAIT.
func (f *Flow) TimeWaiter() (TimeWaiter, bool) {
	if f.state != TimeWait {
		return TimeWaiter{}, false
	}
	return TimeWaiter{until: f.timers[timerTimeWait], next: f.rcvSeq(f.rcv.nxt),
		seq: f.sndSeq(f.snd.nxt), recent: f.tsRecent, tsOffset: f.p.TSOffset, hasTS: f.tsOK,
		window: uint16(min(f.rcv.window>>f.rcv.scale, 0xffff))}, true
}

// Deadline is when the record may be dropped.
func (w *TimeWaiter) Deadline() time.Time { return instant(w.until) }

// Reusable reports whether seg, a SYN, may open a new connection at once: its
// number or its timestamp is newer than all that the old one can have sent
// (RFC 9293 section 3.6.1 with RFC 6191 section 2). The new ISS must be above
// NextISS.
func (w *TimeWaiter) Reusable(seg *wire.Segment) bool {
	if seg.Flags&(wire.SYN|wire.ACK|wire.RST|wire.FIN) != wire.SYN {
		return false
	}
	if w.hasTS {
		var o optionSet
		o.parse(seg.Options)
		if o.hasTS && o.tsVal != w.recent {
			return int32(o.tsVal-w.recent) > 0
		}
	}
	return int32(seg.Seq-w.next) > 0
}

// NextISS is a number beyond what the old connection used.
func (w *TimeWaiter) NextISS() uint32 { return w.seq + 65535 + 2 }

// HandleSegment answers seg, into out, and reports whether there is an answer: an
// ACK to anything that is not one itself, which restarts the wait if it was a
// FIN. A RST is ignored (RFC 1337).
func (w *TimeWaiter) HandleSegment(now time.Time, cfg *Config, seg, out *wire.Segment) bool {
	if seg.Flags.Has(wire.RST) {
		return false
	}
	if seg.SeqLen() == 0 && seg.Seq == w.next {
		return false
	}
	if seg.Flags.Has(wire.FIN) {
		w.until = nanos(now) + int64(cfg.TimeWait)
	}
	*out = wire.Segment{Src: seg.Dst, Dst: seg.Src, Path: seg.Path, Options: out.Options[:0],
		Seq: w.seq, Ack: w.next, Flags: wire.ACK, Window: w.window}
	if w.hasTS {
		out.Options = appendTimestamps(out.Options, uint32(nanos(now)/int64(time.Millisecond))+w.tsOffset, w.recent)
	}
	return true
}
