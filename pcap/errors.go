package pcap

import (
	"errors"
	"fmt"
)

// What a [*FormatError] wraps. Compare with errors.Is.
var (
	// ErrUnknownFormat: the input starts like none of the formats read here.
	ErrUnknownFormat = errors.New("neither pcap nor pcapng, nor one of them in gzip or zstd")
	// ErrVersion: the right format, in a version that is not known.
	ErrVersion = errors.New("unsupported version")
	// ErrTruncated: the input ended inside a header, a record or a compressed stream.
	ErrTruncated = errors.New("input is cut short")
	// ErrCorrupt: a value that contradicts the format or another value.
	ErrCorrupt = errors.New("corrupt")
	// ErrTooLong: a packet or block above the limit, so almost surely a wrong length.
	ErrTooLong = errors.New("longer than the limit")
	// ErrTooMany: more interfaces in one section than MaxInterfaces.
	ErrTooMany = errors.New("more than the limit")
)

// FormatError says where and why an input could not be read any further. It is
// also used for errors of the underlying reader: Err is then that error.
type FormatError struct {
	Offset int64  // octets from the start of the capture, after decompression
	What   string // the part of the file at that place
	Err    error
}

// Error returns one line with the offset.
func (e *FormatError) Error() string {
	return fmt.Sprintf("pcap: %s at offset %d: %v", e.What, e.Offset, e.Err)
}

// Unwrap returns Err.
func (e *FormatError) Unwrap() error { return e.Err }
