package dataseq

import "github.com/mptcp-go/mptcp/checksum"

// MaxLen is the largest data-level length that 16 bits hold, in octets and with
// the DATA_FIN counted (R3.3.1-22).
const MaxLen = 65535

// A Mapping says that Len octets from subflow offset Sub on are the octets of the
// data stream from offset Data on. It is fixed once declared (R3.3.1-01).
//
// Len counts the octets that travel on the subflow. The data-level length of the
// wire is one more when the mapping ends with a DATA_FIN: DSN 80 with length 11
// and a DATA_FIN carries data 80 to 89, the FIN is 90 and is acknowledged by 91
// (RFC 8684 section 3.3.3, R3.3.3-02).
type Mapping struct {
	Sub  uint64 // offset in the subflow, in octets
	Data uint64 // offset in the data stream, in octets
	Len  uint64 // octets of data; 0 only for a DATA_FIN alone

	Sum    uint16 // DSS checksum as received
	HasSum bool   // whether Sum was there
	Fin    bool   // whether a DATA_FIN follows the data
}

// NewMapping builds a mapping from the data-level length and the DATA_FIN flag of
// a DSS option; sub and data are the offsets that its SSN and DSN stand for, and
// the SSN of a DATA_FIN alone is ignored (it is 0 on the wire). It returns false
// for length 0, the infinite mapping, which is no range (R3.3.1-21).
func NewMapping(sub, data uint64, length uint16, fin bool) (Mapping, bool) {
	if length == 0 {
		return Mapping{}, false
	}
	m := Mapping{Sub: sub, Data: data, Len: uint64(length), Fin: fin}
	if fin {
		m.Len--
	}
	if m.Len == 0 {
		m.Sub = 0
	}
	return m, true
}

// End returns the subflow offset after the last octet.
func (m Mapping) End() uint64 { return m.Sub + m.Len }

// DataEnd returns the data offset after the last octet of data, where the
// DATA_FIN stands if there is one.
func (m Mapping) DataEnd() uint64 { return m.Data + m.Len }

// DataNext returns the data offset that acknowledges the whole mapping, its
// DATA_FIN included.
func (m Mapping) DataNext() uint64 {
	if m.Fin {
		return m.DataEnd() + 1
	}
	return m.DataEnd()
}

// Length returns the data-level length as the wire has it.
func (m Mapping) Length() uint64 { return m.DataNext() - m.Data }

// Contains reports whether the octet at subflow offset off is mapped by m.
func (m Mapping) Contains(off uint64) bool { return off-m.Sub < m.Len }

// Shift returns the data offset of the octet at subflow offset off.
func (m Mapping) Shift(off uint64) uint64 { return off + m.delta() }

// Agrees reports whether m and n place every subflow octet alike. Their bounds may
// differ.
func (m Mapping) Agrees(n Mapping) bool { return m.delta() == n.delta() }

// delta is modulo 2^64: the data offset may be below that of the subflow.
func (m Mapping) delta() uint64 { return m.Data - m.Sub }

// valid reports whether m is a range of octets that stays within both streams.
func (m Mapping) valid() bool {
	return m.Len > 0 && m.Length() <= MaxLen && m.Sub <= maxOff-m.Len && m.Data <= maxOff-m.Len-1
}

// PseudoSum returns the sum of the pseudo-header of m in the data space s.
func (m Mapping) PseudoSum(s Space) checksum.Sum { return m.pseudoSum(s, Subflow{}) }

func (m Mapping) pseudoSum(s Space, rel Subflow) checksum.Sum {
	ssn := uint32(0) // a DATA_FIN alone (R3.3.3-03)
	if m.Len > 0 {
		ssn = rel.SSN(m.Sub)
	}
	return PseudoSum(s.DSN(m.Data), ssn, uint16(m.Length()))
}
