package trace

import "github.com/mptcp-go/mptcp/wire"

// Rules of RFC 8684 that a capture shows to be kept or broken, packet by packet.

var (
	sumPresence = &kind{
		"MPD-CHECKSUM-PRESENCE", Error, "RFC 8684 section 3.3 (R3.3-04, R3.3-05)", "",
		"a DSS mapping %s though checksums were %s: the receiver must reset the subflow",
		"the sender is faulty, or a middlebox edits the flag A of MP_CAPABLE or the DSS option",
	}
	reservedBits = &kind{
		"MPD-RESERVED", Warn, "RFC 8684 sections 3.1, 3.2, 3.3", "",
		"reserved bits are set in %s",
		"receivers ignore them; report it to the sender's implementer",
	}
	earlyData = &kind{
		"MPD-JOIN-EARLY-DATA", Warn, "RFC 8684 section 3.2 (R3.2-14)", "",
		"the joiner sent data before anything answered its third ACK",
		"a responder may reset the subflow; report it to the joiner's implementer",
	}
	afterFallback = &kind{
		"MPD-OPTION-AFTER-FALLBACK", Warn, "RFC 8684 section 3.7 (R3.7-17)", "",
		"%s sends mappings again after its infinite mapping: fallback is never left",
		"report it to the sender's implementer",
	}
	signalFlood = &kind{
		"MPD-SIGNAL-FLOOD", Warn, "RFC 8684 section 3 (R3-02, R4-03)", "",
		"more than two duplicate ACKs in a row carry signals only: a peer or middlebox may take them for loss",
		"report it to the sender's implementer",
	}
	urgentData = &kind{
		"MPD-URGENT", Warn, "RFC 8684 section 3.3.1 (R3.3.1-07)", "",
		"a segment inside a mapping sets the urgent pointer, which MPTCP forbids",
		"receivers deliver the octet inline; do not use urgent data over MPTCP",
	}
	mapElsewhere = &kind{
		"MPD-MAPPING-ELSEWHERE", Warn, "RFC 8684 section 3.3.1 (R3.3.1-19)", "",
		"a mapping covers no octet of the segment that carries it",
		"receivers may drop it; a middlebox may have moved options between segments",
	}
)

// signalling follows duplicate ACKs that carry nothing but signals.
type signalling struct {
	ack, seq uint32
	run      int
}

// conformACK counts them on one direction of a flow.
func (t *Tracker) conformACK(sf *Subflow, dir int, s *wire.Segment, sg *signals) {
	q := &sf.Dir[dir].sig
	if s.PayloadLen > 0 || s.Flags&(wire.SYN|wire.FIN|wire.RST) != 0 || !sg.other || s.Ack != q.ack || s.Seq != q.seq {
		q.ack, q.seq, q.run = s.Ack, s.Seq, 0
		return
	}
	if q.run++; q.run > 2 {
		t.find(sf, signalFlood, t.ref)
	}
}

// conformMap judges a new mapping of data against what was negotiated.
func (t *Tracker) conformMap(sf *Subflow, s *wire.Segment, hasSum bool) {
	c := sf.Conn
	if hasSum != c.Checksum && c.HasFlags[0] && c.HasFlags[1] {
		if hasSum {
			t.find(sf, sumPresence, t.ref, "carries a checksum", "not negotiated")
		} else {
			t.find(sf, sumPresence, t.ref, "carries no checksum", "negotiated")
		}
	}
	if s.PayloadLen > 0 && s.Flags&wire.URG != 0 {
		t.find(sf, urgentData, t.ref)
	}
}

// conformJoin judges data on a flow that joined.
func (t *Tracker) conformJoin(sf *Subflow, dir int) {
	if dir == 0 && sf.Kind == Join && sf.Dir[1].Packets == 1 && sf.Handshake.SYNACK != 0 {
		t.find(sf, earlyData, t.ref)
	}
}

// conformBits looks for reserved bits that are not zero.
func (t *Tracker) conformBits(sf *Subflow, s *wire.Segment, opt wire.Option) {
	set := false
	switch opt.Subtype() {
	case wire.SubDSS: // R3.3-03
		set = opt[2]&15 != 0 || opt[3]&0xe0 != 0
	case wire.SubMPJoin: // R3.2-07, R3.2-15
		set = len(opt) == 24 && (opt[2]&15|opt[3]) != 0 || len(opt) < 24 && opt[2]&0x0e != 0
	case wire.SubMPCapable: // R3.1-23
		set = len(opt) > 3 && wire.CapableFlags(opt[3])&wire.CapableExtension != 0
	}
	if set {
		t.find(sf, reservedBits, t.ref, opt.Subtype().String())
	}
}
