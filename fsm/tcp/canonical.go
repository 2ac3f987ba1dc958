package tcp

import (
	"encoding/binary"
	"slices"
)

// AppendState appends the flow's state in a canonical form: two flows with the
// same octets behave alike under the same inputs, up to the values of clocks,
// round-trip times and windows of congestion, which are left out. Timers count by
// their order alone. It is for exhaustive exploration, where states that differ
// only in such values are one.
func (f *Flow) AppendState(b []byte) []byte {
	flags := func(v ...bool) {
		var n uint16
		for i, on := range v {
			if on {
				n |= 1 << i
			}
		}
		b = binary.BigEndian.AppendUint16(b, n)
	}
	num := func(v ...int64) {
		for _, n := range v {
			b = binary.AppendVarint(b, n)
		}
	}
	b = append(b, byte(f.state), byte(f.snd.mode))
	flags(f.passive, f.shook, f.fastOpen, f.synQueued, f.tsOK, f.sackOK, f.snd.closing, f.rcv.finDone,
		f.ack.due, f.ack.pure, f.tlp.pending, f.persist.pending, f.keep.pending, f.keep.asked, f.rst.queued, f.challengeDue, f.err != nil)
	num(f.snd.una, f.snd.nxt, f.snd.end, f.snd.wnd, f.snd.recover, int64(min(f.snd.dupAcks, dupThresh)), int64(f.snd.mss))
	num(f.rcv.nxt, f.rcv.fin, int64(f.rcv.window), f.rcv.lastAck, f.rcv.lastAdv, int64(min(f.syn.tries, 8)))
	board := &f.snd.board
	num(int64(board.len()))
	for i := range board.live() {
		s := board.at(i)
		num(s.off, s.end, int64(s.flags))
	}
	for lo, hi := range f.rcv.beyond() {
		num(int64(lo), int64(hi))
	}
	return append(b, f.timers.order()...)
}

// order lists the armed timers, the earliest first; those due at the same time
// are in the order of the table.
func (t *timers) order() []byte {
	var armed []byte
	for k := range numTimers {
		if t[k] != 0 {
			armed = append(armed, byte(k))
		}
	}
	slices.SortStableFunc(armed, func(a, b byte) int {
		switch {
		case t[a] < t[b]:
			return -1
		case t[a] > t[b]:
			return 1
		}
		return 0
	})
	return armed
}
