package mbox

import (
	"sort"
	"strings"

	"github.com/mptcp-go/mptcp/fsm/netsim"
)

// makers lists the elements by the first word of their specification.
var makers = map[string]func(*netsim.Spec) netsim.Element{
	"ack":       parseAck,
	"ackfix":    parseAckFix,
	"coalesce":  parseCoalesce,
	"drop":      parseDrop,
	"dup":       parseDup,
	"firewall":  parseFirewall,
	"hole":      parseHole,
	"mss":       parseMSS,
	"nat":       parseNAT,
	"normalize": parseNormalize,
	"payload":   parsePayload,
	"pmtu":      parsePMTU,
	"proxy":     parseProxy,
	"rst":       parseRST,
	"seq":       parseSeq,
	"split":     parseSplit,
	"strip":     parseStrip,
	"window":    parseWindow,
}

// Parse makes an element from its specification: a kind, bare words, and fields
// with values, in any order: "strip mptcp after=3whs dir=c2s", "split 500", "nat".
// Each element's String is a specification that Parse reads back to the same. A
// "link" is one too (see netsim.ParseLink). The error is a *netsim.SpecError.
func Parse(spec string) (netsim.Element, error) {
	s, err := netsim.ParseSpec(spec)
	if err != nil {
		return nil, err
	}
	if s.Kind == "link" {
		l, err := netsim.ParseLink(spec)
		if err != nil {
			return nil, err
		}
		return l, nil
	}
	mk, ok := makers[s.Kind]
	if !ok {
		return nil, &netsim.SpecError{Spec: s.Kind, Text: "no such element; there are " + strings.Join(Kinds(), ", ")}
	}
	el := mk(s)
	if err := s.Err(); err != nil {
		return nil, err
	}
	return el, nil
}

// MustParse is Parse for specifications that are known to be right; it panics.
func MustParse(spec string) netsim.Element {
	el, err := Parse(spec)
	if err != nil {
		panic(err)
	}
	return el
}

// Kinds lists the elements in alphabetical order.
func Kinds() []string {
	kinds := []string{"link"}
	for k := range makers {
		kinds = append(kinds, k)
	}
	sort.Strings(kinds)
	return kinds
}
