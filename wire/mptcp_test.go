package wire

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// requireParseError asserts a *ParseError around want that names its subject.
func requireParseError(t require.TestingT, err, want error) {
	var e *ParseError
	require.ErrorAs(t, err, &e)
	require.ErrorIs(t, err, want)
	require.NotEmpty(t, e.What)
	require.GreaterOrEqual(t, e.Offset, 0)
	require.Contains(t, e.Error(), want.Error())
}

// appender is any option that can be encoded.
type appender interface {
	Append(Options) (Options, error)
}

// roundTrip encodes x behind other options, decodes the octets and wants x back,
// then encodes again and wants the octets back.
func roundTrip[T any](t *testing.T, x T, size int, parse func(Option) (T, error)) Option {
	t.Helper()
	put := func(x T, o Options) (Options, error) { return any(&x).(appender).Append(o) }
	o, err := put(x, nil)
	require.NoError(t, err)
	require.Len(t, o, size)
	require.EqualValues(t, size, o[1])
	back, err := parse(Option(o))
	require.NoError(t, err)
	require.Equal(t, x, back)
	again, err := put(back, nil)
	require.NoError(t, err)
	require.Equal(t, o, again)

	// Behind others, in a buffer with and without room, and where it does not fit.
	for before := range MaxOptions + 1 {
		prefix, err := Options(nil).AppendNOP(before)
		require.NoError(t, err)
		for _, room := range []int{0, 1, MaxOptions} {
			buf := append(make(Options, 0, before+room), prefix...)
			got, err := put(x, buf)
			if before+size > MaxOptions {
				requireParseError(t, err, ErrOptionSpace)
				require.Equal(t, prefix, got, "nothing is dropped or half written")
				continue
			}
			require.NoError(t, err)
			require.Equal(t, append(prefix[:before:before], o...), got)
		}
	}
	return Option(o)
}

// Every length of MP_CAPABLE under all flags: R3.1-01, R3.1-02, R3.1-03, R3.1-04,
// V0-01.
func TestMPCapableRoundTrip(t *testing.T) {
	forms := []MPCapable{
		{},
		{HasSender: true, Sender: 0x0102030405060708},
		{HasSender: true, HasReceiver: true, Sender: 1, Receiver: 1<<64 - 1},
		{HasSender: true, HasReceiver: true, HasData: true, Sender: 1, Receiver: 2, DataLen: 0xfffe},
		{HasSender: true, HasReceiver: true, HasData: true, HasSum: true, Sender: 1, Receiver: 2, DataLen: 1, Sum: 0xea9},
	}
	for i, size := range []int{4, 12, 20, 22, 24} {
		for version := range Version(16) {
			for _, flags := range []CapableFlags{0, 1, 0x81, 0xff, 0x20, 0x40, 0x3e} {
				m := forms[i]
				m.Version, m.Flags = version, flags
				require.Equal(t, size, m.Size())
				roundTrip(t, m, size, ParseMPCapable)
			}
		}
	}
	for flags := range 256 {
		m := MPCapable{Version: V1, Flags: CapableFlags(flags)}
		o, err := m.Append(nil)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("1e0401%02x", flags), hex.EncodeToString(o))
		back, err := ParseMPCapable(Option(o))
		require.NoError(t, err)
		require.Equal(t, m, back)
	}
}

// The exact octets of a version 1 SYN (R3.1-01), with B clear (R3.1-23), H alone of
// the algorithms (R3.1-26, R3.1-36).
func TestMPCapableSYNOctets(t *testing.T) {
	for flags, want := range map[CapableFlags]string{
		CapableHMAC:                   "1e040101",
		CapableChecksum | CapableHMAC: "1e040181",
	} {
		o, err := MPCapable{Version: V1, Flags: flags}.Append(nil)
		require.NoError(t, err)
		assert.Equal(t, want, hex.EncodeToString(o))
		assert.Zero(t, flags&CapableExtension)
		assert.Equal(t, CapableHMAC, flags&CapableCryptoMask)
	}
}

