package fuzz

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/mptcp-go/mptcp/wire"
)

// Options reads data as the option block of a TCP header, of either version. It
// panics if a promise of package wire is broken: typed errors with an offset inside
// the option, encoding that gives back what was decoded, a text form that gives back
// every octet, and an explanation of each octet. It returns 1 if an MPTCP option was
// well formed.
func Options(data []byte) int {
	o := wire.Options(data[:min(len(data), wire.MaxOptions)])
	optionsPieces(o)
	optionsText(o)
	found := 0
	for opt := range o.MPTCP() {
		for _, v := range []wire.Version{wire.V0, wire.V1} {
			if optionReencodes(opt, v) {
				found = 1
			}
		}
	}
	return found
}

// optionsPieces: the pieces are the block, the parts of a piece are the piece.
func optionsPieces(o wire.Options) {
	var joined []byte
	for p := range o.Pieces() {
		joined = append(joined, p...)
		for _, v := range []wire.Version{wire.V0, wire.V1} {
			at := 0
			for _, part := range wire.Explain(p, v) {
				if part.Offset != at || part.Len <= 0 || part.Name == "" || part.Value == "" {
					panic(fmt.Sprintf("%x: part %+v does not begin at %d", []byte(p), part, at))
				}
				at += part.Len
			}
			if at != len(p) {
				panic(fmt.Sprintf("%x: explained up to %d", []byte(p), at))
			}
		}
	}
	if !bytes.Equal(joined, o) {
		panic(fmt.Sprintf("%x in pieces is %x", []byte(o), joined))
	}
	if err := o.Check(); err != nil {
		typedOffset(err, len(o))
	}
}

func typedOffset(err error, size int) {
	var e *wire.ParseError
	if !errors.As(err, &e) || e.Offset < 0 || e.Offset > size {
		panic(fmt.Sprintf("error %#v about %d octets", err, size))
	}
}

// optionsText: the text of a segment gives back its octets, and matches it.
func optionsText(o wire.Options) {
	s := wire.Segment{Flags: wire.ACK, Options: o}
	line := string(wire.AppendText(nil, &s, wire.TextBase{}))
	p, err := wire.ParseText(line)
	switch {
	case err != nil:
		panic(fmt.Sprintf("%q: %v", line, err))
	case !bytes.Equal(p.Options, o) || !p.Complete():
		panic(fmt.Sprintf("%q: %x became %x", line, []byte(o), []byte(p.Options)))
	}
	if err := p.Match(&s, wire.TextBase{}); err != nil {
		panic(fmt.Sprintf("%q does not match itself: %v", line, err))
	}
}

// optionReencodes reports whether opt is well formed. If so, it must encode to as
// many octets, and those must be a fixed point; they are the same octets unless
// reserved bits were set, which the text form shows as octets.
func optionReencodes(opt wire.Option, v wire.Version) bool {
	once, err := reencode(opt, v)
	if err != nil {
		typedOffset(err, len(opt))
		return false
	}
	twice, err := reencode(wire.Option(once), v)
	if err != nil || !bytes.Equal(once, twice) || len(once) != len(opt) {
		panic(fmt.Sprintf("%x, version %d: %x, then %x (%v)", []byte(opt), v, []byte(once), []byte(twice), err))
	}
	raw := strings.Contains(string(wire.AppendOptionText(nil, opt, wire.TextBase{})), "raw=")
	if raw && bytes.Equal(once, opt) && v == wire.V1 && opt.Subtype() != wire.SubExperimental {
		panic(fmt.Sprintf("%x has a typed form but no text", []byte(opt)))
	}
	return true
}

// errNoParser: subtypes that have no meaning.
var errNoParser = &wire.ParseError{What: "subtype", Offset: 2, Err: wire.ErrKind}

func reencode(opt wire.Option, v wire.Version) (wire.Options, error) {
	switch opt.Subtype() {
	case wire.SubMPCapable:
		return encodeAgain(wire.ParseMPCapable(opt))
	case wire.SubMPJoin:
		return encodeAgain(wire.ParseMPJoin(opt))
	case wire.SubDSS:
		d, err := wire.ParseDSS(opt)
		return encodeAgain(&d, err)
	case wire.SubAddAddr:
		a, err := wire.ParseAddAddr(opt, v)
		return encodeAgain(&a, err)
	case wire.SubRemoveAddr:
		return encodeAgain(wire.ParseRemoveAddr(opt))
	case wire.SubMPPrio:
		return encodeAgain(wire.ParseMPPrio(opt))
	case wire.SubMPFail:
		return encodeAgain(wire.ParseMPFail(opt))
	case wire.SubMPFastclose:
		return encodeAgain(wire.ParseMPFastclose(opt))
	case wire.SubMPTCPRst:
		return encodeAgain(wire.ParseMPTCPRst(opt))
	case wire.SubExperimental:
		return encodeAgain(wire.ParseExperimental(opt))
	}
	return nil, errNoParser
}

type optionEncoder interface {
	Append(wire.Options) (wire.Options, error)
}

// encodeAgain appends what a parser returned to nothing.
func encodeAgain[T optionEncoder](x T, err error) (wire.Options, error) {
	if err != nil {
		return nil, err
	}
	o, err := x.Append(nil)
	if err != nil {
		panic(fmt.Sprintf("%+v was decoded but does not encode: %v", x, err))
	}
	return o, nil
}
