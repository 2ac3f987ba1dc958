package trace

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/mptcp-go/mptcp/wire"
)

// ConnRecord is a connection as `stats --json` prints it. Names, nesting and
// meaning follow the facts.json files that captures are tested against; what is
// known beyond has further keys.
type ConnRecord struct {
	Schema     int              `json:"schema"`
	Type       string           `json:"type"`           // "connection", or "inferred"
	ID         int              `json:"id"`             // from 0, by the first packet
	File       string           `json:"file,omitempty"` // with --each only
	Version    *int             `json:"version"`        // 0 or 1; null: not seen
	KeyA       *string          `json:"keyA"`           // 16 hexadecimal digits, "hidden" without --show-keys; null: not seen. A sent the first SYN
	KeyB       *string          `json:"keyB"`
	TokenA     *string          `json:"tokenA"` // 8 hexadecimal digits
	TokenB     *string          `json:"tokenB"`
	IDSNA      *uint64          `json:"idsnA"` // the initial data sequence number, from the key
	IDSNB      *uint64          `json:"idsnB"`
	IDSNAStr   string           `json:"idsnA_str,omitempty"`
	IDSNBStr   string           `json:"idsnB_str,omitempty"`
	Flags      [2]*string       `json:"flags"` // of MP_CAPABLE
	Checksum   bool             `json:"csum"`  // DSS checksums were negotiated
	State      string           `json:"state"`
	Fallback   string           `json:"fallback,omitempty"` // id of the finding that explains it
	Subflows   []*SubflowRecord `json:"subflows"`
	AToB       *DirRecord       `json:"A_to_B"`
	BToA       *DirRecord       `json:"B_to_A"`
	DurationS  float64          `json:"duration_s"` // seconds from the first packet to the last
	FindingIDs []string         `json:"findings"`
}

// SubflowRecord is a flow. Pairs are opener first.
type SubflowRecord struct {
	Schema        int         `json:"schema,omitempty"`
	Type          string      `json:"type,omitempty"` // "subflow" for those without a connection
	ID            int         `json:"id"`             // from 0, by the first packet
	Kind          string      `json:"kind"`           // "initial", "join" or "plain"
	Conn          *int        `json:"conn"`           // null: of no connection
	Src           string      `json:"src"`            // the opener, "address:port"
	Dst           string      `json:"dst"`
	FirstFrame    int         `json:"first_frame"`              // from 1
	Packets       uint32      `json:"packets"`                  // both ways
	PayloadBytes  [2]uint64   `json:"payload_bytes"`            // octets of payload, repeated ones too
	InitiatedBy   int         `json:"initiated_by_conn_side"`   // 0: A, 1: B
	AddrID        [2]*int     `json:"addrid"`                   // the address ids of MP_JOIN
	Backup        [2]*int     `json:"backup"`                   // the backup flags of MP_JOIN, 0 or 1
	TokenMatch    *bool       `json:"token_match"`              // the token of MP_JOIN is that of a key seen; null: no MP_JOIN
	SynAckHMACOK  *bool       `json:"synack_hmac_ok"`           // null: it cannot be verified
	AckHMACOK     *bool       `json:"ack_hmac_ok"`              // null: it cannot be verified
	RST           bool        `json:"rst"`                      // either side sent one
	RSTReason     *int        `json:"rst_reason"`               // of MP_TCPRST (RFC 8684 section 3.6); null: none
	NewBytes      [2]uint64   `json:"new_bytes"`                // octets of the connection's data that were first sent here
	Share         [2]float64  `json:"share"`                    // of the connection's new octets, 0 to 1
	Retransmitted [2]uint64   `json:"retransmitted_bytes"`      // octets at sequence numbers that were seen before
	Gaps          [2]uint32   `json:"gaps"`                     // times that a segment began beyond what was expected: loss, or reordering
	LostBytes     [2]uint64   `json:"lost_bytes"`               // never seen in the capture
	HandshakeRTT  [2]*float64 `json:"handshake_rtt_ms"`         // from the point of capture to each end and back
	AckRTT        [2]*Timing  `json:"ack_rtt_ms"`               // from data to the ACK that covers it
	WindowLimited [2]float64  `json:"window_limited_s"`         // seconds during which the peer's window was full
	OOODepth      [2]uint64   `json:"out_of_order_depth_bytes"` // octets, at most, behind a hole in the sequence space
}

// Timing summarises samples in milliseconds.
type Timing struct {
	N    int     `json:"n"`
	Min  float64 `json:"min"`
	Mean float64 `json:"mean"`
	Max  float64 `json:"max"`
}

