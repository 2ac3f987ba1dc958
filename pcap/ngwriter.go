package pcap

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Option codes that only the Writer uses.
const (
	shbUserAppl = 4
	nanoTicks   = 9 // if_tsresol: 10^-9 s
)

// begin starts a block; end fills in its length at both ends.
func (w *Writer) begin(typ uint32) (start int) {
	start = len(w.buf)
	w.u32(typ)
	w.u32(0)
	return start
}

func (w *Writer) end(start int) {
	total := uint32(len(w.buf) - start + trailer)
	binary.LittleEndian.PutUint32(w.buf[start+4:], total)
	w.u32(total)
}

// padded appends b and zeroes up to a multiple of four octets.
func (w *Writer) padded(b []byte) {
	w.buf = append(w.buf, b...)
	w.buf = append(w.buf, 0, 0, 0)[:len(w.buf)+(4-len(b)&3)&3]
}

// text appends an option, cut to what its length field can hold.
func (w *Writer) text(code uint16, s string) {
	s = s[:min(len(s), math.MaxUint16)]
	w.u16(code)
	w.u16(uint16(len(s)))
	w.padded([]byte(s))
}

// sectionHeader puts together the section header block, with an unknown length.
func (w *Writer) sectionHeader() {
	at := w.begin(blockSection)
	w.u32(orderMagic)
	w.u16(1)
	w.u16(0)
	w.u32(math.MaxUint32)
	w.u32(math.MaxUint32)
	if w.opts.Comment != "" {
		w.text(optComment, w.opts.Comment)
	}
	if w.opts.Application != "" {
		w.text(shbUserAppl, w.opts.Application)
	}
	if w.opts.Comment != "" || w.opts.Application != "" {
		w.u32(optEnd)
	}
	w.end(at)
}

// AddInterface describes an interface of a pcapng file, identified by Number and
// Link, before its first packet. Name, Description and SnapLen (0: no limit) are
// written; times have nanoseconds in any case. It does nothing if the interface was
// described already, or for a pcap file, which has no place for it. Errors are those
// of WriteFrame.
func (w *Writer) AddInterface(in Interface) error {
	if w.err != nil || w.opts.Format != PCAPNG {
		return w.err
	}
	if _, known := w.ifaces[ifaceKey{in.Link, in.Number}]; known {
		return nil
	}
	if len(w.ifaces) == MaxInterfaces || in.SnapLen < 0 || in.SnapLen > MaxPacket {
		return fmt.Errorf("%w: interface %d", ErrRange, len(w.ifaces))
	}
	w.describe(in)
	if err := w.flush(); err != nil {
		return err
	}
	w.ifaces[ifaceKey{in.Link, in.Number}] = uint32(len(w.ifaces))
	return nil
}

// describe puts together an interface description block.
func (w *Writer) describe(in Interface) {
	at := w.begin(blockInterface)
	w.u16(uint16(in.Link))
	w.u16(0)
	w.u32(uint32(in.SnapLen))
	if in.Name != "" {
		w.text(ifName, in.Name)
	}
	if in.Description != "" {
		w.text(ifDesc, in.Description)
	}
	w.text(ifTSResol, string([]byte{nanoTicks}))
	w.u32(optEnd)
	w.end(at)
}

// enhanced puts together one packet of a pcapng file.
func (w *Writer) enhanced(f *Frame) error {
	if f.Nanos < 0 {
		return fmt.Errorf("%w: time of packet", ErrRange)
	}
	ticks := uint64(f.Nanos)
	if !f.HasTime {
		ticks = 0
	}
	id, known := w.ifaces[ifaceKey{f.Link, f.Iface}]
	if !known {
		if len(w.ifaces) == MaxInterfaces {
			return fmt.Errorf("%w: more than %d interfaces", ErrRange, MaxInterfaces)
		}
		id = uint32(len(w.ifaces))
		w.describe(Interface{Link: f.Link, SnapLen: w.opts.SnapLen})
	}
	at := w.begin(blockEnhanced)
	w.u32(id)
	w.u32(uint32(ticks >> 32))
	w.u32(uint32(ticks))
	w.u32(uint32(len(f.Data)))
	w.u32(uint32(max(f.Len, len(f.Data))))
	w.padded(f.Data)
	if f.Flags != 0 {
		w.u16(epbFlags)
		w.u16(4)
		w.u32(uint32(f.Flags))
	}
	for _, c := range f.Comments {
		w.text(optComment, c)
	}
	if f.Flags != 0 || len(f.Comments) > 0 {
		w.u32(optEnd)
	}
	w.end(at)
	if len(w.buf)-at > MaxBlock {
		return fmt.Errorf("%w: comments of %d octets", ErrRange, len(w.buf)-at-len(f.Data))
	}
	if !known {
		w.ifaces[ifaceKey{f.Link, f.Iface}] = id
	}
	return nil
}
