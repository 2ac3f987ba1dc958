package pcap

import (
	"errors"
	"fmt"
	"io"
)

// Limits against lengths that lie.
const (
	// MaxPacket is the largest packet delivered, in octets. A pcap file lowers it to
	// its snapshot length, though not below 256 KiB (tcpdump's largest).
	MaxPacket = 16 << 20
	// MaxBlock is the largest pcapng block that is interpreted. Blocks of types that
	// are skipped may have any length, since they are never held in memory.
	MaxBlock = MaxPacket + 64<<10
	// MaxInterfaces is the largest number of interfaces in one pcapng section.
	MaxInterfaces = 1 << 16
)

// Format is a capture file format.
type Format uint8

// The formats.
const (
	PCAP   Format = 1 + iota // one link type, microseconds or nanoseconds
	PCAPNG                   // blocks, interfaces, sections, comments
)

// String returns "pcap" or "pcapng".
func (f Format) String() string {
	switch f {
	case PCAP:
		return "pcap"
	case PCAPNG:
		return "pcapng"
	}
	return fmt.Sprintf("Format(%d)", uint8(f))
}

// Compression is what a capture file was wrapped in.
type Compression uint8

// The compressions that are recognised.
const (
	Plain Compression = iota
	Gzip
	Zstd
)

// String returns "none", "gzip" or "zstd".
func (c Compression) String() string {
	switch c {
	case Plain:
		return "none"
	case Gzip:
		return "gzip"
	case Zstd:
		return "zstd"
	}
	return fmt.Sprintf("Compression(%d)", uint8(c))
}

// Interface describes where packets of a capture came from.
type Interface struct {
	Number      int      // as in Frame.Iface
	Link        LinkType //
	SnapLen     int      // octets kept of each packet at the most; 0: no limit
	TicksPerSec float64  // resolution of the times: 1e6 and 1e9 are the common ones
	Name        string   // if_name, cut at 255 octets; "" if not given
	Description string   // if_description, likewise
}

// Reader reads the packets of one capture in order. It is not safe for concurrent
// use.
type Reader struct {
	src    source
	pcap   pcapState
	ng     ngState
	number int   // packets so far
	err    error // what Next returns from now on

	format  Format
	comp    Compression
	counter counter
}

// NewReader looks at the first octets of r, through gzip or zstd, and returns a
// reader for the format found there. It waits for the file header only. Errors
// are of type *[FormatError]: [ErrUnknownFormat], [ErrVersion], [ErrTruncated] (also
// for an empty input), [ErrCorrupt] or the error of r. r must not be used by others
// afterwards, since the Reader reads ahead.
func NewReader(r io.Reader) (*Reader, error) {
	rd := &Reader{counter: counter{r: r}}
	rd.src.r = &rd.counter
	if err := rd.open(); err != nil {
		return nil, err
	}
	return rd, nil
}

// Next stores the next packet in f. It returns io.EOF after the last packet of an
// input that ends between two records, and a *[FormatError] if the input is damaged
// or cut there ([ErrTruncated], [ErrCorrupt], [ErrTooLong], [ErrTooMany], or the error of
// the underlying reader); f is then undefined. Every further call returns the same
// error. A packet is returned as soon as its last octet has arrived.
func (r *Reader) Next(f *Frame) error {
	if r.format == PCAP {
		return r.nextPCAP(f)
	}
	return r.nextNG(f)
}

// Format returns the format of the capture.
func (r *Reader) Format() Format { return r.format }

// Compression returns what the capture was wrapped in.
func (r *Reader) Compression() Compression { return r.comp }

// Offset returns how many octets of the capture were consumed, counted after
// decompression: the end of the last packet returned.
func (r *Reader) Offset() int64 { return r.src.offset() }

// InputOffset returns how many octets were taken from the input, compressed ones if
// it is compressed and read ahead by at most a buffer. Compare it with the size of
// the file to show progress.
func (r *Reader) InputOffset() int64 { return r.counter.n }

// Packets returns how many packets Next has returned.
func (r *Reader) Packets() int { return r.number }

// Interfaces returns the interfaces of the current section that were described so
// far, one for pcap. The slice is valid until the next call of Next.
func (r *Reader) Interfaces() []Interface {
	if r.format == PCAP {
		return r.pcap.iface[:]
	}
	return r.ng.described
}

// fail makes err the result of this and all further calls.
func (r *Reader) fail(offset int64, what string, err error) error {
	r.err = &FormatError{Offset: offset, What: what, Err: err}
	return r.err
}

// ended is called when the input ended at the start of a record, or inside of it.
// It tells a clean end from the various unclean ones; what names the part of the
// file that was wanted.
func (r *Reader) ended(what string) error {
	if r.err == nil && r.src.err == io.EOF && r.src.pos == r.src.end {
		r.err = io.EOF
	}
	return r.cut(r.src.offset(), what)
}

// cut is called when the input ended inside the record at offset at.
func (r *Reader) cut(at int64, what string) error {
	if r.err != nil {
		return r.err
	}
	switch err := r.src.err; {
	case err == io.EOF:
		return r.fail(at, what, ErrTruncated)
	case r.counter.err != nil && r.counter.err != io.EOF:
		return r.fail(at, what, r.counter.err)
	case r.comp != Plain && errors.Is(err, io.ErrUnexpectedEOF):
		return r.fail(at, r.comp.String()+" stream", ErrTruncated)
	case r.comp != Plain:
		return r.fail(at, r.comp.String()+" stream", fmt.Errorf("%w: %w", ErrCorrupt, err))
	default:
		return r.fail(at, what, err)
	}
}
