package wire

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// requireTiles: each octet of o belongs to exactly one part, in order.
func requireTiles(t require.TestingT, o Option, parts []Part) {
	at := 0
	for _, p := range parts {
		require.Equal(t, at, p.Offset, "%x: %+v", []byte(o), parts)
		require.Positive(t, p.Len)
		require.NotEmpty(t, p.Name)
		require.NotEmpty(t, p.Value)
		at += p.Len
	}
	require.Equal(t, len(o), at, "%x: %+v", []byte(o), parts)
}

func TestExplainTiles(t *testing.T) {
	interesting := rapid.SampledFrom([]byte{0, 1, 2, 3, 4, 5, 8, 10, 12, 16, 20, 22, 24, 30, 34, 0x10, 0x20, 0x30, 0x36, 0x40, 0x80, 0xf0})
	rapid.Check(t, func(t *rapid.T) {
		o := Option(rapid.SliceOfN(rapid.OneOf(rapid.Byte(), interesting), 0, 40).Draw(t, "octets"))
		v := Version(rapid.IntRange(0, 2).Draw(t, "version"))
		if rapid.Bool().Draw(t, "MPTCP") && len(o) > 2 {
			o[0], o[1] = KindMPTCP, uint8(len(o))
		}
		parts := Explain(o, v)
		requireTiles(t, o, parts)
		for p := range Options(o).Pieces() {
			requireTiles(t, p, Explain(p, v))
		}
		// What a parser takes has no octet left unexplained, what it refuses says why.
		if len(o) > 2 && o[0] == KindMPTCP && int(o[1]) == len(o) {
			refused := parseAs(o.Subtype(), o, v) != nil
			text := fmt.Sprint(parts)
			require.Equal(t, refused, strings.Contains(text, "unparsed") || strings.Contains(text, "malformed") || strings.Contains(text, "unassigned"), "%x %s", []byte(o), text)
		}
	})
}

