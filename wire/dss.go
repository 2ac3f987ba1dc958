package wire

import "encoding/binary"

// DSSFlags are the five flags of a Data Sequence Signal (RFC 8684 section 3.3).
type DSSFlags uint8

// Flags of the DSS option; the letters are the RFC's.
const (
	DSSAck   DSSFlags = 0x01 // A: a data ACK is present
	DSSAck8  DSSFlags = 0x02 // a: it has 8 octets
	DSSMap   DSSFlags = 0x04 // M: a mapping is present: DSN, SSN, length
	DSSMap8  DSSFlags = 0x08 // m: the DSN has 8 octets
	DSSFin   DSSFlags = 0x10 // F: DATA_FIN
	dssFlags DSSFlags = 0x1f
)

const (
	dssMinSize = 4
	dssMaxSize = 28
)

// DSS is a Data Sequence Signal: an acknowledgment, a mapping, both or neither.
type DSS struct {
	Flags   DSSFlags
	HasSum  bool   // decided by the option's length alone (R3.3-04)
	DataAck uint64 // 32 bits unless DSSAck8
	DSN     uint64 // 32 bits unless DSSMap8
	SSN     uint32 // relative to the subflow's ISN: the first octet is 1
	DataLen uint16 // data-level length, the DATA_FIN's octet included; 0: infinite mapping
	Sum     uint16
}

// Has reports whether all of want are set.
func (f DSSFlags) Has(want DSSFlags) bool { return f&want == want }

// dssSize[f] is the size without a checksum: 4 + {0,4,8} + {0,10,14}. The flags a
// and m mean nothing without A and M (R3.3-02).
var dssSize = func() (t [32]uint8) {
	for f := range t {
		t[f] = dssMinSize
		if f&int(DSSAck) != 0 {
			t[f] += 4 + uint8(f&int(DSSAck8))*2
		}
		if f&int(DSSMap) != 0 {
			t[f] += 10 + uint8(f&int(DSSMap8))/2
		}
	}
	return t
}()

// Size is the option's length in octets.
func (d *DSS) Size() int {
	n := int(dssSize[d.Flags&dssFlags])
	if d.HasSum && d.Flags&DSSMap != 0 {
		n += 2
	}
	return n
}

// ParseDSS decodes o, one whole option. Its length alone says whether a checksum
// is there; whether one was negotiated is for the state machine to judge.
func ParseDSS(o Option) (DSS, error) {
	var d DSS
	err := d.Parse(o)
	return d, err
}

// Parse is ParseDSS into d, for loops that decode many. On an error d is
// unchanged.
func (d *DSS) Parse(o Option) error {
	if len(o) < dssMinSize || o[0] != KindMPTCP || o[2]>>4 != uint8(SubDSS) {
		return o.mptcp(SubDSS, dssMinSize)
	}
	f := DSSFlags(o[3]) & dssFlags
	// Each test of a length is also what tells the compiler that the loads behind
	// it stay within o.
	var ack uint64
	b := o[4:]
	if f&DSSAck != 0 {
		if f&DSSAck8 != 0 {
			if len(o) < 12 {
				return errDSSLength
			}
			ack, b = binary.BigEndian.Uint64(o[4:12]), o[12:]
		} else {
			if len(o) < 8 {
				return errDSSLength
			}
			ack, b = uint64(binary.BigEndian.Uint32(o[4:8])), o[8:]
		}
	}
	if f&DSSMap == 0 {
		if len(b) != 0 {
			return errDSSLength
		}
		*d = DSS{Flags: f, DataAck: ack}
		return nil
	}
	var sum uint16
	if f&DSSMap8 != 0 {
		if len(b) == 16 {
			sum = binary.BigEndian.Uint16(b[14:])
		} else if len(b) != 14 {
			return errDSSLength
		}
		d.DSN = binary.BigEndian.Uint64(b)
		d.SSN = binary.BigEndian.Uint32(b[8:])
		d.DataLen = binary.BigEndian.Uint16(b[12:])
	} else {
		if len(b) == 12 {
			sum = binary.BigEndian.Uint16(b[10:])
		} else if len(b) != 10 {
			return errDSSLength
		}
		d.DSN = uint64(binary.BigEndian.Uint32(b))
		d.SSN = binary.BigEndian.Uint32(b[4:])
		d.DataLen = binary.BigEndian.Uint16(b[8:])
	}
	d.Flags, d.DataAck, d.Sum, d.HasSum = f, ack, sum, len(b)&3 == 0
	return nil
}

// Made once: to build it in five places would cost the good case its registers.
var errDSSLength = bad("DSS", 1, ErrLength)

// Append appends the option. ErrOptionSpace is wrapped when 40 octets do not
// suffice.
func (d *DSS) Append(o Options) (Options, error) {
	n, at := d.Size(), len(o)
	if at+n > MaxOptions {
		return o, errOptionSpace
	}
	if cap(o)-at < dssMaxSize {
		return d.appendSlow(o, n)
	}
	// b is longer than the option, so that every offset is a constant and needs
	// no check.
	o = o[:at+n]
	b := (*[dssMaxSize]byte)(o[at : at+dssMaxSize])
	f := d.Flags & dssFlags
	binary.BigEndian.PutUint32(b[:], KindMPTCP<<24|uint32(n)<<16|uint32(SubDSS)<<12|uint32(f))
	rest := (*[16]byte)(b[4:])
	if f&DSSAck != 0 {
		if f&DSSAck8 != 0 {
			binary.BigEndian.PutUint64(b[4:], d.DataAck)
			rest = (*[16]byte)(b[12:])
		} else {
			binary.BigEndian.PutUint32(b[4:], uint32(d.DataAck))
			rest = (*[16]byte)(b[8:])
		}
	}
	if f&DSSMap == 0 {
		return o, nil
	}
	tail := (*[8]byte)(rest[8:])
	if f&DSSMap8 != 0 {
		binary.BigEndian.PutUint64(rest[:], d.DSN)
	} else {
		binary.BigEndian.PutUint32(rest[:], uint32(d.DSN))
		tail = (*[8]byte)(rest[4:])
	}
	binary.BigEndian.PutUint32(tail[:], d.SSN)
	binary.BigEndian.PutUint16(tail[4:], d.DataLen)
	if d.HasSum {
		binary.BigEndian.PutUint16(tail[6:], d.Sum)
	}
	return o, nil
}

// appendSlow is Append where o lacks the room for the longest DSS.
func (d *DSS) appendSlow(o Options, n int) (Options, error) {
	var b [dssMaxSize]byte
	_, err := d.Append(b[:0])
	return append(o, b[:n]...), err
}
