package dataseq

// Unwrap32 returns the 64-bit number nearest to ref whose low 32 bits are low.
// A number less than 2^31 away from ref comes back unchanged, on either side and
// across 2^64; of the two that are exactly 2^31 away it returns the lower one.
//
// This is how RFC 8684 section 3.3.1 wants 32-bit DSNs and DATA_ACKs promoted
// (R3.3.1-13, R3.3.1-17): ref is what is expected next, so a late packet from
// before a wrap lands before it and never raises the high word (R3.3.1-18).
func Unwrap32(ref uint64, low uint32) uint64 {
	return ref + uint64(int64(int32(low-uint32(ref))))
}

// maxOff bounds the offsets that a stream can have. The upper half of the uint64
// range stands for numbers that lie before the start of the stream.
const maxOff = 1<<63 - 1

// Space converts between the data sequence numbers of one direction of a
// connection and offsets in its data stream. Data offset 0 is DSN IDSN+1, because
// the MP_CAPABLE exchange takes the first number (RFC 8684 section 3.1).
type Space struct {
	IDSN uint64 // initial data sequence number, from the sender's key
}

// DSN returns the number of the octet at data offset off.
func (s Space) DSN(off uint64) uint64 { return s.IDSN + 1 + off }

// Off returns the data offset of a 64-bit dsn; ok is false when dsn lies before
// the start of the stream.
func (s Space) Off(dsn uint64) (off uint64, ok bool) {
	off = dsn - s.IDSN - 1
	return off, off <= maxOff
}

// Off32 is Off for a DSN or DATA_ACK of which only 32 bits were sent. ref is the
// data offset that is expected: the one that comes next.
func (s Space) Off32(ref uint64, low uint32) (off uint64, ok bool) {
	return s.Off(Unwrap32(s.DSN(ref), low))
}

// Subflow converts between the 32-bit sequence numbers of one direction of a
// subflow and offsets in it: the octet after the SYN has offset 0. The zero value
// converts relative subflow sequence numbers, where the SYN is 0 (R3.3.1-03), and
// is what a DSS option needs; with the ISN it converts those of the TCP header.
type Subflow struct {
	ISN uint32
}

// SSN returns the sequence number of the octet at subflow offset off.
func (s Subflow) SSN(off uint64) uint32 { return s.ISN + 1 + uint32(off) }

// Off returns the subflow offset of ssn, taken to be near the offset ref; ok is
// false when that lies before the first octet. Relative SSN 0, which a DATA_FIN
// without payload carries (RFC 8684 section 3.3.3), is such a number while ref is
// less than 2^31: judge it before asking here.
func (s Subflow) Off(ref uint64, ssn uint32) (off uint64, ok bool) {
	off = Unwrap32(ref, ssn-s.ISN-1)
	return off, off <= maxOff
}
