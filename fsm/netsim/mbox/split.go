package mbox

import (
	"fmt"
	"strconv"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// Split cuts segments, as network cards do with TSO: all twelve that the paper
// tested copy a TCP option into every piece (P-3.3.4-01; section 4.1 "segment
// splitting"), so the same mapping arrives more than once, and an option that named
// only a data sequence number would be wrong (P-3.3.4-03).
//
//	split OCTETS [copy=all|first|last] [when...]
//
// copy=first and copy=last stand for resegmenting boxes that keep MPTCP options on
// one piece only.
type Split struct {
	size int
	copy string
	when when
	e    edit
	part edit
	rest wire.Options
}

func parseSplit(s *netsim.Spec) netsim.Element {
	x := &Split{size: parseCount(s, 1, 65535, "octets"), copy: s.Choice("copy", "all", "first", "last")}
	x.when = parseWhen(s)
	return x
}

// parseCount takes a bare word that is a number.
func parseCount(s *netsim.Spec, least, most int, what string) int {
	w := s.Word()
	n, err := strconv.Atoi(w)
	if err != nil || n < least || n > most {
		s.Fail("%q: want a number of %s from %d to %d", w, what, least, most)
	}
	return n
}

func (x *Split) String() string {
	s := "split " + strconv.Itoa(x.size)
	if x.copy != "all" {
		s += " copy=" + x.copy
	}
	return s + x.when.String()
}

// Handle implements netsim.Element.
func (x *Split) Handle(at *netsim.Slot, dir netsim.Dir, p *netsim.Packet) {
	e := &x.e
	if !e.open(p) || !x.when.has(at, dir, e) || len(e.seg.Payload) <= x.size {
		at.Send(dir, p)
		return
	}
	x.when.spend()
	if at.Logging() {
		at.Log(dir, fmt.Sprintf("cut into %d: %s", (len(e.seg.Payload)+x.size-1)/x.size, e.text()))
	}
	cut(at, dir, e, &x.part, x.size, x.copy, &x.rest)
}

var mptcpOnly = func() (o optionSet) { o.add("mptcp"); return o }()

// cut sends e in pieces of at most size octets and gives its own packet back; part
// and rest are scratch.
func cut(at *netsim.Slot, dir netsim.Dir, e, part *edit, size int, keep string, rest *wire.Options) {
	flags, start := e.seg.Flags, e.dataSeq()
	payload := e.seg.Payload
	n := 0
	for off := 0; off < len(payload); off += size {
		first, last := off == 0, off+size >= len(payload)
		piece := at.New()
		piece.Data = append(piece.Data, e.p.Data...)
		part.open(piece)
		options := part.seg.Options
		if keep == "first" && !first || keep == "last" && !last {
			*rest = appendWithout((*rest)[:0], options, &mptcpOnly)
			options = *rest
		}
		part.rebuild(options, part.seg.Payload[off:min(off+size, len(payload))])
		f := flags
		if !last {
			f &^= wire.FIN | wire.PSH
		}
		if !first {
			f &^= wire.SYN | wire.CWR
			part.setSeq(start + uint32(off))
		}
		part.setFlags(f)
		part.bumpID(n)
		n++
		at.Send(dir, piece)
	}
	at.Discard(e.p)
}
