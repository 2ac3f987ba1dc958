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

func (e *explainer) mptcp(v Version) {
	o := e.o
	if len(o) < 3 {
		e.malformed("no subtype")
		return
	}
	st, low := o.Subtype(), o[2]&15
	name := fmt.Sprintf("%d (%s)", uint8(st), st)
	reserved := func(value string) {
		if value != "" {
			name += ", " + value
		}
		e.add(1, "subtype", name)
	}
	lowFlags := func(words ...string) { reserved("flags: " + flagWords(low, words...)) }
	switch st {
	case SubMPCapable:
		e.add(1, "subtype, version", fmt.Sprintf("%s, version %d", name, low))
		e.capable()
	case SubMPJoin:
		if len(o) == 24 {
			reserved(reservedBits(low))
		} else {
			lowFlags(unusedBit, unusedBit, unusedBit, "B (backup)")
		}
		e.join()
	case SubDSS:
		reserved(reservedBits(low))
		e.dss()
	case SubAddAddr:
		if v == V0 {
			e.add(1, "subtype, IP version", fmt.Sprintf("%s, IPv%d", name, low))
		} else {
			lowFlags(unusedBit, unusedBit, unusedBit, "E (echo)")
		}
		e.addAddr(v)
	case SubRemoveAddr:
		reserved(reservedBits(low))
		e.removeAddr()
	case SubMPPrio:
		lowFlags(unusedBit, unusedBit, unusedBit, "B (backup)")
		if len(o) == 4 {
			e.num(1, "address id", false)
		}
		e.rest("MP_PRIO has 3 octets, or 4 in version 0")
	case SubMPFail:
		reserved(reservedBits(low))
		e.one8("data sequence number", false)
	case SubMPFastclose:
		reserved(reservedBits(low))
		e.one8("receiver's key", true)
	case SubMPTCPRst:
		lowFlags("U", "V", "W", "T (transient)")
		if len(o) == 4 {
			e.add(1, "reason", fmt.Sprintf("%d (%s)", o[3], ResetReason(o[3])))
		} else {
			e.malformed("MP_TCPRST has 4 octets")
		}
	case SubExperimental:
		reserved(reservedBits(low))
		e.addRest("data", hex.EncodeToString(e.left()))
	default:
		name = fmt.Sprintf("%d (unassigned)", uint8(st))
		reserved(reservedBits(low))
		e.rest("no option has this subtype")
	}
}

const unusedBit = "reserved bit"

func reservedBits(low uint8) string {
	if low == 0 {
		return ""
	}
	return fmt.Sprintf("reserved bits 0x%x", low)
}

// one8 explains a reserved octet and one value of eight.
func (e *explainer) one8(name string, hexadecimal bool) {
	if len(e.o) != 12 {
		e.malformed(e.o.Subtype().String() + " has 12 octets")
		return
	}
	e.octets(1, "reserved")
	e.num(8, name, hexadecimal)
}

func (e *explainer) capable() {
	m, err := ParseMPCapable(e.o)
	if len(e.left()) > 0 {
		flags := flagWords(e.o[3], "A (checksum required)", "B (extensibility)", "C (no joins to this address and port)",
			"D", "E", "F", "G", "H (HMAC-SHA256)")
		if Version(e.o[2]&15) == V0 { // RFC 6824 section 3.1: C to H name algorithms
			flags = flagWords(e.o[3], "A (checksum required)", "B (extensibility)", "C", "D", "E", "F", "G", "H (HMAC-SHA1)")
		}
		e.add(1, "flags", flags)
	}
	if err != nil {
		e.malformed("MP_CAPABLE has 4, 12, 20, 22 or 24 octets")
		return
	}
	if m.HasSender {
		e.num(8, "sender's key", true)
	}
	if m.HasReceiver {
		e.num(8, "receiver's key", true)
	}
	if m.HasData {
		e.num(2, "data-level length", false)
	}
	if m.HasSum {
		e.num(2, "checksum", true)
	}
}

func (e *explainer) join() {
	m, err := ParseMPJoin(e.o)
	switch {
	case err != nil:
		e.malformed("MP_JOIN has 12 (SYN), 16 (SYN/ACK) or 24 (ACK) octets")
	case m.Form == JoinSYN:
		e.num(1, "address id", false)
		e.num(4, "receiver's token", true)
		e.num(4, "sender's nonce", true)
	case m.Form == JoinSYNACK:
		e.num(1, "address id", false)
		e.num(8, "sender's truncated HMAC", true)
		e.num(4, "sender's nonce", true)
	default:
		e.octets(1, "reserved")
		e.octets(20, "sender's HMAC")
	}
}

func (e *explainer) dss() {
	if len(e.left()) == 0 {
		e.malformed("DSS has 4 octets at least")
		return
	}
	f := DSSFlags(e.o[3])
	e.add(1, "flags", flagWords(uint8(f), unusedBit, unusedBit, unusedBit, "F (DATA_FIN)",
		"m (8-octet DSN)", "M (mapping)", "a (8-octet data ACK)", "A (data ACK)"))
	d, err := ParseDSS(e.o)
	if err != nil {
		d = DSS{Flags: f & dssFlags}
		if n := d.Size(); d.Flags.Has(DSSMap) {
			e.malformed(fmt.Sprintf("these flags make %d octets, %d with a checksum", n, n+2))
		} else {
			e.malformed(fmt.Sprintf("these flags make %d octets", n))
		}
		return
	}
	if f.Has(DSSAck) {
		e.num(4+int(f&DSSAck8)*2, "data ACK", false)
	}
	if f.Has(DSSMap) {
		e.num(4+int(f&DSSMap8)/2, "data sequence number", false)
		e.num(4, "subflow sequence number", false)
		switch {
		case d.DataLen == 0:
			e.add(2, "data-level length", "0 (infinite mapping)")
		case f.Has(DSSFin):
			e.add(2, "data-level length", fmt.Sprintf("%d (%d and the DATA_FIN)", d.DataLen, d.DataLen-1))
		default:
			e.num(2, "data-level length", false)
		}
	}
	if d.HasSum {
		e.num(2, "checksum", true)
	}
}

func (e *explainer) addAddr(v Version) {
	a, err := ParseAddAddr(e.o, v)
	if len(e.left()) > 0 {
		e.num(1, "address id", false)
	}
	if err != nil {
		if v == V0 {
			e.malformed("ADD_ADDR has 8 octets for IPv4, 20 for IPv6, 2 more with a port")
		} else {
			e.malformed("ADD_ADDR has 8 octets for IPv4, 20 for IPv6, 2 more with a port, 8 more with an HMAC")
		}
		return
	}
	n := 16
	if a.Addr.Is4() {
		n = 4
	}
	e.add(n, "address", a.Addr.String())
	if a.HasPort {
		e.num(2, "port", false)
	}
	if a.HasHMAC {
		e.num(8, "truncated HMAC", true)
	}
}

func (e *explainer) removeAddr() {
	for range e.left() {
		e.num(1, "address id", false)
	}
	if len(e.o) < 4 {
		e.malformed("REMOVE_ADDR names at least one address")
	}
}