// R3.1-05: which length goes with which segment, all pairs; what does not fit is to
// be treated as absent. V0-01 for version 0.
func TestMPCapableFits(t *testing.T) {
	type segment struct {
		name    string
		flags   Flags
		payload int
	}
	segments := []segment{
		{"SYN", SYN, 0}, {"SYN with Fast Open data", SYN, 10}, {"SYN ECN", SYN | ECE | CWR, 0},
		{"SYN/ACK", SYN | ACK, 0}, {"SYN/ACK with data", SYN | ACK, 5},
		{"ACK", ACK, 0}, {"FIN", ACK | FIN, 0}, {"data", ACK, 1}, {"PSH", ACK | PSH, 1460}, {"data and FIN", ACK | FIN, 9},
		{"RST", RST, 0}, {"RST/ACK", RST | ACK, 0}, {"no flags", 0, 0}, {"no ACK, data", PSH, 3},
	}
	legal := map[Version]map[string][]int{
		V1: {
			"SYN": {4}, "SYN with Fast Open data": {4}, "SYN ECN": {4},
			"SYN/ACK": {12}, "SYN/ACK with data": {12},
			"ACK": {20}, "FIN": {20}, "data": {22, 24}, "PSH": {22, 24}, "data and FIN": {22, 24},
		},
		V0: {
			"SYN": {12}, "SYN with Fast Open data": {12}, "SYN ECN": {12},
			"SYN/ACK": {12}, "SYN/ACK with data": {12},
			"ACK": {20}, "FIN": {20}, "data": {20}, "PSH": {20}, "data and FIN": {20},
		},
	}
	for version, table := range legal {
		for _, s := range segments {
			for _, size := range []int{4, 12, 20, 22, 24} {
				o := make(Option, size)
				o[0], o[1], o[2], o[3] = KindMPTCP, uint8(size), uint8(version), 0x81
				m, err := ParseMPCapable(o)
				require.NoError(t, err)
				want := false
				for _, n := range table[s.name] {
					want = want || n == size
				}
				assert.Equal(t, want, m.Fits(s.flags, s.payload), "version %d, %s, %d octets", version, s.name, size)
			}
		}
	}
}

// R3.1-27: an algorithm must be named. V0-06: in version 0 the bit C names one.
func TestMPCapableCrypto(t *testing.T) {
	for flags := range 256 {
		f := CapableFlags(flags)
		assert.Equal(t, flags&0x1f != 0, MPCapable{Version: V1, Flags: f}.HasCrypto())
		assert.Equal(t, flags&0x3f != 0, MPCapable{Version: V0, Flags: f}.HasCrypto())
	}
}

// All forms of MP_JOIN: R3.2-01, R3.2-02, R3.2-03.
func TestMPJoinRoundTrip(t *testing.T) {
	for _, backup := range []bool{false, true} {
		for id := range 256 {
			m := MPJoin{Form: JoinSYN, Backup: backup, ID: uint8(id), Token: 0x72a99912, Nonce: 0xa50f07ee}
			s := MPJoin{Form: JoinSYNACK, Backup: backup, ID: uint8(id), HMAC64: 0xe1d99e26154220db, Nonce: 0xfb6780e}
			if id%51 == 0 {
				roundTrip(t, m, 12, ParseMPJoin)
				roundTrip(t, s, 16, ParseMPJoin)
			}
			for _, m := range []MPJoin{m, s} {
				o, err := m.Append(nil)
				require.NoError(t, err)
				back, err := ParseMPJoin(Option(o))
				require.NoError(t, err)
				require.Equal(t, m, back)
			}
		}
	}
	m := MPJoin{Form: JoinACK}
	for i := range m.HMAC {
		m.HMAC[i] = byte(i + 1)
	}
	roundTrip(t, m, 24, ParseMPJoin)
	_, err := MPJoin{Form: 4}.Append(nil)
	requireParseError(t, err, ErrLength)
	_, err = MPJoin{}.Append(nil)
	requireParseError(t, err, ErrLength)
}

