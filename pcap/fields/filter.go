package fields

import (
	"fmt"
	"slices"
	"strings"
)

// Filter is a compiled display filter. It may be used by several goroutines.
//
// The language is the useful part of Wireshark's, with the meaning it has in version 4:
//
//	tcp.options.mptcp.subtype          the field, or protocol, is present
//	tcp.port == 80     eq              any occurrence is
//	tcp.port != 80     ne              the field is present and no occurrence is
//	tcp.port === 80    all_eq          all occurrences are
//	tcp.port ~= 80     !== any_ne      any occurrence is another one
//	tcp.len > 0        < <= >=  gt lt le ge
//	tcp.flags & 0x12 == 2              bits of a number; alone: any of them is set
//	ip.addr == 10.0.0.0/8              addresses with a prefix length
//	tcp.port in {80, 443, 8000..8100}  also: not in
//	tcp.payload contains "GET"         or octets: contains 47:45:54
//	frame.comment matches "^lost"      regular expression (RE2), any case
//	! && || ( )        not and or      && binds tighter than ||
//
// A boolean that is there but 0 is present: write tcp.flags.syn == 1. Numbers are
// decimal, hexadecimal (0x), octal (0) or binary (0b); times are in seconds. On both
// sides of a comparison there may be a field.
type Filter struct {
	text string
	root node
	ids  []ID
}

// FilterError says why and where an expression is none.
type FilterError struct {
	Expr   string
	Offset int    // octets before the offending part
	Len    int    // octets of it; 0 at the end of the expression
	Msg    string // without the position
}

// Error returns one line.
func (e *FilterError) Error() string {
	if e.Offset >= len(e.Expr) {
		return fmt.Sprintf("filter: %s at the end of %q", e.Msg, e.Expr)
	}
	return fmt.Sprintf("filter: %s at column %d of %q", e.Msg, e.Offset+1, e.Expr)
}

// Caret returns the expression and a second line that marks the place.
func (e *FilterError) Caret() string {
	width := 0
	for range e.Expr[:min(e.Offset, len(e.Expr))] {
		width++
	}
	return e.Expr + "\n" + strings.Repeat(" ", width) + "^" + strings.Repeat("~", max(0, e.Len-1))
}

// Compile reads a display filter. An empty expression matches every frame. Errors are of
// type *[FilterError]; unknown fields come with a suggestion.
func Compile(expr string) (*Filter, error) {
	p := parser{expr: expr}
	f := &Filter{text: expr}
	if strings.TrimSpace(expr) == "" {
		f.root = always{}
		return f, nil
	}
	if err := p.lex(); err != nil {
		return nil, err
	}
	root, err := p.or()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokEnd {
		return nil, p.errorf(t, "unexpected %s", t)
	}
	f.root, f.ids = root, p.ids
	return f, nil
}

// String returns the expression.
func (f *Filter) String() string { return f.text }

// Match reports whether the frame is selected.
func (f *Filter) Match(r *Row) bool { return f.root.match(r) }

// Uses reports whether the expression names the field; so a caller knows whether
// [Row.SetStream] is worth its while.
func (f *Filter) Uses(id ID) bool { return slices.Contains(f.ids, id) }
