package fields

import (
	"encoding/hex"
	"errors"
	"math"
	"net/netip"
	"strconv"
	"strings"
)

// literal is a constant in a filter, converted to the type it is compared with.
type literal struct {
	num    uint64
	mask   uint64 // IPv4: the prefix
	octets []byte
	bits   int // IPv6: the prefix length
}

// literal converts a token to a value of type typ.
func (p *parser) literal(t token, typ Type) (literal, error) {
	switch {
	case t.kind == tokEnd:
		return literal{}, p.errorf(t, "a value is missing")
	case t.kind == tokOp:
		return literal{}, p.errorf(t, "%s where a value should be", t)
	case t.kind == tokString && !typ.octets():
		if typ.number() && p.expr[t.off] == '\'' && len(t.text) == 1 {
			return literal{num: uint64(t.text[0])}, nil // a character
		}
		return literal{}, p.errorf(t, "a string where the field has a %s", typ)
	}
	lit, err := convert(t, typ)
	if err != nil {
		return lit, p.errorf(t, "%s is no %s (%v)", t, typ, err)
	}
	return lit, nil
}

func convert(t token, typ Type) (literal, error) {
	switch typ {
	case Int, Time:
		return signed(t.text, typ)
	case Bool:
		return boolean(t.text)
	case IPv4:
		return address4(t.text)
	case IPv6:
		return address6(t.text)
	case Text:
		return literal{octets: []byte(t.text)}, nil
	case Layer, Bytes, Ether:
		if t.kind == tokString && typ != Ether {
			return literal{octets: []byte(t.text)}, nil
		}
		b, err := octets(t.text)
		if err == nil && typ == Ether && len(b) != 6 {
			err = errors.New("it has 6 octets")
		}
		return literal{octets: b}, err
	}
	return unsigned(t.text, typ)
}

// unsigned reads a number in any base. One above what the field can hold is a mistake in
// the filter.
func unsigned(s string, typ Type) (literal, error) {
	n, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		return literal{}, reason(err)
	}
	limit := uint64(math.MaxUint64)
	switch typ {
	case Hex8:
		limit = math.MaxUint8
	case Hex16:
		limit = math.MaxUint16
	case Hex24:
		limit = 1<<24 - 1
	case Hex32:
		limit = math.MaxUint32
	}
	if n > limit {
		return literal{}, errors.New("too large")
	}
	return literal{num: n}, nil
}

func signed(s string, typ Type) (literal, error) {
	if typ == Time {
		ns, err := seconds(s)
		return literal{num: uint64(ns)}, err
	}
	n, err := strconv.ParseInt(s, 0, 64)
	return literal{num: uint64(n)}, reason(err)
}

// seconds reads a decimal number of seconds with up to 9 decimals, as ns.
func seconds(s string) (int64, error) {
	text, negative := strings.CutPrefix(s, "-")
	whole, decimals, _ := strings.Cut(text, ".")
	if whole == "" || len(decimals) > 9 {
		return 0, errors.New("write seconds, with up to 9 decimals")
	}
	n, err := strconv.ParseUint(whole+decimals+strings.Repeat("0", 9-len(decimals)), 10, 63)
	if err != nil {
		return 0, reason(err)
	}
	if negative {
		return -int64(n), nil
	}
	return int64(n), nil
}

// boolean reads true, false or a number, of which all but 0 are true.
func boolean(s string) (literal, error) {
	switch strings.ToLower(s) {
	case "true":
		return literal{num: 1}, nil
	case "false":
		return literal{}, nil
	}
	lit, err := unsigned(s, Bool)
	lit.num = min(lit.num, 1)
	return lit, err
}

func address4(s string) (literal, error) {
	prefix, err := parsePrefix(s)
	if err != nil {
		return literal{}, err
	}
	if !prefix.Addr().Is4() {
		return literal{}, errors.New("it is of another family")
	}
	a := prefix.Addr().As4()
	mask := ^uint64(0) << (32 - prefix.Bits()) & math.MaxUint32
	return literal{num: bigEndian(a[:]) & mask, mask: mask}, nil
}

func address6(s string) (literal, error) {
	prefix, err := parsePrefix(s)
	if err != nil {
		return literal{}, err
	}
	if prefix.Addr().Is4() {
		return literal{}, errors.New("it is of another family")
	}
	a := prefix.Masked().Addr().As16()
	return literal{octets: a[:], bits: prefix.Bits()}, nil
}

// parsePrefix reads an address, with or without a prefix length.
func parsePrefix(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		prefix, err := netip.ParsePrefix(s)
		if err != nil {
			return prefix, errors.New("write address/length")
		}
		return prefix, nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, errors.New("names are not looked up")
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// octets reads hexadecimal digits, two for each octet, with or without : . - in between.
func octets(s string) ([]byte, error) {
	plain := s
	if len(s) > 2 && strings.IndexByte(":.-", s[2]) >= 0 {
		separator := s[2]
		for i := 2; i < len(s); i += 3 {
			if s[i] != separator {
				return nil, errors.New("write octets as aa:bb:cc")
			}
		}
		plain = strings.ReplaceAll(s, string(separator), "")
	}
	b, err := hex.DecodeString(plain)
	if err != nil || len(b) == 0 {
		return nil, errors.New("write octets as aa:bb:cc, or text in quotes")
	}
	return b, nil
}

// reason is the part of an error of strconv that does not repeat the input.
func reason(err error) error {
	if e, ok := errors.AsType[*strconv.NumError](err); ok {
		return e.Err
	}
	return err
}