// R3.2-07, R3.2-15: reserved bits are sent as zero, the ACK's twelve included, and
// ignored when received.
func TestMPJoinReservedBits(t *testing.T) {
	o, err := MPJoin{Form: JoinACK, Backup: true, ID: 9}.Append(nil)
	require.NoError(t, err)
	assert.Equal(t, "1e181000", hex.EncodeToString(o[:4]))
	o[2], o[3] = o[2]|0xf, 0xff
	m, err := ParseMPJoin(Option(o))
	require.NoError(t, err)
	assert.Equal(t, MPJoin{Form: JoinACK}, m)
	for _, form := range []JoinForm{JoinSYN, JoinSYNACK} {
		o, err := MPJoin{Form: form, Backup: true}.Append(nil)
		require.NoError(t, err)
		assert.Equal(t, uint8(0x11), o[2])
		o[2] |= 0xe
		m, err := ParseMPJoin(Option(o))
		require.NoError(t, err)
		assert.Equal(t, MPJoin{Form: form, Backup: true}, m)
	}
}

// R3.3-01: all combinations of the five flags, with a checksum and without.
func TestDSSRoundTrip(t *testing.T) {
	for f := range DSSFlags(32) {
		for _, sum := range []bool{false, true} {
			d := DSS{Flags: f}
			size := 4
			if f.Has(DSSAck) {
				d.DataAck = 0x89abcdef
				size += 4
				if f.Has(DSSAck8) {
					d.DataAck |= 0x0123456700000000
					size += 4
				}
			}
			if f.Has(DSSMap) {
				d.DSN, d.SSN, d.DataLen = 0xfedcba98, 0x11223344, 0x5566
				size += 10
				if f.Has(DSSMap8) {
					d.DSN |= 0x7654321000000000
					size += 4
				}
				if sum {
					d.HasSum, d.Sum = true, 0x9e91
					size += 2
				}
			}
			require.Equal(t, size, d.Size())
			require.LessOrEqual(t, size, 28)
			o := roundTrip(t, d, size, ParseDSS)
			require.Zero(t, o[2]&15, "R3.3-03: reserved bits are sent as zero")
			require.Zero(t, o[3]&0xe0, "R3.3-03")
			o[2], o[3] = o[2]|15, o[3]|0xe0
			back, err := ParseDSS(o)
			require.NoError(t, err)
			require.Equal(t, d, back, "R3.3-03: and ignored when received")
		}
	}
}

// R3.3-02: a and m without A and M mean nothing.
func TestDSSWidthBitsAlone(t *testing.T) {
	d, err := ParseDSS(unhex(t, "1e04200a"))
	require.NoError(t, err)
	assert.Equal(t, DSS{Flags: DSSAck8 | DSSMap8}, d)
	_, err = ParseDSS(unhex(t, "1e0c200a0000000000000000"))
	requireParseError(t, err, ErrLength)
	d = DSS{Flags: DSSAck, HasSum: true, DataAck: 1 << 40}
	o, err := d.Append(nil)
	require.NoError(t, err)
	assert.Equal(t, "1e08200100000000", hex.EncodeToString(o), "no mapping, no checksum")
}

// An error leaves the value that Parse was asked to fill as it was.
func TestDSSParseKeepsOnError(t *testing.T) {
	for flags := range 256 {
		for size := range 41 {
			o := make(Option, size)
			if size > 3 {
				o[3] = uint8(flags)
			}
			if size > 2 {
				o[0], o[1], o[2] = KindMPTCP, uint8(size), 0x20
			}
			d := DSS{SSN: 77}
			if d.Parse(o) != nil {
				require.Equal(t, DSS{SSN: 77}, d)
			}
		}
	}
}

