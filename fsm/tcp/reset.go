package tcp

import "github.com/mptcp-go/mptcp/wire"

// ResetFor makes the answer to a segment that belongs to no flow: a RST, by
// RFC 9293 section 3.10.7.1. It reports false for a RST, which is never answered.
// out's option block is reused.
func ResetFor(seg, out *wire.Segment) bool {
	if seg.Flags.Has(wire.RST) {
		return false
	}
	*out = wire.Segment{Src: seg.Dst, Dst: seg.Src, Path: seg.Path, Options: out.Options[:0]}
	if seg.Flags.Has(wire.ACK) {
		out.Seq, out.Flags = seg.Ack, wire.RST
	} else {
		out.Ack, out.Flags = seg.Seq+seg.SeqLen(), wire.RST|wire.ACK
	}
	return true
}