func TestExplain(t *testing.T) {
	for octets, want := range map[string]string{
		"1e0c100172a99912a50f07ee": "kind: 30 (Multipath TCP)|length: 12|subtype: 1 (MP_JOIN), flags: none|address id: 1|" +
			"receiver's token: 0x72a99912|sender's nonce: 0xa50f07ee",
		"1e040181": "kind: 30 (Multipath TCP)|length: 4|subtype, version: 0 (MP_CAPABLE), version 1|flags: A (checksum required), H (HMAC-SHA256)",
		"1e1801818943ec2880c02105de3e517d69b5e37200010ea9": "kind: 30 (Multipath TCP)|length: 24|subtype, version: 0 (MP_CAPABLE), version 1|" +
			"flags: A (checksum required), H (HMAC-SHA256)|sender's key: 0x8943ec2880c02105|receiver's key: 0xde3e517d69b5e372|data-level length: 1|checksum: 0x0ea9",
		"1e142005c9dc1c61b1712fb60000000100019e91": "kind: 30 (Multipath TCP)|length: 20|subtype: 2 (DSS)|flags: M (mapping), A (data ACK)|data ACK: 3386645601|" +
			"data sequence number: 2976985014|subflow sequence number: 1|data-level length: 1|checksum: 0x9e91",
		"1e0e2014b1712fb600000001000b":     "kind: 30 (Multipath TCP)|length: 14|subtype: 2 (DSS)|flags: F (DATA_FIN), M (mapping)|data sequence number: 2976985014|subflow sequence number: 1|data-level length: 11 (10 and the DATA_FIN)",
		"1e0e2004b1712fb6000000010000":     "kind: 30 (Multipath TCP)|length: 14|subtype: 2 (DSS)|flags: M (mapping)|data sequence number: 2976985014|subflow sequence number: 1|data-level length: 0 (infinite mapping)",
		"1e0320":                           "kind: 30 (Multipath TCP)|length: 3|subtype: 2 (DSS); malformed: DSS has 4 octets at least",
		"1e062001aabb":                     "kind: 30 (Multipath TCP)|length: 6|subtype: 2 (DSS)|flags: A (data ACK)|unparsed: these flags make 8 octets",
		"1e1030010a0002022774ab0811421234": "kind: 30 (Multipath TCP)|length: 16|subtype: 3 (ADD_ADDR), flags: none|address id: 1|address: 10.0.2.2|truncated HMAC: 0x2774ab0811421234",
		"1e0840010203ff04":                 "kind: 30 (Multipath TCP)|length: 8|subtype: 4 (REMOVE_ADDR)|address id: 1|address id: 2|address id: 3|address id: 255|address id: 4",
		"1e0351":                           "kind: 30 (Multipath TCP)|length: 3|subtype: 5 (MP_PRIO), flags: B (backup)",
		"1e048106":                         "kind: 30 (Multipath TCP)|length: 4|subtype: 8 (MP_TCPRST), flags: T (transient)|reason: 6 (middlebox interference)",
		"1e0c6000e9cb63dc52a10c7d":         "kind: 30 (Multipath TCP)|length: 12|subtype: 6 (MP_FAIL)|reserved: 00|data sequence number: 16846668629039713405",
		"1e0c7000de3e517d69b5e372":         "kind: 30 (Multipath TCP)|length: 12|subtype: 7 (MP_FASTCLOSE)|reserved: 00|receiver's key: 0xde3e517d69b5e372",
		"1e0490aa":                         "kind: 30 (Multipath TCP)|length: 4|subtype: 9 (unassigned)|unparsed: no option has this subtype",
		"1e04f3aa":                         "kind: 30 (Multipath TCP)|length: 4|subtype: 15 (MP_EXPERIMENTAL), reserved bits 0x3|data: aa",
		"1e02":                             "kind: 30 (Multipath TCP)|length: 2; malformed: no subtype",
		"1e":                               "kind: 30 (Multipath TCP); malformed: no length",
		"1e0a20":                           "kind: 30 (Multipath TCP)|length: 10|unparsed: the option needs 10 octets, 3 are there",
		"01":                               "kind: 1 (no operation)",
		"0000":                             "kind: 0 (end of options)|padding: 1 zero octets",
		"020405b4":                         "kind: 2 (maximum segment size)|length: 4|maximum segment size: 1460",
		"03030f":                           "kind: 3 (window scale)|length: 3|shift count: 15 (windows count 16384 octets)",
		"0402":                             "kind: 4 (SACK permitted)|length: 2",
		"040300":                           "kind: 4 (SACK permitted)|length: 3|unparsed: this option never has 3 octets",
		"080a0000000100000002":             "kind: 8 (timestamps)|length: 10|timestamp value: 1|timestamp echo reply: 2",
		"050a0000000100000002":             "kind: 5 (SACK)|length: 10|left edge of block 1: 1|right edge of block 1: 2",
		"22060a0b0c0d":                     "kind: 34 (TCP Fast Open)|length: 6|cookie: 0a0b0c0d",
		"4d03ff":                           "kind: 77 (unknown)|length: 3|data: ff",
	} {
		o := Option(unhex(t, octets))
		parts := Explain(o, V1)
		requireTiles(t, o, parts)
		var got []string
		for _, p := range parts {
			got = append(got, p.Name+": "+p.Value)
		}
		assert.Equal(t, want, strings.Join(got, "|"), octets)
	}
	// Version 0 reads the same octets otherwise: V0-04, V0-06.
	text := fmt.Sprint(Explain(unhex(t, "1e0834010a000202"), V0))
	assert.Contains(t, text, "IPv4")
	assert.Contains(t, text, "10.0.2.2")
	text = fmt.Sprint(Explain(unhex(t, "1e0c00210000000000000001"), V0))
	assert.Contains(t, text, "C, H (HMAC-SHA1)")
	assert.Nil(t, Explain(nil, V1))
}
