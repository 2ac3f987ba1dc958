package mbox

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mptcp-go/mptcp/fsm/netsim"
)

func TestSpecsRoundTrip(t *testing.T) {
	for _, spec := range everySpec {
		el, err := Parse(spec)
		require.NoError(t, err)
		again, err := Parse(el.String())
		require.NoError(t, err, el.String())
		require.Equal(t, el.String(), again.String())
	}
	for _, c := range [][2]string{
		{"strip  mptcp after=3whs\tdir=c2s", "strip mptcp dir=c2s after=3whs"},
		{"split dir=s2c 500 copy=all", "split 500 dir=s2c"},
		{"nat addr=192.0.2.77 ports=1-2 idle=60s mid=drop open", "nat addr=192.0.2.77 ports=1-2 idle=1m0s mid=drop open"},
		{"drop on=ack3+syn after=2KB until=5p count=3 chance=10%", "drop on=syn+ack3 after=2000B until=5p count=3 chance=0.1"},
		{"proxy buffer=64KiB rto=0.1s die=1KB", "proxy rto=100ms die=1000"},
		{"coalesce", "coalesce 2"},
		{"link rate=1Mbit", "link rate=1000000"},
		{"payload find=a put=", "payload find=a put="},
		{"seq delta=4294967295", "seq delta=4294967295"},
	} {
		el, err := Parse(c[0])
		require.NoError(t, err, c[0])
		require.Equal(t, c[1], el.String())
	}
}

func TestBadSpecs(t *testing.T) {
	for spec, text := range map[string]string{
		"":                          "element: empty specification",
		"natt":                      "natt: no such element; there are ack, ackfix, coalesce, drop, dup, firewall, hole, lie, link, mss, nat, normalize, payload, pmtu, proxy, rst, seq, split, strip, window",
		"split":                     `split: "": want a number of octets from 1 to 65535`,
		"split 0":                   `split: "0": want a number of octets from 1 to 65535`,
		"split 5 6":                 `split: unknown word "6"`,
		"strip":                     "strip: which options?",
		"strip foo":                 `strip: no such option: "foo"`,
		"strip opt1":                `strip: no such option: "opt1"`,
		"strip mptcp dir=up":        "strip: dir=up: want one of both, c2s, s2c",
		"strip mptcp dir=c2s dir=c": "strip: dir is given twice",
		"strip mptcp on=syn+foo":    "strip: on=syn+foo: want some of syn+synack+ack3+data+ack+fin+rst",
		"hole after=soon":           "hole: after=soon: want 3whs, a time, octets (5000B) or packets (20p)",
		"hole why=not":              `hole: unknown field "why"`,
		"drop has=mptcp+x":          `drop: has=mptcp+x: no such option: "x"`,
		"drop chance=2":             "drop: chance=2: not a valid value",
		"nat addr=1.2.3":            "nat: addr=1.2.3: not an address",
		"nat ports=9-8":             "nat: ports=9-8: want a range such as 1024-65535",
		"payload":                   "payload: want flip, insert, delete, or find= and put=",
		"payload flip find=a put=b": "payload: find and put stand together, without another word",
		"payload find=a":            "payload: find and put stand together, without another word",
		"payload flip by=3":         `payload: unknown field "by"`,
		"proxy on=syn":              "proxy: only dir may be chosen",
		"pmtu 500 count=1":          "pmtu: only dir may be chosen",
		"proxy rto=1us":             "proxy: buffer or rto too small",
		"coalesce 1":                `coalesce: "1": want a number of segments from 2 to 1000`,
		"lie hmac hmak":             `lie: "hmak": want some of addhmac, checksum, dataack, datafin, echo, fastclose, flags, hmac, key, length, mapping, ssn, token, version`,
		"lie by=0 key":              "lie: by=0: not a valid value",
		"link loss=3":               "link: loss=3: not a valid value",
	} {
		_, err := Parse(spec)
		require.EqualError(t, err, text, spec)
		var bad *netsim.SpecError
		require.ErrorAs(t, err, &bad)
	}
	require.Panics(t, func() { MustParse("?") })
}

func TestUsageNamesEveryElement(t *testing.T) {
	kinds := Kinds()
	usage := Usage()
	require.Len(t, usage, len(kinds))
	for i, line := range usage {
		kind, _, _ := strings.Cut(line, ":")
		kind, _, _ = strings.Cut(kind, " ")
		require.Equal(t, kinds[i], kind)
		used := false
		for _, spec := range everySpec {
			used = used || strings.HasPrefix(spec+" ", kind+" ")
		}
		require.True(t, used, "%s is in no test", kind)
	}
}

func TestParseNeverPanics(t *testing.T) {
	words := []string{"=", "dir=", "on=", "after=B", "after=p", "until=-1s", "count=-1", "has=", "ports=", "ports=-", "addr=::1%x",
		"down=-", "down=1s", "burst=/", "burst=1/1/1/1/1", "rate=1e99", "rate=-1", "buffer=1e40", "mptcp", "5", "nat=", "max=0"}
	rapid.Check(t, func(t *rapid.T) {
		spec := rapid.SampledFrom(Kinds()).Draw(t, "kind")
		for range rapid.IntRange(0, 4).Draw(t, "words") {
			if rapid.Bool().Draw(t, "known") {
				spec += " " + rapid.SampledFrom(words).Draw(t, "word")
			} else {
				spec += " " + rapid.String().Draw(t, "text")
			}
		}
		if el, err := Parse(spec); err == nil {
			if again, err := Parse(el.String()); err != nil || again.String() != el.String() {
				t.Fatalf("%q became %q: %v", spec, el, err)
			}
		}
	})
}
