package main

import (
	"bytes"
	"strings"

	"github.com/mptcp-go/mptcp/wire"
)

// Keys are what authenticates joins: they are shown on request only.

// secret reports whether a part of an option holds a key, or might: what is
// malformed in an option that carries keys is not shown either.
func secret(opt wire.Option, p wire.Part) bool {
	if strings.Contains(p.Name, "key") {
		return true
	}
	if st := opt.Subtype(); st != wire.SubMPCapable && st != wire.SubMPFastclose {
		return false
	}
	return p.Name == "unparsed" || p.Name == "data"
}

// hideKeys replaces keys in the text form of a segment. It works in place; what it
// returns is never longer.
func hideKeys(text []byte) []byte {
	text = hideAfter(text, []byte("key="), 0)
	text = hideAfter(text, []byte("mp_capable raw="), 8)
	text = hideAfter(text, []byte("mp_fastclose raw="), 8)
	// Octets that are no option, at the end of the block, may be the rest of one.
	for _, prefix := range []string{"<raw=", ", raw="} {
		if i := bytes.Index(text, []byte(prefix)); i >= 0 && mayHoldKey(text[i+len(prefix):]) {
			text, _ = mask(text, i+len(prefix), 6)
		}
	}
	return text
}

// mayHoldKey reports whether hexadecimal digits are an option that carries keys, or
// one whose subtype cannot be told.
func mayHoldKey(digits []byte) bool {
	if len(digits) < 5 || !bytes.HasPrefix(digits, []byte("1e")) {
		return true
	}
	return digits[4] == '0' || digits[4] == '7'
}

// hideAfter masks the hexadecimal digits behind each prefix, sparing the first keep
// of each run.
func hideAfter(text, prefix []byte, keep int) []byte {
	for at := 0; ; {
		i := bytes.Index(text[at:], prefix)
		if i < 0 {
			return text
		}
		at += i + len(prefix)
		text, at = mask(text, at, keep)
		for at < len(text) && text[at] == '+' { // the other key
			text, at = mask(text, at+1, keep)
		}
	}
}

// mask replaces the digits at at, but the first keep, and returns where it ended.
func mask(text []byte, at, keep int) ([]byte, int) {
	end := at
	for end < len(text) && isHex(text[end]) {
		end++
	}
	if end-at <= keep {
		return text, end
	}
	word := "hidden"
	if n := end - at - keep; n < len(word) {
		word = "..."[:min(n, 3)]
	}
	n := copy(text[at+keep:], word)
	rest := copy(text[at+keep+n:], text[end:])
	return text[:at+keep+n+rest], at + keep + n
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }
