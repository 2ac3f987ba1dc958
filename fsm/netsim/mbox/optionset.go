package mbox

import (
	"strconv"
	"strings"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// optionSet is a choice of TCP options by the names that the text form of a segment
// gives them: mptcp (any subtype), mp_capable, mp_join, dss, add_addr, remove_addr,
// mp_prio, mp_fail, mp_fastclose, mp_tcprst, mp_exp, mss, wscale, sackOK, sack, TS,
// FO, optN for any kind, "unknown" for whatever came after RFC 7323, "all".
type optionSet struct {
	names    []string
	kinds    [256]bool
	subtypes uint16
}

var kindNames = map[string]uint8{
	"mss": wire.KindMSS, "wscale": wire.KindWindowScale, "sackOK": wire.KindSACKPermitted,
	"sack": wire.KindSACK, "TS": wire.KindTimestamps, "mptcp": wire.KindMPTCP, "FO": wire.KindFastOpen,
}

var subtypeNames = map[string]wire.Subtype{
	"mp_capable": wire.SubMPCapable, "mp_join": wire.SubMPJoin, "dss": wire.SubDSS,
	"add_addr": wire.SubAddAddr, "remove_addr": wire.SubRemoveAddr, "mp_prio": wire.SubMPPrio,
	"mp_fail": wire.SubMPFail, "mp_fastclose": wire.SubMPFastclose, "mp_tcprst": wire.SubMPTCPRst,
	"mp_exp": wire.SubExperimental,
}

func (o *optionSet) add(name string) bool {
	if k, ok := kindNames[name]; ok {
		o.kinds[k] = true
	} else if st, ok := subtypeNames[name]; ok {
		o.subtypes |= 1 << st
	} else if n, ok := strings.CutPrefix(name, "opt"); ok {
		k, err := strconv.ParseUint(n, 10, 8)
		if err != nil || k <= wire.KindNOP {
			return false
		}
		o.kinds[k] = true
	} else if name == "unknown" || name == "all" {
		for k := wire.KindNOP + 1; k < 256; k++ {
			if name == "all" || k > wire.KindTimestamps {
				o.kinds[k] = true
			}
		}
	} else {
		return false
	}
	o.names = append(o.names, name)
	return true
}

// parseOptions takes a field whose value is names joined by "+".
func parseOptions(s *netsim.Spec, field string) (o optionSet) {
	v, ok := s.Field(field)
	if !ok {
		return o
	}
	for _, name := range strings.Split(v, "+") {
		if !o.add(name) {
			s.Fail("%s=%s: no such option: %q", field, v, name)
		}
	}
	return o
}

// parseOptionWords takes bare words for as long as they are option names.
func parseOptionWords(s *netsim.Spec) (o optionSet) {
	for w := s.Word(); w != ""; w = s.Word() {
		if !o.add(w) {
			s.Fail("no such option: %q", w)
		}
	}
	if len(o.names) == 0 {
		s.Fail("which options?")
	}
	return o
}

func (o *optionSet) empty() bool { return len(o.names) == 0 }

func (o *optionSet) has(opt wire.Option) bool {
	k := opt.Kind()
	return o.kinds[k] || k == wire.KindMPTCP && len(opt) >= 3 && o.subtypes&(1<<opt.Subtype()) != 0
}

// in reports whether any option of the set is in the block.
func (o *optionSet) in(block wire.Options) bool {
	for opt := range block.All() {
		if o.has(opt) {
			return true
		}
	}
	return false
}

// optionNames lists options for the log.
func optionNames(block wire.Options) string {
	t := string(wire.AppendOptionsText(nil, block, wire.TextBase{}))
	parts := strings.Split(t, ", ")
	for i, p := range parts {
		parts[i], _, _ = strings.Cut(p, " ")
	}
	return strings.Join(parts, ", ")
}
