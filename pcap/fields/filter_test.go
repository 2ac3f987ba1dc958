package fields_test

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/fields"
	"github.com/mptcp-go/mptcp/wire"
)

var update = flag.Bool("update", false, "ask the installed tshark for testdata/filters.txt again")

// TestFilterAsTshark selects the frames that tshark 4.0 does. Each line of the file is a
// capture, a filter, and the frames.
func TestFilterAsTshark(t *testing.T) {
	const golden = "testdata/filters.txt"
	needCaptures(t)
	text, err := os.ReadFile(golden)
	require.NoError(t, err)
	rows := make(map[string][]*fields.Filter)
	want := make(map[*fields.Filter]string)
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		if line[0] == '#' {
			out.WriteString(line)
			continue
		}
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		require.GreaterOrEqual(t, len(cells), 2, line)
		f, err := fields.Compile(cells[1])
		require.NoError(t, err)
		if *update {
			cells = append(cells[:2], askTshark(t, cells[0], cells[1]))
			out.WriteString(strings.Join(cells, "\t") + "\n")
		}
		require.Len(t, cells, 3, line)
		rows[cells[0]] = append(rows[cells[0]], f)
		want[f] = cells[2]
	}
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(out.String()), 0o644))
	}
	for file, filters := range rows {
		got := make(map[*fields.Filter][]int)
		eachRow(t, filepath.Join(capturesDir, file), func(fr *pcap.Frame, r *fields.Row) {
			for _, f := range filters {
				if f.Match(r) {
					got[f] = append(got[f], fr.Number)
				}
			}
		})
		for _, f := range filters {
			if s := ranges(got[f]); s != want[f] {
				t.Errorf("%s: %s\nselects %s\ntshark  %s", file, f, s, want[f])
			}
		}
	}
}

func askTshark(t *testing.T, file, expr string) string {
	t.Helper()
	out, err := exec.Command("tshark", "-n", "-r", filepath.Join(capturesDir, file), "-Y", expr, "-T", "fields", "-e", "frame.number").Output()
	require.NoError(t, err, expr)
	var list []int
	for _, s := range strings.Fields(string(out)) {
		n, err := strconv.Atoi(s)
		require.NoError(t, err)
		list = append(list, n)
	}
	return ranges(list)
}

// ranges writes rising numbers as 1-3,7; "none" if there are none.
func ranges(list []int) string {
	if len(list) == 0 {
		return "none"
	}
	var b strings.Builder
	for i := 0; i < len(list); {
		j := i
		for j+1 < len(list) && list[j+1] == list[j]+1 {
			j++
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(list[i]))
		if j > i {
			b.WriteString("-" + strconv.Itoa(list[j]))
		}
		i = j + 1
	}
	return b.String()
}

// rowOf reads one frame.
func rowOf(link pcap.LinkType, data []byte) *fields.Row {
	return fields.NewExtractor().Frame(&pcap.Frame{
		Number: 1, HasTime: true, Nanos: 1_700_000_000_123_456_789, Link: link, Len: len(data), Data: data,
		Comments: []string{"lost \"twice\""},
	})
}