// R3.4.1-02: the eight lengths of version 1, each as echo and as announcement, and
// V0-04, the four of version 0.
func TestAddAddrRoundTrip(t *testing.T) {
	v4, v6 := netip.MustParseAddr("10.0.2.2"), netip.MustParseAddr("fd00:2::2")
	mapped := netip.AddrFrom16(v4.As16())
	sizes := map[int]bool{}
	for _, version := range []Version{V0, V1} {
		for _, addr := range []netip.Addr{v4, v6, mapped} {
			for bits := range 8 {
				a := AddAddr{Version: version, ID: uint8(31 * bits), Addr: addr}
				a.HasPort, a.Echo, a.HasHMAC = bits&1 != 0, bits&2 != 0, bits&4 != 0
				if version == V0 && (a.Echo || a.HasHMAC) {
					continue
				}
				size := 8
				if !addr.Is4() {
					size = 20
				}
				if a.HasPort {
					a.Port, size = 10100, size+2
				}
				if a.HasHMAC {
					a.HMAC, size = 0xab081142ad987666, size+8
				}
				sizes[size] = true
				o := roundTrip(t, a, size, func(o Option) (AddAddr, error) { return ParseAddAddr(o, version) })
				if version == V1 {
					// R3.4.1-11: the three other flags are zero, and ignored.
					require.Zero(t, o[2]&0xe)
					o[2] |= 0xe
					back, err := ParseAddAddr(o, V1)
					require.NoError(t, err)
					require.Equal(t, a, back)
				}
			}
		}
	}
	assert.Len(t, sizes, 8)
	var a AddAddr
	_, err := a.Append(nil)
	requireParseError(t, err, ErrLength)
}

// R3.4.2-04: 1 to 37 ids.
func TestRemoveAddrRoundTrip(t *testing.T) {
	r := RemoveAddr{}
	_, err := r.Append(nil)
	requireParseError(t, err, ErrLength)
	for n := 1; n <= 37; n++ {
		r.IDs = append(r.IDs, uint8(255-n))
		o := roundTrip(t, r, 3+n, ParseRemoveAddr)
		o[2] |= 15
		back, err := ParseRemoveAddr(o)
		require.NoError(t, err)
		require.Equal(t, r, back, "four reserved bits are ignored")
	}
	r.IDs = append(r.IDs, 1)
	_, err = r.Append(nil)
	requireParseError(t, err, ErrOptionSpace)
	r, err = ParseRemoveAddr(unhex(t, "1e044007"))
	require.NoError(t, err)
	assert.Equal(t, []byte{7}, r.IDs)
}

// R3.3.8-01: three octets; V0-05: four with an address id.
func TestMPPrioRoundTrip(t *testing.T) {
	for _, backup := range []bool{false, true} {
		roundTrip(t, MPPrio{Backup: backup}, 3, ParseMPPrio)
		for id := range 256 {
			o, err := MPPrio{Backup: backup, HasID: true, ID: uint8(id)}.Append(nil)
			require.NoError(t, err)
			require.Len(t, o, 4)
			back, err := ParseMPPrio(Option(o))
			require.NoError(t, err)
			require.Equal(t, MPPrio{backup, true, uint8(id)}, back)
		}
	}
	o, err := MPPrio{Backup: true}.Append(nil)
	require.NoError(t, err)
	assert.Equal(t, "1e0351", hex.EncodeToString(o))
}

// R3.5-01 (MP_FASTCLOSE, 12 octets), R3.6-01 (MP_TCPRST, 4), and MP_FAIL.
func TestSignalRoundTrips(t *testing.T) {
	for shift := range 64 {
		v := uint64(0xa5) << shift
		roundTrip(t, MPFail{v}, 12, ParseMPFail)
		roundTrip(t, MPFastclose{Key(v)}, 12, ParseMPFastclose)
	}
	for reason := range 256 {
		for _, transient := range []bool{false, true} {
			r := MPTCPRst{transient, ResetReason(reason)}
			o := roundTrip(t, r, 4, ParseMPTCPRst)
			require.Zero(t, o[2]&0xe, "R3.6-07: U, V, W are sent as zero")
			o[2] |= 0xe
			back, err := ParseMPTCPRst(o)
			require.NoError(t, err)
			require.Equal(t, r, back, "R3.6-07: and ignored")
			if reason > 6 { // R3.6-08
				require.Equal(t, ResetUnspecified, back.Reason.Known())
				require.Contains(t, back.Reason.String(), "unknown")
			} else {
				require.Equal(t, back.Reason, back.Reason.Known())
			}
		}
	}
	for n := range 38 {
		for low := range uint8(16) {
			e := Experimental{Low: low, Data: make([]byte, n)}
			o, err := e.Append(nil)
			require.NoError(t, err)
			back, err := ParseExperimental(Option(o))
			require.NoError(t, err)
			require.Equal(t, e, back)
		}
	}
}