// DirRecord is the data of one side.
type DirRecord struct {
	Mappings              uint32   `json:"mappings"`          // segments with a mapping, repeated ones, infinite ones and bare DATA_FINs too
	RepeatedMappings      uint32   `json:"repeated_mappings"` // of those, mappings with data that were seen before
	WithChecksum          uint32   `json:"with_checksum"`     // of those, segments with a DSS checksum
	InfiniteMappings      uint32   `json:"infinite_mappings"` // of those, infinite ones (RFC 8684 section 3.7)
	DataAcks              uint32   `json:"data_acks"`         // segments sent by this side with a DATA_ACK
	DAck32                uint32   `json:"dack32"`            // of those, with one of 4 octets
	DAck64                uint32   `json:"dack64"`            // of those, with one of 8 octets
	DSN32                 uint32   `json:"dsn32"`             // mappings with a DSN of 4 octets
	DSN64                 uint32   `json:"dsn64"`             // mappings with a DSN of 8 octets
	DataFinPkts           uint32   `json:"data_fin_pkts"`     // segments with a DATA_FIN
	DataFinDSN            []uint64 `json:"data_fin_dsn"`      // the DSNs of the DATA_FINs; more than one is a fault
	DataFinDSNStr         []string `json:"data_fin_dsn_str,omitempty"`
	LastDataAck           *uint64  `json:"last_data_ack_seen"` // the last DATA_ACK for the data of this side, as on the wire; null: none
	LastDataAckStr        string   `json:"last_data_ack_seen_str,omitempty"`
	SynDataBytes          uint64   `json:"syn_data_bytes"`                // octets of data on the SYN that were accepted (RFC 7413)
	NewBytes              uint64   `json:"new_bytes"`                     // octets of payload whose DSN was not seen before
	DupSameSubflow        uint64   `json:"dup_same_subflow"`              // octets seen again on the subflow that sent them first: the sum of the next two
	DupTCPRetrans         uint64   `json:"dup_tcp_retrans"`               // by TCP, at the same sequence number
	DupSameSubflowNewSSN  uint64   `json:"dup_same_subflow_new_ssn"`      // at the data level, at a new sequence number
	Reinjected            uint64   `json:"reinjected_other_subflow"`      // octets seen again on another subflow
	ReinjectionPackets    uint32   `json:"reinjection_packets"`           // the packets of those
	FirstReinjectionFrame *int     `json:"first_reinjection_frame"`       // the first of those packets
	Unmapped              uint64   `json:"unmapped_bytes"`                // octets that no mapping covers
	UnmappedInfinite      uint64   `json:"unmapped_bytes_after_infinite"` // the same, after an infinite mapping or a fallback
	Conflicts             uint32   `json:"payload_conflicts"`             // pieces whose octets differ from those that had their DSN before
	MappingConflicts      uint32   `json:"mapping_conflicts"`             // mappings that contradict an earlier one
	SumOK                 uint32   `json:"dss_csum_ok"`                   // different mappings with data whose DSS checksum is right
	SumBad                uint32   `json:"dss_csum_bad"`                  // ... is wrong
	SumIncomplete         uint32   `json:"dss_csum_incomplete"`           // ... cannot be verified: octets are not in the capture
	SumBadFrames          []int    `json:"dss_csum_bad_mapping_frames"`   // the first frames of the wrong ones
	FinSumOK              uint32   `json:"dfin_csum_ok"`                  // bare DATA_FINs whose DSS checksum is right
	FinSumBad             uint32   `json:"dfin_csum_bad"`                 // ... is wrong
	StreamLen             *uint64  `json:"stream_len"`                    // octets of the data stream up to the first gap; null: where it starts is not known
	StreamGap             *bool    `json:"stream_gap"`                    // data lies beyond a gap
	StreamSHA256          *string  `json:"stream_sha256"`                 // of those StreamLen octets
	Crosses32             *bool    `json:"dsn_crosses_2^32"`              // the DSNs cross a multiple of 2^32
	DataFin               string   `json:"data_fin"`                      // "none", "sent", "acknowledged"
	Goodput               *float64 `json:"goodput_bps"`                   // null for a single burst
	Latency               *Timing  `json:"data_ack_latency_ms"`           // from data to the DATA_ACK that covers it
	MaxDepth              uint64   `json:"max_out_of_order_bytes"`        // octets, at most, that a receiver had to keep for want of an earlier one
}

// endpoint is address, colon and port, without brackets for IPv6 too.
func endpoint(a netip.AddrPort) string {
	return a.Addr().String() + ":" + strconv.Itoa(int(a.Port()))
}

func ptr[T any](v T) *T { return &v }

func (v Tri) ptr() *bool {
	if v == Unknown {
		return nil
	}
	return ptr(v == Right)
}

func (s *Samples) timing() *Timing {
	if s.N == 0 {
		return nil
	}
	return &Timing{s.N, ms(s.Min), ms(s.Mean()), ms(s.Max)}
}

