package fields

import (
	"strconv"
	"strings"
)

type tokenKind uint8

const (
	tokEnd    tokenKind = iota
	tokWord             // a field, a number, an address, octets, or a word operator
	tokString           // "..." or '...', text holds what it means
	tokOp               // an operator or punctuation
)

type token struct {
	kind     tokenKind
	text     string
	off, len int // in the expression
}

// String is how an error names the token.
func (t token) String() string {
	if t.kind == tokEnd {
		return "end"
	}
	return strconv.Quote(t.text)
}

// is reports whether t is one of those operators, symbols or words.
func (t token) is(texts ...string) bool {
	if t.kind != tokOp && t.kind != tokWord {
		return false
	}
	for _, s := range texts {
		if t.text == s {
			return true
		}
	}
	return false
}

// operators, longer ones before those they start with.
var operators = []string{
	"===", "!==", "==", "!=", "~=", "<=", ">=", "&&", "||", "..",
	"<", ">", "!", "&", "(", ")", "{", "}", ",",
}

// lex cuts the expression into tokens, the last of which is tokEnd.
func (p *parser) lex() error {
	s := p.expr
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case strings.IndexByte(" \t\r\n", c) >= 0:
			i++
		case c == '"' || c == '\'':
			t, err := p.quoted(i)
			if err != nil {
				return err
			}
			p.tokens = append(p.tokens, t)
			i += t.len
		case wordByte(c) && !strings.HasPrefix(s[i:], ".."):
			n := 1
			for i+n < len(s) && wordByte(s[i+n]) && !strings.HasPrefix(s[i+n:], "..") {
				n++
			}
			p.tokens = append(p.tokens, token{tokWord, s[i : i+n], i, n})
			i += n
		default:
			n := operatorAt(s[i:])
			if n == 0 {
				return p.errorf(token{off: i, len: 1}, "unexpected %q", s[i:i+1])
			}
			p.tokens = append(p.tokens, token{tokOp, s[i : i+n], i, n})
			i += n
		}
	}
	p.tokens = append(p.tokens, token{kind: tokEnd, off: len(s)})
	return nil
}

func operatorAt(s string) int {
	for _, op := range operators {
		if strings.HasPrefix(s, op) {
			return len(op)
		}
	}
	return 0
}

// wordByte tells whether c may be in a name, a number, an address or a list of octets.
func wordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte("._:/-", c) >= 0
}

// quoted reads a string in quotes with Go's escapes.
func (p *parser) quoted(at int) (token, error) {
	s := p.expr[at:]
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			text, err := unquote(s[1:i], s[0])
			if err != nil {
				return token{}, p.errorf(token{off: at, len: i + 1}, "bad escape in %s", s[:i+1])
			}
			return token{tokString, text, at, i + 1}, nil
		}
	}
	return token{}, p.errorf(token{off: at, len: len(s)}, "no closing %c of the string", s[0])
}

func unquote(s string, quote byte) (string, error) {
	var b []byte
	for s != "" {
		r, multibyte, rest, err := strconv.UnquoteChar(s, quote)
		if err != nil {
			return "", err
		}
		s = rest
		if multibyte {
			b = append(b, string(r)...)
		} else {
			b = append(b, byte(r)) // \xff is one octet
		}
	}
	return string(b), nil
}