// legalLength is the table of lengths of RFC 8684 and RFC 6824, written without a
// look at the parsers. b2 and b3 are the option's third and fourth octets.
func legalLength(st Subtype, v Version, n int, b2, b3 uint8) bool {
	in := func(list ...int) bool {
		for _, l := range list {
			if l == n {
				return true
			}
		}
		return false
	}
	switch st {
	case SubMPCapable:
		return in(4, 12, 20, 22, 24)
	case SubMPJoin:
		return in(12, 16, 24)
	case SubDSS:
		size := 4
		switch b3 & 3 {
		case 1:
			size += 4
		case 3:
			size += 8
		}
		switch b3 & 12 {
		case 4:
			size += 10
		case 12:
			size += 14
		default:
			return n == size
		}
		return in(size, size+2)
	case SubAddAddr:
		switch {
		case v == V1:
			return in(8, 10, 16, 18, 20, 22, 28, 30)
		case b2&15 == 4:
			return in(8, 10)
		case b2&15 == 6:
			return in(20, 22)
		}
		return false
	case SubRemoveAddr:
		return n >= 4
	case SubMPPrio:
		return in(3, 4)
	case SubMPFail, SubMPFastclose:
		return n == 12
	case SubMPTCPRst:
		return n == 4
	case SubExperimental:
		return n >= 3
	}
	return false
}

// R2-01, T9293-04: every subtype at every length, under every value of the octet
// that its length may depend on: right or a typed error, never a read beyond.
func TestLengthsExhaustive(t *testing.T) {
	block := make([]byte, MaxOptions)
	for i := range block {
		block[i] = uint8(i * 37)
	}
	for _, v := range []Version{V0, V1} {
		for st := range Subtype(16) {
			for n := 2; n <= MaxOptions; n++ {
				for low := range uint8(16) {
					step := 256
					if st == SubDSS {
						step = 1
					}
					for b3 := 0; b3 < 256; b3 += step {
						o := append(make(Option, 0, n), block[:n]...)
						o[0], o[1] = KindMPTCP, uint8(n)
						if n > 2 {
							o[2] = uint8(st)<<4 | low
						}
						if n > 3 {
							o[3] = uint8(b3)
						}
						if n == 2 && st > SubMPCapable {
							continue // no subtype to tell by
						}
						err := parseAs(st, o, v)
						if n > 2 && legalLength(st, v, n, o[2], uint8(b3)) {
							require.NoError(t, err, "%s, %d octets: %x", st, n, o)
							continue
						}
						var e *ParseError
						require.True(t, errors.As(err, &e), "%s, %d octets: %x", st, n, o)
						require.True(t, errors.Is(err, ErrLength) || errors.Is(err, ErrTruncated) || errors.Is(err, ErrKind))
						require.LessOrEqual(t, e.Offset, n)
					}
				}
			}
		}
	}
}

// parseAs calls the parser of st.
func parseAs(st Subtype, o Option, v Version) (err error) {
	switch st {
	case SubMPCapable:
		_, err = ParseMPCapable(o)
	case SubMPJoin:
		_, err = ParseMPJoin(o)
	case SubDSS:
		_, err = ParseDSS(o)
	case SubAddAddr:
		_, err = ParseAddAddr(o, v)
	case SubRemoveAddr:
		_, err = ParseRemoveAddr(o)
	case SubMPPrio:
		_, err = ParseMPPrio(o)
	case SubMPFail:
		_, err = ParseMPFail(o)
	case SubMPFastclose:
		_, err = ParseMPFastclose(o)
	case SubMPTCPRst:
		_, err = ParseMPTCPRst(o)
	case SubExperimental:
		_, err = ParseExperimental(o)
	default:
		err = bad(st.String(), 2, ErrKind) // no parser: R2-02, ignored
	}
	return err
}

// An option handed to the parser of another one is a typed error too.
func TestParsersRefuseOthers(t *testing.T) {
	known := []Subtype{0, 1, 2, 3, 4, 5, 6, 7, 8, 15}
	for _, st := range known {
		for _, o := range []Option{nil, {}, {KindMSS}, {KindMSS, 4, 5, 6}, {KindMPTCP, 4, uint8(st+1) << 4, 0}} {
			requireParseError(t, parseAs(st, o, V1), ErrKind)
		}
		for _, o := range []Option{{KindMPTCP}, {KindMPTCP, 2}} {
			requireParseError(t, parseAs(st, o, V1), ErrTruncated)
		}
	}
}

