package pcap

import "encoding/binary"

// Option codes (draft-ietf-opsawg-pcapng section 3.5 and those of each block).
const (
	optEnd       = 0
	optComment   = 1
	epbFlags     = 2
	packFlags    = 2
	ifName       = 2
	ifDesc       = 3
	ifTSResol    = 9
	ifTSOffset   = 14
	optionHead   = 4
	nameLimit    = 255
	interfaceFix = 16 // head, link type, reserved, snapshot length
)

// option cuts the first option off b. ok is false at the end of the options; whole
// is false if what is there is no whole option.
func (g *ngState) option(b []byte) (code uint16, value, rest []byte, ok, whole bool) {
	if len(b) == 0 {
		return 0, nil, nil, false, true // the end mark may be left out
	}
	if len(b) < optionHead {
		return 0, nil, nil, false, false
	}
	code = g.u16(b)
	n := int(g.u16(b[2:]))
	if code == optEnd {
		return 0, nil, nil, false, true
	}
	if n > len(b)-optionHead {
		return 0, nil, nil, false, false
	}
	value = b[optionHead : optionHead+n]
	return code, value, b[min(optionHead+(n+3)&^3, len(b)):], true, true
}

// packetOptions stores the comments and flags among a packet's options. A packet is
// not lost for a damaged option: what stands behind it is ignored.
func (g *ngState) packetOptions(f *Frame, b []byte, flags uint16) {
	for {
		code, value, rest, ok, _ := g.option(b)
		if !ok {
			return
		}
		switch {
		case code == optComment:
			f.Comments = append(f.Comments, string(value))
		case code == flags && len(value) == 4:
			f.Flags = Flags(g.u32(value))
		}
		b = rest
	}
}

// interfaceBlock reads an interface description block (section 4.2 of the draft).
// Damaged options are an error here, since the resolution of all times may be lost
// with them.
func (r *Reader) interfaceBlock() error {
	g, at := &r.ng, r.src.offset()
	b, err := r.block("interface description block", interfaceFix+trailer)
	if err != nil {
		return err
	}
	if len(g.ifaces) == MaxInterfaces {
		return r.fail(at, "interface description block", ErrTooMany)
	}
	in := ngIface{link: LinkType(g.u16(b[8:])), snap: g.u32(b[12:])}
	desc := Interface{Number: g.first + len(g.ifaces), Link: in.link, SnapLen: int(in.snap)}
	resolution, offset := byte(6), int64(0)
	for opts := b[interfaceFix : len(b)-trailer]; ; {
		code, value, rest, ok, whole := g.option(opts)
		if !whole {
			return r.fail(at+int64(len(b)-trailer-len(opts)), "option of an interface", ErrCorrupt)
		}
		if !ok {
			break
		}
		switch {
		case code == ifName:
			desc.Name = text(value)
		case code == ifDesc:
			desc.Description = text(value)
		case code == ifTSResol && len(value) == 1:
			resolution = value[0]
		case code == ifTSOffset && len(value) == 8:
			if offset = int64(binary.LittleEndian.Uint64(value)); g.swap {
				offset = int64(binary.BigEndian.Uint64(value))
			}
		}
		opts = rest
	}
	in.clock = newClock(resolution, offset)
	desc.TicksPerSec = ticksPerSec(resolution)
	g.ifaces, g.described = append(g.ifaces, in), append(g.described, desc)
	return nil
}

// text copies a name, up to nameLimit octets and to a zero octet, with which some
// writers end it.
func text(b []byte) string {
	b = b[:min(len(b), nameLimit)]
	for i, c := range b {
		if c == 0 {
			b = b[:i]
			break
		}
	}
	return string(b)
}
