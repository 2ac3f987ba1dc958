package fuzz

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/pcap"
)

// FuzzTracker starts from the first packets of real captures and from scripts that
// reach every action.
func FuzzTracker(f *testing.F) {
	for _, seed := range trackerSeeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, data []byte) { Tracker(data) })
}

// TestTrackerSeeds makes sure that the seeds reach what they are meant to.
func TestTrackerSeeds(t *testing.T) {
	for i, seed := range trackerSeeds(t) {
		assert.Equal(t, 1, Tracker(seed), "seed %d has a flow", i)
	}
	assert.Equal(t, 0, Tracker(nil))
}

// scriptSeeds are connections with two subflows, then an action of each kind.
func scriptSeeds() (seeds [][]byte) {
	for how := range 4 { // both versions, with checksums and without
		start := []byte{0, 0, byte(how), 2, 0, 7, 50, 10, 128, 0x28, 1, 3, 0, 10, 128, 0x28, 2, 8, 7, 90}
		for action := range 16 {
			for _, more := range []byte{0, 0x35, 0xff} {
				seed := append([]byte(nil), start...)
				for _, who := range []byte{0, 8, 128, 136} {
					seed = append(seed, byte(action), who, more, 40, 2, who, 7, 20, 10, 128^who, 0x28)
				}
				seeds = append(seeds, seed)
			}
		}
	}
	return seeds
}

// maxSeed keeps executions short.
const maxSeed = 12 << 10

func trackerSeeds(tb testing.TB) [][]byte {
	seeds := scriptSeeds()
	names, err := filepath.Glob("../testdata/*.pcap*")
	require.NoError(tb, err)
	require.NotEmpty(tb, names)
	for _, name := range names {
		file, err := os.ReadFile(name)
		require.NoError(tb, err)
		seeds = append(seeds, head(tb, file))
	}
	// Whole short connections, end to end.
	var file bytes.Buffer
	w, err := pcap.NewWriter(&file, pcap.WriterOptions{Link: pcap.LinkRaw})
	require.NoError(tb, err)
	playShort(&script{now: 1.7e18, out: func(f *pcap.Frame) { require.NoError(tb, w.WriteFrame(f)) }}, 2)
	return append(seeds, file.Bytes())
}

// head rewrites the first packets of a capture, as many as fit in maxSeed and no more
// than 200 octets of each.
func head(tb testing.TB, file []byte) []byte {
	r, err := pcap.NewReader(bytes.NewReader(file))
	require.NoError(tb, err)
	var out bytes.Buffer
	w, err := pcap.NewWriter(&out, pcap.WriterOptions{Format: pcap.PCAPNG})
	require.NoError(tb, err)
	for f := (pcap.Frame{}); r.Next(&f) == nil && out.Len() < maxSeed; {
		f.Data = f.Data[:min(len(f.Data), 200)]
		f.Comments = nil
		require.NoError(tb, w.WriteFrame(&f))
	}
	return out.Bytes()
}
