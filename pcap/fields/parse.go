package fields

import (
	"fmt"
	"regexp"
	"strings"
)

// parser turns tokens into nodes:
//
//	or   = and { "||" and }
//	and  = not { "&&" not }
//	not  = "!" not | "(" or ")" | test
//	test = operand [ relation value | ["not"] "in" set | "contains" value | "matches" string ]
type parser struct {
	expr   string
	tokens []token
	next   int
	depth  int
	ids    []ID
}

// maxDepth bounds parentheses and negations inside each other.
const maxDepth = 200

func (p *parser) errorf(t token, format string, args ...any) error {
	return &FilterError{Expr: p.expr, Offset: t.off, Len: t.len, Msg: fmt.Sprintf(format, args...)}
}

func (p *parser) peek() token { return p.tokens[p.next] }

func (p *parser) take() token {
	t := p.tokens[p.next]
	if t.kind != tokEnd {
		p.next++
	}
	return t
}

// accept takes the next token if it is one of texts.
func (p *parser) accept(texts ...string) bool {
	if p.peek().is(texts...) {
		p.next++
		return true
	}
	return false
}

func (p *parser) or() (node, error) {
	n, err := p.and()
	for err == nil && p.accept("||", "or") {
		var right node
		right, err = p.and()
		n = orNode{n, right}
	}
	return n, err
}

func (p *parser) and() (node, error) {
	n, err := p.not()
	for err == nil && p.accept("&&", "and") {
		var right node
		right, err = p.not()
		n = andNode{n, right}
	}
	return n, err
}

func (p *parser) not() (node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.errorf(p.peek(), "more than %d levels", maxDepth)
	}
	defer func() { p.depth-- }()
	switch t := p.peek(); {
	case p.accept("!", "not"):
		n, err := p.not()
		return notNode{n}, err
	case p.accept("("):
		n, err := p.or()
		if err != nil {
			return nil, err
		}
		if !p.accept(")") {
			return nil, p.errorf(p.peek(), "missing ) for the ( in column %d", t.off+1)
		}
		return n, nil
	}
	return p.test()
}

func (p *parser) test() (node, error) {
	at := p.peek()
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	t := p.peek()
	if rel, ok := relations[t.text]; ok && t.is(t.text) {
		p.next++
		return p.relation(left, rel)
	}
	switch {
	case p.accept("in"):
		return p.set(left)
	case t.is("not") && p.tokens[p.next+1].is("in"):
		p.next += 2
		n, err := p.set(left)
		return notNode{n}, err
	case p.accept("contains"):
		return p.contains(left, at)
	case p.accept("matches"):
		return p.matches(left, at)
	case left.mask != 0:
		return compareNode{left, relAny(differs), literal{}}, nil
	}
	return presentNode{left.id}, nil
}

// operand reads a field, and a mask for it.
func (p *parser) operand() (operand, error) {
	t := p.take()
	switch {
	case t.kind == tokEnd:
		return operand{}, p.errorf(t, "a field is missing")
	case t.kind != tokWord:
		return operand{}, p.errorf(t, "%s where a field should be", t)
	}
	f, ok := Lookup(t.text)
	if !ok {
		return operand{}, p.unknown(t)
	}
	p.ids = append(p.ids, f.ID)
	o := operand{id: f.ID, typ: f.Type}
	if p.accept("&") {
		if !f.Type.number() || f.Type == Int {
			return operand{}, p.errorf(t, "%s is no unsigned number, so & means nothing", f.Name)
		}
		v := p.take()
		lit, err := p.literal(v, Uint)
		if err != nil {
			return operand{}, err
		}
		if lit.num == 0 {
			return operand{}, p.errorf(v, "a mask of 0 selects nothing")
		}
		o.mask = lit.num
	}
	return o, nil
}

func (p *parser) unknown(t token) error {
	if names := Suggest(t.text); len(names) > 0 {
		return p.errorf(t, "unknown field %s (did you mean %s?)", t, strings.Join(names, ", "))
	}
	return p.errorf(t, "unknown field %s", t)
}

// relation reads what left is compared with: a literal, or another field.
func (p *parser) relation(left operand, rel relation) (node, error) {
	t := p.peek()
	if left.typ == Mark {
		return nil, p.errorf(t, "%s has no value to compare", left.id.Field().Name)
	}
	if f, ok := Lookup(t.text); ok && t.kind == tokWord && left.typ != Text {
		right, err := p.operand()
		if err != nil {
			return nil, err
		}
		if !compatible(left.typ, f.Type) {
			return nil, p.errorf(t, "%s (%s) and %s (%s) cannot be compared", left.id.Field().Name, left.typ, f.Name, f.Type)
		}
		return pairNode{left, rel, right}, nil
	}
	lit, err := p.literal(p.take(), left.typ)
	if err != nil {
		return nil, err
	}
	return compareNode{left, rel, lit}, nil
}

// compatible tells whether values of two types can be compared with each other.
func compatible(a, b Type) bool {
	if a.number() && b.number() {
		return (a == Int) == (b == Int)
	}
	return a == b && a != Mark
}

// set reads {a, b, c..d}. As in older Wiresharks, the commas may be left out.
func (p *parser) set(left operand) (node, error) {
	if left.typ == Mark {
		return nil, p.errorf(p.peek(), "%s has no value to compare", left.id.Field().Name)
	}
	if !p.accept("{") {
		return nil, p.errorf(p.peek(), "missing { after in")
	}
	n := setNode{left: left}
	for {
		low, err := p.literal(p.take(), left.typ)
		if err != nil {
			return nil, err
		}
		high := low
		if p.accept("..") {
			if high, err = p.literal(p.take(), left.typ); err != nil {
				return nil, err
			}
		}
		n.ranges = append(n.ranges, [2]literal{low, high})
		switch {
		case p.accept("}"):
			return n, nil
		case p.accept(","):
		case p.peek().kind == tokOp || p.peek().kind == tokEnd:
			return nil, p.errorf(p.peek(), "missing , or } in the set")
		}
	}
}

func (p *parser) contains(left operand, at token) (node, error) {
	if !left.typ.octets() {
		return nil, p.errorf(at, "%s (%s) cannot contain anything; text and octets can", left.id.Field().Name, left.typ)
	}
	typ := left.typ
	if typ == Ether {
		typ = Bytes // fewer than six octets will do
	}
	lit, err := p.literal(p.take(), typ)
	return containsNode{left.id, lit.octets}, err
}

func (p *parser) matches(left operand, at token) (node, error) {
	if !left.typ.octets() {
		return nil, p.errorf(at, "%s (%s) cannot match anything; text and octets can", left.id.Field().Name, left.typ)
	}
	t := p.take()
	if t.kind != tokString {
		return nil, p.errorf(t, "a regular expression in quotes is missing")
	}
	re, err := regexp.Compile("(?i)" + t.text)
	if err != nil {
		return nil, p.errorf(t, "%v", err)
	}
	return matchesNode{left.id, re}, nil
}
