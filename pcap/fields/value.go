package fields

import (
	"encoding/hex"
	"net/netip"
	"strconv"
)

// value is one occurrence of a field in a frame. Numbers, booleans, IPv4 addresses and
// times (in ns, as int64) are in num, everything else in octets, which alias the frame
// or the row's text.
type value struct {
	id     ID
	next   uint16 // index of the next value of the same field in Row.values; 0: none
	num    uint64
	octets []byte
}

// append prints v as tshark's -T fields does.
func (v *value) append(b []byte) []byte {
	switch table[v.id].Type {
	case Layer, Mark:
		return append(b, table[v.id].Name...)
	case Uint, Bool:
		return strconv.AppendUint(b, v.num, 10)
	case Int:
		return strconv.AppendInt(b, int64(v.num), 10)
	case Hex8:
		return appendHex(b, v.num, 2)
	case Hex16:
		return appendHex(b, v.num, 4)
	case Hex24:
		return appendHex(b, v.num, 6)
	case Hex32:
		return appendHex(b, v.num, 8)
	case Time:
		return appendSeconds(b, int64(v.num))
	case IPv4:
		return netip.AddrFrom4([4]byte{byte(v.num >> 24), byte(v.num >> 16), byte(v.num >> 8), byte(v.num)}).AppendTo(b)
	case IPv6:
		return appendIPv6(b, [16]byte(v.octets))
	case Ether:
		for i, o := range v.octets {
			if i > 0 {
				b = append(b, ':')
			}
			b = hex.AppendEncode(b, []byte{o})
		}
		return b
	case Bytes:
		return hex.AppendEncode(b, v.octets)
	}
	return appendText(b, v.octets)
}

// appendText keeps a cell on its line: control characters are printed as escapes.
func appendText(b, text []byte) []byte {
	for _, c := range text {
		switch {
		case c >= ' ' && c != 0x7f:
			b = append(b, c)
		case c == '\t':
			b = append(b, `\t`...)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		default:
			b = append(b, '\\', 'x')
			b = hex.AppendEncode(b, []byte{c})
		}
	}
	return b
}

func appendHex(b []byte, n uint64, digits int) []byte {
	const hexDigits = "0123456789abcdef"
	b = append(b, '0', 'x')
	for i := digits - 1; i >= 0; i-- {
		b = append(b, hexDigits[n>>(4*i)&15])
	}
	return b
}

// appendSeconds prints ns as seconds with 9 decimals.
func appendSeconds(b []byte, ns int64) []byte {
	n := uint64(ns)
	if ns < 0 {
		b, n = append(b, '-'), -n
	}
	b = strconv.AppendUint(b, n/1e9, 10)
	b = append(b, '.')
	at := len(b)
	b = strconv.AppendUint(b, 1e9+n%1e9, 10)
	copy(b[at:], b[at+1:]) // drops the 1 that kept the leading zeros
	return b[:len(b)-1]
}

// appendIPv6 prints in the form of RFC 5952 with, for IPv4-mapped addresses, the dotted
// quad of its section 5.
func appendIPv6(b []byte, a [16]byte) []byte {
	return netip.AddrFrom16(a).AppendTo(b)
}