// TestFilterOneFrame is the language on one frame, so that each rule can be seen: two
// ports, two timestamps, octets, text, an IPv6 packet.
func TestFilterOneFrame(t *testing.T) {
	four := rowOf(pcap.LinkEthernet, ethernetFrame(1000, 5001, wire.ACK|wire.PSH, sampleOptions, []byte("GET /")))
	six := rowOf(pcap.LinkRaw, ipv6Packet(6, ethernetFrame(1000, 5001, wire.SYN, nil, nil)[34:]))
	for _, c := range []struct {
		expr      string
		four, six bool
	}{
		{"", true, true},
		{"tcp", true, true},
		{"ip", true, false},
		{"ipv6 || vlan", false, true},
		{"mptcp", true, false},
		// Presence, not truth.
		{"tcp.flags.syn", true, true},
		{"tcp.flags.syn == 1", false, true},
		{"tcp.flags.syn == True", false, true},
		{"tcp.flags.syn == 7", false, true},
		{"!tcp.flags.syn == 1", true, false},
		// Several occurrences.
		{"tcp.port == 5001", true, true},
		{"tcp.port != 5001", false, false},
		{"tcp.port ~= 5001", true, true},
		{"tcp.port === 5001", false, false},
		{"tcp.port != 80", true, true},
		{"tcp.port all_eq 5001 or tcp.port any_ne 5001", true, true},
		{"ip.addr != 10.9.9.9", true, false}, // the field has to be there
		{"!(ip.addr == 10.9.9.9)", true, true},
		// Numbers.
		{"tcp.seq_raw eq 0x3e8 and tcp.ack_raw == 03720", true, true},
		{"tcp.seq_raw == 0b1111101000", true, true},
		{"tcp.srcport < tcp.dstport", true, true},
		{"tcp.srcport gt tcp.dstport", false, false},
		{"tcp.flags & 0x18", true, false},
		{"tcp.flags & 0x1a == 2", false, true},
		{"tcp.window_size_scalefactor == -1", true, false},
		{"tcp.options.mptcp.rawdataack in {1, 5..9}", true, false},
		{"tcp.options.mptcp.rawdataack in {1 10 .. 18446744073709551615}", false, false},
		{"tcp.port not in {80, 443}", true, true},
		{"not tcp.port in {1000}", false, false},
		// Addresses.
		{"ip.src == 10.0.0.1", true, false},
		{"ip.addr == 10.0.0.2/31", true, false},
		{"ip.addr in {10.0.0.0/30}", true, false},
		{"ip.src == 10.0.0.2", false, false},
		{"ip.src == 0.0.0.0/0", true, false},
		{"ipv6.addr == 2001:db8::2", false, true},
		{"ipv6.src == 2001:db8::/33", false, true},
		{"ipv6.src == 2001:db8:8000::/33", false, false},
		{"eth.addr == 02:00:00:00:01:01", true, false},
		{"eth.src contains 02-00", true, false},
		// Octets and text.
		{"tcp.payload contains \"GET\"", true, false},
		{"tcp.payload contains 47:45:54", true, false},
		{"tcp.payload contains 474554", true, false},
		{"tcp.payload contains 47.45.54", true, false},
		{"tcp.payload contains \"\\x47E\"", true, false},
		{"tcp contains 13:89", true, true},
		{"tcp.payload matches \"^get\"", true, false},
		{"frame.protocols contains \"mptcp\"", true, false},
		{"frame.protocols == \"raw:ipv6:tcp\"", false, true},
		{"frame.comment contains '\"twice\"'", true, true},
		// Times.
		{"frame.time_relative == 0 && frame.time_epoch > 1700000000.123456788", true, true},
		{"frame.time_epoch <= 1700000000.1", false, false},
		{"frame.time_relative >= -1.5", true, true},
		// Precedence.
		{"ip || ipv6 && vlan", true, false},
		{"(ip || ipv6) && vlan", false, false},
		{"not ip and ipv6", false, true},
		{"!!tcp&&tcp.port==5001", true, true},
	} {
		f, err := fields.Compile(c.expr)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := f.Match(four); got != c.four {
			t.Errorf("%s: IPv4 frame: %v", c.expr, got)
		}
		if got := f.Match(six); got != c.six {
			t.Errorf("%s: IPv6 frame: %v", c.expr, got)
		}
	}
}

