package fields

import (
	"bytes"

	"github.com/mptcp-go/mptcp/wire"
)

// flowKey is a pair of endpoints, the smaller one first. IPv4 addresses fill four octets
// of sixteen; six tells the families apart.
type flowKey struct {
	addr [2][16]byte
	port [2]uint16
	six  bool
}

// Scales of a window, as in tcp.window_size_scalefactor.
const (
	scaleUnknown = -1
	scaleNone    = -2
)

// side is what one end of a flow sent.
type side struct {
	based bool
	base  uint32 // the sequence number that is 0 in relative numbers
	scale int8   // window scale shift, scaleUnknown or scaleNone
}

// flow is one TCP stream.
type flow struct {
	stream      uint32
	timed       bool
	first, prev int64 // ns since 1970
	sides       [2]side
}

// flowOf returns the stream of a segment and who sent it.
//
// The rule is tshark's: a SYN without ACK starts a new stream if its sender's first
// sequence number is known, from any segment, and is another one. A repeated SYN
// therefore does not, and neither does a SYN/ACK.
func (x *Extractor) flowOf(up *upper, src, dst uint16, six bool, seq uint32, flags wire.Flags) (f *flow, from, to *side) {
	key := flowKey{addr: [2][16]byte{up.src, up.dst}, port: [2]uint16{src, dst}, six: six}
	sender := 0
	if c := bytes.Compare(up.src[:], up.dst[:]); c > 0 || c == 0 && src > dst {
		key.addr[0], key.addr[1] = key.addr[1], key.addr[0]
		key.port[0], key.port[1] = dst, src
		sender = 1
	}
	f = x.flows[key]
	if f != nil && flags&(wire.SYN|wire.ACK) == wire.SYN {
		if s := &f.sides[sender]; s.based && s.base != seq {
			f = nil
		}
	}
	if f == nil {
		f = &flow{stream: x.count}
		f.sides[0].scale, f.sides[1].scale = scaleUnknown, scaleUnknown
		x.count++
		x.flows[key] = f
	}
	return f, &f.sides[sender], &f.sides[1-sender]
}

// seen returns when the first and the previous segment of f were captured, and keeps
// the time of this one, if it has one.
func (f *flow) seen(now int64, timed bool) (first, prev int64) {
	if timed && !f.timed {
		f.timed, f.first, f.prev = true, now, now
	}
	first, prev = f.first, f.prev
	if timed {
		f.prev = now
	}
	return first, prev
}

// number learns the sequence numbers that relative ones count from. Without a SYN the
// first octet seen is number 1, as it would be after one.
func number(from, to *side, seq, ack uint32, flags wire.Flags) {
	switch {
	case flags&wire.SYN != 0:
		from.based, from.base = true, seq
	case !from.based:
		from.based, from.base = true, seq-1
	}
	if flags&wire.ACK != 0 && !to.based {
		to.based, to.base = true, ack-1
	}
}

// window applies the scale to the window of a segment without SYN. It returns the value
// of tcp.window_size_scalefactor too.
func (s *side) window(value uint16) (size uint32, factor int64) {
	if s.scale < 0 {
		return uint32(value), int64(s.scale)
	}
	return uint32(value) << s.scale, 1 << s.scale
}

// maxScale is the largest shift; larger ones mean it (RFC 7323 section 2.3).
const maxScale = 14

// learnScale keeps what a SYN says about the window scale, which counts only if both ends
// offer one (RFC 7323 section 2.2). What was learned from an offer is not forgotten.
func learnScale(from, to *side, flags wire.Flags, shift uint64, offered bool) {
	switch {
	case flags&wire.ACK != 0 && to.scale == scaleNone:
		from.scale = scaleNone
	case offered:
		from.scale = int8(min(shift, maxScale))
	case from.scale == scaleUnknown:
		from.scale, to.scale = scaleNone, scaleNone
	}
}
