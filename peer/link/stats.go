package link

import "iter"

// Stats counts what a link did. A packet with SegSize counts once.
type Stats struct {
	Received        uint64 // packets received
	ReceivedOctets  uint64 // octets of them, IP headers included
	Sent            uint64 // packets sent
	SentOctets      uint64 // octets of them, IP headers included
	RecvCalls       uint64 // system calls to receive, or what stands for them
	SendCalls       uint64 // system calls to send, or what stands for them
	DropFull        uint64 // packets not sent: the device had no room
	DropUnreachable uint64 // packets not sent: no route, or the next hop did not answer
	DropDown        uint64 // packets not sent: the link was down
	DropBad         uint64 // packets not sent: no IP packet, or one that the device refused
	DropLost        uint64 // packets not received: the kernel had no room to queue them
}

// All returns every counter by the name of its field, in order.
func (s *Stats) All() iter.Seq2[string, uint64] {
	return func(yield func(string, uint64) bool) {
		for _, c := range [...]struct {
			name string
			n    uint64
		}{
			{"Received", s.Received},
			{"ReceivedOctets", s.ReceivedOctets},
			{"Sent", s.Sent},
			{"SentOctets", s.SentOctets},
			{"RecvCalls", s.RecvCalls},
			{"SendCalls", s.SendCalls},
			{"DropFull", s.DropFull},
			{"DropUnreachable", s.DropUnreachable},
			{"DropDown", s.DropDown},
			{"DropBad", s.DropBad},
			{"DropLost", s.DropLost},
		} {
			if !yield(c.name, c.n) {
				return
			}
		}
	}
}
