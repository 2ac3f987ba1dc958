package mbox

import (
	"strconv"
	"strings"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// class is a set of the kinds of segment that a specification may name.
type class uint16

const (
	onSYN    class = 1 << iota // SYN without ACK
	onSYNACK                   //
	onACK3                     // the first segment after the SYN/ACK from the side that opened
	onData                     // with payload, SYNs aside
	onACK                      // without payload, SYN, FIN, RST
	onFIN
	onRST
	onAny class = 1<<7 - 1
)

var classNames = [...]string{"syn", "synack", "ack3", "data", "ack", "fin", "rst"}

// moment is a point in a flow's life: never reached where nothing is set.
type moment struct {
	kind  byte // 0 unset, 'h' handshake, 't' time, 'B' octets, 'p' packets
	value uint64
}

// when says which segments a box acts on. Every box with a specification has one;
// its fields are common to all:
//
//	dir=c2s|s2c       one direction (both)
//	on=syn+data       these kinds: syn synack ack3 data ack fin rst (all)
//	after=MOMENT      only after it; until=MOMENT: only before it
//	count=N           at most N times
//	chance=P          with that probability
//
// A moment is 3whs (the handshake's third segment has passed; so it is for a flow
// first seen in the middle), a time since the world began (2s), a number of
// payload octets on the flow (5000B) or of segments (20p), both directions.
type when struct {
	dir          int8 // -1: both
	on           class
	after, until moment
	count        int // 0: no limit
	chance       float64

	used  int
	flows flows[life]
}

// life is how far a flow has come.
type life struct {
	opener  int8 // 1 + the direction of the first SYN; 0: not seen
	shaken  bool // the third segment has passed
	octets  uint64
	packets uint64
}

func parseWhen(s *netsim.Spec) when {
	w := when{dir: -1}
	switch d := s.Choice("dir", "both", "c2s", "s2c"); d {
	case "c2s":
		w.dir = int8(netsim.Forward)
	case "s2c":
		w.dir = int8(netsim.Reverse)
	}
	if v, ok := s.Field("on"); ok {
		for _, name := range strings.Split(v, "+") {
			c := classNamed(name)
			if c == 0 {
				s.Fail("on=%s: want some of %s", v, strings.Join(classNames[:], "+"))
			}
			w.on |= c
		}
	}
	w.after, w.until = parseMoment(s, "after"), parseMoment(s, "until")
	w.count = s.Int("count", 0, 0, 1<<30)
	w.chance = s.Chance("chance")
	return w
}

func classNamed(name string) class {
	for i, n := range classNames {
		if n == name {
			return 1 << i
		}
	}
	return 0
}

func parseMoment(s *netsim.Spec, field string) moment {
	v, ok := s.Field(field)
	if !ok {
		return moment{}
	}
	if v == "3whs" {
		return moment{kind: 'h'}
	}
	if n, err := strconv.ParseUint(strings.TrimSuffix(v, "p"), 10, 62); err == nil && strings.HasSuffix(v, "p") {
		return moment{'p', n}
	}
	if strings.HasSuffix(v, "B") {
		if n, err := netsim.ParseOctets(v); err == nil {
			return moment{'B', uint64(n)}
		}
	}
	if d, err := time.ParseDuration(v); err == nil && d >= 0 {
		return moment{'t', uint64(d)}
	}
	s.Fail("%s=%s: want 3whs, a time, octets (5000B) or packets (20p)", field, v)
	return moment{}
}

func (m moment) String() string {
	switch m.kind {
	case 'h':
		return "3whs"
	case 't':
		return time.Duration(m.value).String()
	case 'B', 'p':
		return strconv.FormatUint(m.value, 10) + string(rune(m.kind))
	}
	return ""
}

// String is the fields that are set, each with a space before it.
func (w *when) String() string {
	var b strings.Builder
	if w.dir >= 0 {
		b.WriteString(" dir=" + netsim.Dir(w.dir).String())
	}
	if w.on != 0 {
		sep := " on="
		for i, n := range classNames {
			if w.on&(1<<i) != 0 {
				b.WriteString(sep + n)
				sep = "+"
			}
		}
	}
	if w.after.kind != 0 {
		b.WriteString(" after=" + w.after.String())
	}
	if w.until.kind != 0 {
		b.WriteString(" until=" + w.until.String())
	}
	if w.count != 0 {
		b.WriteString(" count=" + strconv.Itoa(w.count))
	}
	if w.chance != 0 {
		b.WriteString(" chance=" + strconv.FormatFloat(w.chance, 'g', -1, 64))
	}
	return b.String()
}

// has says whether the box acts on e. It is to be asked exactly once for each
// segment, since it follows the flow; a box that then really acts calls spend.
func (w *when) has(at *netsim.Slot, dir netsim.Dir, e *edit) bool {
	l := w.flows.get(dir, &e.seg)
	was := *l
	c := l.see(dir, e)
	switch {
	case w.dir >= 0 && netsim.Dir(w.dir) != dir,
		w.on != 0 && c&w.on == 0,
		w.count != 0 && w.used >= w.count,
		w.after.kind != 0 && !w.after.reached(at, &was),
		w.until.kind != 0 && w.until.reached(at, &was):
		return false
	}
	return w.chance == 0 || at.Luck().Chance(w.chance)
}

func (w *when) spend() { w.used++ }

func (m moment) reached(at *netsim.Slot, l *life) bool {
	switch m.kind {
	case 'h':
		return l.shaken
	case 't':
		return uint64(at.Now()) >= m.value
	case 'B':
		return l.octets >= m.value
	}
	return l.packets >= m.value
}

// see takes a segment into account and says what it is.
func (l *life) see(dir netsim.Dir, e *edit) (c class) {
	f := e.seg.Flags
	n := len(e.seg.Payload)
	l.packets++
	l.octets += uint64(n)
	switch {
	case f.Has(wire.RST):
		return onRST
	case f.Has(wire.SYN | wire.ACK):
		if l.opener == 0 {
			l.opener = 1 + int8(dir.Back())
		}
		return onSYNACK
	case f.Has(wire.SYN):
		if l.opener == 0 {
			l.opener = 1 + int8(dir)
		}
		return onSYN
	}
	if n > 0 {
		c |= onData
	}
	if f.Has(wire.FIN) {
		c |= onFIN
	}
	if c == 0 {
		c = onACK
	}
	if !l.shaken && l.opener == 1+int8(dir) {
		l.shaken = true
		c |= onACK3
	}
	if l.opener == 0 {
		l.shaken = true // first seen in the middle
	}
	return c
}
