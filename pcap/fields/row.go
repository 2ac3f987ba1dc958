package fields

import "encoding/binary"

// Row holds the values of one frame. It is valid until the next call of
// [Extractor.Frame], and as long as the frame's octets are.
type Row struct {
	values []value           // values[0] is unused, so that index 0 means none
	first  [numFields]uint16 // index of a field's first value
	last   [numFields]uint16
	text   []byte   // frame.protocols
	flags  [24]byte // tcp.flags.str
}

// maxValues bounds one frame. Six VLAN tags, five IP headers and forty one-octet TCP
// options stay far below.
const maxValues = 1 << 12

func (r *Row) reset() {
	r.values = append(r.values[:0], value{})
	clear(r.first[:])
	r.text = r.text[:0]
}

// Has reports whether the frame has the field.
func (r *Row) Has(id ID) bool { return r.first[id] != 0 }

// Append appends all values of the field, in wire order, with separator between them, as
// tshark's -T fields prints them; nothing if there is none.
func (r *Row) Append(b []byte, id ID, separator string) []byte {
	for i := r.first[id]; i != 0; i = r.values[i].next {
		if i != r.first[id] {
			b = append(b, separator...)
		}
		b = r.values[i].append(b)
	}
	return b
}

// SetStream sets mptcp.stream and mptcp.master: the number of the MPTCP connection that
// the frame belongs to, and whether it is on the subflow that opened it. Without this
// call the frame has neither.
func (r *Row) SetStream(connection int, master bool) {
	r.first[mptcpStream], r.first[mptcpMaster] = 0, 0
	r.add(mptcpStream, uint64(connection))
	r.addBool(mptcpMaster, master)
}

// add adds a number, an IPv4 address or a time.
func (r *Row) add(id ID, num uint64) { r.push(value{id: id, num: num}) }

func (r *Row) addBool(id ID, on bool) {
	var num uint64
	if on {
		num = 1
	}
	r.add(id, num)
}

// addOctets adds a value that aliases octets.
func (r *Row) addOctets(id ID, octets []byte) { r.push(value{id: id, octets: octets}) }

// addUint adds the size octets of b at off as a number, if they are there.
func (r *Row) addUint(id ID, b []byte, off, size int) (n uint64, ok bool) {
	if len(b) < off+size {
		return 0, false
	}
	n = bigEndian(b[off : off+size])
	r.add(id, n)
	return n, true
}

func (r *Row) push(v value) {
	if len(r.values) == maxValues {
		return
	}
	i := uint16(len(r.values))
	if r.first[v.id] == 0 {
		r.first[v.id] = i
	} else {
		r.values[r.last[v.id]].next = i
	}
	r.last[v.id] = i
	r.values = append(r.values, v)
}

// num is the first value of a number field; 0 if there is none.
func (r *Row) num(id ID) uint64 { return r.values[r.first[id]].num }

// bigEndian reads 1 to 8 octets.
func bigEndian(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.BigEndian.Uint16(b))
	case 4:
		return uint64(binary.BigEndian.Uint32(b))
	case 8:
		return binary.BigEndian.Uint64(b)
	}
	var n uint64
	for _, o := range b {
		n = n<<8 | uint64(o)
	}
	return n
}
