package peer

import (
	"bytes"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// merger joins segments of one flow that follow each other in a batch, as a kernel does
// (generic receive offload): what is the same for each is then done once. It joins only
// what a sender's segmentation offload could have cut, whose headers differ in nothing
// but the sequence number. Copies of a mapping are one mapping (RFC 8684 section 3.3.1).
type merger struct {
	seg    wire.Segment // the first one, with the sums of all
	held   bool         // seg is waiting for the next
	size   int          // octets of the first payload
	buf    []byte       // the payloads, where there are several
	joined uint64       // segments that were taken into another, in all
}

const (
	mergeLeast = 256   // octets of a payload that is worth it
	mergeMost  = 65000 // octets together
)

// take keeps seg, which lives until the batch has been gone through, or hands it on
// after what was kept.
func (m *merger) take(now time.Time, seg *wire.Segment, handle func(time.Time, *wire.Segment)) {
	if m.held && m.follows(seg) {
		m.join(seg)
		if seg.Flags.Has(wire.PSH) || len(seg.Payload) < m.size {
			m.flush(now, handle)
		}
		return
	}
	m.flush(now, handle)
	if seg.Sum == wire.SumGood && seg.Flags == wire.ACK && seg.SegSize == 0 && len(seg.Payload) >= mergeLeast {
		m.seg, m.held, m.size = *seg, true, len(seg.Payload)
		m.buf = m.buf[:0]
		return
	}
	handle(now, seg)
}

// follows reports whether seg goes on where what is kept ends.
func (m *merger) follows(seg *wire.Segment) bool {
	k := &m.seg
	return seg.Seq == k.Seq+uint32(len(k.Payload)) && seg.Sum == wire.SumGood && seg.SegSize == 0 &&
		seg.Flags&^wire.PSH == wire.ACK && seg.Ack == k.Ack && seg.Window == k.Window && seg.Src == k.Src && seg.Dst == k.Dst &&
		seg.Path == k.Path && seg.TOS == k.TOS && len(seg.Payload) > 0 && len(seg.Payload) <= m.size &&
		len(k.Payload)+len(seg.Payload) <= mergeMost && bytes.Equal(seg.Options, k.Options)
}

func (m *merger) join(seg *wire.Segment) {
	k := &m.seg
	if len(m.buf) == 0 {
		m.buf = append(m.buf, k.Payload...)
		k.SegSize = uint16(m.size)
	}
	k.PayloadSum = k.PayloadSum.AddAt(seg.PayloadSum, uint64(len(m.buf)))
	m.buf = append(m.buf, seg.Payload...)
	k.Payload, k.PayloadLen = m.buf, len(m.buf)
	m.joined++
}

// flush hands on what is kept.
func (m *merger) flush(now time.Time, handle func(time.Time, *wire.Segment)) {
	if m.held {
		m.held = false
		handle(now, &m.seg)
	}
}
