package fields

import (
	"bytes"
	"cmp"
	"regexp"
)

// node is a part of a compiled filter.
type node interface{ match(r *Row) bool }

type (
	always      struct{}
	notNode     struct{ of node }
	andNode     struct{ left, right node }
	orNode      struct{ left, right node }
	presentNode struct{ id ID }
	compareNode struct {
		left  operand
		rel   relation
		right literal
	}
	pairNode struct {
		left  operand
		rel   relation
		right operand
	}
	setNode struct {
		left   operand
		ranges [][2]literal
	}
	containsNode struct {
		id     ID
		octets []byte
	}
	matchesNode struct {
		id ID
		re *regexp.Regexp
	}
)

// operand is a field in a comparison.
type operand struct {
	id   ID
	typ  Type
	mask uint64 // bits of a number to look at; 0: all
}

// relation is a comparison over all occurrences of a field.
type relation struct {
	holds func(c int) bool // for the result of a three-way comparison
	all   bool             // all occurrences must; otherwise one will do
}

func relAny(holds func(int) bool) relation { return relation{holds: holds} }
func relAll(holds func(int) bool) relation { return relation{holds: holds, all: true} }

func equals(c int) bool  { return c == 0 }
func differs(c int) bool { return c != 0 }

var relations = map[string]relation{
	"==": relAny(equals), "eq": relAny(equals), "any_eq": relAny(equals),
	"!=": relAll(differs), "ne": relAll(differs), "all_ne": relAll(differs),
	"===": relAll(equals), "all_eq": relAll(equals),
	"~=": relAny(differs), "!==": relAny(differs), "any_ne": relAny(differs),
	"<": relAny(func(c int) bool { return c < 0 }), "lt": relAny(func(c int) bool { return c < 0 }),
	"<=": relAny(func(c int) bool { return c <= 0 }), "le": relAny(func(c int) bool { return c <= 0 }),
	">": relAny(func(c int) bool { return c > 0 }), "gt": relAny(func(c int) bool { return c > 0 }),
	">=": relAny(func(c int) bool { return c >= 0 }), "ge": relAny(func(c int) bool { return c >= 0 }),
}

func (always) match(*Row) bool          { return true }
func (n notNode) match(r *Row) bool     { return !n.of.match(r) }
func (n andNode) match(r *Row) bool     { return n.left.match(r) && n.right.match(r) }
func (n orNode) match(r *Row) bool      { return n.left.match(r) || n.right.match(r) }
func (n presentNode) match(r *Row) bool { return r.Has(n.id) }

// match is false where the field is missing, whatever the relation.
func (n compareNode) match(r *Row) bool {
	for i := r.first[n.left.id]; i != 0; i = r.values[i].next {
		if n.rel.holds(compare(n.left, &r.values[i], &n.right)) != n.rel.all {
			return !n.rel.all
		}
	}
	return n.rel.all && r.Has(n.left.id)
}

// match compares each occurrence of one field with each of the other.
func (n pairNode) match(r *Row) bool {
	for i := r.first[n.right.id]; i != 0; i = r.values[i].next {
		v := &r.values[i]
		lit := literal{num: n.right.masked(v.num), mask: ^uint64(0), octets: v.octets, bits: 128}
		for j := r.first[n.left.id]; j != 0; j = r.values[j].next {
			if n.rel.holds(compare(n.left, &r.values[j], &lit)) != n.rel.all {
				return !n.rel.all
			}
		}
	}
	return n.rel.all && r.Has(n.left.id) && r.Has(n.right.id)
}

func (n setNode) match(r *Row) bool {
	for i := r.first[n.left.id]; i != 0; i = r.values[i].next {
		v := &r.values[i]
		for k := range n.ranges {
			if compare(n.left, v, &n.ranges[k][0]) >= 0 && compare(n.left, v, &n.ranges[k][1]) <= 0 {
				return true
			}
		}
	}
	return false
}

func (n containsNode) match(r *Row) bool {
	for i := r.first[n.id]; i != 0; i = r.values[i].next {
		if bytes.Contains(r.values[i].octets, n.octets) {
			return true
		}
	}
	return false
}

func (n matchesNode) match(r *Row) bool {
	for i := r.first[n.id]; i != 0; i = r.values[i].next {
		if n.re.Match(r.values[i].octets) {
			return true
		}
	}
	return false
}

func (o operand) masked(n uint64) uint64 {
	if o.mask != 0 {
		return n & o.mask
	}
	return n
}

// compare is the three-way comparison of a value with a literal of its type. Addresses
// are compared by the literal's prefix.
func compare(o operand, v *value, lit *literal) int {
	switch o.typ {
	case Int, Time:
		return cmp.Compare(int64(v.num), int64(lit.num))
	case IPv4:
		return cmp.Compare(v.num&lit.mask, lit.num)
	case IPv6:
		return comparePrefix(v.octets, lit.octets, lit.bits)
	case Layer, Bytes, Ether:
		if c := cmp.Compare(len(v.octets), len(lit.octets)); c != 0 {
			return c // the longer is the greater, as in tshark
		}
		return bytes.Compare(v.octets, lit.octets)
	case Text:
		return bytes.Compare(v.octets, lit.octets)
	}
	return cmp.Compare(o.masked(v.num), lit.num)
}

// comparePrefix compares the first bits of two addresses.
func comparePrefix(a, b []byte, bits int) int {
	n := bits / 8
	if c := bytes.Compare(a[:n], b[:n]); c != 0 || bits%8 == 0 {
		return c
	}
	shift := 8 - bits%8
	return cmp.Compare(a[n]>>shift, b[n]>>shift)
}
