package wire

import (
	"strconv"
	"strings"
)

// textParser walks one line of the text form.
type textParser struct {
	line string
	at   int
}

func (t *textParser) fail(what string) error { return bad(what, t.at, ErrSyntax) }

func (t *textParser) spaces() {
	for t.at < len(t.line) && (t.line[t.at] == ' ' || t.line[t.at] == '\t') {
		t.at++
	}
}

// word takes octets up to one of stop, without them.
func (t *textParser) word(stop string) string {
	t.spaces()
	rest := t.line[t.at:]
	n := strings.IndexAny(rest, stop)
	if n < 0 {
		n = len(rest)
	}
	t.at += n
	return rest[:n]
}

func (t *textParser) number(what, stop string, bits int) (uint64, error) {
	at := t.at
	v, err := strconv.ParseUint(t.word(stop), 10, bits)
	if err != nil {
		t.at = at
		return 0, t.fail(what)
	}
	return v, nil
}

func (t *textParser) segment() (p Pattern, err error) {
	word := t.word(" \t<")
	for _, c := range word {
		i := strings.IndexRune(flagLetters, c)
		if c == '-' && len(word) == 1 {
			break
		}
		if i < 0 {
			return p, bad("flags", strings.IndexRune(t.line, c), ErrSyntax)
		}
		p.Flags |= 1 << i
	}
	if word == "" {
		return p, t.fail("flags")
	}
	for {
		t.spaces()
		if t.at >= len(t.line) {
			return p, nil
		}
		switch c := t.line[t.at]; {
		case c == '<':
			return p, t.optionList(&p)
		case c >= '0' && c <= '9':
			err = t.sequence(&p)
		default:
			err = t.header(&p)
		}
		if err != nil {
			return p, err
		}
	}
}

// sequence reads "1:1001(1000)".
func (t *textParser) sequence(p *Pattern) error {
	from, err := t.number("sequence number", ":", 32)
	if err != nil {
		return err
	}
	if t.at++; t.at > len(t.line) {
		return t.fail("sequence number")
	}
	to, err := t.number("sequence number", "(", 32)
	if err != nil {
		return err
	}
	if t.at++; t.at > len(t.line) {
		return t.fail("sequence number")
	}
	n, err := t.number("payload length", ")", 31)
	if err != nil {
		return err
	}
	if t.at >= len(t.line) || uint32(from)+uint32(n) != uint32(to) {
		return t.fail("payload length")
	}
	t.at++
	p.HasSeq, p.HasLen = true, true
	p.Seq, p.PayloadLen = uint32(from), int(n)
	return nil
}

func (t *textParser) header(p *Pattern) error {
	at := t.at
	word := t.word(" \t<")
	bits := 16
	if word == "ack" {
		bits = 32
	}
	v, err := t.number(word, " \t<", bits)
	if err != nil {
		return err
	}
	switch word {
	case "ack":
		p.HasAck, p.Ack = true, uint32(v)
	case "win":
		p.HasWin, p.Window = true, uint16(v)
	case "urg":
		p.HasUrg, p.Urgent = true, uint16(v)
	default:
		t.at = at
		return t.fail("header field " + strconv.Quote(word))
	}
	return nil
}

func (t *textParser) optionList(p *Pattern) error {
	p.HasOptions = true
	t.at++
	for {
		t.spaces()
		if t.at < len(t.line) && t.line[t.at] == '>' {
			break
		}
		at := t.at
		q, err := t.option()
		if err != nil {
			return err
		}
		p.options = append(p.options, q)
		if o, err := q.encode(p.Options); err == nil {
			p.Options = o
		} else if !isIncomplete(err) {
			t.at = at
			return t.fail("option " + strconv.Quote(q.name))
		}
		if t.at < len(t.line) && t.line[t.at] == ',' {
			t.at++
		} else if t.at >= len(t.line) || t.line[t.at] != '>' {
			return t.fail("options")
		}
	}
	t.at++
	if t.spaces(); t.at < len(t.line) {
		return t.fail("end of line")
	}
	return nil
}

// option reads "dss dack4=1 dsn8=1 fin" up to the comma or bracket behind it.
func (t *textParser) option() (q optionPattern, err error) {
	const stop = " \t,>"
	q.name = t.word(stop)
	if v, ok := strings.CutPrefix(q.name, "raw="); ok {
		q.name, q.fields = "", []field{{"raw", v}}
	} else if q.name == "" {
		return q, t.fail("option")
	}
	for {
		t.spaces()
		if t.at >= len(t.line) || t.line[t.at] == ',' || t.line[t.at] == '>' {
			return q, nil
		}
		name, value, _ := strings.Cut(t.word(stop), "=")
		if q.name == "TS" && value == "" { // "TS val 1 ecr 0": names and values are words of their own
			value = t.word(stop)
		}
		q.fields = append(q.fields, field{name, value})
	}
}