func ms(ns int64) float64 { return float64(ns) / 1e6 }

// Hex is the key as captures are annotated with.
func keyHex(k wire.Key) string { return fmt.Sprintf("%016x", uint64(k)) }

const bigInt = 1 << 53

// str gives numbers a float64 cannot hold as text too.
func str(v uint64) string {
	if v <= bigInt {
		return ""
	}
	return strconv.FormatUint(v, 10)
}

// Record makes the JSON form of c. Keys are left out unless showKeys.
func (t *Tracker) Record(c *Conn, showKeys bool) *ConnRecord {
	r := &ConnRecord{
		Schema: 1, Type: "connection", ID: c.ID, Checksum: c.Checksum, State: c.State(), Fallback: c.Fallback(),
		AToB: c.Dir[0].record(), BToA: c.Dir[1].record(),
	}
	if c.Inferred {
		r.Type = "inferred"
	}
	if c.hasVersion || c.sentVersion || c.HasFlags[0] || c.HasFlags[1] {
		r.Version = ptr(int(c.Version))
	}
	known := c.Version <= wire.V1
	for side, p := range [2]struct {
		key, token **string
		idsn       **uint64
		str        *string
	}{{&r.KeyA, &r.TokenA, &r.IDSNA, &r.IDSNAStr}, {&r.KeyB, &r.TokenB, &r.IDSNB, &r.IDSNBStr}} {
		if c.HasFlags[side] {
			r.Flags[side] = ptr(fmt.Sprintf("%02x", uint8(c.Flags[side])))
		}
		if !c.HasKey[side] {
			continue
		}
		if showKeys {
			*p.key = ptr(keyHex(c.Key[side]))
		} else {
			*p.key = ptr("hidden")
		}
		if known {
			*p.token = ptr(fmt.Sprintf("%08x", uint32(c.Token[side])))
			*p.idsn = ptr(c.IDSN[side])
			*p.str = str(c.IDSN[side])
		}
	}
	first, last := int64(0), int64(0)
	for _, sf := range c.Subflows {
		r.Subflows = append(r.Subflows, t.SubflowRecord(sf))
		if first == 0 || sf.FirstTime < first {
			first = sf.FirstTime
		}
		last = max(last, sf.LastTime)
	}
	r.DurationS = float64(last-first) / 1e9
	r.FindingIDs = []string{}
	for _, f := range c.Findings {
		r.FindingIDs = append(r.FindingIDs, f.ID)
	}
	return r
}

// SubflowRecord makes the JSON form of a flow.
func (t *Tracker) SubflowRecord(sf *Subflow) *SubflowRecord {
	r := &SubflowRecord{
		ID: sf.ID, Kind: sf.Kind.String(), Src: endpoint(sf.Src), Dst: endpoint(sf.Dst),
		FirstFrame: sf.First.Frame(), Packets: sf.Packets, InitiatedBy: sf.OpenerSide, RST: sf.RST != 0,
	}
	if sf.RST != 0 && sf.RSTReason >= 0 {
		r.RSTReason = ptr(int(sf.RSTReason))
	}
	if sf.Conn != nil {
		r.Conn = ptr(sf.Conn.ID)
	}
	if j := sf.join; j != nil {
		for i := range 2 {
			if j.ID[i] >= 0 {
				r.AddrID[i] = ptr(j.ID[i])
			}
			if j.Backup[i] >= 0 {
				r.Backup[i] = ptr(j.Backup[i])
			}
		}
		r.TokenMatch = j.TokenMatch.ptr()
		r.SynAckHMACOK = j.SYNACKHMAC.ptr()
		r.AckHMACOK = j.ACKHMAC.ptr()
	}
	to, from := sf.Handshake.RTT()
	for i, v := range [2]int64{to, from} {
		if v > 0 {
			r.HandshakeRTT[i] = ptr(ms(v))
		}
	}
	for i := range sf.Dir {
		d := &sf.Dir[i]
		r.PayloadBytes[i] = d.Payload
		r.NewBytes[i] = d.DataNew
		r.Retransmitted[i] = d.Retransmitted
		r.Gaps[i], r.LostBytes[i] = d.Gaps, d.GapOctets
		r.AckRTT[i] = d.RTT.timing()
		r.WindowLimited[i] = float64(d.Limited) / 1e9
		r.OOODepth[i] = d.OOODepth
		r.Share[i] = sf.Share(i)
	}
	return r
}

// Share is the part of the connection's new octets that direction dir of the flow
// carried, 0 to 1.
func (sf *Subflow) Share(dir int) float64 {
	if sf.Conn == nil {
		return 0
	}
	if all := sf.Conn.Dir[sf.Side(dir)].NewBytes; all > 0 {
		return float64(sf.Dir[dir].DataNew) / float64(all)
	}
	return 0
}