// R2-02: unknown subtypes are yielded like others and have a name; nothing fails.
func TestUnknownSubtypes(t *testing.T) {
	for st := Subtype(9); st <= 14; st++ {
		o := Options{KindNOP, KindMPTCP, 5, uint8(st) << 4, 1, 2, KindMPTCP, 3, 0x51}
		require.NoError(t, o.Check())
		got, ok := o.FindMPTCP(st)
		require.True(t, ok)
		require.Equal(t, st, got.Subtype())
		require.Contains(t, st.String(), "subtype")
		_, ok = o.FindMPTCP(SubMPPrio)
		require.True(t, ok, "what follows is found")
	}
	assert.Equal(t, SubExperimental, Option{KindMPTCP, 2}.Subtype())
	assert.Equal(t, "MP_EXPERIMENTAL", SubExperimental.String())
	assert.Equal(t, "subtype 200", Subtype(200).String())
}

// RA-01, T2018-01: with timestamps and a whole DSS the 40 octets are full: no SACK
// block fits beside them, and Append says so rather than drop anything. Without
// a mapping's 64-bit DSN and checksum one block does.
func TestOptionSpace(t *testing.T) {
	sack := []SACKBlock{{1, 2}, {3, 4}, {5, 6}, {7, 8}, {9, 10}}
	blocks := func(o Options) int {
		for n := 4; n > 0; n-- {
			if _, err := o.AppendSACK(sack[:n]...); err == nil {
				return n
			}
		}
		return 0
	}
	ts, err := Options(nil).AppendNOP(2)
	require.NoError(t, err)
	ts, err = Timestamps{1, 2}.Append(ts)
	require.NoError(t, err)
	for _, c := range []struct {
		dss    DSS
		blocks int
	}{
		{DSS{}, 2}, // 12 + 4, room for 24: two blocks of 8 and the header of 2
		{DSS{Flags: DSSAck}, 2},
		{DSS{Flags: DSSAck | DSSAck8}, 1},
		{DSS{Flags: DSSAck | DSSMap}, 1},
		{DSS{Flags: DSSAck | DSSMap | DSSAck8 | DSSMap8}, 0},
		{DSS{Flags: DSSAck | DSSMap | DSSAck8 | DSSMap8, HasSum: true}, 0},
	} {
		o, err := c.dss.Append(ts)
		require.NoError(t, err)
		assert.Equal(t, c.blocks, blocks(o), "%+v", c.dss)
	}
	assert.Equal(t, 3, blocks(ts))
	assert.Equal(t, 4, blocks(nil))
	_, err = Options(nil).AppendSACK(sack...)
	requireParseError(t, err, ErrLength)
	_, err = Options(nil).AppendSACK()
	requireParseError(t, err, ErrLength)
}

// RA-01 as a property: whatever is appended, a block never exceeds 40 octets, and
// holds exactly what did not fail.
func TestAppendNeverExceeds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var o Options
		var want []string
		for range rapid.IntRange(1, 12).Draw(t, "options") {
			x := drawOption(t)
			alone, err := x.Append(nil)
			require.NoError(t, err)
			next, err := x.Append(o)
			if err != nil {
				require.ErrorIs(t, err, ErrOptionSpace)
				require.Greater(t, len(o)+len(alone), MaxOptions)
				require.Equal(t, o, next)
				continue
			}
			o, want = next, append(want, string(alone))
		}
		require.LessOrEqual(t, len(o), MaxOptions)
		require.LessOrEqual(t, o.Padded(), MaxOptions)
		var got []string
		for opt := range o.All() {
			got = append(got, string(opt))
		}
		require.Equal(t, want, got)
	})
}

