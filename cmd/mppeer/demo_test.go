package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the demonstration tells is what happened, and what mpdecode says of its capture.
func TestDemo(t *testing.T) {
	for _, c := range []struct {
		args    string
		says    []string
		finds   string // the analyser, in the capture
		stalled bool
	}{
		{args: "", says: []string{"client: Multipath TCP; received 200,000 octets, as they were sent", "mp_tcprst reason=6",
			"server: Multipath TCP; received 200,000 octets, as they were sent"}, finds: "MPD-OPTIONS-LOST"},
		{args: "--do nat", says: []string{"server: Multipath TCP;", "mapped 10.1.0.1:49152"}},
		{args: "--do split/500 --one-path", says: []string{"client: Multipath TCP;", "cut into 3"}},
		{args: "--do strip/mptcp/on=synack", says: []string{"client: plain TCP: the SYN/ACK came without MP_CAPABLE", "(MPCapableFallbackSYNACK)",
			"server: plain TCP: the peer's third packet came without MP_CAPABLE"}, finds: "MPD-FALLBACK-ACK"},
		{args: "--do strip/mptcp/on=syn", says: []string{"server: plain TCP: the SYN came without MP_CAPABLE"}},
		{args: "--do drop/has=mptcp/on=syn", says: []string{"client: plain TCP: SYNs with MP_CAPABLE were not answered"}},
		{args: "--do payload/flip/after=50000B", says: []string{"plain TCP: a checksum failed", "but not as they were sent"}, finds: "MPD-CHECKSUM"},
		{args: "--lie hmac", says: []string{"lied about hmac", "client: Multipath TCP;", "mp_tcprst reason=1"}, finds: "MPD-JOIN-HMAC-ACK"},
		{args: "--lie token", says: []string{"client: Multipath TCP;", "mp_tcprst reason=1"}, finds: "MPD-JOIN-TOKEN"},
		{args: "--lie echo", says: []string{"server: plain TCP:"}, finds: "MPD-KEY-ECHO"},
		{args: "--lie flags", says: []string{"mp_capable v1 ABH"}, finds: "MPD-FALLBACK-OFFER"},
		{args: "--lie checksum@count=1,after=50000B", says: []string{"mp_fail"}, finds: "MPD-CHECKSUM"},
		{args: "--lie mapping@20000B", says: []string{"nothing moves any more", "lied about mapping"}, finds: "MPD-CONFLICT", stalled: true},
	} {
		t.Run(c.args, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "demo.pcap")
			args := []string{"demo", "-o", file}
			for _, a := range strings.Fields(c.args) {
				args = append(args, strings.ReplaceAll(a, "/", " "))
			}
			code, out, stderr := invoke("", args...)
			if c.stalled {
				assert.Equal(t, exitFailed, code)
				assert.Contains(t, stderr, "the streams did not arrive")
			} else {
				assert.Equal(t, exitClean, code, stderr)
				assert.Empty(t, stderr)
			}
			for _, text := range c.says {
				assert.Contains(t, out, text)
			}
			found := findings(t, file)
			verify(t, file, c.finds)
			if c.finds != "" {
				assert.Contains(t, found, c.finds)
			} else if !c.stalled && !strings.Contains(out, "plain TCP") {
				assert.Empty(t, found)
			}
			if t.Failed() {
				t.Log(out)
			}
		})
	}
}

// The same seed makes the same octets, another one others.
func TestDemoIsRepeatable(t *testing.T) {
	dir := t.TempDir()
	var files [3][]byte
	var outs [3]string
	for i, seed := range []string{"7", "7", "8"} {
		file := filepath.Join(dir, "demo.pcap")
		code, out, _ := invoke("", "demo", "--seed", seed, "--all", "-o", file, "--size", "20KB", "--one-path", "--do", "strip mptcp after=5000B")
		require.Equal(t, exitClean, code)
		var err error
		files[i], err = os.ReadFile(file)
		require.NoError(t, err)
		outs[i] = out
	}
	require.Equal(t, files[0], files[1])
	require.Equal(t, outs[0], outs[1])
	require.NotEqual(t, files[0], files[2])
	require.Contains(t, outs[0], "counter DssFallback")
	code, out, _ := invoke("", "demo", "-o", "-", "--size", "5000")
	require.Equal(t, exitClean, code)
	require.NotContains(t, out, "mpdecode")
}
