package wire

import (
	"fmt"
	"strings"
)

// Pattern is a segment of which only what was written is compared.
type Pattern struct {
	Segment                                            // what was written; Payload is not known, only PayloadLen
	HasSeq, HasLen, HasAck, HasWin, HasUrg, HasOptions bool
	text                                               string
	options                                            []optionPattern
}

// optionPattern is one option of a pattern: the fields that were written.
type optionPattern struct {
	name   string
	fields []field
}

// field is a word ("backup"), or a name with a value.
type field struct{ name, value string }

// String is the text the pattern was parsed from.
func (p *Pattern) String() string { return p.text }

// ParseText reads the text form of a segment. What is not written is not compared
// by Match: "S. <mp_capable v1>" is any SYN/ACK with that option, whatever its
// keys. When every option is written in full, as AppendText does, p.Options holds
// the block octet for octet; otherwise p.Options holds what was complete and
// Complete reports false.
//
// The error is a *ParseError that wraps ErrSyntax, its offset into line.
func ParseText(line string) (Pattern, error) {
	t := &textParser{line: line}
	p, err := t.segment()
	p.text = line
	return p, err
}

// Complete reports whether p.Segment is the whole segment that was printed, apart
// from its payload's octets.
func (p *Pattern) Complete() bool {
	if !p.HasSeq || !p.HasLen || !p.HasWin || p.Flags.Has(ACK) && !p.HasAck {
		return false
	}
	for i := range p.options {
		if _, err := p.options[i].encode(nil); err != nil {
			return false
		}
	}
	return true
}

// Match compares s with the pattern, numbers made relative by base, and says what
// differs: nil when everything written agrees. Options match in any order; each
// that is written must be there with the fields that are written.
func (p *Pattern) Match(s *Segment, base TextBase) error {
	differ := func(what string, want, got any) error {
		return fmt.Errorf("%s: want %v, got %v", what, want, got)
	}
	if p.Flags != s.Flags {
		return differ("flags", string(appendFlags(nil, p.Flags)), string(appendFlags(nil, s.Flags)))
	}
	if got := s.Seq - base.Seq; p.HasSeq && p.Seq != got {
		return differ("seq", p.Seq, got)
	}
	if got := max(s.PayloadLen, len(s.Payload)); p.HasLen && p.PayloadLen != got {
		return differ("payload octets", p.PayloadLen, got)
	}
	got := s.Ack
	if s.Flags.Has(ACK) { // as AppendText prints it
		got -= base.Ack
	}
	if p.HasAck && p.Ack != got {
		return differ("ack", p.Ack, got)
	}
	if p.HasWin && p.Window != s.Window {
		return differ("win", p.Window, s.Window)
	}
	if p.HasUrg && p.Urgent != s.Urgent {
		return differ("urg", p.Urgent, s.Urgent)
	}
	if p.HasOptions && len(p.options) == 0 && len(s.Options) > 0 {
		return differ("options", "none", string(AppendOptionsText(nil, s.Options, base)))
	}
	for i := range p.options {
		if !p.options[i].in(s.Options, base) {
			return differ("options", p.options[i].String(), string(AppendOptionsText(nil, s.Options, base)))
		}
	}
	return nil
}

// in compares by text: the text of an option names each of its fields once.
func (q *optionPattern) in(o Options, base TextBase) bool {
	if q.name == "nop" || q.name == "eol" {
		return true // fillers carry no meaning
	}
	if raw, ok := q.get("raw"); ok && q.name == "" { // octets that are no option
		return strings.HasSuffix(string(AppendOptionsText(nil, o, base)), "raw="+raw)
	}
	for opt := range o.All() {
		t := textParser{line: string(AppendOptionText(nil, opt, base))}
		got, err := t.option()
		if err != nil || got.name != q.name {
			continue
		}
		all := true
		for _, f := range q.fields {
			all = all && got.has(f)
		}
		if all {
			return true
		}
	}
	return false
}

func (q *optionPattern) has(want field) bool {
	for _, f := range q.fields {
		if f.name != want.name {
			continue
		}
		// "key=a" matches a list that begins with a.
		if want.name == "key" && !strings.Contains(want.value, "+") {
			f.value, _, _ = strings.Cut(f.value, "+")
		}
		if f == want || want.name != "raw" && plainValue(f.value) == plainValue(want.value) {
			return true
		}
	}
	return false
}

// plainValue is a value, or a list of them, without what may be written in two
// ways: leading zeros and capital letters of hexadecimal digits.
func plainValue(s string) string {
	list := strings.Split(strings.ToLower(s), "+")
	for i, v := range list {
		list[i] = strings.TrimLeft(v, "0")
	}
	return strings.Join(list, "+")
}

func (q *optionPattern) get(name string) (string, bool) {
	for _, f := range q.fields {
		if f.name == name {
			return f.value, true
		}
	}
	return "", false
}

func (q *optionPattern) String() string {
	var b strings.Builder
	b.WriteString(q.name)
	for _, f := range q.fields {
		b.WriteByte(' ')
		b.WriteString(f.name)
		if f.value != "" {
			switch {
			case q.name == "TS":
				b.WriteByte(' ')
			case f.name != "":
				b.WriteByte('=')
			}
			b.WriteString(f.value)
		}
	}
	return b.String()
}
