package pcap

import "time"

// Frame is one captured packet. The caller owns the struct and may use one for a
// whole file; [Reader.Next] overwrites every field.
type Frame struct {
	Number  int      // 1-based among the packets of the reader (tshark's frame.number)
	Nanos   int64    // capture time, ns since the Unix epoch; valid if HasTime
	HasTime bool     // false for pcapng simple packets and for times no int64 can hold
	Link    LinkType // how Data starts
	Section int      // pcapng section, from 0; 0 for pcap
	Iface   int      // pcapng interface, from 0, counted over the whole file; 0 for pcap
	Len     int      // octets on the wire; not verified, may even be below len(Data)
	Flags   Flags    // pcapng epb_flags; 0 if absent

	// Data is what was captured. It lies in the reader's buffer and is valid until
	// the next call of Next.
	Data []byte

	// Comments are the pcapng opt_comment options, in file order; nil mostly. They
	// are copies and stay valid.
	Comments []string
}

// Time returns the capture time in UTC, the zero time if there is none.
func (f *Frame) Time() time.Time {
	if !f.HasTime {
		return time.Time{}
	}
	return time.Unix(0, f.Nanos).UTC()
}

// Flags is the pcapng option epb_flags (draft-ietf-opsawg-pcapng section 4.3.1).
type Flags uint32

// Direction returns what the two lowest bits say.
func (f Flags) Direction() Direction { return Direction(f & 3) }

// Direction tells whether the capturing host received or sent a packet.
type Direction uint8

// The directions, numbered as in epb_flags.
const (
	Unknown Direction = iota
	Inbound
	Outbound
)

// String returns "in", "out" or "unknown".
func (d Direction) String() string {
	switch d {
	case Inbound:
		return "in"
	case Outbound:
		return "out"
	}
	return "unknown"
}
