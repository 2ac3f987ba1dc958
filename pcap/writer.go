package pcap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Errors of a [Writer] that concern what it was asked to write.
var (
	// ErrLinkType: a pcap file has one link type, and this packet has another.
	ErrLinkType = errors.New("pcap: link type differs from that of the file")
	// ErrRange: a time or a length does not fit into the format.
	ErrRange = errors.New("pcap: value does not fit into the file format")
)

// WriterOptions choose the format. The zero value means pcap with microseconds.
type WriterOptions struct {
	Format Format // PCAP if 0

	// Nanos chooses nanoseconds for pcap files. pcapng files always have them.
	Nanos bool

	// Link is the link type of all packets of a pcap file (the zero value is
	// LinkNull). pcapng takes it from each packet.
	Link LinkType

	// SnapLen is the snapshot length in the header, in octets, up to MaxPacket.
	// Packets are not cut to it, but Data longer than this and than 262144 is
	// refused, since readers would refuse it. 0 means 262144, tcpdump's default.
	SnapLen int

	// Comment and Application go into the section header of a pcapng file: the first
	// is for people, the second is the writing program's name.
	Comment, Application string
}

// Writer writes packets to a capture file, one Write call each, so that a reader of
// a pipe sees them at once; put a bufio.Writer in between to write many.
type Writer struct {
	w      io.Writer
	opts   WriterOptions
	limit  int // longest Data
	buf    []byte
	ifaces map[ifaceKey]uint32 // pcapng interfaces written so far
	err    error
}

// ifaceKey tells interfaces apart: the same number may occur with several link types
// when packets of several readers are merged.
type ifaceKey struct {
	link  LinkType
	iface int
}

// NewWriter writes a file header to w. The only errors are those of w and ErrRange
// for a snapshot length below 0 or above [MaxPacket].
func NewWriter(w io.Writer, opts WriterOptions) (*Writer, error) {
	if opts.Format == 0 {
		opts.Format = PCAP
	}
	if opts.SnapLen == 0 {
		opts.SnapLen = minLimit
	}
	if opts.SnapLen < 0 || opts.SnapLen > MaxPacket {
		return nil, fmt.Errorf("%w: snapshot length %d", ErrRange, opts.SnapLen)
	}
	wr := &Writer{w: w, opts: opts, limit: max(opts.SnapLen, minLimit)}
	if opts.Format == PCAPNG {
		wr.ifaces = make(map[ifaceKey]uint32)
		wr.sectionHeader()
	} else {
		wr.fileHeader()
	}
	return wr, wr.flush()
}

// WriteFrame writes one packet: Data, Len (at least len(Data) is written), the time,
// and for pcapng the comments and flags. pcapng interfaces are described in the order
// in which packets of them appear, one for each pair of Frame.Link and Frame.Iface,
// unless AddInterface described them before.
//
// It returns ErrLinkType or ErrRange, wrapped, if the packet cannot be expressed in
// the format, and writes nothing then; a pcap file cannot hold a packet without a
// time, pcapng stores the time 0. Any other error comes from the underlying writer
// and ends the file.
func (w *Writer) WriteFrame(f *Frame) error {
	if w.err != nil {
		return w.err
	}
	if len(f.Data) > w.limit || f.Len < 0 || int64(f.Len) > math.MaxUint32 {
		return fmt.Errorf("%w: %d octets of %d", ErrRange, len(f.Data), f.Len)
	}
	var err error
	if w.opts.Format == PCAPNG {
		err = w.enhanced(f)
	} else {
		err = w.record(f)
	}
	if err != nil {
		w.buf = w.buf[:0]
		return err
	}
	return w.flush()
}

// flush hands over what was put together.
func (w *Writer) flush() error {
	_, w.err = w.w.Write(w.buf)
	w.buf = w.buf[:0]
	return w.err
}

func (w *Writer) u16(v uint16) { w.buf = binary.LittleEndian.AppendUint16(w.buf, v) }
func (w *Writer) u32(v uint32) { w.buf = binary.LittleEndian.AppendUint32(w.buf, v) }

// fileHeader puts together the header of a pcap file.
func (w *Writer) fileHeader() {
	magic := uint32(magicMicro)
	if w.opts.Nanos {
		magic = magicNano
	}
	w.u32(magic)
	w.u16(2)
	w.u16(4)
	w.u32(0)
	w.u32(0)
	w.u32(uint32(w.opts.SnapLen))
	w.u32(uint32(w.opts.Link))
}

// record puts together one packet of a pcap file.
func (w *Writer) record(f *Frame) error {
	if f.Link != w.opts.Link {
		return fmt.Errorf("%w: %v, not %v", ErrLinkType, f.Link, w.opts.Link)
	}
	sec, frac := f.Nanos/1e9, f.Nanos%1e9
	if f.Nanos < 0 || sec > math.MaxUint32 || !f.HasTime {
		return fmt.Errorf("%w: time of packet", ErrRange)
	}
	if !w.opts.Nanos {
		frac /= 1000
	}
	w.u32(uint32(sec))
	w.u32(uint32(frac))
	w.u32(uint32(len(f.Data)))
	w.u32(uint32(max(f.Len, len(f.Data))))
	w.buf = append(w.buf, f.Data...)
	return nil
}
