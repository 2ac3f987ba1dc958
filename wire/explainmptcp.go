package wire

import (
	"encoding/hex"
	"fmt"
)

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
