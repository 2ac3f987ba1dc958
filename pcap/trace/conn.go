package trace

import (
	"crypto/sha256"
	"net/netip"

	"github.com/mptcp-go/mptcp/dataseq"
	"github.com/mptcp-go/mptcp/wire"
)

// Conn is one Multipath TCP connection, or the attempt to make one.
type Conn struct {
	ID            int
	Key           [2]wire.Key // of A and B
	IDSN          [2]uint64
	Token         [2]wire.Token
	Version       wire.Version
	Inferred      bool    // no handshake is in the capture; subflows were joined by their data
	HasKey        [2]bool // of A and B
	Given         [2]bool // the key was supplied, not captured
	Flags         [2]wire.CapableFlags
	HasFlags      [2]bool
	Checksum      bool // DSS checksums were negotiated
	Compacted     bool // it is over and was judged; what only a living one needs is gone
	Subflows      []*Subflow
	Findings      []Finding
	Early         Ref // a JOIN before any DSS on the first subflow (R3.1-21)
	Fastclose     Ref
	FastcloseSide int
	AddAddrs      int    // ADD_ADDRs whose HMAC was checked
	MPFail        [2]Ref // sent by A, by B
	MPFailDSN     [2]uint64
	Infinite      [2]Ref
	FirstDSS      Ref
	Mismatch      Ref // the third ACK echoed another key than the SYN/ACK gave

	hasVersion  bool // by the SYN/ACK or what follows it
	sentVersion bool
	closing     bool
	dropped     bool
	failReset   bool  // an MP_FAIL came on a RST
	failedFirst int8  // who sent MP_FAIL first: 1 for A, 2 for B
	open        int32 // subflows that were answered and did not end
	more        int32 // findings beyond the limit

	Dir [2]ConnDir // data sent by A and by B
}

// ConnDir is the data of one side.
type ConnDir struct {
	Stats
	Acked     uint64 // highest position acknowledged by a DATA_ACK
	AckedRef  Ref    // of that DATA_ACK
	Fin       uint64 // position of the DATA_FIN
	FinRef    Ref
	FinAcked  Ref
	Start     uint64             // position of the first octet of the stream (valid with HasStart)
	Latency   Samples            // from data to the DATA_ACK that covers it
	MaxDepth  uint64             // from the first octet missing at the receiver to the last that came
	Hash      *[sha256.Size]byte // of the mapped stream, with Config.Streams
	HashedLen uint64             // octets of it
	HasFin    bool
	HasStart  bool

	hasOrigin bool
	low       bool   // only the low 32 bits of origin are known
	early     bool   // octets were first sent when a DATA_ACK had covered them
	origin    uint64 // DSN of position 0
	end       uint64 // highest position seen, mapped data only
	prefix    uint64 // end of the contiguous stream captured whole, once settled

	*dataState // nil once the connection was settled
}

// dataState is what one direction needs while the connection lives.
type dataState struct {
	contig uint64 // all before was seen, or acknowledged
	far    uint64 // the last number that was not believed
	ledger ledger
	store  store
	sample sample
	stream *stream
	addrs  map[uint8]netip.Addr // announced, by id
}

// Stats are counts over the packets of one direction, named as the JSON names them.
type Stats struct {
	Mappings, RepeatedMappings, WithChecksum          uint32
	DataAcks, DataAck32, DataAck64, DSN32, DSN64      uint32
	InfiniteMappings, DataFinPackets                  uint32
	ReinjectionPackets                                uint32
	Conflicts, MapConflicts                           uint32
	SumOK, SumBad, SumIncomplete, FinSumOK, FinSumBad uint32
	HasDataAck                                        bool
	Crosses32                                         bool // the DSNs cross a multiple of 2^32
	StreamGap                                         bool
	NewBytes, DupSameSubflow, DupTCPRetrans           uint64
	DupNewSSN, Reinjected                             uint64
	Unmapped, UnmappedAfterInfinite                   uint64
	SynData                                           uint64
	OldUnjudged                                       uint64 // octets repeated so late that their owner was forgotten
	FirstReinjection, FirstResent                     Ref
	ConflictRef, MapConflictRef                       Ref
	SumBadFrames                                      []Ref
	FinDSNs                                           []uint64
	LastDataAck                                       uint64 // raw, as on the wire
	FirstNew, LastNew                                 int64  // capture times of new data, ns
}

// posBase is the position of IDSN+1, or of the first data seen where the IDSN is
// unknown.
const posBase = 1 << 40

