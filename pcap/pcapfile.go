package pcap

import (
	"encoding/binary"
	"math/bits"
)

// minLimit is the packet length always accepted, whatever the snapshot length of
// the file says: MAXIMUM_SNAPLEN of libpcap. Some writers store too small a value.
const minLimit = 256 << 10

// pcapState is what the header of a pcap file says (draft-ietf-opsawg-pcap section 4).
type pcapState struct {
	swap   bool   // the file's octet order is not little-endian
	oldLen bool   // before version 2.4 the two lengths may be swapped
	header int    // size of a record header: 16, or 24 in Kuznetzov's variant
	unit   int64  // ns per unit of the sub-second field
	limit  uint32 // longest packet accepted
	link   LinkType
	iface  [1]Interface
}

const fileHeader = 24

// setMagic stores what the magic number tells, false if it is not one of pcap's.
func (p *pcapState) setMagic(magic uint32) bool {
	switch magic {
	case magicMicro, magicNano, magicModified:
		p.swap = true
	default:
		magic = bits.ReverseBytes32(magic)
	}
	switch magic {
	case magicMicro:
		p.header, p.unit = 16, 1000
	case magicNano:
		p.header, p.unit = 16, 1
	case magicModified:
		p.header, p.unit = 24, 1000
	default:
		return false
	}
	return true
}

// u32 reads a number in the file's octet order.
func (p *pcapState) u32(b []byte) uint32 {
	v := binary.LittleEndian.Uint32(b)
	if p.swap {
		v = bits.ReverseBytes32(v)
	}
	return v
}

// openPCAP reads the file header.
func (r *Reader) openPCAP() error {
	if !r.src.fill(fileHeader) {
		return r.ended("pcap file header")
	}
	p, h := &r.pcap, r.src.buf[r.src.pos:]
	major, minor := p.u32(h[4:])&0xffff, p.u32(h[4:])>>16
	if p.swap {
		major, minor = minor, major
	}
	if major != 2 {
		return r.fail(4, "pcap file header", ErrVersion)
	}
	p.oldLen = minor < 4
	// Only the lower 16 bits are the link type; others may tell the length of the
	// frame check sequence.
	p.link = LinkType(p.u32(h[20:]))
	snap := p.u32(h[16:])
	p.limit = snap
	if snap == 0 || snap > MaxPacket {
		p.limit = MaxPacket
	}
	p.limit = max(p.limit, minLimit)
	p.iface[0] = Interface{Link: p.link, SnapLen: int(snap), TicksPerSec: 1e9 / float64(p.unit)}
	r.src.pos += fileHeader
	return nil
}

// nextPCAP is Next for pcap files.
func (r *Reader) nextPCAP(f *Frame) error {
	p, s := &r.pcap, &r.src
	if s.end-s.pos < p.header && !s.fill(p.header) {
		return r.ended("packet header")
	}
	h := s.buf[s.pos:s.end]
	sec, frac, n, wire := p.u32(h[0:]), p.u32(h[4:]), p.u32(h[8:]), p.u32(h[12:])
	if p.oldLen && n > wire {
		n, wire = wire, n
	}
	if n > p.limit {
		return r.overlong()
	}
	size := p.header + int(n)
	if len(h) < size {
		if !s.fill(size) {
			return r.ended("packet")
		}
		h = s.buf[s.pos:s.end]
	}
	s.pos += size
	r.number++
	f.Number = r.number
	f.Nanos = int64(sec)*1e9 + int64(frac)*p.unit
	f.HasTime = true
	f.Link = p.link
	f.Section = 0
	f.Iface = 0
	f.Len = int(wire)
	f.Flags = 0
	f.Data = h[p.header:size:size]
	if f.Comments != nil {
		f.Comments = nil
	}
	return nil
}

// overlong reports a captured length above the limit, once the first cause of an
// end of reading is known.
func (r *Reader) overlong() error {
	if r.err != nil {
		return r.err
	}
	return r.fail(r.src.offset()+8, "packet header", ErrTooLong)
}
