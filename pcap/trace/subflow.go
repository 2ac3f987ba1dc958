package trace

import (
	"net/netip"

	"github.com/mptcp-go/mptcp/dataseq"
	"github.com/mptcp-go/mptcp/wire"
)

// Kind says what a TCP flow is to Multipath TCP.
type Kind uint8

// Kinds of flow.
const (
	Plain   Kind = iota // no MP_CAPABLE nor MP_JOIN was seen
	Initial             // carries MP_CAPABLE
	Join                // carries MP_JOIN
)

func (k Kind) String() string { return [...]string{"plain", "initial", "join"}[k%3] }

// Tri is a verdict that may not have been possible.
type Tri uint8

// What a check said.
const (
	Unknown Tri = iota // the packet, or a key, is not in the capture
	Right
	Wrong
)

func (v Tri) String() string { return [...]string{"unknown", "right", "wrong"}[v%3] }

func tri(ok bool) Tri {
	if ok {
		return Right
	}
	return Wrong
}

// Subflow is one TCP flow, plain ones too.
type Subflow struct {
	ID            int
	Conn          *Conn // nil for plain flows and for joins whose token is unknown
	Src, Dst      netip.AddrPort
	First, Last   Ref
	FirstTime     int64
	LastTime      int64
	RST           Ref // the first one, either way
	SynPlain      Ref // a SYN without the option after SYNs that had it
	OpenerSide    int // which side of Conn opened it
	RSTDir        int
	Packets       uint32
	MPTCPPackets  uint32
	RSTs          uint32
	SynWithOption uint32 // SYNs with MP_CAPABLE before one without, or all of them
	RSTReason     int16  // of MP_TCPRST; -1 where it had none
	Kind          Kind
	RSTTransient  bool
	RSTLate       bool // the RST came after the FINs of both
	SynAnswered   bool // before SynPlain
	MidStream     bool // no SYN was seen at first

	dropped   bool
	counted   bool // among the open subflows of Conn
	Handshake Handshake
	Dir       [2]FlowDir
	silent    [2]silence
	join      *joinState
}

// Handshake is what was seen of SYN, SYN/ACK and third ACK.
type Handshake struct {
	SYN, SYNACK, ACK             Ref
	SYNTime, SYNACKTime, ACKTime int64
	SYNs, SYNACKs                uint32 // copies
	SYNCapable, SYNACKCapable    bool
	ACKCapable                   bool
	SYNJoin, SYNACKJoin, ACKJoin bool
	SYNFault                     OfferFault // what is odd about its MP_CAPABLE
}

// RTT of the handshake as seen where the capture was made, ns; 0 where unknown.
// Their sum is the round trip time whatever the place.
func (h *Handshake) RTT() (toResponder, toOpener int64) {
	if h.SYNTime != 0 && h.SYNACKTime != 0 {
		toResponder = h.SYNACKTime - h.SYNTime
	}
	if h.SYNACKTime != 0 && h.ACKTime != 0 {
		toOpener = h.ACKTime - h.SYNACKTime
	}
	return toResponder, toOpener
}

// FlowDir is what one end of a flow sent.
type FlowDir struct {
	Packets       uint32
	RetransSegs   uint32
	Gaps          uint32 // times a segment began beyond what was expected: loss before this point, or reordering
	ZeroWindow    uint32
	Payload       uint64 // octets on the wire
	Retransmitted uint64 // octets at sequence numbers seen before
	GapOctets     uint64 // beyond gaps, never filled
	FIN           Ref
	RTT           Samples // from data to the ACK that covers it
	Limited       int64   // ns during which the peer's window was full; 0 where its scale is not known
	MaxFlight     uint64  // octets
	MSS           uint16
	WScale        uint8
	HasWScale     bool
	LastOption    Ref // last packet with an MPTCP option
	OOODepth      uint64
	DataNew       uint64 // connection octets first sent here
	DataDup       uint64 // connection octets sent here again
	Stalled       int64  // ns: the longest time that data was sent without any ACK advancing
	StallRef      Ref    // when that began

	isn     uint32
	hasISN  bool
	guessed bool // ssn1 is inferred from a mapping
	speaks  bool // sent an MPTCP option without SYN
	unseen  bool // the peer acknowledged what is not in the capture

	*flowState // nil once the flow was settled
}

