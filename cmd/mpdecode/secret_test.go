package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKeysAreHidden(t *testing.T) {
	for in, want := range map[string]string{
		"S <mss 1460>": "S <mss 1460>",
		". <mp_capable v1 H key=0123456789abcdef>":                        ". <mp_capable v1 H key=hidden>",
		". <mp_capable v1 H key=0123456789abcdef+fedcba9876543210 dll=7>": ". <mp_capable v1 H key=hidden+hidden dll=7>",
		"R <nop, mp_fastclose key=0123456789abcdef>":                      "R <nop, mp_fastclose key=hidden>",
		". <mp_capable raw=1e0d010101234567890abcdef0, eol x3>":           ". <mp_capable raw=1e0d0101hidden, eol x3>",
		". <dss raw=1e0320>":                                                             ". <dss raw=1e0320>",
		". <raw=1e140101234567890abcdef0>":                                               ". <raw=1e1401hidden>",
		". <nop, raw=1e14cabe31201e69>":                                                  ". <nop, raw=1e14cabe31201e69>",
		". <nop, raw=001e140101234567890abc>":                                            ". <nop, raw=001e14hidden>",
		"S <mp_join syn id=1 token=deadbeef nonce=01020304>":                             "S <mp_join syn id=1 token=deadbeef nonce=01020304>",
		". <mp_capable v1 H key=0123456789abcdef, mp_capable v1 H key=0123456789abcdef>": ". <mp_capable v1 H key=hidden, mp_capable v1 H key=hidden>",
	} {
		require.Equal(t, want, string(hideKeys([]byte(in))))
	}
}

// No command shows a key unasked.
func TestNoCommandShowsKeys(t *testing.T) {
	_, out, _ := invoke(nil, "-T", "fields", "-e", "tcp.options.mptcp.sendkey", "-Y", "tcp.options.mptcp.sendkey", "--show-keys", file("tfo.pcap"))
	keys := strings.Fields(strings.ReplaceAll(out, ",", " "))
	require.NotEmpty(t, keys)
	_, out, _ = invoke(nil, "--show-keys", "--json", file("tfo.pcap"))
	for _, m := range regexp.MustCompile(`"key[AB]":"([^"]*)"`).FindAllStringSubmatch(out, -1) {
		require.Regexp(t, "^[0-9a-f]{16}$", m[1])
		keys = append(keys, m[1])
	}

	for _, args := range [][]string{
		{}, {"--json"}, {"stats"}, {"stats", "--json"}, {"list"}, {"list", "-V"}, {"list", "-V", "--json"},
		{"verify"}, {"why"}, {"-T", "json"},
	} {
		_, out, _ := invoke(nil, append(args, file("tfo.pcap"))...)
		require.NotEmpty(t, out)
		for _, key := range keys {
			require.NotContains(t, out, key, "%v", args)
		}
	}
}
