package trace

import (
	"net/netip"

	"github.com/mptcp-go/mptcp/wire"
)

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

var (
	finForm = &kind{
		"MPD-DATA-FIN-FORM", Warn, "RFC 8684 section 3.3.3 (R3.3.3-03)", "",
		"a DATA_FIN without data names subflow sequence number %d, not 0",
		"receivers may take it for a mapping; report it to the sender's implementer",
	}
	ackBeyond = &kind{
		"MPD-DATA-ACK", Warn, "RFC 8684 section 3.3.2", "",
		"%s acknowledges %d octets at the data level that %s never sent",
		"a sender ignores it; report it to the implementer of the receiver, or find the middlebox that rewrites DATA_ACKs",
	}
	unasked = &kind{
		"MPD-CAPABLE-UNASKED", Warn, "RFC 8684 section 3.1 (R3.1-40)", "",
		"the SYN/ACK has MP_CAPABLE though the SYN had none",
		"an opener that did not ask ignores it; a middlebox may have edited one of the two",
	}
	joinForbidden = &kind{
		"MPD-JOIN-FORBIDDEN", Warn, "RFC 8684 section 3.1 (R3.1-25)", "",
		"a join goes to %s, whose owner set the C flag: it accepts no joins there",
		"the responder may refuse it; let the joiner use announced addresses only",
	}
	addressReused = &kind{
		"MPD-ADDRESS-ID", Warn, "RFC 8684 section 3.4.1 (R3.4.1-03, R3.4.1-16, R3.4.1-18)", "",
		"address id %d was announced for %s and now stands for %s, without a REMOVE_ADDR between",
		"report it to the sender's implementer, or find the middlebox that rewrites addresses",
	}
	timestampsLost = &kind{
		"MPD-TIMESTAMPS-LOST", Info, "RFC 7323 section 3.2 (T7323-03)", "",
		"both SYNs agreed on timestamps, and segments come without",
		"a middlebox may strip TCP options, those of MPTCP next",
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

// conformCapable judges the MP_CAPABLE of a SYN/ACK.
func (t *Tracker) conformCapable(sf *Subflow) {
	if h := &sf.Handshake; h.SYN != 0 && !h.SYNCapable && !sf.MidStream {
		t.find(sf, unasked, t.ref)
	}
}

// conformTarget judges where a join goes that names a token of side.
func (t *Tracker) conformTarget(sf *Subflow, c *Conn, side int) {
	first := c.Subflows[0]
	to := first.Dst
	if first.OpenerSide == side {
		to = first.Src
	}
	if c.Version == wire.V1 && c.Flags[side]&wire.CapableNoJoin != 0 && sf.Dst == to {
		t.find(sf, joinForbidden, t.ref, to)
	}
}

// conformAddress judges an address that side announces.
func (t *Tracker) conformAddress(sf *Subflow, side int, a *wire.AddAddr) {
	d := &sf.Conn.Dir[side]
	if a.Echo || d.dataState == nil {
		return
	}
	if old, ok := d.addrs[a.ID]; ok && old != a.Addr {
		t.find(sf, addressReused, t.ref, a.ID, old, a.Addr)
	}
	if d.addrs == nil {
		d.addrs = map[uint8]netip.Addr{}
	}
	d.addrs[a.ID] = a.Addr
}

// withdrawn forgets addresses that side takes back.
func (c *Conn) withdrawn(side int, ids []byte) {
	if d := &c.Dir[side]; d.dataState != nil {
		for _, id := range ids {
			delete(d.addrs, id)
		}
	}
}

// conformTimestamps judges a segment without timestamps.
func (t *Tracker) conformTimestamps(sf *Subflow, s *wire.Segment) {
	if sf.Dir[0].stamps && sf.Dir[1].stamps && s.Flags&(wire.SYN|wire.RST) == 0 && !t.cut {
		t.find(sf, timestampsLost, t.ref)
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
