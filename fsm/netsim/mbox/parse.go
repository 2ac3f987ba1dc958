package mbox

import (
	"sort"
	"strings"

	"github.com/mptcp-go/mptcp/fsm/netsim"
)

// makers lists the elements by the first word of their specification.
var makers = map[string]struct {
	parse  func(*netsim.Spec) netsim.Element
	syntax string // after the kind
	what   string
}{
	"ack":       {parseAck, "", "acknowledge data before the receiver has it"},
	"ackfix":    {parseAckFix, "[how=clamp|drop]", "do not believe ACKs for data not seen"},
	"coalesce":  {parseCoalesce, "[N] [keep=first|last|both|none] [max=OCTETS] [wait=5ms]", "join N segments"},
	"drop":      {parseDrop, "[has=OPTION+...]", "drop segments; \"has=mptcp on=syn\" is a SYN black hole"},
	"dup":       {parseDup, "OPTION...", "repeat an option in the header"},
	"firewall":  {parseFirewall, "[noscale] [inbound] [mid=drop|learn] [nowindow]", "want a SYN from the left, and segments in window"},
	"hole":      {parseHole, "", "pass no data behind a hole"},
	"lie":       {parseLie, "WHAT... [by=N]", "say what is not so: " + strings.Join(lieNames(), " ")},
	"mss":       {parseMSS, "OCTETS", "lower the MSS in SYNs"},
	"nat":       {parseNAT, "[addr=A] [ports=LOW-HIGH] [idle=T] [mid=pass|map|drop] [open]", "translate the left side's address and port"},
	"normalize": {parseNormalize, "[how=reassert|reset]", "put a changed retransmission right, or reset"},
	"payload":   {parsePayload, "flip | insert|delete [by=4] | find=TEXT put=TEXT  [max=1400]", "change the payload, with sequence numbers fixed up"},
	"pmtu":      {parsePMTU, "OCTETS", "swallow larger packets silently"},
	"proxy":     {parseProxy, "[buffer=64KiB] [rto=200ms] [lose=P] [die=OCTETS]", "acknowledge, hold, pass on; or lose"},
	"rst":       {parseRST, "[to=both|client|server] [has=OPTION+...]", "reset the flow"},
	"seq":       {parseSeq, "[delta=N] [sack=fix|keep]", "rewrite initial sequence numbers"},
	"split":     {parseSplit, "OCTETS [copy=all|first|last]", "cut segments, as TSO does"},
	"strip":     {parseStrip, "OPTION... [how=nop|remove]", "remove options"},
	"window":    {parseWindow, "MOST [div=N]", "make the window field smaller"},
}

// Usage lists every element, a line each: its specification without the fields that
// are common to most (see the package comment), and what it does.
func Usage() []string {
	var lines []string
	for _, k := range Kinds() {
		if k == "link" {
			lines = append(lines, "link [rate=8Mbit] [delay=10ms] [buffer=80ms] [loss=P] ...: take time and lose things")
			continue
		}
		m := makers[k]
		spec := k
		if m.syntax != "" {
			spec += " " + m.syntax
		}
		lines = append(lines, spec+": "+m.what)
	}
	return lines
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
	m, ok := makers[s.Kind]
	if !ok {
		return nil, &netsim.SpecError{Spec: s.Kind, Text: "no such element; there are " + strings.Join(Kinds(), ", ")}
	}
	el := m.parse(s)
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
