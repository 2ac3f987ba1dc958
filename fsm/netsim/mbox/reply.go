package mbox

import (
	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// stamps is what a box must know to speak in a host's name: RFC 7323 section 3.2
// has the peer drop what comes without timestamps once they are in use.
type stamps struct {
	used bool
	val  uint32 // the latest sent by the host
}

func (t *stamps) see(s *wire.Segment) {
	if o, ok := s.Options.Find(wire.KindTimestamps); ok {
		if ts, err := wire.ParseTimestamps(o); err == nil {
			t.used, t.val = true, ts.Val
		}
	}
}

// reply makes a segment in the name of e's destination, to be sent against e's
// direction. It has no MPTCP options: the box does not know what to say.
func reply(at *netsim.Slot, e *edit, flags wire.Flags, seq, ack uint32, window uint16, host stamps) *netsim.Packet {
	var room [wire.MaxOptions]byte
	s := wire.Segment{Src: e.seg.Dst, Dst: e.seg.Src, Seq: seq, Ack: ack, Flags: flags, Window: window,
		Options: room[:0]}
	if host.used && !flags.Has(wire.RST) {
		var peer stamps
		peer.see(&e.seg)
		s.Options, _ = s.Options.AppendNOP(2)
		s.Options, _ = wire.Timestamps{Val: host.val, Ecr: peer.val}.Append(s.Options)
	}
	p := at.New()
	b, err := wire.Append(p.Data[:0], &s)
	if err != nil { // the addresses are those of a packet that was parsed
		panic("mbox: " + err.Error())
	}
	p.Data = b
	return p
}