// drawOption draws any option whose fields say what its length says.
func drawOption(t *rapid.T) appender {
	u64, u32 := rapid.Uint64(), rapid.Uint32()
	u16, u8, b := rapid.Uint16(), rapid.Uint8(), rapid.Bool()
	switch rapid.IntRange(0, 10).Draw(t, "kind") {
	case 0:
		m := &MPCapable{Version: Version(u8.Draw(t, "v") & 15), Flags: CapableFlags(u8.Draw(t, "flags"))}
		form := rapid.IntRange(0, 4).Draw(t, "form")
		if m.HasSender = form > 0; m.HasSender {
			m.Sender = Key(u64.Draw(t, "key"))
		}
		if m.HasReceiver = form > 1; m.HasReceiver {
			m.Receiver = Key(u64.Draw(t, "key"))
		}
		if m.HasData = form > 2; m.HasData {
			m.DataLen = u16.Draw(t, "dll")
		}
		if m.HasSum = form > 3; m.HasSum {
			m.Sum = u16.Draw(t, "sum")
		}
		return m
	case 1:
		m := &MPJoin{Form: JoinForm(rapid.IntRange(1, 3).Draw(t, "form"))}
		if m.Form == JoinACK {
			copy(m.HMAC[:], rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "hmac"))
			return m
		}
		m.Backup, m.ID, m.Nonce = b.Draw(t, "backup"), u8.Draw(t, "id"), u32.Draw(t, "nonce")
		if m.Form == JoinSYN {
			m.Token = Token(u32.Draw(t, "token"))
		} else {
			m.HMAC64 = u64.Draw(t, "hmac")
		}
		return m
	case 2, 3:
		d := &DSS{Flags: DSSFlags(u8.Draw(t, "flags")) & dssFlags}
		if d.Flags.Has(DSSAck) {
			d.DataAck = u64.Draw(t, "dack")
			if !d.Flags.Has(DSSAck8) {
				d.DataAck &= 1<<32 - 1
			}
		}
		if d.Flags.Has(DSSMap) {
			d.DSN, d.SSN, d.DataLen = u64.Draw(t, "dsn"), u32.Draw(t, "ssn"), u16.Draw(t, "dll")
			if !d.Flags.Has(DSSMap8) {
				d.DSN &= 1<<32 - 1
			}
			if d.HasSum = b.Draw(t, "csum"); d.HasSum {
				d.Sum = u16.Draw(t, "sum")
			}
		}
		return d
	case 4:
		n := rapid.SampledFrom([]int{4, 16}).Draw(t, "family")
		addr, _ := netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "addr"))
		a := &AddAddr{Version: Version(rapid.IntRange(0, 1).Draw(t, "v")), ID: u8.Draw(t, "id"), Addr: addr}
		if a.HasPort = b.Draw(t, "has port"); a.HasPort {
			a.Port = u16.Draw(t, "port")
		}
		if a.Version == V1 {
			a.Echo = b.Draw(t, "echo")
			if a.HasHMAC = b.Draw(t, "has hmac"); a.HasHMAC {
				a.HMAC = u64.Draw(t, "hmac")
			}
		}
		return a
	case 5:
		return &RemoveAddr{IDs: rapid.SliceOfN(rapid.Byte(), 1, 37).Draw(t, "ids")}
	case 6:
		p := &MPPrio{Backup: b.Draw(t, "backup"), HasID: b.Draw(t, "has id")}
		if p.HasID {
			p.ID = u8.Draw(t, "id")
		}
		return p
	case 7:
		return &MPFail{u64.Draw(t, "dsn")}
	case 8:
		return &MPFastclose{Key(u64.Draw(t, "key"))}
	case 9:
		return &MPTCPRst{b.Draw(t, "transient"), ResetReason(u8.Draw(t, "reason"))}
	}
	return &Timestamps{u32.Draw(t, "val"), u32.Draw(t, "ecr")}
}

// Our HMACs, which do without crypto/hmac for speed, against it: any key and any
// message. R3.2-11, V0-03.
func TestHMACAgainstStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "key")
		msg := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "msg")
		h := hmac.New(sha256.New, key)
		h.Write(msg)
		got := hmacSHA256(key, msg)
		require.Equal(t, h.Sum(nil), got[:])
		h = hmac.New(sha1.New, key)
		h.Write(msg)
		got1 := hmacSHA1(key, msg)
		require.Equal(t, h.Sum(nil), got1[:])
	})
}
