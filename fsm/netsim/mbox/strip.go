package mbox

import (
	"strings"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// Strip removes TCP options, as do firewalls and proxies that let through only what
// they know: 6 % of the paper's paths remove unknown options from SYNs, 14 % on
// port 80 (P-3.1-02; section 4.1 "removing TCP options"). From data alone no path
// removed them, yet a routing change has that effect (P-3.1-03, P-3.3.6-05).
//
//	strip OPTION... [how=nop|remove] [when...]
//
// how=nop overwrites an option with NOPs, as packet filters do; remove makes the
// header shorter, as a proxy's own would be. "strip mptcp on=synack" is the case
// for which the third segment carries the option (P-3.1-05).
type Strip struct {
	what   optionSet
	remove bool
	when   when
	e      edit
	rest   wire.Options
}

func parseStrip(s *netsim.Spec) netsim.Element {
	return &Strip{what: parseOptionWords(s), remove: s.Choice("how", "nop", "remove") == "remove", when: parseWhen(s)}
}

func (x *Strip) String() string {
	s := "strip " + strings.Join(x.what.names, " ")
	if x.remove {
		s += " how=remove"
	}
	return s + x.when.String()
}

// Handle implements netsim.Element.
func (x *Strip) Handle(at *netsim.Slot, dir netsim.Dir, p *netsim.Packet) {
	e := &x.e
	if !e.open(p) || !x.when.has(at, dir, e) || !x.what.in(e.seg.Options) {
		at.Send(dir, p)
		return
	}
	x.when.spend()
	if at.Logging() {
		x.log(at, dir)
	}
	var nops [wire.MaxOptions]byte
	for i := range nops {
		nops[i] = wire.KindNOP
	}
	if !x.remove {
		e.eachOption(func(off int, o wire.Option) {
			if x.what.has(o) {
				e.patch(offOptions+off, nops[:len(o)])
			}
		})
	} else {
		x.rest = appendWithout(x.rest[:0], e.seg.Options, &x.what)
		e.rebuild(x.rest, e.seg.Payload)
	}
	at.Send(dir, p)
}

func (x *Strip) log(at *netsim.Slot, dir netsim.Dir) {
	var gone wire.Options
	for o := range x.e.seg.Options.All() {
		if x.what.has(o) {
			gone = append(gone, o...)
		}
	}
	at.Log(dir, "removed "+optionNames(gone)+": "+x.e.text())
}

// appendWithout appends the block without the options in set. Fillers go too, but
// for the pairs that align timestamps and SACK blocks by custom (RFC 7323 appendix
// A): they are put back where those follow.
func appendWithout(b, block wire.Options, set *optionSet) wire.Options {
	for o := range block.All() {
		if set.has(o) {
			continue
		}
		if k := o.Kind(); (k == wire.KindTimestamps || k == wire.KindSACK) && len(b)%4 == 0 && len(b)+2+len(o) <= wire.MaxOptions {
			b = append(b, wire.KindNOP, wire.KindNOP)
		}
		b = append(b, o...)
	}
	return b
}
