package pcap

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The number of packets, as a verifier of its own counted them; and what tshark says
// of each TCP packet: number, time, lengths, addresses.
func TestOracles(t *testing.T) {
	compared := 0
	for _, name := range captures(t) {
		dir, base := filepath.Split(name)
		oracle := filepath.Join(dir, "oracle", base)
		if strings.Contains(dir, "public") { // public/oracle/origin/file
			origin := filepath.Base(dir)
			oracle = filepath.Join(dir, "..", "oracle", origin, base)
		}
		if strings.HasSuffix(filepath.Clean(dir), "testdata") {
			continue // has no oracle beside it
		}
		compared++
		t.Run(base, func(t *testing.T) {
			var facts struct{ Packets int }
			require.NoError(t, json.Unmarshal(readFile(t, oracle+".facts.json"), &facts))
			r, err := Open(name)
			require.NoError(t, err)
			defer r.Close()
			frames, err := drain(r.Reader)
			assert.Equal(t, io.EOF, err)
			assert.Len(t, frames, facts.Packets)
			for _, row := range strings.Split(string(readFile(t, oracle+".tshark.tsv")), "\n")[1:] {
				if col := strings.Split(row, "\t"); len(col) > 8 {
					compareWithTshark(t, base, frames, col)
				}
			}
		})
	}
	if compared == 0 {
		t.Skip("the oracles lie beside the captures outside of the repository, which are not there")
	}
}

func compareWithTshark(t *testing.T, base string, frames []Frame, col []string) {
	t.Helper()
	var n int
	fmt.Sscan(col[0], &n)
	if base == "comments.pcapng" && n > 88 {
		n-- // tshark counts the custom block as a frame of its own
	}
	require.LessOrEqual(t, n, len(frames))
	f := &frames[n-1]
	rel := f.Nanos - frames[0].Nanos
	sign := ""
	if rel < 0 {
		sign, rel = "-", -rel
	}
	assert.Equal(t, col[1], fmt.Sprintf("%s%d.%09d", sign, rel/1e9, rel%1e9), "time of packet %d", n)
	assert.Equal(t, col[2], fmt.Sprint(f.Len), "length of packet %d", n)
	assert.Equal(t, col[3], fmt.Sprint(len(f.Data)), "captured length of packet %d", n)
	ip, miss := Network(f.Link, f.Data)
	require.Equal(t, Found, miss)
	var src netip.Addr
	want := col[5]
	if ip[0]>>4 == 4 {
		src, _ = netip.AddrFromSlice(ip[12:16])
	} else {
		src, _ = netip.AddrFromSlice(ip[8:24])
		want = col[7]
	}
	assert.Equal(t, want, src.String(), "source of packet %d", n)
}

// Two captures that come with the repository.
func TestTestdata(t *testing.T) {
	for _, c := range []struct {
		name     string
		packets  int
		comments int
		sections int
		outgoing int
	}{
		{"comments.pcapng", 175, 13, 2, 0},
		{"sll2-any.pcap", 74, 0, 1, 39},
	} {
		r, err := Open(filepath.Join("..", "testdata", c.name))
		require.NoError(t, err)
		defer r.Close()
		assert.Equal(t, filepath.Join("..", "testdata", c.name), r.Name())
		frames, err := drain(r.Reader)
		assert.Equal(t, io.EOF, err)
		assert.Equal(t, r.Size(), r.InputOffset())
		assert.Len(t, frames, c.packets)
		comments, outgoing := 0, 0
		for i := range frames {
			comments += len(frames[i].Comments)
			var info LinkInfo
			if info.Network(frames[i].Link, frames[i].Data); info.Direction == Outbound {
				outgoing++
			}
		}
		assert.Equal(t, c.comments, comments)
		assert.Equal(t, c.outgoing, outgoing)
		assert.Equal(t, c.sections, frames[len(frames)-1].Section+1)
	}
}

func TestOpen(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "absent.pcap"))
	assert.ErrorIs(t, err, os.ErrNotExist)

	name := filepath.Join(t.TempDir(), "a.pcap")
	require.NoError(t, os.WriteFile(name, []byte("not a capture"), 0o600))
	_, err = Open(name)
	wantEnd(t, err, ErrUnknownFormat, 0)

	file := cat([]byte("eaten by another"), samples()["pcap"])
	require.NoError(t, os.WriteFile(name, file, 0o600))
	in, err := os.Open(name)
	require.NoError(t, err)
	defer in.Close()
	_, err = in.Seek(16, io.SeekStart)
	require.NoError(t, err)
	stdin := os.Stdin
	os.Stdin = in
	defer func() { os.Stdin = stdin }()
	r, err := Open("-")
	require.NoError(t, err)
	frames, err := drain(r.Reader)
	assert.Equal(t, io.EOF, err)
	assert.Len(t, frames, 40)
	assert.Equal(t, r.Size(), r.InputOffset())
	assert.NoError(t, r.Close())
	_, err = in.Stat()
	assert.NoError(t, err, "the standard input stays open")

	pr, pw, err := os.Pipe()
	require.NoError(t, err)
	go func() { pw.Write(samples()["pcapng"]); pw.Close() }()
	os.Stdin = pr
	r, err = Open("-")
	require.NoError(t, err)
	assert.Equal(t, int64(-1), r.Size())
}
