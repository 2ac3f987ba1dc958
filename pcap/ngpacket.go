package pcap

// Offsets inside the three packet blocks, from the start of the block.
const (
	enhancedData = 28 // head, interface, time high, time low, captured, length
	simpleData   = 12 // head, length
	trailer      = 4
)

// enhancedPacket reads an enhanced packet block (section 4.3 of the draft).
func (r *Reader) enhancedPacket(f *Frame) error {
	at := r.src.offset()
	b, err := r.block("enhanced packet block", enhancedData+trailer)
	if err != nil {
		return err
	}
	return r.packet(f, at, b, r.ng.u32(b[8:]), epbFlags)
}

// obsoletePacket reads a packet block (appendix A of the draft), which differs by
// the sizes of its first two fields only.
func (r *Reader) obsoletePacket(f *Frame) error {
	at := r.src.offset()
	b, err := r.block("packet block", enhancedData+trailer)
	if err != nil {
		return err
	}
	return r.packet(f, at, b, uint32(r.ng.u16(b[8:])), packFlags)
}

// packet fills f from block b at offset at, whose last fields are alike in both
// kinds of packet blocks.
func (r *Reader) packet(f *Frame, at int64, b []byte, id uint32, flags uint16) error {
	g := &r.ng
	if uint64(id) >= uint64(len(g.ifaces)) {
		return r.fail(at+8, "interface of a packet block", ErrCorrupt)
	}
	iface := &g.ifaces[id]
	n := g.u32(b[20:])
	if n > MaxPacket {
		return r.fail(at+20, "captured length of a packet block", ErrTooLong)
	}
	end := enhancedData + int(n)
	if end > len(b)-trailer {
		return r.fail(at+20, "captured length of a packet block", ErrCorrupt)
	}
	r.number++
	f.Number = r.number
	ticks := uint64(g.u32(b[12:]))<<32 | uint64(g.u32(b[16:]))
	f.Nanos, f.HasTime = iface.clock.nanos(ticks)
	f.Link = iface.link
	f.Section = g.section
	f.Iface = g.first + int(id)
	f.Len = int(g.u32(b[24:]))
	f.Flags = 0
	f.Data = b[enhancedData:end:end]
	if f.Comments != nil {
		f.Comments = nil
	}
	if end = (end + 3) &^ 3; end < len(b)-trailer {
		g.packetOptions(f, b[end:len(b)-trailer], flags)
	}
	return nil
}

// simplePacket reads a simple packet block (section 4.4 of the draft): no time, no
// interface (it is the first of the section), no captured length.
func (r *Reader) simplePacket(f *Frame) error {
	g, at := &r.ng, r.src.offset()
	b, err := r.block("simple packet block", simpleData+trailer)
	if err != nil {
		return err
	}
	if len(g.ifaces) == 0 {
		return r.fail(at, "simple packet block without an interface", ErrCorrupt)
	}
	iface := &g.ifaces[0]
	wire := g.u32(b[8:])
	n := wire
	if iface.snap != 0 {
		n = min(n, iface.snap)
	}
	if n > MaxPacket {
		return r.fail(at+8, "length of a simple packet block", ErrTooLong)
	}
	if int(n) > len(b)-simpleData-trailer {
		return r.fail(at+8, "length of a simple packet block", ErrCorrupt)
	}
	r.number++
	*f = Frame{
		Number:  r.number,
		Link:    iface.link,
		Section: g.section,
		Iface:   g.first,
		Len:     int(wire),
		Data:    b[simpleData : simpleData+n : simpleData+n],
	}
	return nil
}