func TestFilterErrors(t *testing.T) {
	for _, c := range []struct {
		expr   string
		offset int
		msg    string
	}{
		{"tcp.options.mptcp.subtyp == 1", 0, `unknown field "tcp.options.mptcp.subtyp" (did you mean tcp.options.mptcp.subtype?)`},
		{"tcp && tcp.sport == 1", 7, `unknown field "tcp.sport" (did you mean tcp.port, tcp.srcport, tcp.dstport?)`},
		{"mptcp.rawdataack", 0, `unknown field "mptcp.rawdataack" (did you mean tcp.options.mptcp.rawdataack?)`},
		{"zzzzzz", 0, `unknown field "zzzzzz"`},
		{"5001", 0, `unknown field "5001"`},
		{"tcp.len >", 9, "a value is missing"},
		{"tcp and", 7, "a field is missing"},
		{"(tcp or (ip)", 12, "missing ) for the ( in column 1"},
		{"tcp)", 3, `unexpected ")"`},
		{"tcp.len = 0", 8, `unexpected "="`},
		{"== 5", 0, `"==" where a field should be`},
		{"\"abc\"", 0, `"abc" where a field should be`},
		{"1 < tcp.len", 0, `unknown field "1"`},
		{"tcp.len < 5 < 6", 12, `unexpected "<"`},
		{"tcp.len == abc", 11, `"abc" is no number (invalid syntax)`},
		{"tcp.len == -1", 11, `"-1" is no number (invalid syntax)`},
		{"tcp.flags == 0x10000", 13, `"0x10000" is no number, hex (too large)`},
		{"tcp.len == \"a\"", 11, "a string where the field has a number"},
		{"tcp.seq_raw == 18446744073709551616", 15, `"18446744073709551616" is no number (value out of range)`},
		{"ip.src == example.org", 10, `"example.org" is no IPv4 address (names are not looked up)`},
		{"ip.src == ::1", 10, `"::1" is no IPv4 address (it is of another family)`},
		{"ipv6.src == 1.2.3.4", 12, `"1.2.3.4" is no IPv6 address (it is of another family)`},
		{"ip.src == 10.0.0.0/33", 10, `"10.0.0.0/33" is no IPv4 address (write address/length)`},
		{"eth.src == 02:00:00", 11, `"02:00:00" is no Ethernet address (it has 6 octets)`},
		{"tcp.payload == 4:5", 15, `"4:5" is no octets (write octets as aa:bb:cc, or text in quotes)`},
		{"frame.time_relative < 900ms", 22, `"900ms" is no seconds (invalid syntax)`},
		{"tcp.len contains 1", 0, "tcp.len (number) cannot contain anything; text and octets can"},
		{"tcp.len matches \"1\"", 0, "tcp.len (number) cannot match anything; text and octets can"},
		{"tcp.payload matches \"(\"", 20, "error parsing regexp: missing closing ): `(?i)(`"},
		{"tcp.payload matches a", 20, "a regular expression in quotes is missing"},
		{"tcp.payload contains \"a", 21, `no closing " of the string`},
		{"tcp.payload contains \"\\z\"", 21, `bad escape in "\z"`},
		{"tcp.port in 5", 12, "missing { after in"},
		{"tcp.port in {5", 14, "missing , or } in the set"},
		{"tcp.port in {}", 13, `"}" where a value should be`},
		{"ip.src == tcp.port", 10, "ip.src (IPv4 address) and tcp.port (number) cannot be compared"},
		{"tcp.options.tfo.request == 1", 27, "tcp.options.tfo.request has no value to compare"},
		{"tcp.flags & 0", 12, "a mask of 0 selects nothing"},
		{"ip.src & 1", 0, "ip.src is no unsigned number, so & means nothing"},
		{"tcp \u00a7", 4, `unexpected "\xc2"`},
		{strings.Repeat("(", 300), 200, "more than 200 levels"},
	} {
		_, err := fields.Compile(c.expr)
		e, ok := errors.AsType[*fields.FilterError](err)
		if !ok {
			t.Errorf("%s: error %v", c.expr, err)
			continue
		}
		if e.Offset != c.offset || e.Msg != c.msg {
			t.Errorf("%s: at %d: %s", c.expr, e.Offset, e.Msg)
		}
	}
	_, err := fields.Compile("ip && tcp.sport == 1")
	e, _ := errors.AsType[*fields.FilterError](err)
	require.Equal(t, "ip && tcp.sport == 1\n      ^~~~~~~~~", e.Caret())
	require.ErrorContains(t, err, `at column 7 of "ip && tcp.sport == 1"`)
}

func TestFilterUses(t *testing.T) {
	f, err := fields.Compile("tcp.len > 0 && (mptcp.stream == 3 || tcp.port == tcp.srcport)")
	require.NoError(t, err)
	require.True(t, f.Uses(id(t, "mptcp.stream")))
	require.True(t, f.Uses(id(t, "tcp.srcport")))
	require.False(t, f.Uses(id(t, "tcp.dstport")))
}
