package mbox

import (
	"net/netip"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// maxFlows bounds what a box remembers; the oldest flow goes first. Boxes that
// forget are real, and a live one must not grow for ever.
const maxFlows = 1 << 16

// flowKey names a flow by its ends: left is that of c2s packets' source.
type flowKey struct{ left, right netip.AddrPort }

func keyOf(dir netsim.Dir, s *wire.Segment) flowKey {
	if dir == netsim.Forward {
		return flowKey{s.Src, s.Dst}
	}
	return flowKey{s.Dst, s.Src}
}

// flows is what a box knows of each flow.
type flows[T any] struct {
	m     map[flowKey]*entry[T]
	order []flowKey // as they came; a ring once full
	head  int
}

type entry[T any] struct {
	isn   [2]uint32 // by direction
	known [2]bool
	state T
}

// get returns the flow's state, a fresh one where the flow is new or its ends began
// anew: a SYN with another sequence number than the last one from that side. A
// flow may be first seen in the middle.
func (f *flows[T]) get(dir netsim.Dir, s *wire.Segment) *T {
	if f.m == nil {
		f.m = map[flowKey]*entry[T]{}
	}
	k := keyOf(dir, s)
	en := f.m[k]
	syn := s.Flags.Has(wire.SYN)
	if en == nil {
		en = &entry[T]{}
		f.add(k, en)
	} else if syn && !s.Flags.Has(wire.ACK) {
		again := en.known[dir] && en.isn[dir] != s.Seq
		middle := !en.known[0] && !en.known[1]
		if again || middle {
			*en = entry[T]{}
		}
	}
	if syn {
		en.isn[dir], en.known[dir] = s.Seq, true
		if back := dir.Back(); s.Flags.Has(wire.ACK) && !en.known[back] {
			en.isn[back], en.known[back] = s.Ack-1, true // whose SYN passed before the box came
		}
	}
	return &en.state
}

func (f *flows[T]) add(k flowKey, en *entry[T]) {
	if len(f.order) < maxFlows {
		f.order = append(f.order, k)
	} else {
		delete(f.m, f.order[f.head])
		f.order[f.head] = k
		f.head = (f.head + 1) % maxFlows
	}
	f.m[k] = en
}

// before compares sequence numbers (RFC 9293 section 3.4): boxes see no offsets.
func before(a, b uint32) bool { return int32(a-b) < 0 }

// latest is the later of two sequence numbers.
func latest(a, b uint32) uint32 {
	if before(a, b) {
		return b
	}
	return a
}
