package mbox

import (
	"strings"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// Dup repeats an option in the same header, as a box does that adds what is there
// already. Receivers must bear it (P-3.1-09).
//
//	dup OPTION... [when...]
//
// It repeats the first option of the set that there is room for.
type Dup struct {
	what    optionSet
	when    when
	e       edit
	options wire.Options
}

func parseDup(s *netsim.Spec) netsim.Element {
	return &Dup{what: parseOptionWords(s), when: parseWhen(s)}
}

func (x *Dup) String() string { return "dup " + strings.Join(x.what.names, " ") + x.when.String() }

// Handle implements netsim.Element.
func (x *Dup) Handle(at *netsim.Slot, dir netsim.Dir, p *netsim.Packet) {
	e := &x.e
	if e.open(p) && x.when.has(at, dir, e) && e.seg.Options.Check() == nil {
		for o := range e.seg.Options.All() {
			x.options = appendWithout(x.options[:0], e.seg.Options, &noOptions)
			if !x.what.has(o) || len(x.options)+len(o) > wire.MaxOptions {
				continue
			}
			name := ""
			if at.Logging() {
				name = optionNames(wire.Options(o))
			}
			x.options = append(x.options, o...)
			if e.rebuild(x.options, e.seg.Payload) {
				x.when.spend()
				if at.Logging() {
					at.Log(dir, "repeated "+name+": "+e.text())
				}
			}
			break
		}
	}
	at.Send(dir, p)
}

var noOptions optionSet
