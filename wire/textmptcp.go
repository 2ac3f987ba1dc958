package wire

import (
	"encoding/binary"
	"strconv"
)

// appendMPTCP is appendTyped for kind 30.
func appendMPTCP(b []byte, o Option, enc Options) ([]byte, Options, error) {
	if len(o) < 3 {
		return b, nil, ErrTruncated
	}
	switch o.Subtype() {
	case SubMPCapable:
		m, err := ParseMPCapable(o)
		if err != nil {
			return b, nil, err
		}
		enc, err = m.Append(enc)
		return m.appendText(b), enc, err
	case SubMPJoin:
		m, err := ParseMPJoin(o)
		if err != nil {
			return b, nil, err
		}
		enc, err = m.Append(enc)
		return m.appendText(b), enc, err
	case SubDSS:
		d, err := ParseDSS(o)
		if err != nil {
			return b, nil, err
		}
		enc, err = d.Append(enc)
		return d.appendText(b), enc, err
	case SubAddAddr:
		v := V1
		if n := len(o); n < 16 || n >= 20 && n < 28 {
			if o[2]&15 == 4 || o[2]&15 == 6 {
				v = V0 // no version 1 sender sets these reserved bits
			}
		}
		a, err := ParseAddAddr(o, v)
		if err != nil {
			return b, nil, err
		}
		enc, err = a.Append(enc)
		return a.appendText(b), enc, err
	case SubRemoveAddr:
		r, err := ParseRemoveAddr(o)
		if err != nil {
			return b, nil, err
		}
		b = append(b, "remove_addr id="...)
		for i, id := range r.IDs {
			if i > 0 {
				b = append(b, '+')
			}
			b = strconv.AppendUint(b, uint64(id), 10)
		}
		enc, err = r.Append(enc)
		return b, enc, err
	case SubMPPrio:
		p, err := ParseMPPrio(o)
		if err != nil {
			return b, nil, err
		}
		b = append(b, "mp_prio"...)
		if p.HasID {
			b = appendNum(b, " id=", uint64(p.ID))
		}
		b = appendWord(b, p.Backup, "backup")
		enc, err = p.Append(enc)
		return b, enc, err
	case SubMPFail:
		f, err := ParseMPFail(o)
		if err != nil {
			return b, nil, err
		}
		enc, err = f.Append(enc)
		return appendNum(b, "mp_fail dsn=", f.DSN), enc, err
	case SubMPFastclose:
		f, err := ParseMPFastclose(o)
		if err != nil {
			return b, nil, err
		}
		enc, err = f.Append(enc)
		return appendFixedHex(b, "mp_fastclose key=", uint64(f.Key), 16), enc, err
	case SubMPTCPRst:
		r, err := ParseMPTCPRst(o)
		if err != nil {
			return b, nil, err
		}
		b = appendNum(b, "mp_tcprst reason=", uint64(r.Reason))
		b = appendWord(b, r.Transient, "transient")
		enc, err = r.Append(enc)
		return b, enc, err
	}
	return b, nil, ErrKind // shown by its octets
}

func appendWord(b []byte, on bool, word string) []byte {
	if on {
		b = append(append(b, ' '), word...)
	}
	return b
}

func (m *MPCapable) appendText(b []byte) []byte {
	b = appendNum(b, "mp_capable v", uint64(m.Version))
	b = append(b, ' ')
	at := len(b)
	for i := range 8 {
		if m.Flags&(0x80>>i) != 0 {
			b = append(b, 'A'+byte(i))
		}
	}
	if len(b) == at {
		b = append(b, '-')
	}
	if m.HasSender {
		b = appendFixedHex(b, " key=", uint64(m.Sender), 16)
	}
	if m.HasReceiver {
		b = appendFixedHex(b, "+", uint64(m.Receiver), 16)
	}
	if m.HasData {
		b = appendNum(b, " dll=", uint64(m.DataLen))
	}
	if m.HasSum {
		b = appendFixedHex(b, " sum=", uint64(m.Sum), 4)
	}
	return b
}

func (m *MPJoin) appendText(b []byte) []byte {
	b = append(b, "mp_join "...)
	switch m.Form {
	case JoinSYN:
		b = appendNum(b, "syn id=", uint64(m.ID))
		b = appendFixedHex(b, " token=", uint64(m.Token), 8)
		b = appendFixedHex(b, " nonce=", uint64(m.Nonce), 8)
	case JoinSYNACK:
		b = appendNum(b, "synack id=", uint64(m.ID))
		b = appendFixedHex(b, " hmac=", m.HMAC64, 16)
		b = appendFixedHex(b, " nonce=", uint64(m.Nonce), 8)
	case JoinACK:
		b = appendFixedHex(b, "ack hmac=", binary.BigEndian.Uint64(m.HMAC[:]), 16)
		b = appendHex(b, "", m.HMAC[8:])
	}
	return appendWord(b, m.Backup, "backup")
}

func (d *DSS) appendText(b []byte) []byte {
	b = append(b, "dss"...)
	switch {
	case d.Flags.Has(DSSAck | DSSAck8):
		b = appendNum(b, " dack8=", d.DataAck)
	case d.Flags.Has(DSSAck):
		b = appendNum(b, " dack4=", d.DataAck)
	case d.Flags.Has(DSSAck8):
		b = append(b, " a"...) // meaningless without A, yet sent
	}
	switch {
	case d.Flags.Has(DSSMap | DSSMap8):
		b = appendNum(b, " dsn8=", d.DSN)
	case d.Flags.Has(DSSMap):
		b = appendNum(b, " dsn4=", d.DSN)
	case d.Flags.Has(DSSMap8):
		b = append(b, " m"...)
	}
	if d.Flags.Has(DSSMap) {
		b = appendNum(b, " ssn=", uint64(d.SSN))
		b = appendNum(b, " dll=", uint64(d.DataLen))
		if d.HasSum {
			b = appendFixedHex(b, " sum=", uint64(d.Sum), 4)
		}
	}
	return appendWord(b, d.Flags.Has(DSSFin), "fin")
}

func (a *AddAddr) appendText(b []byte) []byte {
	b = appendNum(b, "add_addr v", uint64(a.Version))
	b = appendNum(b, " id=", uint64(a.ID))
	b = append(b, " addr="...)
	b = a.Addr.AppendTo(b)
	if a.HasPort {
		b = appendNum(b, " port=", uint64(a.Port))
	}
	b = appendWord(b, a.Echo, "echo")
	if a.HasHMAC {
		b = appendFixedHex(b, " hmac=", a.HMAC, 16)
	}
	return b
}
