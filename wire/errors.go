package wire

import (
	"errors"
	"fmt"
)

// What a ParseError may wrap. Compare with errors.Is.
var (
	// ErrTruncated: the octets end before the thing does.
	ErrTruncated = errors.New("truncated")
	// ErrLength: a length field does not fit the thing it measures.
	ErrLength = errors.New("impossible length")
	// ErrVersion: an IP version other than 4 and 6.
	ErrVersion = errors.New("unknown IP version")
	// ErrNotTCP: an IP packet that carries another protocol.
	ErrNotTCP = errors.New("not TCP")
	// ErrNotICMP: an IP packet that is no ICMP message of the kind that was asked for: an
	// error of those in ICMPKind, or an echo request.
	ErrNotICMP = errors.New("not such an ICMP message")
	// ErrFragment: a part of a fragmented IP packet; this package does not reassemble.
	ErrFragment = errors.New("IP fragment")
	// ErrKind: an option handed to the parser of another one.
	ErrKind = errors.New("another option")
	// ErrOptionSpace: the option does not fit in the 40 octets TCP has.
	ErrOptionSpace = errors.New("no option space left")
	// ErrSyntax: the text form of a segment is malformed.
	ErrSyntax = errors.New("syntax error")
)

// ParseError says what could not be read and where.
type ParseError struct {
	What   string // the header, option or field: "IPv4 header", "DSS"
	Offset int    // octets from the start of the packet, option or text
	Err    error  // one of the Err values of this package
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("%s: %v at octet %d", e.What, e.Err, e.Offset)
}

func (e *ParseError) Unwrap() error { return e.Err }

func bad(what string, off int, err error) error {
	return &ParseError{What: what, Offset: off, Err: err}
}
