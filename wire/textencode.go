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

// optionFields reads the fields of one option. It remembers what went wrong and
// which fields were asked for: one that nobody asks for is a slip of the pen.
type optionFields struct {
	q    *optionPattern
	used uint64 // bit i: field i
	err  error
}

// set keeps the worst error: a syntax error before fields that are left out.
func (f *optionFields) set(err error) {
	if f.err == nil || isIncomplete(f.err) {
		f.err = err
	}
}

// lookup finds the first field of that name that has a value, or has none.
func (f *optionFields) lookup(name string, valued bool) (string, bool) {
	for i, w := range f.q.fields {
		if w.name == name && (w.value != "") == valued {
			f.used |= 1 << i
			return w.value, true
		}
	}
	return "", false
}

func (f *optionFields) has(name string) bool  { _, ok := f.lookup(name, true); return ok }
func (f *optionFields) flag(name string) bool { _, ok := f.lookup(name, false); return ok }

func (f *optionFields) parse(s string, base, bits int) uint64 {
	v, err := strconv.ParseUint(s, base, bits)
	if err != nil {
		f.set(ErrSyntax)
	}
	return v
}

// num is the value of a field; a field that is left out makes the option
// incomplete.
func (f *optionFields) num(name string, base, bits int) uint64 {
	s, ok := f.lookup(name, true)
	if !ok {
		f.set(errIncomplete)
		return 0
	}
	return f.parse(s, base, bits)
}

// word is the next word without a value, such as the 1460 of "mss 1460"; "" at
// the end.
func (f *optionFields) word() string {
	for i, w := range f.q.fields {
		if f.used&(1<<i) == 0 && w.value == "" {
			f.used |= 1 << i
			return w.name
		}
	}
	return ""
}

func (f *optionFields) wordNum(bits int) uint64 {
	s := f.word()
	if s == "" {
		f.set(errIncomplete)
		return 0
	}
	return f.parse(s, 10, bits)
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
	if len(q.fields) > MaxOptions {
		return o, ErrSyntax
	}
	out, err := q.encodeFields(o, f)
	if f.used != 1<<len(q.fields)-1 {
		f.set(ErrSyntax)
	}
	if f.err != nil {
		return o, f.err
	}
	return out, err
}

func (q *optionPattern) encodeFields(o Options, f *optionFields) (Options, error) {
	if raw, ok := f.lookup("raw", true); ok {
		if _, err := q.encodeTyped(o, &optionFields{q: &optionPattern{name: q.name}}); q.name != "" && err == ErrSyntax {
			return o, err // no such name
		}
		return o.AppendRaw(f.octets(raw))
	}
	return q.encodeTyped(o, f)
}

