package wire

import (
	"net/netip"

	"github.com/mptcp-go/mptcp/checksum"
)

// Flags are the twelve bits beside the data offset: the eight flags of RFC 9293
// section 3.1 and, above them, AE (bit 8) and three reserved bits.
type Flags uint16

// The flags of a TCP header.
const (
	FIN Flags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
	AE // accurate ECN, formerly the nonce sum
)

// Has reports whether all of want are set.
func (f Flags) Has(want Flags) bool { return f&want == want }

// SumState says what is known of a segment's TCP checksum. A bad one is a state,
// not a parse error: captures of a sending host hold offloaded checksums.
type SumState uint8

// States of a TCP checksum.
const (
	SumUnknown SumState = iota // not computed, or the packet was cut
	SumGood
	SumBad
	SumPartial // the pseudo-header's sum alone: left to the network card
)

func (s SumState) String() string {
	return [...]string{"unknown", "good", "bad", "partial"}[s&3]
}

// Segment is one TCP segment with what matters of its IP header.
type Segment struct {
	Src, Dst netip.AddrPort
	Path     uint16 // which link it came from or leaves by; 0: let the driver choose by Src
	Seq, Ack uint32
	Flags    Flags
	Window   uint16 // as on the wire, not scaled
	Urgent   uint16
	TOS, TTL uint8
	Options  Options // the option block without the header, at most 40 octets
	Payload  []byte
	// PayloadLen is the number of payload octets the packet had on the wire. It
	// exceeds len(Payload) where a capture was cut (see ParseCaptured); Append
	// ignores it.
	PayloadLen int
	SegSize    uint16       // octets of payload per packet after segmentation by the link; 0: not segmented
	Sum        SumState     // see PayloadSum
	PayloadSum checksum.Sum // of Payload; valid where Sum is SumGood, SumBad or SumPartial
}

// SeqLen is the sequence space the segment takes: its payload on the wire, one
// for SYN and one for FIN (RFC 9293 section 3.4).
func (s *Segment) SeqLen() uint32 {
	n := uint32(s.PayloadLen)
	if len(s.Payload) > s.PayloadLen {
		n = uint32(len(s.Payload))
	}
	if s.Flags&SYN != 0 {
		n++
	}
	if s.Flags&FIN != 0 {
		n++
	}
	return n
}
