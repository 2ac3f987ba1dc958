package fuzz

import (
	"bytes"
	"fmt"

	"github.com/mptcp-go/mptcp/wire"
)

// Segment reads data as an IP packet. It panics if a promise of package wire is
// broken: typed errors, slices inside the packet, a segment that reads back the same
// after it was appended, and the same headers from a packet that was cut. It returns
// 1 if data is a TCP segment or an ICMP error about one.
func Segment(data []byte) int {
	found := segmentICMP(data)
	var s wire.Segment
	if err := wire.Parse(&s, data); err != nil {
		typedOffset(err, len(data))
		segmentCuts(data)
		return found
	}
	if !within(data, s.Options) || !within(data, s.Payload) || len(s.Payload) != s.PayloadLen {
		panic(fmt.Sprintf("%d octets of payload, said to be %d, or not of the packet", len(s.Payload), s.PayloadLen))
	}
	if s.Sum == wire.SumUnknown {
		panic("a whole packet has a known checksum")
	}
	segmentAgain(&s)
	segmentCuts(data)
	return 1
}

// segmentAgain appends s to a buffer that holds something, and parses it.
func segmentAgain(s *wire.Segment) {
	out := *s
	out.Sum = wire.SumUnknown // so that the checksum is computed from the octets
	b, err := wire.Append([]byte{0xaa}, &out)
	if err != nil {
		if len(s.Payload) < 0xffff-100 {
			panic(err)
		}
		return // IP length 0 and more than a packet holds
	}
	var again wire.Segment
	if err := wire.Parse(&again, b[1:]); err != nil {
		panic(err)
	}
	if out.TTL == 0 {
		out.TTL = again.TTL // 0 asks for the default
	}
	if b[0] != 0xaa || again.Sum != wire.SumGood || !sameSegment(&again, &out) {
		panic(fmt.Sprintf("%+v became %+v", out, again))
	}
	// The sum that was computed on the way in is as good as the octets.
	shortcut, err := wire.Append(nil, &again)
	if err != nil || !bytes.Equal(shortcut, b[1:]) {
		panic(fmt.Sprintf("%x with the known sum is %x (%v)", b[1:], shortcut, err))
	}
}

func sameSegment(a, b *wire.Segment) bool {
	return a.Src == b.Src && a.Dst == b.Dst && a.Seq == b.Seq && a.Ack == b.Ack && a.Flags == b.Flags &&
		a.Window == b.Window && a.Urgent == b.Urgent && a.TOS == b.TOS && a.TTL == b.TTL &&
		bytes.Equal(a.Options, b.Options) && bytes.Equal(a.Payload, b.Payload) &&
		a.PayloadLen == b.PayloadLen && a.SeqLen() == b.SeqLen() && a.PayloadSum == b.PayloadSum
}

// segmentCuts reads what a snap length would have left of the packet, for all of
// them where it is small.
func segmentCuts(data []byte) {
	var whole wire.Segment
	wholeErr := wire.ParseCaptured(&whole, data, len(data))
	for n := min(len(data), 200); n >= 0; n-- {
		var s wire.Segment
		err := wire.ParseCaptured(&s, data[:n], len(data))
		if err != nil {
			typedOffset(err, n)
			continue
		}
		if wholeErr != nil || s.PayloadLen != whole.PayloadLen || s.Seq != whole.Seq || !bytes.Equal(s.Options, whole.Options) ||
			!bytes.HasPrefix(whole.Payload, s.Payload) {
			panic(fmt.Sprintf("cut at %d: %+v, whole: %+v (%v)", n, s, whole, wholeErr))
		}
	}
}

// segmentICMP reads data as an ICMP error, writes one that says the same and reads
// that.
func segmentICMP(data []byte) int {
	var m wire.ICMP
	if err := wire.ParseICMP(&m, data); err != nil {
		typedOffset(err, len(data))
		return 0
	}
	b, err := wire.AppendICMP(nil, &m, nil)
	if err != nil {
		panic(fmt.Sprintf("%+v: %v", m, err))
	}
	var again wire.ICMP
	if err := wire.ParseICMP(&again, b); err != nil {
		panic(fmt.Sprintf("%+v: %v", m, err))
	}
	m.Sum = wire.SumGood
	if m.PacketLen < again.PacketLen { // the least there is: the quote named no length, or less
		m.PacketLen = again.PacketLen
	}
	if m.Kind == wire.ICMPTooBig {
		m.Code = again.Code // of IPv6, where any code is read and 0 is sent
	}
	if again != m {
		panic(fmt.Sprintf("%+v became %+v", m, again))
	}
	return 1
}
