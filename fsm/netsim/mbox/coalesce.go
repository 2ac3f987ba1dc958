package mbox

import (
	"fmt"
	"strconv"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// Coalesce joins segments that follow one another, as traffic normalizers do (paper
// section 4.1 "segment coalescing"). Option space being what it is, one mapping at
// the most survives: the other octets arrive without one and the sender repeats
// them at the data level (P-3.3.5-03).
//
//	coalesce [N] [keep=first|last|both|none] [max=OCTETS] [wait=5ms] [when...]
//
// N segments (default 2) become one, unless it would exceed max octets of payload
// (default 65000) or what its links take, or none follows within wait. keep says whose options it has:
// of the first, of the last, those of the first and as many MPTCP ones of the
// others as fit, or of the last but no MPTCP ones.
type Coalesce struct {
	n    int
	keep string
	max  int
	mtu  int // 0: any
	wait time.Duration
	when when

	e, joined edit
	held      []*heldSegment // in the order in which they came
	options   wire.Options
	payload   []byte
}

// heldSegment is what waits for more.
type heldSegment struct {
	key   flowKey
	dir   netsim.Dir
	p     *netsim.Packet
	n     int    // segments in it
	next  uint32 // sequence number after it
	until time.Duration
}

func parseCoalesce(s *netsim.Spec) netsim.Element {
	x := &Coalesce{n: 2}
	if w := s.Word(); w != "" {
		n, err := strconv.Atoi(w)
		if err != nil || n < 2 || n > 1000 {
			s.Fail("%q: want a number of segments from 2 to 1000", w)
		}
		x.n = n
	}
	x.keep = s.Choice("keep", "first", "last", "both", "none")
	x.max = s.Int("max", 65000, 1, 65000)
	x.wait = s.Duration("wait", 5*time.Millisecond)
	x.when = parseWhen(s)
	return x
}

// SetMTU tells the size in octets of the largest IP packet that may leave; what was put
// together beyond that would be lost.
func (x *Coalesce) SetMTU(octets int) { x.mtu = octets }

func (x *Coalesce) String() string {
	s := "coalesce " + strconv.Itoa(x.n)
	if x.keep != "first" {
		s += " keep=" + x.keep
	}
	if x.max != 65000 {
		s += " max=" + strconv.Itoa(x.max)
	}
	if x.wait != 5*time.Millisecond {
		s += " wait=" + x.wait.String()
	}
	return s + x.when.String()
}

// Handle implements netsim.Element.
func (x *Coalesce) Handle(at *netsim.Slot, dir netsim.Dir, p *netsim.Packet) {
	e := &x.e
	if !e.open(p) {
		at.Send(dir, p)
		return
	}
	chosen := x.when.has(at, dir, e)
	key := keyOf(dir, &e.seg)
	i := x.find(key, dir)
	const never = wire.SYN | wire.RST | wire.URG
	if !chosen || len(e.seg.Payload) == 0 || e.seg.Flags&never != 0 {
		x.flush(at, i) // order is kept
		at.Send(dir, p)
		return
	}
	if i >= 0 && !x.join(at, dir, x.held[i]) {
		x.flush(at, i)
		i = -1
	}
	if i < 0 {
		x.held = append(x.held, &heldSegment{key, dir, p, 1, e.endSeq(), at.Now() + x.wait})
		i = len(x.held) - 1
	}
	if h := x.held[i]; h.n == x.n || e.seg.Flags.Has(wire.FIN) {
		x.flush(at, i)
		return
	}
	x.rearm(at)
}

func (x *Coalesce) find(k flowKey, dir netsim.Dir) int {
	for i, h := range x.held {
		if h.key == k && h.dir == dir {
			return i
		}
	}
	return -1
}

// join appends x.e to h, if it follows it and fits.
func (x *Coalesce) join(at *netsim.Slot, dir netsim.Dir, h *heldSegment) bool {
	e, j := &x.e, &x.joined
	if e.seg.Seq != h.next || !j.open(h.p) || len(j.seg.Payload)+len(e.seg.Payload) > x.max {
		return false
	}
	x.payload = append(append(x.payload[:0], j.seg.Payload...), e.seg.Payload...)
	x.options = append(x.options[:0], j.seg.Options...)
	switch x.keep {
	case "last":
		x.options = append(x.options[:0], e.seg.Options...)
	case "none":
		x.options = appendWithout(x.options[:0], e.seg.Options, &mptcpOnly)
	case "both":
		for o := range e.seg.Options.MPTCP() {
			if len(x.options)+len(o) <= wire.MaxOptions {
				x.options = append(x.options, o...)
			}
		}
	}
	if x.mtu > 0 && j.tcp+tcpHeader+(len(x.options)+3)&^3+len(x.payload) > x.mtu || !j.rebuild(x.options, x.payload) {
		return false
	}
	j.setFlags(j.seg.Flags | e.seg.Flags)
	j.setAck(e.seg.Ack)
	j.setWindow(e.seg.Window)
	h.n++
	h.next = e.endSeq()
	x.when.spend()
	if at.Logging() {
		at.Log(dir, fmt.Sprintf("joined %d: %s", h.n, j.text()))
	}
	at.Discard(e.p)
	return true
}

// flush sends the i-th held segment; a negative i is none.
func (x *Coalesce) flush(at *netsim.Slot, i int) {
	if i < 0 {
		return
	}
	h := x.held[i]
	x.held = append(x.held[:i], x.held[i+1:]...)
	at.Send(h.dir, h.p)
	x.rearm(at)
}

func (x *Coalesce) rearm(at *netsim.Slot) {
	if len(x.held) == 0 {
		at.Sleep()
		return
	}
	at.Wake(x.held[0].until) // the first came first
}

// HandleWake implements netsim.Waker.
func (x *Coalesce) HandleWake(at *netsim.Slot) {
	for len(x.held) > 0 && x.held[0].until <= at.Now() {
		x.flush(at, 0)
	}
	x.rearm(at)
}
