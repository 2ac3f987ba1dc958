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
	// Octets that are no option, at the end of the block, may be a cut one.
	text = hideAfter(text, []byte("<raw="), 6)
	return hideAfter(text, []byte(", raw="), 6)
}

// hideAfter replaces runs of hexadecimal digits behind prefix, sparing the first
// keep.
func hideAfter(text, prefix []byte, keep int) []byte {
	at := 0
	for {
		i := bytes.Index(text[at:], prefix)
		if i < 0 {
			return text
		}
		at += i + len(prefix)
		for {
			end := at
			for end < len(text) && isHex(text[end]) {
				end++
			}
			if end-at > keep {
				mask := []byte("hidden")
				if n := end - at - keep; n < len(mask) {
					mask = []byte("...")[:min(n, 3)]
				}
				text = append(text[:at+keep], append(mask, text[end:]...)...)
				at += keep + len(mask)
			} else {
				at = end
			}
			if at < len(text) && text[at] == '+' {
				at++
				continue
			}
			break
		}
	}
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }
