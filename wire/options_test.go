package wire

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func collect(t *testing.T, o Options) (all []string) {
	for opt := range o.All() {
		all = append(all, hex.EncodeToString(opt))
	}
	return all
}

// R2-01, T9293-04, CVE-2021-47244: the walk stops where a length lies, and never leaves the
// block, also where its last octet is a bare kind or a length that says 1.
func TestWalk(t *testing.T) {
	for _, c := range []struct {
		block string
		want  []string
		err   error
		at    int
	}{
		{"", nil, nil, 0},
		{"01010101", nil, nil, 0},
		{"00", nil, nil, 0},
		{"000203", nil, nil, 0},
		{"0101080a00000001000000021e0351", []string{"080a0000000100000002", "1e0351"}, nil, 0},
		{"1e035100020405b4", []string{"1e0351"}, nil, 0},
		{"1e", nil, ErrTruncated, 0},
		{"01011e", nil, ErrTruncated, 2},
		{"1e00", nil, ErrLength, 1},
		{"1e0120", nil, ErrLength, 1},
		{"1e01", nil, ErrLength, 1},
		{"1e0351021e", []string{"1e0351"}, ErrTruncated, 3},
		{"1e02", []string{"1e02"}, nil, 0},
		{"1e0420", nil, ErrTruncated, 0},
		{"1e0351011eff51", []string{"1e0351"}, ErrTruncated, 4},
		{"ff", nil, ErrTruncated, 0},
		{"4d03aa", []string{"4d03aa"}, nil, 0},
	} {
		o := Options(unhex(t, c.block))
		assert.Equal(t, c.want, collect(t, o), c.block)
		err := o.Check()
		if c.err == nil {
			assert.NoError(t, err, c.block)
			continue
		}
		requireParseError(t, err, c.err)
		var e *ParseError
		require.ErrorAs(t, err, &e)
		assert.Equal(t, c.at, e.Offset, c.block)
	}
}

// All, MPTCP, Next, Find and Pieces agree on any octets.
func TestWalksAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := Options(rapid.SliceOfN(rapid.OneOf(rapid.Byte(), rapid.SampledFrom([]byte{0, 1, 2, 3, 4, 30, 30, 0x20})), 0, 40).Draw(t, "block"))
		var byNext, byAll, mptcp, byMPTCP []Option
		for rest := o; ; {
			opt, r, ok := rest.Next()
			if !ok {
				break
			}
			require.GreaterOrEqual(t, len(opt), 2)
			require.Equal(t, len(opt), cap(opt), "appending to an option must not write into the next")
			require.EqualValues(t, opt[1], len(opt))
			require.Equal(t, len(opt)-2, len(opt.Data()))
			byNext = append(byNext, opt)
			if opt.Kind() == KindMPTCP && len(opt) > 2 {
				mptcp = append(mptcp, opt)
			}
			rest = r
		}
		for opt := range o.All() {
			byAll = append(byAll, opt)
			require.Equal(t, len(opt), cap(opt))
		}
		for opt := range o.MPTCP() {
			byMPTCP = append(byMPTCP, opt)
		}
		require.Equal(t, byNext, byAll)
		require.Equal(t, mptcp, byMPTCP)
		for i := range byAll {
			n := 0
			for range o.All() {
				if n++; n == i+1 {
					break // leaving early is fine
				}
			}
		}
		for kind := range 256 {
			got, ok := o.Find(uint8(kind))
			var want Option
			for _, opt := range byNext {
				if want == nil && int(opt[0]) == kind {
					want = opt
				}
			}
			require.Equal(t, want != nil, ok)
			require.Equal(t, want, got)
		}
		var joined []byte
		var pieces []Option
		for p := range o.Pieces() {
			require.NotEmpty(t, p)
			joined, pieces = append(joined, p...), append(pieces, p)
		}
		require.Equal(t, string(o), string(joined), "no gap")
		var fromPieces []Option
		for i, p := range pieces {
			switch {
			case p[0] == KindNOP && len(p) == 1, p[0] == KindEOL:
			case len(p) >= 2 && int(p[1]) == len(p) && (i == 0 || pieces[i-1][0] != KindEOL):
				fromPieces = append(fromPieces, p)
			default:
				require.Equal(t, len(pieces)-1, i, "only the last piece is no option")
			}
		}
		require.Equal(t, byNext, fromPieces)
		for range o.Pieces() {
			break
		}
	})
}

func TestPieces(t *testing.T) {
	for block, want := range map[string][]string{
		"":                     nil,
		"01011e035100":         {"01", "01", "1e0351", "00"},
		"1e0351000000":         {"1e0351", "000000"},
		"1e03510000020405b400": {"1e0351", "0000", "020405b400"},
		"011e0a20":             {"01", "1e0a20"},
		"1e":                   {"1e"},
		"1e0051":               {"1e0051"},
	} {
		var got []string
		for p := range Options(unhex(t, block)).Pieces() {
			got = append(got, hex.EncodeToString(p))
		}
		assert.Equal(t, want, got, block)
	}
}

// T7323-01: the shift count is given as it stands; MaxWindowScale is what more
// counts as.
func TestTCPOptions(t *testing.T) {
	for mss := 0; mss < 1<<16; mss += 257 {
		o, err := Options(nil).AppendMSS(uint16(mss))
		require.NoError(t, err)
		got, err := ParseMSS(Option(o))
		require.NoError(t, err)
		require.EqualValues(t, mss, got)
	}
	for shift := range 256 {
		o, err := Options(nil).AppendWindowScale(uint8(shift))
		require.NoError(t, err)
		got, err := ParseWindowScale(Option(o))
		require.NoError(t, err)
		require.EqualValues(t, shift, got)
		require.EqualValues(t, min(shift, 14), min(got, MaxWindowScale))
	}
	o, err := Options(nil).AppendSACKPermitted()
	require.NoError(t, err)
	require.Equal(t, Options{KindSACKPermitted, 2}, o)
	for n := 1; n <= 4; n++ { // T2018-01: order is kept, the first block stays first
		blocks := []SACKBlock{{1, 2}, {0xfffffff0, 5}, {7, 7}, {9, 8}}[:n]
		o, err := Options(nil).AppendSACK(blocks...)
		require.NoError(t, err)
		require.Len(t, o, 2+8*n)
		var got [4]SACKBlock
		m, err := ParseSACK(Option(o), &got)
		require.NoError(t, err)
		require.Equal(t, blocks, got[:m])
	}
	for n := range 20 {
		cookie := make([]byte, n)
		o, err := Options(nil).AppendFastOpen(cookie)
		legal := n == 0 || n >= 4 && n <= 16 && n%2 == 0
		if !legal { // RFC 7413 section 4.1.1
			requireParseError(t, err, ErrLength)
			continue
		}
		require.NoError(t, err)
		got, err := ParseFastOpen(Option(o))
		require.NoError(t, err)
		require.Equal(t, cookie, got)
	}
	full := make(Options, MaxOptions)
	for _, put := range []func() (Options, error){
		func() (Options, error) { return full.AppendMSS(1) },
		func() (Options, error) { return full.AppendWindowScale(1) },
		full.AppendSACKPermitted,
		func() (Options, error) { return full.AppendSACK(SACKBlock{}) },
		func() (Options, error) { return full.AppendFastOpen(nil) },
		func() (Options, error) { return full.AppendNOP(1) },
		func() (Options, error) { return full.AppendRaw(Option{1, 2}) },
		func() (Options, error) { return Timestamps{}.Append(full[:31]) },
	} {
		o, err := put()
		requireParseError(t, err, ErrOptionSpace)
		require.GreaterOrEqual(t, len(o), 31)
	}
	for n, want := range map[int]int{0: 0, 1: 4, 4: 4, 37: 40, 40: 40} {
		assert.Equal(t, want, full[:n].Padded())
	}
	assert.Empty(t, Option{KindNOP}.Data())
}

// T9293-04: every length of every TCP option this package decodes: its own, or a
// typed error.
func TestTCPOptionLengths(t *testing.T) {
	parsers := map[uint8]func(Option) error{
		KindMSS:         func(o Option) error { _, err := ParseMSS(o); return err },
		KindWindowScale: func(o Option) error { _, err := ParseWindowScale(o); return err },
		KindTimestamps:  func(o Option) error { _, err := ParseTimestamps(o); return err },
		KindSACK:        func(o Option) error { var b [4]SACKBlock; _, err := ParseSACK(o, &b); return err },
		KindFastOpen:    func(o Option) error { _, err := ParseFastOpen(o); return err },
	}
	legal := map[uint8]map[int]bool{
		KindMSS: {4: true}, KindWindowScale: {3: true}, KindTimestamps: {10: true},
		KindSACK:     {10: true, 18: true, 26: true, 34: true},
		KindFastOpen: {2: true, 6: true, 8: true, 10: true, 12: true, 14: true, 16: true, 18: true},
	}
	for kind, parse := range parsers {
		for n := 2; n <= MaxOptions; n++ {
			o := make(Option, n)
			o[0], o[1] = kind, uint8(n)
			if err := parse(o); legal[kind][n] {
				require.NoError(t, err)
			} else {
				requireParseError(t, err, ErrLength)
			}
			o[0] = 77
			requireParseError(t, parse(o), ErrKind)
		}
		requireParseError(t, parse(nil), ErrKind)
		requireParseError(t, parse(Option{kind}), ErrKind)
	}
}
