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

	// The kind and the subtype in an option's first four octets.
	dssHead     = KindMPTCP<<24 | uint32(SubDSS)<<12
	dssHeadMask = 0xff00f000
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
	if len(o) < dssMinSize {
		return o.mptcp(SubDSS, dssMinSize)
	}
	head := binary.BigEndian.Uint32(o)
	if head&dssHeadMask != dssHead {
		return o.mptcp(SubDSS, dssMinSize)
	}
	f := DSSFlags(head) & dssFlags
	if f|DSSFin == dssFlags {
		return d.parseWide(o, f)
	}
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

// parseWide is Parse where nothing is left out and all is wide, as Linux sends it
// with data: then every offset is a constant.
func (d *DSS) parseWide(o Option, f DSSFlags) error {
	switch len(o) {
	case dssMaxSize - 2:
		d.HasSum, d.Sum = false, 0
	case dssMaxSize:
		d.HasSum, d.Sum = true, binary.BigEndian.Uint16(o[26:28])
	default:
		return errDSSLength
	}
	b := (*[dssMaxSize - 2]byte)(o)
	d.Flags = f
	d.DataAck, d.DSN = binary.BigEndian.Uint64(b[4:]), binary.BigEndian.Uint64(b[12:])
	d.SSN, d.DataLen = binary.BigEndian.Uint32(b[20:]), binary.BigEndian.Uint16(b[24:])
	return nil
}

// Made once: to build it in five places would cost the good case its registers.
var errDSSLength = bad("DSS", 1, ErrLength)

// Append appends the option. ErrOptionSpace is wrapped when 40 octets do not
// suffice.
func (d *DSS) Append(o Options) (Options, error) {
	at := len(o)
	if d.HasSum && d.Flags&dssFlags|DSSFin == dssFlags && at <= MaxOptions-dssMaxSize && cap(o)-at >= dssMaxSize {
		o = o[:at+dssMaxSize] // all is there and wide, see parseWide
		b := (*[dssMaxSize]byte)(o[at:])
		binary.BigEndian.PutUint32(b[:], dssHead|dssMaxSize<<16|uint32(d.Flags&dssFlags))
		binary.BigEndian.PutUint64(b[4:], d.DataAck)
		binary.BigEndian.PutUint64(b[12:], d.DSN)
		binary.BigEndian.PutUint32(b[20:], d.SSN)
		binary.BigEndian.PutUint32(b[24:], uint32(d.DataLen)<<16|uint32(d.Sum))
		return o, nil
	}
	return d.appendAny(o)
}

// appendAny is Append for all shapes. Kept apart, so that Append needs no stack.
//
//go:noinline
func (d *DSS) appendAny(o Options) (Options, error) {
	n := d.Size()
	if len(o)+n > MaxOptions {
		return o, errOptionSpace
	}
	f := d.Flags & dssFlags
	b := binary.BigEndian.AppendUint32(o, dssHead|uint32(n)<<16|uint32(f))
	if f&DSSAck != 0 {
		if f&DSSAck8 != 0 {
			b = binary.BigEndian.AppendUint64(b, d.DataAck)
		} else {
			b = binary.BigEndian.AppendUint32(b, uint32(d.DataAck))
		}
	}
	if f&DSSMap != 0 {
		if f&DSSMap8 != 0 {
			b = binary.BigEndian.AppendUint64(b, d.DSN)
		} else {
			b = binary.BigEndian.AppendUint32(b, uint32(d.DSN))
		}
		b = binary.BigEndian.AppendUint32(b, d.SSN)
		b = binary.BigEndian.AppendUint16(b, d.DataLen)
		if d.HasSum {
			b = binary.BigEndian.AppendUint16(b, d.Sum)
		}
	}
	return b, nil
}
