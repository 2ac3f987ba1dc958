package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mptcp-go/mptcp/pcap/trace"
	"github.com/stretchr/testify/require"
)

// transfer is a line of an application's log: one connection.
type transfer struct {
	Conn       string `json:"conn"`
	Sent       int    `json:"sent"`
	SentSHA256 string `json:"sent_sha256"`
	Rcvd       int    `json:"rcvd"`
	RcvdSHA256 string `json:"rcvd_sha256"`
}

// transfers reads what both applications of a scenario logged, by the address of the
// client.
func transfers(t *testing.T, dir string) (client, server map[string]transfer) {
	read := func(pattern string) map[string]transfer {
		all := map[string]transfer{}
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		require.NoError(t, err)
		for _, name := range names {
			f, err := os.Open(name)
			require.NoError(t, err)
			defer f.Close()
			for s := bufio.NewScanner(f); s.Scan(); {
				var x transfer
				require.NoError(t, json.Unmarshal(s.Bytes(), &x))
				all[x.Conn] = x
			}
		}
		return all
	}
	return read("xfer.c.*.json"), read("xfer.s.*.json")
}

// noLogs are captures that were derived from a part of another one.
var noLogs = map[string]string{
	"snap96":    "packets were cut",
	"bigendian": "ends early",
	"midstream": "begins late",
}

// The stream of every connection is what the applications logged. A capture at the
// client shows what the client sent and received, one at the server what the server
// did; the two differ where a middlebox changed data.
func TestFollowEqualsTheApplications(t *testing.T) {
	captures, err := filepath.Glob(filepath.Join(sharedCaptures(t), "kernel", "*.pcap*"))
	require.NoError(t, err)
	compared := 0
	for _, capture := range captures {
		name, _, _ := strings.Cut(filepath.Base(capture), ".")
		scenario := strings.TrimSuffix(strings.TrimSuffix(name, "-srv"), "-cli")
		client, server := transfers(t, filepath.Join(filepath.Dir(capture), "logs", scenario))
		if noLogs[name] != "" || len(client) == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			atServer := strings.HasSuffix(name, "-srv")
			a := &app{stderr: nothing{}, out: bufio.NewWriter(nothing{})}
			a.opt.count, a.opt.conn = math.MaxInt, -1
			tr := a.analyse([]string{capture}, trace.Config{})
			for _, sf := range tr.Subflows() {
				args := []string{"follow", capture, "--subflow", fmt.Sprint(sf.ID)}
				switch c := sf.Conn; {
				case c != nil && c.Subflows[0] == sf:
					args = []string{"follow", capture, "--conn", fmt.Sprint(c.ID)}
				case c != nil:
					continue
				}
				c, ok := client[endpoint(sf.Src)]
				s, both := server[endpoint(sf.Src)]
				if !ok {
					continue
				}
				want := [2]string{c.SentSHA256, c.RcvdSHA256}
				length := [2]int{c.Sent, c.Rcvd}
				if both && (atServer || scenario == "tfo") { // the client's log lacks the data in its SYN
					want, length = [2]string{s.RcvdSHA256, s.SentSHA256}, [2]int{s.Rcvd, s.Sent}
				}
				for side, dir := range []string{"a", "b"} {
					code, out, complaint := invoke(nil, append(args, "--dir", dir)...)
					require.Equal(t, exitClean, code, complaint)
					sum := sha256.Sum256([]byte(out))
					require.Equal(t, length[side], len(out), "%v, side %s", args, dir)
					require.Equal(t, want[side], hex.EncodeToString(sum[:]), "%v, side %s", args, dir)
					compared++
				}
			}
		})
	}
	if compared < 2*40 {
		t.Errorf("only %d streams were compared", compared)
	}
}

func TestFollowWritesBothSides(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "x")
	code, stdout, stderr := invoke(nil, "follow", "-o", out, file("csum-oneside.pcap"))
	require.Equal(t, exitClean, code, stderr)
	require.Empty(t, stdout)
	for side, n := range map[string]int{".a": 60001, ".b": 33333} {
		data, err := os.ReadFile(out + side)
		require.NoError(t, err)
		require.Len(t, data, n)
	}
	code, stdout, _ = invoke(nil, "follow", file("csum-oneside.pcap"))
	require.Equal(t, exitClean, code)
	require.Len(t, stdout, 60001+33333)
}

// Octets that are not in the capture are named, and the rest is written.
func TestFollowTellsGaps(t *testing.T) {
	part := filepath.Join(t.TempDir(), "part.pcap")
	code, _, stderr := invoke(nil, "-w", part, "-Y", "!(frame.number == 20)", file("csum-oneside.pcap"))
	require.Equal(t, exitClean, code, stderr)
	code, stdout, stderr := invoke(nil, "follow", "--dir", "a", part)
	require.Equal(t, exitUnreadable, code)
	require.Contains(t, stderr, "mpdecode: 777 octets of A at offset 777 are not in the capture")
	require.Len(t, stdout, 60001-777)
}
