package fields

import "github.com/mptcp-go/mptcp/wire"

// options adds the TCP options in b, the captured part of a block of size octets. It
// reports false where tshark gives up on the whole segment: at the end of what was
// captured, or inside an option that is too short for its own kind.
//
// A length octet that lies ends the list, but not the segment.
func (r *Row) options(b []byte, size int, to *side) bool {
	ended := false // EOL was seen
	for size > 0 {
		if len(b) == 0 {
			return false
		}
		kind := b[0]
		if ended && kind != wire.KindEOL {
			return true // padding that is none
		}
		if kind == wire.KindEOL || kind == wire.KindNOP {
			r.add(tcpOptionKind, uint64(kind))
			ended = kind == wire.KindEOL
			b, size = b[1:], size-1
			continue
		}
		if size == 1 {
			return true // no room for a length
		}
		if len(b) < 2 {
			return false
		}
		n := int(b[1])
		if n < 2 || n > size {
			return true
		}
		o := option{row: r, b: b[:min(n, len(b))], size: n}
		o.show(to)
		if o.short {
			return false
		}
		b, size = b[len(o.b):], size-n
	}
	return true
}

// option reads one option in order. The first read behind what was captured, or behind
// the option's own length, sets short, and nothing is added from there on.
type option struct {
	row   *Row
	b     []byte // the captured part
	size  int    // the length octet
	off   int    // of the next read
	short bool
}

// uint reads size octets, adds them as field id, and moves on.
func (o *option) uint(id ID, size int) uint64 {
	if o.short || o.off+size > len(o.b) {
		o.short = true
		return 0
	}
	n := bigEndian(o.b[o.off : o.off+size])
	o.off += size
	o.row.add(id, n)
	return n
}

// peek reads size octets without adding anything, and stays.
func (o *option) peek(size int) uint64 {
	if o.short || o.off+size > len(o.b) {
		o.short = true
		return 0
	}
	return bigEndian(o.b[o.off : o.off+size])
}

// octets reads size octets as field id.
func (o *option) octets(id ID, size int) {
	if o.short || o.off+size > len(o.b) {
		o.short = true
		return
	}
	o.row.addOctets(id, o.b[o.off:o.off+size])
	o.off += size
}

// bits adds a value made of octets that were read, unless reading has stopped.
func (o *option) bits(id ID, n uint64) {
	if !o.short {
		o.row.add(id, n)
	}
}

// left is how many octets of the option were not read.
func (o *option) left() int { return o.size - o.off }

func (o *option) show(to *side) {
	if o.b[0] == wire.KindMPTCP {
		o.row.protocol("mptcp")
		o.row.addOctets(mptcpLayer, o.b)
	}
	o.uint(tcpOptionKind, 1)
	o.uint(tcpOptionLen, 1)
	switch o.b[0] {
	case wire.KindMSS:
		if o.size == 4 {
			o.uint(tcpMSS, 2)
		}
	case wire.KindWindowScale:
		if o.size == 3 {
			shift := o.uint(tcpWScaleShift, 1)
			o.bits(tcpWScaleMultiplier, 1<<min(shift, maxScale))
		}
	case wire.KindSACKPermitted:
		o.row.addOctets(tcpSACKPerm, o.b)
	case wire.KindSACK:
		o.sack(to)
	case wire.KindTimestamps:
		if o.size == 10 {
			o.uint(tcpTSVal, 4)
			o.uint(tcpTSEcr, 4)
		}
	case wire.KindFastOpen:
		if o.size == 2 {
			o.row.add(tcpTFORequest, 0)
		} else {
			o.octets(tcpTFOCookie, o.left())
		}
	case wire.KindMPTCP:
		o.mptcp()
	}
}

// sack adds the blocks of RFC 2018 section 3, relative like tcp.ack. A last block may be
// cut short; the first may not, since tshark reads it again to see whether it is a
// duplicate (RFC 2883).
func (o *option) sack(to *side) {
	n := 0
	for ; o.left() >= 8; n++ {
		o.relative(tcpSACKLeft, to)
		o.relative(tcpSACKRight, to)
	}
	if o.left() >= 4 {
		o.relative(tcpSACKLeft, to)
	} else if len(o.b) < o.size {
		o.short = true
	}
	o.bits(tcpSACKCount, uint64(n))
	if o.size < 10 {
		o.short = true
	}
}

// relative is uint for a sequence number of the other side.
func (o *option) relative(id ID, to *side) {
	n := uint32(o.peek(4))
	o.off += 4
	o.bits(id, uint64(n-to.base))
}
