package mbox

import (
	"bytes"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// Normalize sees to it that a sequence number carries the same octets for ever, as
// traffic normalizers and proxies do: when a retransmission has other contents the
// paper saw the original ones put back, and on one path the connection reset
// (section 3.3.3, footnote 5: P-3.3.3-03).
//
//	normalize [how=reassert|reset] [when...]
//
// It remembers octets until they are acknowledged, 256 KiB at the most.
type Normalize struct {
	reset bool
	when  when
	e     edit
	flows flows[normState]
}

// normState is the octets in flight, by direction.
type normState struct {
	sent [2]struct {
		known bool
		base  uint32 // of octets[0]
		data  []byte
	}
}

const maxNormalized = 256 << 10

func parseNormalize(s *netsim.Spec) netsim.Element {
	return &Normalize{reset: s.Choice("how", "reassert", "reset") == "reset", when: parseWhen(s)}
}

func (x *Normalize) String() string {
	s := "normalize"
	if x.reset {
		s += " how=reset"
	}
	return s + x.when.String()
}

// Handle implements netsim.Element.
func (x *Normalize) Handle(at *netsim.Slot, dir netsim.Dir, p *netsim.Packet) {
	e := &x.e
	if !e.open(p) {
		at.Send(dir, p)
		return
	}
	chosen := x.when.has(at, dir, e)
	f := x.flows.get(dir, &e.seg)
	if e.seg.Flags.Has(wire.ACK) {
		f.acked(dir.Back(), e.seg.Ack)
	}
	if len(e.seg.Payload) == 0 || !chosen {
		at.Send(dir, p)
		return
	}
	seq := e.dataSeq()
	end := seq + uint32(len(e.seg.Payload))
	s := &f.sent[dir]
	if !s.known {
		s.known, s.base = true, seq
	}
	high := s.base + uint32(len(s.data))
	if from, to := latest(seq, s.base), end; before(from, high) && before(from, to) {
		if before(high, to) {
			to = high
		}
		original := s.data[from-s.base : to-s.base]
		if !bytes.Equal(original, e.seg.Payload[from-seq:to-seq]) {
			x.when.spend()
			if x.reset {
				if at.Logging() {
					at.Log(dir, "reset for changed contents: "+e.text())
				}
				resetBoth(at, dir, e, "both")
				return
			}
			if at.Logging() {
				at.Log(dir, "put the original octets back: "+e.text())
			}
			e.patch(tcpHeader+len(e.seg.Options)+int(from-seq), original)
		}
	}
	if !before(high, seq) && before(high, end) { // what follows a hole is not kept
		s.data = append(s.data, e.seg.Payload[high-seq:]...)
		if over := len(s.data) - maxNormalized; over > 0 {
			s.data = append(s.data[:0], s.data[over:]...)
			s.base += uint32(over)
		}
	}
	at.Send(dir, p)
}

func (f *normState) acked(dir netsim.Dir, ack uint32) {
	s := &f.sent[dir]
	n := ack - s.base
	if !s.known || before(ack, s.base) || n == 0 {
		return
	}
	if n >= uint32(len(s.data)) { // also when it never saw what is acknowledged
		s.data, s.base = s.data[:0], ack
		return
	}
	s.data = append(s.data[:0], s.data[n:]...)
	s.base = ack
}