func (q *optionPattern) encodeTyped(o Options, f *optionFields) (Options, error) {
	switch q.name {
	case "nop":
		return o.AppendNOP(1)
	case "eol":
		n := uint64(1)
		if times := f.word(); times != "" {
			n = f.parse(strings.TrimPrefix(times, "x"), 10, 6)
		}
		if n == 0 {
			return o, ErrSyntax
		}
		return o.AppendRaw(make([]byte, n))
	case "mss":
		return o.AppendMSS(uint16(f.wordNum(16)))
	case "wscale":
		return o.AppendWindowScale(uint8(f.wordNum(8)))
	case "sackOK":
		return o.AppendSACKPermitted()
	case "sack":
		return q.encodeSACK(o, f)
	case "TS":
		return Timestamps{uint32(f.num("val", 10, 32)), uint32(f.num("ecr", 10, 32))}.Append(o)
	case "FO":
		return o.AppendFastOpen(f.octets(f.word()))
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
		p := MPPrio{Backup: f.flag("backup"), HasID: f.has("id")}
		if p.HasID {
			p.ID = uint8(f.num("id", 10, 8))
		}
		return p.Append(o)
	case "mp_fail":
		return MPFail{f.num("dsn", 10, 64)}.Append(o)
	case "mp_fastclose":
		return MPFastclose{Key(f.num("key", 16, 64))}.Append(o)
	case "mp_tcprst":
		return MPTCPRst{f.flag("transient"), ResetReason(f.num("reason", 10, 8))}.Append(o)
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
	for w := f.word(); w != ""; w = f.word() {
		l, r, _ := strings.Cut(w, ":")
		blocks = append(blocks, SACKBlock{uint32(f.parse(l, 10, 32)), uint32(f.parse(r, 10, 32))})
	}
	if len(blocks) == 0 {
		return o, errIncomplete
	}
	return o.AppendSACK(blocks...)
}

func (q *optionPattern) encodeCapable(o Options, f *optionFields) (Options, error) {
	var m MPCapable
	if v, ok := strings.CutPrefix(f.word(), "v"); ok {
		m.Version = Version(f.parse(v, 10, 4))
	} else {
		f.set(errIncomplete)
	}
	flags := f.word()
	if flags == "" {
		f.set(errIncomplete)
	}
	for _, c := range flags {
		if c >= 'A' && c <= 'H' {
			m.Flags |= 0x80 >> (c - 'A')
		} else if flags != "-" {
			f.set(ErrSyntax)
		}
	}
	if keys, ok := f.lookup("key", true); ok {
		first, second, two := strings.Cut(keys, "+")
		m.HasSender, m.Sender = true, Key(f.parse(first, 16, 64))
		if two {
			m.HasReceiver, m.Receiver = true, Key(f.parse(second, 16, 64))
		}
	}
	if m.HasData = f.has("dll"); m.HasData {
		m.DataLen = uint16(f.num("dll", 10, 16))
	}
	if m.HasSum = f.has("sum"); m.HasSum {
		m.Sum = uint16(f.num("sum", 16, 16))
	}
	if m.HasData && !m.HasReceiver || m.HasSum && !m.HasData {
		f.set(errIncomplete)
	}
	return m.Append(o)
}

func (q *optionPattern) encodeJoin(o Options, f *optionFields) (Options, error) {
	m := MPJoin{Backup: f.flag("backup")}
	switch {
	case f.flag("syn"):
		m.Form = JoinSYN
		m.ID = uint8(f.num("id", 10, 8))
		m.Token = Token(f.num("token", 16, 32))
		m.Nonce = uint32(f.num("nonce", 16, 32))
	case f.flag("synack"):
		m.Form = JoinSYNACK
		m.ID = uint8(f.num("id", 10, 8))
		m.HMAC64 = f.num("hmac", 16, 64)
		m.Nonce = uint32(f.num("nonce", 16, 32))
	case f.flag("ack"):
		m.Form = JoinACK
		if m.Backup {
			f.set(ErrSyntax) // this form has no B
		}
		if s, ok := f.lookup("hmac", true); !ok {
			f.set(errIncomplete)
		} else if b := f.octets(s); copy(m.HMAC[:], b) != 20 || len(b) != 20 {
			f.set(ErrSyntax)
		}
	default:
		for _, name := range []string{"id", "token", "nonce", "hmac"} {
			f.has(name)
		}
		return o, errIncomplete
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
	case f.flag("a"):
		d.Flags |= DSSAck8
	}
	switch {
	case f.has("dsn8"):
		d.Flags |= DSSMap | DSSMap8
		d.DSN = f.num("dsn8", 10, 64)
	case f.has("dsn4"):
		d.Flags |= DSSMap
		d.DSN = f.num("dsn4", 10, 32)
	case f.flag("m"):
		d.Flags |= DSSMap8
	}
	if d.Flags.Has(DSSMap) {
		d.SSN = uint32(f.num("ssn", 10, 32))
		d.DataLen = uint16(f.num("dll", 10, 16))
		if d.HasSum = f.has("sum"); d.HasSum {
			d.Sum = uint16(f.num("sum", 16, 16))
		}
	} else if ssn, dll, sum := f.has("ssn"), f.has("dll"), f.has("sum"); ssn || dll || sum {
		f.set(errIncomplete)
	}
	if f.flag("fin") {
		d.Flags |= DSSFin
	}
	return d.Append(o)
}

func (q *optionPattern) encodeAddAddr(o Options, f *optionFields) (Options, error) {
	a := AddAddr{Version: V1, Echo: f.flag("echo"), HasPort: f.has("port"), HasHMAC: f.has("hmac")}
	if f.flag("v0") {
		if a.Version = V0; a.Echo || a.HasHMAC {
			f.set(ErrSyntax)
		}
	} else if !f.flag("v1") {
		f.set(errIncomplete)
	}
	a.ID = uint8(f.num("id", 10, 8))
	if a.HasPort {
		a.Port = uint16(f.num("port", 10, 16))
	}
	if a.HasHMAC {
		a.HMAC = f.num("hmac", 16, 64)
	}
	addr, ok := f.lookup("addr", true)
	if !ok {
		return o, errIncomplete
	}
	var err error
	if a.Addr, err = netip.ParseAddr(addr); err != nil || a.Addr.Zone() != "" {
		return o, ErrSyntax
	}
	return a.Append(o)
}

func (q *optionPattern) encodeRemoveAddr(o Options, f *optionFields) (Options, error) {
	s, ok := f.lookup("id", true)
	if !ok {
		return o, errIncomplete
	}
	var r RemoveAddr
	for _, w := range strings.Split(s, "+") {
		r.IDs = append(r.IDs, byte(f.parse(w, 10, 8)))
	}
	return r.Append(o)
}