// flowState is what one direction needs while the flow lives.
type flowState struct {
	synData     uint32
	synOctets   []byte // data of the SYN, until it is accepted
	accepted    uint32 // of which the SYN/ACK acknowledged
	ssn1        uint32 // sequence number of relative SSN 1
	hasSSN      bool
	base        uint32 // sequence number whose offset is baseOff
	next        uint64 // highest offset sent
	ackMax      uint64 // highest offset acknowledged by the peer
	started     bool
	stamps      bool   // its SYN has timestamps
	window      uint64 // what this end advertises, octets
	limited     bool
	limitedAt   int64
	holes       []span
	waitSince   int64 // first data sent since the last ACK that advanced
	waitRef     Ref
	sample      sample
	maps        mapLog
	raw         bool // after an infinite mapping or fallback: position = offset + rawDelta
	rawDelta    uint64
	delta       uint64 // of the last mapping used: position = offset + delta
	hasDelta    bool
	infinite    bool
	infiniteOff uint64
	sig         signalling
	unmapped    uint64 // octets that no mapping covers
	tail        int    // entry of the connection's ledger that was extended last
}

type span struct{ lo, hi uint64 }

// silence counts packets without MPTCP options since the last with one.
type silence struct {
	since Ref
	count uint32
	data  uint64 // payload octets among them
}

// Samples summarise times in ns.
type Samples struct {
	N             int
	Min, Max, Sum int64
}

// Mean in ns; 0 without samples.
func (s *Samples) Mean() int64 {
	if s.N == 0 {
		return 0
	}
	return s.Sum / int64(s.N)
}

func (s *Samples) add(d int64) {
	if d < 0 {
		return // captures merged from hosts whose clocks differ
	}
	if s.N == 0 || d < s.Min {
		s.Min = d
	}
	s.Max = max(s.Max, d)
	s.N++
	s.Sum += d
}

// sample is one measurement under way: until end is acknowledged.
type sample struct {
	end uint64
	at  int64
	on  bool
}

// flow finds the flow of s or starts one.
func (t *Tracker) flow(s *wire.Segment) (*Subflow, int) {
	sf, dir := t.flows.lookup(s)
	if sf != nil && (s.Flags&wire.SYN == 0 || sf.takes(dir, s)) {
		return sf, dir
	}
	return t.newFlow(s)
}

// takes reports whether a SYN belongs to the flow. A new one begins where the old
// one is over or the SYN is another one.
func (sf *Subflow) takes(dir int, s *wire.Segment) bool {
	d := &sf.Dir[dir]
	switch {
	case s.Flags&wire.ACK != 0: // of a reuse whose SYN is not in the capture?
		return !sf.Closed() || !d.hasISN || d.isn == s.Seq
	case sf.Closed() || sf.settled():
		return false
	case d.hasISN:
		return d.isn == s.Seq
	case d.started: // captured behind what followed it?
		return d.base == s.Seq+1
	}
	return !sf.MidStream // simultaneous open, or behind the SYN/ACK
}

func (t *Tracker) newFlow(s *wire.Segment) (*Subflow, int) {
	sf := &Subflow{
		ID: t.flowsSeen, Src: s.Src, Dst: s.Dst, First: t.ref, FirstTime: t.now, RSTReason: -1,
		MidStream: !s.Flags.Has(wire.SYN),
	}
	state := new([2]flowState)
	sf.Dir[0].flowState, sf.Dir[1].flowState = &state[0], &state[1]
	dir := 0
	if s.Flags.Has(wire.SYN | wire.ACK) { // its receiver is the opener
		sf.Src, sf.Dst, dir = s.Dst, s.Src, 1
	}
	t.flowsSeen++
	t.subflows = append(t.subflows, sf)
	if t.alive++; t.alive > t.cfg.Limits.Flows {
		t.forgetOldest()
	}
	t.flows.put(s, sf)
	return sf, dir
}

// settled reports whether the flow is over and what it needed alive is gone.
func (sf *Subflow) settled() bool { return sf.Dir[0].flowState == nil }

// Closed reports whether the flow ended: a RST, or FINs both ways.
func (sf *Subflow) Closed() bool {
	return sf.RST != 0 || sf.Dir[0].FIN != 0 && sf.Dir[1].FIN != 0
}

// Side of the connection that sends in direction dir.
func (sf *Subflow) Side(dir int) int { return dir ^ sf.OpenerSide }

// dirOf is the direction in which a side sends.
func (sf *Subflow) dirOf(side int) int { return side ^ sf.OpenerSide }

// HasISN reports whether the SYN of that direction was seen.
func (d *FlowDir) HasISN() bool { return d.hasISN && !d.guessed }

// baseOff is the offset of a flow's first octet: high, so that what lies before a
// capture's first packet has an offset too.
const baseOff = 1 << 40

// offset of a sequence number in the flow.
func (d *FlowDir) offset(seq uint32) uint64 {
	return dataseq.Unwrap32(d.next, seq-d.base)
}

// start sets the sequence number of baseOff, the first octet of data.
func (d *FlowDir) start(seq uint32) {
	if !d.started {
		d.base, d.next, d.ackMax, d.started = seq, baseOff, baseOff, true
	}
}

// ssnOff is the offset of a relative subflow sequence number.
func (d *FlowDir) ssnOff(ssn uint32) uint64 { return d.offset(d.ssn1 + ssn - 1) }
