package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/stretchr/testify/require"
)

func TestExitCodes(t *testing.T) {
	cut := filepath.Join(t.TempDir(), "cut.pcap")
	data, err := os.ReadFile(file("csum-oneside.pcap"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(cut, data[:5000], 0o600))
	two, bad := file("csum-oneside.pcap"), file("joinhmac-corrupt.pcap")
	for _, c := range []struct {
		args string
		code int
		says string // on stderr
	}{
		{two, exitClean, ""},
		{"stats " + two, exitClean, ""},
		{"list " + two, exitClean, ""},
		{bad, exitFindings, ""},
		{"-q " + bad, exitFindings, ""},
		{"verify " + bad, exitFindings, ""},
		{"verify --json " + bad, exitFindings, ""},
		{"why " + bad, exitFindings, ""},
		{"stats " + bad, exitFindings, ""},
		{"list " + bad, exitClean, ""}, // it prints segments, not findings
		{"--fail-on never " + bad, exitClean, ""},
		{file("fallback-synstrip.pcap"), exitClean, ""},
		{"--fail-on warn " + file("fallback-synstrip.pcap"), exitFindings, ""},
		{"--each " + two + " " + bad, exitFindings, ""},
		{"--each " + file("fallback-synstrip-srv.pcap") + " " + two, exitClean, ""},
		{cut, exitUnreadable, "cut.pcap: packet"},
		{"--each " + cut + " " + bad, exitUnreadable, "cut short"},
		{"list " + cut, exitUnreadable, "after 23 packets"},
		{"nosuch.pcap", exitUnreadable, "open nosuch.pcap: no such file"},
		{"main.go", exitUnreadable, "main.go: file header at offset 0: neither pcap nor pcapng"},
		{"nosuch.pcap " + two, exitUnreadable, "nosuch.pcap"},
		{file("fallback-synstrip-srv.pcap"), exitNoMatch, ""},
		{"verify " + file("fallback-synstrip-srv.pcap"), exitNoMatch, ""},
		{"--conn 7 " + two, exitNoMatch, "no connection 7: the capture has number 0 only"},
		{"list --conn 3 " + file("tfo.pcap"), exitNoMatch, "the capture has 0 to 2"},
		{"-Y udp.port==1 -T fields -e ip.src " + two, exitNoMatch, ""},
		{"fields nosuchname", exitNoMatch, "no field matches"},
		{"--version", exitClean, ""},
		{"help why", exitClean, ""},
	} {
		code, _, stderr := invoke(nil, strings.Fields(c.args)...)
		require.Equal(t, c.code, code, "%s: %s", c.args, stderr)
		require.Contains(t, stderr, c.says, c.args)
		for line := range strings.Lines(stderr) {
			require.True(t, strings.HasPrefix(line, "mpdecode: "), "%s: %q", c.args, line)
		}
	}
}

func TestUsageErrors(t *testing.T) {
	two := file("csum-oneside.pcap")
	for args, says := range map[string]string{
		"":                                   "no capture named",
		"list":                               "no capture named",
		"--nosuch " + two:                    "unknown flag: --nosuch",
		"--json stats " + two:                "the command comes first: `mpdecode stats ...`",
		"- -":                                "read once only",
		"--fail-on fatal " + two:             "--fail-on \"fatal\"",
		"--key 12 " + two:                    "not a key of 16 hexadecimal digits",
		"--key @nosuch " + two:               "no such file",
		"-c -1 " + two:                       "not a number of packets",
		"--color red " + two:                 "--color \"red\"",
		"-Y tcp.flagz " + two:                "did you mean",
		"list -Y (tcp " + two:                "filter:",
		"-T xml " + two:                      "-T xml",
		"-T fields " + two:                   "wants at least one -e NAME",
		"-e nosuch.field " + two:             "no such field: nosuch.field",
		"-e ip.src -E header " + two:         "not of the form NAME=VALUE",
		"-e ip.src -E nosuch=1 " + two:       "known are header",
		"-e ip.src -E occurrence=x " + two:   "f (first)",
		"-w " + two + " " + two:              "would overwrite",
		"follow --dir x " + two:              "--dir x",
		"follow --conn 1 --subflow 2 " + two: "exclude each other",
		"follow " + file("tfo.pcap"):         "there are 3 connections: name one with --conn",
		"fields a b":                         "one pattern",
		"help nosuch":                        "no command",
	} {
		code, stdout, stderr := invoke(nil, strings.Fields(args)...)
		require.Equal(t, exitUsage, code, "%s: %s", args, stderr)
		require.Empty(t, stdout, args)
		require.Contains(t, stderr, says, args)
		require.True(t, strings.HasPrefix(stderr, "mpdecode: "), stderr)
		require.Contains(t, stderr, "--help")
	}
}

// What is wrong with a filter is pointed at.
func TestFilterErrorsPoint(t *testing.T) {
	_, _, stderr := invoke(nil, "-Y", "ip && tcp.port == ", file("csum-oneside.pcap"))
	require.Contains(t, stderr, "\n  ip && tcp.port == \n                    ^\n")
}

// Each line of --json is an object with a schema and a type.
func TestJSONLines(t *testing.T) {
	types := map[string]int{}
	for _, name := range []string{
		"csum-oneside.pcap", "joinhmac-corrupt.pcap", "mpfail-single-srv.pcap", "fallback-synstrip-srv.pcap",
		"rst-badtoken.pcap", "tfo.pcap", "malformed-flows.pcap", "sll2-any.pcap", "comments.pcapng",
	} {
		for _, cmd := range []string{"--json", "stats --json", "verify --json", "why --json", "list --json -V", "--each --json"} {
			_, out, stderr := invoke(nil, append(strings.Fields(cmd), file(name))...)
			require.Empty(t, stderr)
			for line := range strings.Lines(out) {
				var v map[string]any
				require.NoError(t, json.Unmarshal([]byte(line), &v), "%s %s: %s", cmd, name, line)
				require.EqualValues(t, 1, v["schema"], line)
				types[v["type"].(string)]++
				if cmd == "stats --json" {
					require.Contains(t, []string{"connection", "inferred", "subflow", "finding"}, v["type"])
				}
				if v["type"] == "finding" {
					for _, key := range []string{"id", "severity", "frames", "rfc", "cause", "advice"} {
						require.Contains(t, v, key)
					}
				}
			}
		}
	}
	for _, typ := range []string{"connection", "subflow", "inferred", "finding", "capture", "segment", "verdict"} {
		require.NotZero(t, types[typ], typ)
	}
}

// A stream is hashed by stats --json; the hash is of what follow writes.
func TestNumbersAboveFloatsAreStringsToo(t *testing.T) {
	_, out, _ := invoke(nil, "stats", "--json", file("csum-oneside.pcap"))
	line, _, _ := strings.Cut(out, "\n")
	var v struct {
		IDSNA    json.Number `json:"idsnA"`
		IDSNAStr string      `json:"idsnA_str"`
		AToB     struct {
			StreamSHA256 string `json:"stream_sha256"`
		} `json:"A_to_B"`
	}
	d := json.NewDecoder(strings.NewReader(line))
	require.NoError(t, d.Decode(&v))
	require.Equal(t, v.IDSNA.String(), v.IDSNAStr)
	require.Equal(t, "a34d197a62f46275bb797fdba0758d08d2f3dca64e92d81074f3176ea7249bc7", v.AToB.StreamSHA256)
}

// The line of packet k is there before packet k+1 is written.
func TestListThroughAPipe(t *testing.T) {
	in, err := pcap.Open(file("csum-oneside.pcap"))
	require.NoError(t, err)
	defer in.Close()
	r, w := io.Pipe()
	lines := make(chan string, 1)
	done := make(chan int)
	go func() {
		code := run([]string{"list", "-"}, r, lineWriter(lines), io.Discard)
		close(lines)
		done <- code
	}()
	out, err := pcap.NewWriter(w, pcap.WriterOptions{Link: in.Interfaces()[0].Link, Nanos: true})
	require.NoError(t, err)
	var f pcap.Frame
	shown := 0
	for in.Next(&f) == nil && shown < 50 {
		ip, _ := pcap.Network(f.Link, f.Data)
		require.NoError(t, out.WriteFrame(&f))
		if len(ip) < 20 || ip[9] != 6 {
			continue // ARP and the like have no line
		}
		shown++
		select {
		case line := <-lines:
			require.Contains(t, line, "10.77.")
			require.True(t, strings.HasSuffix(line, "\n"))
		case <-time.After(10 * time.Second):
			t.Fatalf("no line for packet %d before the next one was written", f.Number)
		}
	}
	w.Close()
	require.Equal(t, exitClean, <-done)
}

// lineWriter sends every write on; the channel's buffer takes one.
type lineWriter chan string

func (w lineWriter) Write(p []byte) (int, error) {
	w <- string(p)
	return len(p), nil
}

// The standard input is as good as a file, compressed too.
func TestStandardInput(t *testing.T) {
	data, err := os.ReadFile(file("joinhmac-corrupt.pcap"))
	require.NoError(t, err)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(data)
	require.NoError(t, z.Close())
	_, want, _ := invoke(nil, file("joinhmac-corrupt.pcap"))
	for _, in := range []io.Reader{bytes.NewReader(data), &packed} {
		code, got, stderr := invoke(in, "-r", "-")
		require.Equal(t, exitFindings, code, stderr)
		require.Equal(t, want, got)
	}
}

// What -w wrote is the connection, whole, in both formats.
func TestWriteConnection(t *testing.T) {
	_, all, _ := invoke(nil, "--conn", "1", file("tfo.pcap"))
	all = strings.ReplaceAll(strings.ReplaceAll(all, "connection 1 ", "connection 0 "), "  2 first", "  0 first")
	all = strings.ReplaceAll(all, "  3 join", "  1 join")
	for _, name := range []string{"one.pcap", "one.pcapng"} {
		name = filepath.Join(t.TempDir(), name)
		code, stdout, stderr := invoke(nil, "-w", name, "--conn", "1", file("tfo.pcap"))
		require.Equal(t, exitClean, code)
		require.Empty(t, stdout)
		require.Contains(t, stderr, "42 packets to ")
		in, err := pcap.Open(name)
		require.NoError(t, err)
		require.Equal(t, strings.HasSuffix(name, "ng"), in.Format() == pcap.PCAPNG)
		in.Close()
		_, one, _ := invoke(nil, "--conn", "0", name)
		require.Equal(t, all, one)
	}
}

// A key that is given makes a capture without its handshake verifiable.
func TestGivenKeys(t *testing.T) {
	_, out, _ := invoke(nil, "--show-keys", "--json", file("csum-oneside.pcap"))
	var v struct{ KeyA, KeyB string }
	line, _, _ := strings.Cut(out, "\n")
	require.NoError(t, json.Unmarshal([]byte(line), &v))
	late := filepath.Join(t.TempDir(), "late.pcap")
	code, _, stderr := invoke(nil, "-w", late, "-Y", "frame.number >= 20", file("csum-oneside.pcap"))
	require.Equal(t, exitClean, code, stderr)
	_, out, _ = invoke(nil, late)
	require.Contains(t, out, "without its keys no more than checksums were verified")
	keys := filepath.Join(t.TempDir(), "keys")
	require.NoError(t, os.WriteFile(keys, []byte(v.KeyA+"\n# the other\n0x"+v.KeyB+"\n"), 0o600))
	for _, arg := range []string{v.KeyA + "," + v.KeyB, "@" + keys} {
		_, out, stderr = invoke(nil, "--key", arg, late)
		require.Contains(t, out, "tokens A ", stderr)
		require.Contains(t, out, "everything verified (keys, ")
	}
}
