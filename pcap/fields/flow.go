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

// window applies the scale, which counts only if both ends offered one (RFC 7323 section
// 2.2). It returns the factor for tcp.window_size_scalefactor too.
func window(from, to *side, value uint32) (size uint32, factor int64) {
	switch {
	case from.scale == scaleNone || to.scale == scaleNone:
		return value, scaleNone
	case from.scale == scaleUnknown:
		return value, scaleUnknown
	}
	return value << from.scale, 1 << from.scale
}

// maxScale is the largest shift; larger ones mean it (RFC 7323 section 2.3).
const maxScale = 14

// learnScale keeps what a SYN says about the window scale.
func (s *side) learnScale(shift uint64, offered bool) {
	s.scale = scaleNone
	if offered {
		s.scale = int8(min(shift, maxScale))
	}
}
