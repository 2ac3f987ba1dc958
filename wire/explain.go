package wire

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Part is some octets of an option, with the name of what they hold and its value
// in words.
type Part struct {
	Offset, Len int // octets, from the start of the option
	Name, Value string
}

// Explain says what each octet of o is, in wire order: the parts tile o, so every
// octet belongs to exactly one. v is the version of the connection, which decides
// how ADD_ADDR and the flags of an option without a version are read.
//
// What a malformed option still shows is explained; the octets left over are one
// part named "unparsed", whose value is the reason. Any octets will do, those of
// Options.Pieces included.
func Explain(o Option, v Version) []Part {
	e := explainer{o: o}
	if len(o) == 0 {
		return nil
	}
	kind := o.Kind()
	switch kind {
	case KindNOP:
		e.add(1, "kind", "1 (no operation)")
		e.rest("no operation has one octet")
		return e.parts
	case KindEOL:
		e.add(1, "kind", "0 (end of options)")
		if zeroPrefix(o) == len(o) {
			e.addRest("padding", strconv.Itoa(len(o)-1)+" zero octets")
		} else {
			e.rest("behind the end of the options")
		}
		return e.parts
	}
	e.add(1, "kind", fmt.Sprintf("%d (%s)", kind, kindName(kind)))
	if len(o) < 2 {
		e.malformed("no length")
		return e.parts
	}
	length := int(o[1])
	e.add(1, "length", strconv.Itoa(length))
	switch {
	case length < 2:
		e.malformed("a length below 2 ends the list")
	case length > len(o):
		e.malformed(fmt.Sprintf("the option needs %d octets, %d are there", length, len(o)))
	case length < len(o):
		e.rest("longer than its length octet says")
	case kind == KindMPTCP:
		e.mptcp(v)
	default:
		e.tcp()
	}
	return e.parts
}

// explainer cuts an option from the left.
type explainer struct {
	o     Option
	at    int
	parts []Part
}

// left is what has not been explained yet.
func (e *explainer) left() []byte { return e.o[e.at:] }

func (e *explainer) add(n int, name, value string) {
	e.parts = append(e.parts, Part{Offset: e.at, Len: n, Name: name, Value: value})
	e.at += n
}

func (e *explainer) addRest(name, value string) {
	if n := len(e.left()); n > 0 {
		e.add(n, name, value)
	}
}

func (e *explainer) rest(why string) { e.addRest("unparsed", why) }

// malformed is rest for an option whose length may have ended too soon: then there
// is nothing left to put the reason on but the part before.
func (e *explainer) malformed(why string) {
	if len(e.left()) == 0 {
		e.parts[len(e.parts)-1].Value += "; malformed: " + why
	}
	e.rest(why)
}

// num explains n octets as a number, 0x%0*x or decimal.
func (e *explainer) num(n int, name string, hexadecimal bool) {
	var b [8]byte
	copy(b[8-n:], e.left()[:n])
	v := binary.BigEndian.Uint64(b[:])
	if hexadecimal {
		e.add(n, name, fmt.Sprintf("0x%0*x", 2*n, v))
	} else {
		e.add(n, name, strconv.FormatUint(v, 10))
	}
}

func (e *explainer) octets(n int, name string) {
	e.add(n, name, hex.EncodeToString(e.left()[:n]))
}

var kindNames = map[uint8]string{
	KindMSS: "maximum segment size", KindWindowScale: "window scale", KindSACKPermitted: "SACK permitted",
	KindSACK: "SACK", KindTimestamps: "timestamps", KindMPTCP: "Multipath TCP", KindFastOpen: "TCP Fast Open",
	KindExperiment1: "experiment", KindExperiment2: "experiment",
}

func kindName(kind uint8) string {
	if n, ok := kindNames[kind]; ok {
		return n
	}
	return "unknown"
}

func (e *explainer) tcp() {
	o := e.o
	switch o.Kind() {
	case KindMSS:
		if _, err := ParseMSS(o); err == nil {
			e.num(2, "maximum segment size", false)
			return
		}
	case KindWindowScale:
		if shift, err := ParseWindowScale(o); err == nil {
			// RFC 7323 section 2.3: a larger shift counts as 14.
			e.add(1, "shift count", fmt.Sprintf("%d (windows count %d octets)", shift, 1<<min(shift, MaxWindowScale)))
			return
		}
	case KindTimestamps:
		if _, err := ParseTimestamps(o); err == nil {
			e.num(4, "timestamp value", false)
			e.num(4, "timestamp echo reply", false)
			return
		}
	case KindSACK:
		var blocks [4]SACKBlock
		if n, err := ParseSACK(o, &blocks); err == nil {
			for i := range n {
				e.num(4, fmt.Sprintf("left edge of block %d", i+1), false)
				e.num(4, fmt.Sprintf("right edge of block %d", i+1), false)
			}
			return
		}
	case KindFastOpen:
		if cookie, err := ParseFastOpen(o); err == nil {
			e.addRest("cookie", hex.EncodeToString(cookie))
			return
		}
	case KindSACKPermitted:
		if len(o) == 2 {
			return
		}
	default:
		e.addRest("data", hex.EncodeToString(o.Data()))
		return
	}
	e.malformed("this option never has " + strconv.Itoa(len(o)) + " octets")
}

// flagWords lists the flags of v that are set, highest bit first; words[0] names
// bit width-1.
func flagWords(v uint8, words ...string) string {
	var set []string
	for i, w := range words {
		if v&(1<<(len(words)-1-i)) != 0 {
			set = append(set, w)
		}
	}
	if len(set) == 0 {
		return "none"
	}
	return strings.Join(set, ", ")
}
