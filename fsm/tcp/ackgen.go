package tcp

import (
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// ackState says which acknowledgment is owed, and with which SACK blocks.
type ackState struct {
	due     bool // an ACK goes out with the next segment, or alone
	pure    bool // ...and alone even if there is data to send
	updates bool // only a larger window is to be told
	quick   int  // segments still to be acknowledged at once
	octets  int  // in-order octets not acknowledged yet
	last    int64
	dsack   [2]int64 // duplicate to report in the next ACK (RFC 2883); equal: none
	heads   [4]int64 // an offset in each of the ranges changed last, latest first
	nHeads  int
}

// quickAtStart is how many segments are acknowledged one by one when a peer in
// slow start hangs on every ACK: on a new connection and after a pause.
const quickAtStart = 16

// ackInOrder delays the ACK of n octets that arrived in order, but for every
// second full segment (RFC 9293 section 3.8.6.3, RFC 5681 section 4.2; T9293-08).
func (f *Flow) ackInOrder(t int64, n int) {
	a := &f.ack
	if a.last != 0 && t-a.last > f.rto.current(f.cfg, &f.rtt) {
		a.quick = quickAtStart // the peer restarts slowly, too
	}
	a.last = t
	a.octets += n
	switch {
	case a.quick > 0:
		a.quick--
		a.due = true
	case a.octets >= 2*f.rcv.mss:
		a.due = true
	case !f.timers.armed(timerDelack):
		f.timers.arm(timerDelack, t+int64(f.cfg.DelayedAck))
	}
}

// ackOutOfOrder answers a segment that left or confirmed a hole: at once, and
// alone, since the peer counts duplicate ACKs that carry no data (RFC 5681
// section 4.2).
func (f *Flow) ackOutOfOrder() {
	f.ack.due = true
	f.ack.pure = f.ack.pure || !f.sackOK
	f.ack.quick = max(f.ack.quick, 2)
}

// ackDuplicate answers an unacceptable segment of n octets and perhaps a FIN. Pure ACKs that are
// old are answered, too (a keepalive probe looks like one), within the limit for
// challenge ACKs, lest two stacks that disagree echo for ever.
func (f *Flow) ackDuplicate(off int64, n int, fin bool) {
	if n > 0 || fin {
		f.duplicate(off, min(off+int64(n), f.rcv.nxt))
		f.ack.due = true
		return
	}
	f.challengeAck()
}

// duplicate notes [off, end), received twice, for a D-SACK (RFC 2883, T2883-01).
func (f *Flow) duplicate(off, end int64) {
	if !f.sackOK || off >= end || off < 0 {
		return
	}
	f.ack.dsack = [2]int64{off, end}
}

// recent puts the range with off in front of the SACK blocks (RFC 2018 section 4).
func (a *ackState) recent(off int64) {
	if a.nHeads > 0 && a.heads[0] == off {
		return
	}
	a.nHeads = min(a.nHeads+1, len(a.heads))
	copy(a.heads[1:a.nHeads], a.heads[:])
	a.heads[0] = off
}

// RequestAck has an ACK sent on its own, whether or not one is due: to carry
// options of the owner's.
func (f *Flow) RequestAck() {
	if f.state.synchronized() {
		f.ack.due, f.ack.pure = true, true
	}
}

// appendSACK appends as many blocks as there is room for (T2018-01).
func (f *Flow) appendSACK(o wire.Options) wire.Options {
	a := &f.ack
	hasDup := a.dsack[0] < a.dsack[1]
	if !hasDup && f.rcv.holes() == 0 {
		return o
	}
	pad := 0
	if len(o)%4 == 0 {
		pad = 2
	}
	room := (wire.MaxOptions - len(o) - 2) / 8
	if room < 1 {
		return o
	}
	if wire.MaxOptions-len(o)-2-pad < 8*room {
		pad = 0
	}
	var blocks [4]wire.SACKBlock
	n := 0
	if hasDup {
		// RFC 2883 section 4: the duplicate first, then the range around it.
		blocks[0] = wire.SACKBlock{Left: f.rcvSeq(a.dsack[0]), Right: f.rcvSeq(a.dsack[1])}
		n = 1
		if a.dsack[0] < f.rcv.nxt {
			f.stats.DSACKOldSent++
		} else {
			f.stats.DSACKOfoSent++
		}
		a.dsack = [2]int64{}
	}
	kept := 0
	var seen [4]uint64
	for _, off := range a.heads[:a.nHeads] {
		lo, hi, ok := f.rcv.around(off)
		if !ok || off < f.rcv.nxt {
			continue
		}
		twice := false
		for _, l := range seen[:kept] {
			twice = twice || l == lo
		}
		if twice {
			continue
		}
		seen[kept] = lo
		a.heads[kept] = off
		kept++
		if n < min(room, len(blocks)) {
			blocks[n] = wire.SACKBlock{Left: f.rcvSeq(int64(lo)), Right: f.rcvSeq(int64(hi))}
			n++
		}
	}
	a.nHeads = kept
	if kept == 0 && n < min(room, len(blocks)) && f.rcv.ranges != nil {
		// All ranges changed last were filled; older ones remain.
		for lo, hi := range f.rcv.ranges.Beyond() {
			a.recent(int64(lo))
			blocks[n] = wire.SACKBlock{Left: f.rcvSeq(int64(lo)), Right: f.rcvSeq(int64(hi))}
			n++
			break
		}
	}
	if n == 0 {
		return o
	}
	o, _ = o.AppendNOP(pad)
	o, _ = o.AppendSACK(blocks[:min(n, room)]...)
	return o
}

// ackSent notes that a segment with an ACK left.
func (f *Flow) ackSent() {
	f.ack.due, f.ack.pure, f.ack.updates = false, false, false
	f.ack.octets = 0
	f.rcv.lastAck = f.rcv.nxt
	f.timers.stop(timerDelack)
}

// SetWindow tells the flow how many octets, counted from those acknowledged, the
// owner can take in. It is advertised in every segment from now on. An ACK is
// sent for it alone when the window has become worth telling of: it doubled, and
// grew by a full segment or by half of its largest size (RFC 9293 section
// 3.8.6.2.2, MUST-39; the smaller growths are silly).
func (f *Flow) SetWindow(now time.Time, n int) {
	f.rcv.window = max(n, 0)
	if !f.state.receives() || f.ack.due {
		return
	}
	left := max(f.rcv.lastAdv-f.rcv.nxt, 0)
	grown := int64(f.rcv.window) - left
	if int64(f.rcv.window) >= 2*left && grown > 0 && grown >= int64(min(f.rcv.mss, f.rcv.maxAdv/2)) && f.rcv.lastAdv != 0 {
		f.ack.due, f.ack.updates = true, true
	}
}

// HoldWindow is SetWindow for a stream that has ended: no ACK is sent for it.
func (f *Flow) HoldWindow(n int) { f.rcv.window = max(n, 0) }

// windowField encodes the window for a segment about to leave. It rounds up, so
// that scaling never moves the right edge back (RFC 7323 section 2.4).
func (f *Flow) windowField(syn bool) uint16 {
	scale := f.rcv.scale
	if syn {
		scale = 0 // RFC 7323 section 2.2, T7323-01
	}
	unit := int64(1) << scale
	v := min((int64(f.rcv.window)+unit-1)>>scale, 0xffff)
	w := v << scale
	f.rcv.lastAdv = f.rcv.nxt + w
	f.rcv.advEdge = max(f.rcv.advEdge, f.rcv.lastAdv)
	f.rcv.maxAdv = max(f.rcv.maxAdv, int(w))
	return uint16(v)
}
