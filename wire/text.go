package wire

import (
	"encoding/hex"
	"strconv"
)

// TextBase makes numbers relative: what it holds is subtracted before printing
// (and added back by ParseText's caller). The zero value prints raw numbers.
type TextBase struct {
	Seq uint32 // the sender's initial sequence number
	Ack uint32 // the receiver's
}

const flagLetters = "FSRP.UEWN123"

// AppendText appends the one text form of a segment, packetdrill-like and without
// addresses:
//
//	P. 1:1001(1000) ack 1 win 256 <dss dack4=1 dsn8=1 ssn=1 dll=1000>
//
// Flags are F S R P, a dot for ACK, U, E, W, N for AE and 1 to 3 for the reserved
// bits, "-" for none. ParseText reads it back, option octets included.
func AppendText(b []byte, s *Segment, base TextBase) []byte {
	b = appendFlags(b, s.Flags)
	n := len(s.Payload)
	if s.PayloadLen > n {
		n = s.PayloadLen
	}
	seq := s.Seq - base.Seq
	b = append(b, ' ')
	b = strconv.AppendUint(b, uint64(seq), 10)
	b = append(b, ':')
	b = strconv.AppendUint(b, uint64(seq+uint32(n)), 10)
	b = append(b, '(')
	b = strconv.AppendInt(b, int64(n), 10)
	b = append(b, ')')
	if s.Flags.Has(ACK) || s.Ack != 0 {
		ack := s.Ack
		if s.Flags.Has(ACK) {
			ack -= base.Ack
		}
		b = appendNum(b, " ack ", uint64(ack))
	}
	b = appendNum(b, " win ", uint64(s.Window))
	if s.Flags.Has(URG) || s.Urgent != 0 {
		b = appendNum(b, " urg ", uint64(s.Urgent))
	}
	if len(s.Options) > 0 {
		b = append(b, " <"...)
		b = AppendOptionsText(b, s.Options, base)
		b = append(b, '>')
	}
	return b
}

func appendFlags(b []byte, f Flags) []byte {
	at := len(b)
	for i := range len(flagLetters) {
		if f&(1<<i) != 0 {
			b = append(b, flagLetters[i])
		}
	}
	if len(b) == at {
		b = append(b, '-')
	}
	return b
}

// AppendOptionsText appends the options separated by ", ", fillers included. An
// option that its typed form cannot express, malformed or with reserved bits set,
// carries its octets: "dss raw=1e0320".
func AppendOptionsText(b []byte, o Options, base TextBase) []byte {
	for first := true; len(o) > 0; first = false {
		if !first {
			b = append(b, ", "...)
		}
		switch {
		case o[0] == KindNOP:
			b, o = append(b, "nop"...), o[1:]
			continue
		case o[0] == KindEOL:
			n := 0
			for n < len(o) && o[n] == 0 {
				n++
			}
			if n < len(o) { // octets hidden behind the end of the list
				b = appendHex(b, "raw=", o)
				return b
			}
			b = append(b, "eol"...)
			if n > 1 {
				b = appendNum(b, " x", uint64(n))
			}
			return b
		case len(o) < 2 || o[1] < 2 || int(o[1]) > len(o):
			return appendHex(b, "raw=", o)
		}
		n := int(o[1])
		b = AppendOptionText(b, Option(o[:n:n]), base)
		o = o[n:]
	}
	return b
}

// AppendOptionText appends the text of one whole option.
func AppendOptionText(b []byte, o Option, base TextBase) []byte {
	at := len(b)
	var back [MaxOptions]byte
	b, enc, err := appendTyped(b, o, Options(back[:0]), base)
	if err == nil && string(enc) == string(o) {
		return b
	}
	b = append(b[:at], optionName(o)...)
	return appendHex(b, " raw=", o)
}

// appendTyped appends the typed text and, to enc, what that text would encode to.
func appendTyped(b []byte, o Option, enc Options, base TextBase) ([]byte, Options, error) {
	switch o.Kind() {
	case KindMSS:
		v, err := ParseMSS(o)
		if err != nil {
			return b, nil, err
		}
		enc, err = enc.AppendMSS(v)
		return appendNum(b, "mss ", uint64(v)), enc, err
	case KindWindowScale:
		v, err := ParseWindowScale(o)
		if err != nil {
			return b, nil, err
		}
		enc, err = enc.AppendWindowScale(v)
		return appendNum(b, "wscale ", uint64(v)), enc, err
	case KindSACKPermitted:
		enc, err := enc.AppendSACKPermitted()
		return append(b, "sackOK"...), enc, err
	case KindSACK:
		var blocks [4]SACKBlock
		n, err := ParseSACK(o, &blocks)
		if err != nil {
			return b, nil, err
		}
		b = append(b, "sack"...)
		for _, k := range blocks[:n] {
			b = appendNum(b, " ", uint64(k.Left-base.Ack))
			b = appendNum(b, ":", uint64(k.Right-base.Ack))
		}
		enc, err = enc.AppendSACK(blocks[:n]...)
		return b, enc, err
	case KindTimestamps:
		t, err := ParseTimestamps(o)
		if err != nil {
			return b, nil, err
		}
		b = appendNum(b, "TS val ", uint64(t.Val))
		b = appendNum(b, " ecr ", uint64(t.Ecr))
		enc, err = t.Append(enc)
		return b, enc, err
	case KindFastOpen:
		c, err := ParseFastOpen(o)
		if err != nil {
			return b, nil, err
		}
		b = append(b, "FO"...)
		if len(c) > 0 {
			b = appendHex(b, " ", c)
		}
		enc, err = enc.AppendFastOpen(c)
		return b, enc, err
	case KindMPTCP:
		return appendMPTCP(b, o, enc)
	}
	return b, nil, ErrKind
}

func optionName(o Option) string {
	switch o.Kind() {
	case KindMSS:
		return "mss"
	case KindWindowScale:
		return "wscale"
	case KindSACKPermitted:
		return "sackOK"
	case KindSACK:
		return "sack"
	case KindTimestamps:
		return "TS"
	case KindFastOpen:
		return "FO"
	case KindMPTCP:
		if len(o) >= 3 {
			if n := subtypeWords[o.Subtype()]; n != "" {
				return n
			}
		}
		return "mptcp"
	}
	return "opt" + strconv.Itoa(int(o.Kind()))
}

var subtypeWords = [16]string{
	SubMPCapable: "mp_capable", SubMPJoin: "mp_join", SubDSS: "dss", SubAddAddr: "add_addr",
	SubRemoveAddr: "remove_addr", SubMPPrio: "mp_prio", SubMPFail: "mp_fail",
	SubMPFastclose: "mp_fastclose", SubMPTCPRst: "mp_tcprst", SubExperimental: "mp_exp",
}

func appendNum(b []byte, label string, v uint64) []byte {
	return strconv.AppendUint(append(b, label...), v, 10)
}

func appendHex(b []byte, label string, v []byte) []byte {
	return hex.AppendEncode(append(b, label...), v)
}

// appendFixedHex writes exactly digits hexadecimal digits.
func appendFixedHex(b []byte, label string, v uint64, digits int) []byte {
	b = append(b, label...)
	for i := digits - 1; i >= 0; i-- {
		b = append(b, "0123456789abcdef"[v>>(4*i)&15])
	}
	return b
}
