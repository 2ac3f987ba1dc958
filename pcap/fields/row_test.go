package fields_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/fields"
	"github.com/mptcp-go/mptcp/wire"
)

// cell prints one field.
func cell(t testing.TB, r *fields.Row, name string) string {
	t.Helper()
	return string(r.Append(nil, id(t, name), ","))
}

// TestRowCells has a frame of every link type and tunnel: its protocols, addresses, and
// what stands first and last in the segment.
func TestRowCells(t *testing.T) {
	want := map[string]string{
		"ethernet":               "eth:ethertype:ip:tcp:mptcp 10.0.0.1 2 3 2",
		"IPv4 options":           "eth:ethertype:ip:tcp:mptcp 10.0.0.1 2 3 2",
		"IPv6":                   "eth:ethertype:ipv6:tcp:mptcp 2001:db8::1 2 3 2",
		"IPv6 extension headers": "eth:ethertype:ipv6:ipv6.hopopts:ipv6.dstopts:tcp:mptcp 2001:db8::1 2 3 2",
		"VLAN":                   "eth:ethertype:vlan:ethertype:ip:tcp:mptcp 10.0.0.1 2 3 2",
		"two VLANs":              "eth:ethertype:vlan:ethertype:vlan:ethertype:ip:tcp:mptcp 10.0.0.1 2 3 2",
		"raw":                    "raw:ip:tcp:mptcp 10.0.0.1 2 3 2",
		"raw IPv6":               "raw:ipv6:tcp:mptcp 2001:db8::1 2 3 2",
		"cooked":                 "sll:ethertype:ip:tcp:mptcp 10.0.0.1 2 3 2",
		"cooked 2":               "sll:ethertype:ip:tcp:mptcp 10.0.0.1 2 3 2",
		"loopback":               "null:ip:tcp:mptcp 10.0.0.1 2 3 2",
		"IP in IP":               "raw:ip:ip:tcp:mptcp 192.0.2.1,10.0.0.1 2 3 2",
		"IPv6 in IP":             "raw:ip:ipv6:tcp:mptcp 192.0.2.1 2001:db8::1 2 3 2",
		"GRE":                    "raw:ip:gre:ip:tcp:mptcp 192.0.2.1,10.0.0.1 2 3 2",
		"GTP-U":                  "raw:ip:udp:gtp:ip:tcp:mptcp 192.0.2.1,10.0.0.1 2 3 2",
		"VXLAN":                  "raw:ip:udp:vxlan:eth:ethertype:ip:tcp:mptcp 192.0.2.1,10.0.0.1 2 3 2",
		"offload":                "eth:ethertype:ip:tcp:mptcp 10.0.0.1 2 3 2",
		"padding":                "eth:ethertype:ip:tcp 10.0.0.1 0 1",
		"fragment":               "eth:ethertype:ip 10.0.0.1",
		"last fragment":          "eth:ethertype:ip 10.0.0.1",
		"short IP length":        "eth:ethertype:ip:tcp 10.0.0.1",
		"bogus IP length":        "eth:ethertype:ip",
		"bogus IP header length": "eth:ethertype:ip",
		"UDP":                    "raw:ip:udp 192.0.2.1",
	}
	for _, sample := range linkSamples() {
		r := fields.NewExtractor().Frame(&pcap.Frame{Link: sample.link, Data: sample.frame, Len: len(sample.frame)})
		var got []string
		for _, name := range []string{"frame.protocols", "ip.src", "ipv6.src", "tcp.len", "tcp.nxtseq", "tcp.options.mptcp.subtype"} {
			if s := cell(t, r, name); s != "" {
				got = append(got, s)
			}
		}
		require.Equal(t, want[sample.name], strings.Join(got, " "), sample.name)
	}
}

func TestRowPrinting(t *testing.T) {
	r := rowOf(pcap.LinkEthernet, ethernetFrame(1000, 5001, wire.ACK|wire.PSH|wire.CWR, sampleOptions, []byte("hi")))
	for name, want := range map[string]string{
		"frame.time_epoch": "1700000000.123456789", "frame.time_relative": "0.000000000", "frame.number": "1",
		"frame.len": "88", "frame.cap_len": "88", "frame.comment": `lost "twice"`,
		"eth.dst": "02:00:00:00:01:02", "eth.addr": "02:00:00:00:01:02,02:00:00:00:01:01", "eth.type": "0x0800",
		"ip.id": "0x0001", "ip.len": "74", "ip.ttl": "64", "ip.flags": "0x02", "ip.addr": "10.0.0.1,10.0.0.2",
		"tcp": "tcp", "tcp.port": "1000,5001", "tcp.flags": "0x0098", "tcp.flags.cwr": "1", "tcp.flags.str": "····C··AP···",
		"tcp.hdr_len": "52", "tcp.checksum": "0xabcd", "tcp.window_size_value": "8192", "tcp.payload": "6869",
		"tcp.option_kind": "1,1,8,30", "tcp.options.mptcp.flags": "0x05", "mpd.dss.checksum": "0xabcd",
		"mptcp.stream": "", "mptcp.master": "", "ipv6.src": "",
	} {
		require.Equal(t, want, cell(t, r, name), name)
	}
	require.Equal(t, "seen 1000;5001", string(r.Append([]byte("seen "), id(t, "tcp.port"), ";")))
}

