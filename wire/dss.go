package wire

import "encoding/binary"

// DSSFlags are the five flags of a Data Sequence Signal (RFC 8684 section 3.3).
type DSSFlags uint8

// Flags of the DSS option; the letters are the RFC's.
const (
	DSSAck    DSSFlags = 0x01 // A: a data ACK is present
	DSSAck8   DSSFlags = 0x02 // a: it has 8 octets
	DSSMap    DSSFlags = 0x04 // M: a mapping is present: DSN, SSN, length
	DSSMap8   DSSFlags = 0x08 // m: the DSN has 8 octets
	DSSFin    DSSFlags = 0x10 // F: DATA_FIN
	dssFlags  DSSFlags = 0x1f
	dssMinLen          = 4
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
		t[f] = dssMinLen
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

// Parse is ParseDSS into d, for loops that decode many.
func (d *DSS) Parse(o Option) error {
	if len(o) < dssMinLen || o[0] != KindMPTCP || o[2]>>4 != uint8(SubDSS) {
		return o.mptcp(SubDSS, dssMinLen)
	}
	f := DSSFlags(o[3]) & dssFlags
	n := int(dssSize[f])
	d.Flags, d.HasSum = f, false
	if len(o) != n {
		if f&DSSMap == 0 || len(o) != n+2 {
			return bad("DSS", 1, ErrLength)
		}
		d.HasSum = true
	}
	d.DataAck, d.DSN, d.SSN, d.DataLen, d.Sum = 0, 0, 0, 0, 0
	b := o[4:]
	if f&DSSAck != 0 {
		if f&DSSAck8 != 0 {
			d.DataAck = binary.BigEndian.Uint64(b)
			b = b[8:]
		} else {
			d.DataAck = uint64(binary.BigEndian.Uint32(b))
			b = b[4:]
		}
	}
	if f&DSSMap != 0 {
		if f&DSSMap8 != 0 {
			d.DSN = binary.BigEndian.Uint64(b)
			b = b[8:]
		} else {
			d.DSN = uint64(binary.BigEndian.Uint32(b))
			b = b[4:]
		}
		d.SSN = binary.BigEndian.Uint32(b)
		d.DataLen = binary.BigEndian.Uint16(b[4:])
		if d.HasSum {
			d.Sum = binary.BigEndian.Uint16(b[6:])
		}
	}
	return nil
}

// Append appends the option. ErrOptionSpace is wrapped when 40 octets do not
// suffice.
func (d *DSS) Append(o Options) (Options, error) {
	n := d.Size()
	at := len(o)
	if at+n > MaxOptions {
		return o, errOptionSpace
	}
	if cap(o) < at+n {
		o = append(o, make([]byte, n)...)
	}
	o = o[:at+n]
	b := o[at:]
	_ = b[3]
	b[0], b[1], b[2], b[3] = KindMPTCP, uint8(n), uint8(SubDSS)<<4, uint8(d.Flags&dssFlags)
	i := 4
	if d.Flags&DSSAck != 0 {
		if d.Flags&DSSAck8 != 0 {
			binary.BigEndian.PutUint64(b[4:], d.DataAck)
			i = 12
		} else {
			binary.BigEndian.PutUint32(b[4:], uint32(d.DataAck))
			i = 8
		}
	}
	if d.Flags&DSSMap != 0 {
		b = b[i:]
		if d.Flags&DSSMap8 != 0 {
			binary.BigEndian.PutUint64(b, d.DSN)
			b = b[8:]
		} else {
			binary.BigEndian.PutUint32(b, uint32(d.DSN))
			b = b[4:]
		}
		binary.BigEndian.PutUint32(b, d.SSN)
		binary.BigEndian.PutUint16(b[4:], d.DataLen)
		if d.HasSum {
			binary.BigEndian.PutUint16(b[6:], d.Sum)
		}
	}
	return o, nil
}
