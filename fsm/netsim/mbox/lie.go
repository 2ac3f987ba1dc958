package mbox

import (
	"encoding/binary"
	"sort"
	"strconv"
	"strings"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// Lie makes MPTCP options say what is not so, and nothing else of the segment: no
// box of the paper, but a peer that misbehaves on purpose, or an attacker, when the
// element stands right beside a host. It shows whether the other host tells.
//
//	lie WHAT... [by=N] [when...]
//
// WHAT is one or more of
//
//	token      the token of an MP_JOIN SYN
//	hmac       the HMAC of an MP_JOIN SYN/ACK or ACK
//	key        the sender's key of an MP_CAPABLE
//	echo       the receiver's key of an MP_CAPABLE
//	flags      the flags of an MP_CAPABLE: by is what is flipped (64: B, extensibility)
//	version    the version of an MP_CAPABLE: by is added (1)
//	checksum   the checksum of a mapping
//	mapping    its data sequence number: by is added (1)
//	ssn        its subflow sequence number: by is added (1)
//	length     its length: by is added (1)
//	dataack    the DATA_ACK: by is added (1048576)
//	datafin    the DATA_FIN flag of a mapping, which is flipped
//	addhmac    the HMAC of an ADD_ADDR
//	fastclose  the key of an MP_FASTCLOSE
//
// Of a key, token, HMAC and checksum one bit is wrong. The checksum of a mapping that
// was changed fits the change, so that the mapping is the only lie.
type Lie struct {
	what []string
	by   int // 0: each one's own
	when when
	e    edit
	told []string
}

// lies finds, in option o that begins at octet off of the block, what to change.
var lies = map[string]struct {
	by  int // default
	lie func(e *edit, off int, o wire.Option, by int) bool
}{
	"token":     {1, lieInJoin(wire.JoinSYN)},
	"hmac":      {1, lieInJoin(wire.JoinSYNACK, wire.JoinACK)},
	"key":       {1, lieInCapable(4, 8)},
	"echo":      {1, lieInCapable(12, 8)},
	"flags":     {0x40, lieInCapable(3, 1)},
	"version":   {1, lieInVersion},
	"checksum":  {1, lieInChecksum},
	"mapping":   {1, lieInMapping},
	"ssn":       {1, lieInSSN},
	"length":    {1, lieInLength},
	"dataack":   {1 << 20, lieInDataAck},
	"datafin":   {1, lieInDataFin},
	"addhmac":   {1, lieInAddAddr},
	"fastclose": {1, lieInFastclose},
}

func lieNames() []string {
	var names []string
	for name := range lies {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func parseLie(s *netsim.Spec) netsim.Element {
	x := &Lie{by: s.Int("by", 0, 1, 1<<31-1)}
	for w := s.Word(); w != ""; w = s.Word() {
		if _, ok := lies[w]; !ok {
			s.Fail("%q: want some of %s", w, strings.Join(lieNames(), ", "))
		}
		x.what = append(x.what, w)
	}
	if len(x.what) == 0 {
		s.Fail("about what? %s", strings.Join(lieNames(), ", "))
	}
	x.when = parseWhen(s)
	return x
}

func (x *Lie) String() string {
	s := "lie " + strings.Join(x.what, " ")
	if x.by != 0 {
		s += " by=" + strconv.Itoa(x.by)
	}
	return s + x.when.String()
}

// Handle implements netsim.Element.
func (x *Lie) Handle(at *netsim.Slot, dir netsim.Dir, p *netsim.Packet) {
	e := &x.e
	if e.open(p) && x.when.has(at, dir, e) {
		x.told = x.told[:0]
		e.eachOption(func(off int, o wire.Option) {
			if o.Kind() != wire.KindMPTCP || len(o) < 4 {
				return
			}
			for _, name := range x.what {
				l := lies[name]
				by := x.by
				if by == 0 {
					by = l.by
				}
				if l.lie(e, off, o, by) {
					x.told = append(x.told, name)
				}
			}
		})
		if len(x.told) > 0 {
			x.when.spend()
			if at.Logging() {
				at.Log(dir, "lied about "+strings.Join(x.told, ", ")+": "+e.text())
			}
		}
	}
	at.Send(dir, p)
}

// change puts b at octet at of the option at off.
func (e *edit) change(off, at int, b []byte) { e.patch(offOptions+off+at, b) }

// flip flips bits in the last octet of a field.
func (e *edit) flip(off, at, size int, o wire.Option, bits uint8) bool {
	last := at + size - 1
	if last >= len(o) {
		return false
	}
	e.change(off, last, []byte{o[last] ^ bits})
	return true
}

// raise adds by to a field of 2, 4 or 8 octets.
func (e *edit) raise(off, at, size int, o wire.Option, by int) {
	var b [8]byte
	copy(b[8-size:], o[at:at+size])
	binary.BigEndian.PutUint64(b[:], binary.BigEndian.Uint64(b[:])+uint64(by))
	e.change(off, at, b[8-size:])
}

func lieInJoin(forms ...wire.JoinForm) func(*edit, int, wire.Option, int) bool {
	return func(e *edit, off int, o wire.Option, _ int) bool {
		m, err := wire.ParseMPJoin(o)
		if err != nil {
			return false
		}
		for _, f := range forms {
			if m.Form == f {
				size := map[wire.JoinForm]int{wire.JoinSYN: 4, wire.JoinSYNACK: 8, wire.JoinACK: 20}[f]
				return e.flip(off, 4, size, o, 1)
			}
		}
		return false
	}
}

func lieInCapable(at, size int) func(*edit, int, wire.Option, int) bool {
	return func(e *edit, off int, o wire.Option, by int) bool {
		if _, err := wire.ParseMPCapable(o); err != nil {
			return false
		}
		return e.flip(off, at, size, o, uint8(by))
	}
}

func lieInVersion(e *edit, off int, o wire.Option, by int) bool {
	if o.Subtype() != wire.SubMPCapable {
		return false
	}
	e.change(off, 2, []byte{o[2]&0xf0 | (o[2]+uint8(by))&15})
	return true
}

// mappingAt is where a mapping's parts are in its option; dsn is 0 in an MP_CAPABLE,
// which has no room for that and the SSN, and sum is 0 where there is none.
type mappingAt struct{ dsn, dsnSize, ssn, length, sum int }

func findMapping(o wire.Option) (at mappingAt, ok bool) {
	if m, err := wire.ParseMPCapable(o); err == nil && m.HasData {
		at.length = 20
		if m.HasSum {
			at.sum = 22
		}
		return at, true
	}
	d, err := wire.ParseDSS(o)
	if err != nil || d.Flags&wire.DSSMap == 0 {
		return at, false
	}
	at.dsn, at.dsnSize = 4, 4
	if d.Flags&wire.DSSAck != 0 {
		at.dsn += 4
		if d.Flags&wire.DSSAck8 != 0 {
			at.dsn += 4
		}
	}
	if d.Flags&wire.DSSMap8 != 0 {
		at.dsnSize = 8
	}
	at.ssn = at.dsn + at.dsnSize
	at.length = at.ssn + 4
	if d.HasSum {
		at.sum = at.length + 2
	}
	return at, true
}

func lieInChecksum(e *edit, off int, o wire.Option, _ int) bool {
	at, ok := findMapping(o)
	return ok && at.sum != 0 && e.flip(off, at.sum, 2, o, 1)
}

// move changes a part of a mapping and has the checksum fit. A 32-bit DSN stands for
// 64 bits in the checksum: its lie must not carry into those that are not there.
func (e *edit) move(off, at, size, sum int, o wire.Option, by int) bool {
	before := addOctets(0, o[at:at+size])
	e.raise(off, at, size, o, by)
	if sum != 0 {
		var b [2]byte
		binary.BigEndian.PutUint16(b[:], update(binary.BigEndian.Uint16(o[sum:]), before, addOctets(0, o[at:at+size])))
		e.change(off, sum, b[:])
	}
	return true
}

func lieInMapping(e *edit, off int, o wire.Option, by int) bool {
	at, ok := findMapping(o)
	return ok && at.dsn != 0 && e.move(off, at.dsn, at.dsnSize, at.sum, o, by)
}

func lieInSSN(e *edit, off int, o wire.Option, by int) bool {
	at, ok := findMapping(o)
	return ok && at.dsn != 0 && e.move(off, at.ssn, 4, at.sum, o, by)
}

func lieInLength(e *edit, off int, o wire.Option, by int) bool {
	at, ok := findMapping(o)
	return ok && e.move(off, at.length, 2, at.sum, o, by)
}

func lieInDataAck(e *edit, off int, o wire.Option, by int) bool {
	d, err := wire.ParseDSS(o)
	if err != nil || d.Flags&wire.DSSAck == 0 {
		return false
	}
	size := 4
	if d.Flags&wire.DSSAck8 != 0 {
		size = 8
	}
	e.raise(off, 4, size, o, by)
	return true
}

func lieInDataFin(e *edit, off int, o wire.Option, _ int) bool {
	d, err := wire.ParseDSS(o)
	if err != nil || d.Flags&wire.DSSMap == 0 {
		return false
	}
	e.change(off, 3, []byte{o[3] ^ uint8(wire.DSSFin)})
	return true
}

func lieInAddAddr(e *edit, off int, o wire.Option, _ int) bool {
	a, err := wire.ParseAddAddr(o, wire.V1)
	return err == nil && a.HasHMAC && e.flip(off, len(o)-8, 8, o, 1)
}

func lieInFastclose(e *edit, off int, o wire.Option, _ int) bool {
	_, err := wire.ParseMPFastclose(o)
	return err == nil && e.flip(off, 4, 8, o, 1)
}
