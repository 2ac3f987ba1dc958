package wire

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// errIncomplete marks an option of a pattern that leaves fields out.
var errIncomplete = errors.New("fields missing")

func isIncomplete(err error) bool { return errors.Is(err, errIncomplete) }

// optionFields reads the fields of one option and remembers what went wrong.
type optionFields struct {
	q   *optionPattern
	err error
}

func (f *optionFields) set(err error) {
	if f.err == nil {
		f.err = err
	}
}

func (f *optionFields) num(name string, base, bits int) uint64 {
	s, ok := f.q.get(name)
	if !ok {
		f.set(errIncomplete)
		return 0
	}
	v, err := strconv.ParseUint(s, base, bits)
	if err != nil {
		f.set(ErrSyntax)
	}
	return v
}

func (f *optionFields) has(name string) bool { _, ok := f.q.get(name); return ok }

// word i of the option, such as the 1460 of "mss 1460".
func (f *optionFields) word(i int) string {
	if i >= len(f.q.fields) {
		f.set(errIncomplete)
		return ""
	}
	return f.q.fields[i].name
}

func (f *optionFields) wordNum(i, bits int) uint64 {
	s := f.word(i)
	if f.err != nil {
		return 0
	}
	v, err := strconv.ParseUint(s, 10, bits)
	if err != nil {
		f.set(ErrSyntax)
	}
	return v
}

func (f *optionFields) octets(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		f.set(ErrSyntax)
	}
	return b
}

// encode appends the option's octets, or errIncomplete where fields are left out.
func (q *optionPattern) encode(o Options) (Options, error) {
	f := &optionFields{q: q}
	if raw, ok := q.get("raw"); ok {
		b := f.octets(raw)
		if f.err != nil {
			return o, f.err
		}
		return o.AppendRaw(b)
	}
	out, err := q.encodeTyped(o, f)
	if f.err != nil {
		return o, f.err
	}
	return out, err
}

func (q *optionPattern) encodeTyped(o Options, f *optionFields) (Options, error) {
	switch q.name {
	case "nop":
		return o.AppendNOP(1)
	case "eol":
		n := 1
		if len(q.fields) > 0 {
			v, err := strconv.ParseUint(strings.TrimPrefix(q.fields[0].name, "x"), 10, 6)
			if err != nil {
				return o, ErrSyntax
			}
			n = int(v)
		}
		return o.AppendRaw(make([]byte, n))
	case "mss":
		return o.AppendMSS(uint16(f.wordNum(0, 16)))
	case "wscale":
		return o.AppendWindowScale(uint8(f.wordNum(0, 8)))
	case "sackOK":
		return o.AppendSACKPermitted()
	case "sack":
		return q.encodeSACK(o, f)
	case "TS":
		return Timestamps{uint32(f.wordNum(1, 32)), uint32(f.wordNum(3, 32))}.Append(o)
	case "FO":
		var cookie []byte
		if len(q.fields) > 0 {
			cookie = f.octets(q.fields[0].name)
		}
		return o.AppendFastOpen(cookie)
	case "mp_capable":
		return q.encodeCapable(o, f)
	case "mp_join":
		return q.encodeJoin(o, f)
	case "dss":
		return q.encodeDSS(o, f)
	case "add_addr":
		return q.encodeAddAddr(o, f)
	case "remove_addr":
		return q.encodeRemoveAddr(o, f)
	case "mp_prio":
		p := MPPrio{Backup: f.has("backup"), HasID: f.has("id")}
		if p.HasID {
			p.ID = uint8(f.num("id", 10, 8))
		}
		return p.Append(o)
	case "mp_fail":
		return MPFail{f.num("dsn", 10, 64)}.Append(o)
	case "mp_fastclose":
		return MPFastclose{Key(f.num("key", 16, 64))}.Append(o)
	case "mp_tcprst":
		return MPTCPRst{f.has("transient"), ResetReason(f.num("reason", 10, 8))}.Append(o)
	case "mptcp", "mp_exp":
		return o, errIncomplete
	}
	if n, ok := strings.CutPrefix(q.name, "opt"); ok {
		if _, err := strconv.ParseUint(n, 10, 8); err == nil {
			return o, errIncomplete
		}
	}
	return o, ErrSyntax
}

func (q *optionPattern) encodeSACK(o Options, f *optionFields) (Options, error) {
	var blocks []SACKBlock
	for _, w := range q.fields {
		l, r, _ := strings.Cut(w.name, ":")
		left, err := strconv.ParseUint(l, 10, 32)
		if err != nil {
			return o, ErrSyntax
		}
		right, err := strconv.ParseUint(r, 10, 32)
		if err != nil {
			return o, ErrSyntax
		}
		blocks = append(blocks, SACKBlock{uint32(left), uint32(right)})
	}
	if len(blocks) == 0 {
		return o, errIncomplete
	}
	return o.AppendSACK(blocks...)
}

