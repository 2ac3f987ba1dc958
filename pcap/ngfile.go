package pcap

import (
	"encoding/binary"
	"math/bits"
)

// Block types (draft-ietf-opsawg-pcapng section 4 and appendix A). All others are
// skipped.
const (
	blockInterface = 1
	blockPacket    = 2 // obsolete
	blockSimple    = 3
	blockEnhanced  = 6
	blockSection   = magicNG
)

const (
	orderMagic = 0x1a2b3c4d
	blockHead  = 8  // type and total length
	blockMin   = 12 // with the total length repeated at the end
)

// ngState is the current section of a pcapng file.
type ngState struct {
	swap      bool // the section's octet order is not little-endian
	section   int
	first     int // file-wide number of the section's first interface
	ifaces    []ngIface
	described []Interface // what Interfaces returns, parallel to ifaces
}

// ngIface is what a packet needs to know of its interface.
type ngIface struct {
	link  LinkType
	snap  uint32
	clock clock
}

func (g *ngState) u16(b []byte) uint16 {
	v := binary.LittleEndian.Uint16(b)
	if g.swap {
		v = bits.ReverseBytes16(v)
	}
	return v
}

func (g *ngState) u32(b []byte) uint32 {
	v := binary.LittleEndian.Uint32(b)
	if g.swap {
		v = bits.ReverseBytes32(v)
	}
	return v
}

// openNG reads the first section header.
func (r *Reader) openNG() error {
	r.ng.section = -1
	return r.beginSection()
}

// beginSection interprets the section header block at the current position. Its
// first octets are there already. The octet order has to be known before its length
// can be read.
func (r *Reader) beginSection() error {
	const fixed = 28 // head, magic, versions, section length, trailing length
	g, s, at := &r.ng, &r.src, r.src.offset()
	if !s.fill(blockMin) {
		return r.cut(at, "section header block")
	}
	switch binary.LittleEndian.Uint32(s.buf[s.pos+8:]) {
	case orderMagic:
		g.swap = false
	case bits.ReverseBytes32(orderMagic):
		g.swap = true
	default:
		return r.fail(at+8, "octet order of a section header block", ErrCorrupt)
	}
	b, err := r.block("section header block", fixed)
	if err != nil {
		return err
	}
	if g.u16(b[12:]) != 1 {
		return r.fail(at+12, "section header block", ErrVersion)
	}
	// The section length is of use to those who want to skip sections only.
	g.section++
	g.first += len(g.ifaces)
	g.ifaces, g.described = g.ifaces[:0], g.described[:0]
	return nil
}

// block returns the whole block at the current position, whose head has arrived,
// and consumes it. It has at least least octets.
func (r *Reader) block(what string, least int) ([]byte, error) {
	s, at := &r.src, r.src.offset()
	total := r.ng.u32(s.buf[s.pos+4:])
	if total > MaxBlock {
		return nil, r.fail(at+4, what, ErrTooLong)
	}
	n := int(total)
	if n < least || n%4 != 0 {
		return nil, r.fail(at+4, what, ErrCorrupt)
	}
	if s.end-s.pos < n && !s.fill(n) {
		return nil, r.cut(at, what)
	}
	b := s.buf[s.pos : s.pos+n : s.pos+n]
	if r.ng.u32(b[n-4:]) != total {
		return nil, r.fail(at+int64(n)-4, "trailing length of a block", ErrCorrupt)
	}
	s.pos += n
	return b, nil
}

// nextNG is Next for pcapng files.
func (r *Reader) nextNG(f *Frame) error {
	if r.err != nil {
		return r.err
	}
	s := &r.src
	for {
		if s.end-s.pos < blockHead && !s.fill(blockHead) {
			return r.ended("block head")
		}
		var err error
		switch r.ng.u32(s.buf[s.pos:]) {
		case blockEnhanced:
			return r.enhancedPacket(f)
		case blockSimple:
			return r.simplePacket(f)
		case blockPacket:
			return r.obsoletePacket(f)
		case blockInterface:
			err = r.interfaceBlock()
		case blockSection:
			err = r.beginSection()
		default:
			err = r.skipBlock()
		}
		if err != nil {
			return err
		}
	}
}

// skipBlock passes over a block of a type that is of no interest, however long.
func (r *Reader) skipBlock() error {
	s, at := &r.src, r.src.offset()
	total := r.ng.u32(s.buf[s.pos+4:])
	if total < blockMin || total%4 != 0 {
		return r.fail(at+4, "length of a block", ErrCorrupt)
	}
	if !s.skip(int64(total)-4) || !s.fill(4) {
		return r.cut(at, "block that is skipped")
	}
	if r.ng.u32(s.buf[s.pos:]) != total {
		return r.fail(s.offset(), "trailing length of a block", ErrCorrupt)
	}
	s.pos += 4
	return nil
}