func TestRowTimes(t *testing.T) {
	x := fields.NewExtractor()
	b := ethernetFrame(1000, 5001, wire.ACK, nil, nil)
	for _, c := range []struct {
		nanos                  int64
		timed                  bool
		epoch, relative, delta string
	}{
		{5, false, "", "", ""}, // a simple packet block has no time
		{2_000_000_000, true, "2.000000000", "0.000000000", "0.000000000"},
		{3_000_000_001, true, "3.000000001", "1.000000001", "1.000000001"},
		{1_999_999_000, true, "1.999999000", "-0.000001000", "-1.000001001"},
		{-1_500_000_000, true, "-1.500000000", "-3.500000000", "-3.499999000"},
	} {
		r := x.Frame(&pcap.Frame{HasTime: c.timed, Nanos: c.nanos, Link: pcap.LinkEthernet, Data: b, Len: len(b)})
		require.Equal(t, c.epoch, cell(t, r, "frame.time_epoch"))
		require.Equal(t, c.relative, cell(t, r, "frame.time_relative"))
		require.Equal(t, c.delta, cell(t, r, "frame.time_delta"))
		require.Equal(t, c.relative, cell(t, r, "tcp.time_relative"))
	}
}

func TestSetStream(t *testing.T) {
	r := rowOf(pcap.LinkEthernet, ethernetFrame(1000, 5001, wire.ACK, nil, nil))
	r.SetStream(7, false)
	r.SetStream(3, true) // the last call counts
	require.Equal(t, "3 1", cell(t, r, "mptcp.stream")+" "+cell(t, r, "mptcp.master"))
	f, err := fields.Compile("mptcp.stream == 3 && mptcp.master == 1")
	require.NoError(t, err)
	require.True(t, f.Match(r))
}

// TestControlCharacters: a comment cannot break a table.
func TestControlCharacters(t *testing.T) {
	r := fields.NewExtractor().Frame(&pcap.Frame{Link: pcap.LinkRaw, Comments: []string{"a\tb\nc\\d\x00é", "second"}})
	require.Equal(t, `a\tb\nc\d\x00é,second`, cell(t, r, "frame.comment"))
}

func TestFieldTable(t *testing.T) {
	names := fields.Names()
	unique := slices.Compact(slices.Sorted(slices.Values(names)))
	require.Len(t, unique, len(names))
	layers := make(map[string]int)
	secrets := 0
	for i, name := range names {
		f, ok := fields.Lookup(name)
		require.True(t, ok, name)
		require.Equal(t, name, f.ID.Field().Name)
		require.Equal(t, i, int(f.ID))
		require.NotEmpty(t, f.Help, name)
		require.NotEqual(t, "unknown", f.Type.String(), name)
		if f.Secret {
			secrets++
		}
		// JSON makes one object of each run of a protocol's fields.
		layer, _, _ := strings.Cut(name, ".")
		if last, ok := layers[layer]; ok {
			require.Equal(t, i-1, last, "%s is apart from other fields of %s", name, layer)
		}
		layers[layer] = i
	}
	require.Equal(t, 3, secrets, "sendkey, recvkey and the option block that holds them")
	_, ok := fields.Lookup("tcp.nosuch")
	require.False(t, ok)
}

func TestSuggest(t *testing.T) {
	for name, want := range map[string]string{
		"tcp.strem":         "tcp.stream",
		"tcp.options.mptcp": "tcp.options.mptcp.subtype",
		"rawdataseqno":      "tcp.options.mptcp.rawdataseqno",
		"mptcp.sendkey":     "tcp.options.mptcp.sendkey",
		"TCP.LEN":           "tcp.len",
		"ip.source":         "ip.src",
		"mpd.dss.chksum":    "mpd.dss.checksum",
	} {
		require.Contains(t, fields.Suggest(name), want, name)
	}
	require.Empty(t, fields.Suggest("quite.something.else"))
}