func (q *optionPattern) encodeCapable(o Options, f *optionFields) (Options, error) {
	v, err := strconv.ParseUint(strings.TrimPrefix(f.word(0), "v"), 10, 4)
	if err != nil && f.err == nil {
		return o, ErrSyntax
	}
	m := MPCapable{Version: Version(v)}
	flags := f.word(1)
	if strings.Contains(flags, "=") || flags == "key" || flags == "dll" {
		return o, errIncomplete
	}
	for _, c := range flags {
		if c >= 'A' && c <= 'H' {
			m.Flags |= 0x80 >> (c - 'A')
		} else if flags != "-" {
			return o, ErrSyntax
		}
	}
	if keys, ok := q.get("key"); ok {
		first, second, two := strings.Cut(keys, "+")
		k, err := strconv.ParseUint(first, 16, 64)
		if err != nil {
			return o, ErrSyntax
		}
		m.HasSender, m.Sender = true, Key(k)
		if two {
			if k, err = strconv.ParseUint(second, 16, 64); err != nil {
				return o, ErrSyntax
			}
			m.HasReceiver, m.Receiver = true, Key(k)
		}
	}
	if m.HasData = f.has("dll"); m.HasData {
		m.DataLen = uint16(f.num("dll", 10, 16))
	}
	if m.HasSum = f.has("sum"); m.HasSum {
		m.Sum = uint16(f.num("sum", 16, 16))
	}
	return m.Append(o)
}

func (q *optionPattern) encodeJoin(o Options, f *optionFields) (Options, error) {
	m := MPJoin{Backup: f.has("backup")}
	switch f.word(0) {
	case "syn":
		m.Form = JoinSYN
		m.ID = uint8(f.num("id", 10, 8))
		m.Token = Token(f.num("token", 16, 32))
		m.Nonce = uint32(f.num("nonce", 16, 32))
	case "synack":
		m.Form = JoinSYNACK
		m.ID = uint8(f.num("id", 10, 8))
		m.HMAC64 = f.num("hmac", 16, 64)
		m.Nonce = uint32(f.num("nonce", 16, 32))
	case "ack":
		m.Form = JoinACK
		s, ok := q.get("hmac")
		if !ok {
			return o, errIncomplete
		}
		if b := f.octets(s); copy(m.HMAC[:], b) != 20 || len(b) != 20 {
			return o, ErrSyntax
		}
	case "":
		return o, errIncomplete
	default:
		return o, ErrSyntax
	}
	return m.Append(o)
}

func (q *optionPattern) encodeDSS(o Options, f *optionFields) (Options, error) {
	var d DSS
	switch {
	case f.has("dack8"):
		d.Flags |= DSSAck | DSSAck8
		d.DataAck = f.num("dack8", 10, 64)
	case f.has("dack4"):
		d.Flags |= DSSAck
		d.DataAck = f.num("dack4", 10, 32)
	case f.has("a"):
		d.Flags |= DSSAck8
	}
	switch {
	case f.has("dsn8"):
		d.Flags |= DSSMap | DSSMap8
		d.DSN = f.num("dsn8", 10, 64)
	case f.has("dsn4"):
		d.Flags |= DSSMap
		d.DSN = f.num("dsn4", 10, 32)
	case f.has("m"):
		d.Flags |= DSSMap8
	}
	if d.Flags.Has(DSSMap) {
		d.SSN = uint32(f.num("ssn", 10, 32))
		d.DataLen = uint16(f.num("dll", 10, 16))
		if d.HasSum = f.has("sum"); d.HasSum {
			d.Sum = uint16(f.num("sum", 16, 16))
		}
	} else if f.has("ssn") || f.has("dll") || f.has("sum") {
		return o, errIncomplete
	}
	if f.has("fin") {
		d.Flags |= DSSFin
	}
	return d.Append(o)
}

func (q *optionPattern) encodeAddAddr(o Options, f *optionFields) (Options, error) {
	a := AddAddr{Version: V1, Echo: f.has("echo"), HasPort: f.has("port"), HasHMAC: f.has("hmac")}
	if f.has("v0") {
		a.Version = V0
	}
	a.ID = uint8(f.num("id", 10, 8))
	addr, ok := q.get("addr")
	if !ok {
		return o, errIncomplete
	}
	var err error
	if a.Addr, err = netip.ParseAddr(addr); err != nil {
		return o, ErrSyntax
	}
	if a.HasPort {
		a.Port = uint16(f.num("port", 10, 16))
	}
	if a.HasHMAC {
		a.HMAC = f.num("hmac", 16, 64)
	}
	return a.Append(o)
}

func (q *optionPattern) encodeRemoveAddr(o Options, f *optionFields) (Options, error) {
	s, ok := q.get("id")
	if !ok {
		return o, errIncomplete
	}
	var r RemoveAddr
	for _, w := range strings.Split(s, "+") {
		id, err := strconv.ParseUint(w, 10, 8)
		if err != nil {
			return o, ErrSyntax
		}
		r.IDs = append(r.IDs, byte(id))
	}
	return r.Append(o)
}