func (t *Tracker) newConn(sf *Subflow) *Conn {
	c := &Conn{ID: t.realConns}
	t.realConns++
	state := new([2]dataState)
	c.Dir[0].dataState, c.Dir[1].dataState = &state[0], &state[1]
	t.conns = append(t.conns, c)
	t.attach(c, sf, 0)
	return c
}

func (t *Tracker) attach(c *Conn, sf *Subflow, openerSide int) {
	sf.Conn, sf.OpenerSide = c, openerSide
	c.Subflows = append(c.Subflows, sf)
	if sf.Kind != Join {
		sf.answered()
	}
}

// answered has the connection wait for the end of a flow. A join counts from its
// answer on: most that stay without one never end either.
func (sf *Subflow) answered() {
	if c := sf.Conn; c != nil && !sf.counted && !sf.Closed() {
		sf.counted = true
		c.open++
		c.closing = false
	}
}

// setKey records the key of a side, from the wire or given, and what follows from
// it. The first stands; only one that was given makes room for one that was seen.
func (t *Tracker) setKey(c *Conn, side int, k wire.Key, given bool) {
	if c.HasKey[side] && (given || !c.Given[side] || c.Key[side] == k) {
		return
	}
	t.disown(c, side)
	c.Key[side], c.HasKey[side], c.Given[side] = k, true, given
	t.derive(c, side)
	if c.HasKey[side^1] { // joins were perhaps seen before the third ACK
		for _, sf := range c.Subflows {
			sf.checkJoin()
		}
	}
}

// disown takes a connection's token out of the table, if it is there.
func (t *Tracker) disown(c *Conn, side int) {
	if o, ok := t.tokens[c.Token[side]]; ok && o.conn == c && c.HasKey[side] {
		delete(t.tokens, c.Token[side])
	}
}

// derive computes token and IDSN; again if the version turns out to be another.
func (t *Tracker) derive(c *Conn, side int) {
	c.Token[side], c.IDSN[side] = c.Key[side].Derive(c.Version)
	if c.Version <= wire.V1 {
		t.tokens[c.Token[side]] = tokenOwner{c, side}
	}
	d := &c.Dir[side]
	first := c.IDSN[side] + 1
	switch {
	case !d.hasOrigin:
		d.origin, d.hasOrigin = first-posBase, true
		d.Start, d.HasStart = posBase, true
	case d.low: // the high half is known now
		off := int32(uint32(first) - uint32(d.origin+posBase))
		d.origin = first - posBase - uint64(int64(off))
		d.low = false
		d.Start, d.HasStart = first-d.origin, true
	default:
		d.Start, d.HasStart = first-d.origin, true
	}
}

// pos converts a DSN, of 32 or 64 bits, to a position.
func (d *ConnDir) pos(dsn uint64, wide bool) uint64 {
	if !d.hasOrigin {
		d.origin, d.hasOrigin, d.low = dsn-posBase, true, !wide
		d.end = posBase
	}
	if wide {
		if d.low {
			off := int32(uint32(dsn) - uint32(d.origin+posBase))
			d.origin, d.low = dsn-posBase-uint64(int64(off)), false
		}
		return dsn - d.origin
	}
	ref := max(d.end, d.Acked, posBase)
	return dataseq.Unwrap32(ref, uint32(dsn)-uint32(d.origin))
}

// believable reports whether pos may become the highest position known, by which
// 32-bit numbers are extended. A single one far ahead of all others is a lie or a
// damaged option; two that agree are a gap in the capture.
func (d *ConnDir) believable(pos uint64) bool {
	ref := max(d.end, d.Acked, posBase)
	if pos <= ref || pos-ref < 1<<32 || ref == posBase {
		return true
	}
	apart := int64(pos - d.far)
	d.far = pos
	return apart != 0 && -near < apart && apart < near
}

// DSN of a position.
func (d *ConnDir) DSN(pos uint64) uint64 { return d.origin + pos }

// StreamLen is the length of the contiguous mapped stream, from segments captured
// whole; ok is false where the IDSN is unknown.
func (d *ConnDir) StreamLen() (n uint64, ok bool) {
	if !d.HasStart {
		return 0, false
	}
	if d.dataState == nil {
		return max(d.prefix, d.Start) - d.Start, true
	}
	return d.ledger.prefix(d.Start) - d.Start, true
}

// MPTCP reports whether the connection carried data under MPTCP's control.
func (c *Conn) MPTCP() bool { return c.FirstDSS != 0 }
