package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/stretchr/testify/require"
)

// recordEnds are the offsets at which a capture may be cut without damage, with the number
// of segments before each.
func recordEnds(t *testing.T, data []byte) map[int64]int {
	r, err := pcap.NewReader(bytes.NewReader(data))
	require.NoError(t, err)
	at := map[int64]int{r.Offset(): 0}
	if r.Format() == pcap.PCAP {
		at[24] = 0
	}
	var f pcap.Frame
	for n := 1; r.Next(&f) == nil; n++ {
		at[r.Offset()] = n
	}
	return at
}

// A capture cut anywhere: what was read is reported, the damage named, the exit code 3;
// a cut between two records is no damage.
func TestCutAnywhere(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the program some thousand times")
	}
	for _, name := range []string{"csum-oneside.pcap", "malformed-flows.pcap", "joinhmac-corrupt.pcap", "comments.pcapng"} {
		data, err := os.ReadFile(file(name))
		require.NoError(t, err)
		whole := recordEnds(t, data)
		for n := 0; n < len(data); n += 97 {
			code, _, stderr := invoke(bytes.NewReader(data[:n]), "list", "-")
			packets, clean := whole[int64(n)]
			if strings.HasSuffix(name, "ng") {
				clean = !strings.Contains(stderr, " at offset ") // blocks without packets end records too
			}
			if clean {
				require.NotEqual(t, exitUnreadable, code, "%s cut at %d: %s", name, n, stderr)
				continue
			}
			require.Equal(t, exitUnreadable, code, "%s cut at %d", name, n)
			require.Contains(t, stderr, "mpdecode: standard input: ", "%s cut at %d", name, n)
			// Every record before the damage: as many lines as the whole file has up to there.
			for end, k := range whole {
				if end <= int64(n) {
					packets = max(packets, k)
				}
			}
			if packets > 0 && !strings.HasSuffix(name, "ng") {
				require.Contains(t, stderr, "after "+plural(packets, "packet"), "%s cut at %d", name, n)
			}
			if n%(97*5) == 0 {
				for _, cmd := range [][]string{{"-"}, {"stats", "--json", "-"}, {"follow", "--conn", "0", "-"}, {"why", "-"}} {
					code, _, stderr := invoke(bytes.NewReader(data[:n]), cmd...)
					require.Equal(t, exitUnreadable, code, "%v on %s cut at %d: %s", cmd, name, n, stderr)
				}
			}
		}
	}
}

// What list prints of a cut capture is how the whole list begins.
func TestCutListIsAPrefix(t *testing.T) {
	data, err := os.ReadFile(file("joinhmac-corrupt.pcap"))
	require.NoError(t, err)
	_, whole, _ := invoke(bytes.NewReader(data), "list", "-")
	for n := 100; n < len(data); n += 997 {
		_, part, _ := invoke(bytes.NewReader(data[:n]), "list", "-")
		require.True(t, strings.HasPrefix(whole, part), "cut at %d", n)
	}
}

// Every capture there is, cut at every 97th octet: the damage is told from a cut between
// two records, and nothing panics. With -short only some of the cuts are tried.
func TestCutEveryCapture(t *testing.T) {
	dir := sharedCaptures(t)
	n := 0
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".pcap") && !strings.HasSuffix(name, ".pcapng") {
			return err
		}
		n++
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		whole := recordEnds(t, data)
		stride := 97
		if testing.Short() {
			stride = max(97, len(data)/20/97*97)
		}
		for at := 0; at < len(data); at += stride {
			code, _, stderr := invoke(bytes.NewReader(data[:at]), "-")
			_, clean := whole[int64(at)]
			if strings.HasSuffix(name, "ng") {
				clean = !strings.Contains(stderr, " at offset ")
			}
			if clean {
				require.NotEqual(t, exitUnreadable, code, "%s cut at %d: %s", name, at, stderr)
			} else {
				require.Equal(t, exitUnreadable, code, "%s cut at %d: %s", name, at, stderr)
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.GreaterOrEqual(t, n, 61)
}