func (d *ConnDir) record() *DirRecord {
	r := &DirRecord{
		Mappings: d.Mappings, RepeatedMappings: d.RepeatedMappings, WithChecksum: d.WithChecksum,
		InfiniteMappings: d.InfiniteMappings, DataAcks: d.DataAcks, DAck32: d.DataAck32, DAck64: d.DataAck64,
		DSN32: d.DSN32, DSN64: d.DSN64, DataFinPkts: d.DataFinPackets, DataFinDSN: d.FinDSNs,
		SynDataBytes: d.SynData, NewBytes: d.NewBytes, DupSameSubflow: d.DupSameSubflow,
		DupTCPRetrans: d.DupTCPRetrans, DupSameSubflowNewSSN: d.DupNewSSN, Reinjected: d.Stats.Reinjected,
		ReinjectionPackets: d.ReinjectionPackets, Unmapped: d.Unmapped, UnmappedInfinite: d.UnmappedAfterInfinite,
		Conflicts: d.Conflicts, MappingConflicts: d.MapConflicts, SumOK: d.SumOK, SumBad: d.SumBad, SumIncomplete: d.SumIncomplete,
		FinSumOK: d.FinSumOK, FinSumBad: d.FinSumBad, SumBadFrames: []int{}, DataFin: d.FinState(),
		Latency: d.Latency.timing(), MaxDepth: d.MaxDepth,
	}
	if rate := d.Goodput(); rate > 0 {
		r.Goodput = &rate
	}
	if r.DataFinDSN == nil {
		r.DataFinDSN = []uint64{}
	}
	for _, v := range d.FinDSNs {
		if s := str(v); s != "" {
			r.DataFinDSNStr = append(r.DataFinDSNStr, s)
		}
	}
	if d.HasDataAck {
		r.LastDataAck, r.LastDataAckStr = ptr(d.LastDataAck), str(d.LastDataAck)
	}
	if d.FirstReinjection != 0 {
		r.FirstReinjectionFrame = ptr(d.FirstReinjection.Frame())
	}
	for _, f := range d.SumBadFrames {
		r.SumBadFrames = append(r.SumBadFrames, f.Frame())
	}
	if n, ok := d.StreamLen(); ok {
		r.StreamLen, r.StreamGap = &n, ptr(d.StreamGap)
		r.Crosses32 = ptr(d.Crosses32)
	}
	if d.Hash != nil {
		r.StreamSHA256 = ptr(hex.EncodeToString(d.Hash[:]))
	}
	return r
}

// FinState says how far the closing of one direction got.
func (d *ConnDir) FinState() string {
	switch {
	case !d.HasFin:
		return "none"
	case d.FinAcked == 0:
		return "sent"
	}
	return "acknowledged"
}

// Goodput is new octets over the time between the first and the last of them, bit/s;
// 0 where that is less than a millisecond, as of a single burst, and tells nothing.
func (d *ConnDir) Goodput() float64 {
	if d.LastNew-d.FirstNew < 1e6 {
		return 0
	}
	return float64(d.NewBytes) * 8 / (float64(d.LastNew-d.FirstNew) / 1e9)
}

// State says in a word what became of the connection.
func (c *Conn) State() string {
	h := &c.Subflows[0].Handshake
	switch {
	case c.Inferred:
		return "mptcp"
	case c.Infinite != [2]Ref{} || c.MPFail != [2]Ref{} && c.sole():
		return "fallback"
	case c.FirstDSS != 0:
		for _, f := range c.Findings {
			if f.ID == optionsLost.id && c.sole() {
				return "fallback"
			}
		}
		return "mptcp"
	case c.Subflows[0].MidStream && c.HasKey == [2]bool{true, true}:
		return "mptcp" // the third ACK proves that the SYNs agreed
	case h.SYNACK == 0 && h.ACK == 0:
		return "unanswered"
	case h.SYNACK != 0 && !h.SYNACKCapable:
		return "fallback"
	case h.ACK == 0:
		return "half-open"
	case h.ACKCapable || c.Subflows[0].Dir[0].speaks:
		return "mptcp"
	}
	return "fallback"
}

// Fallback returns the id of the finding that explains why the connection is plain
// TCP, "" where it is not.
func (c *Conn) Fallback() string {
	for _, k := range []*kind{
		synStripped, synackStripped, plainServer, fallbackSum, synBlackhole, fallbackOddSYN, fallbackSYNACK,
		fallbackACK, optionsLost, infiniteMap,
	} {
		for _, f := range c.Findings {
			if f.ID == k.id {
				return f.ID
			}
		}
	}
	return ""
}
