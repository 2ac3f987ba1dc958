package peer

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/trace"
	"github.com/mptcp-go/mptcp/peer/link"
)

// What a stack says of itself: a capture that the analyser finds nothing wrong with, the
// keys that are in it, and events.
func TestTaps(t *testing.T) {
	var file, keys bytes.Buffer
	w, err := pcap.NewWriter(&file, pcap.WriterOptions{Format: pcap.PCAPNG})
	require.NoError(t, err)
	var mu sync.Mutex
	var seen []string
	cfg := Config{Capture: w, KeyLog: &keys, Events: func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, fmt.Sprintf("%s: %s", e.Conn.RemoteAddr(), e.What))
	}}
	p := newPair(t, 2, link.PipeConfig{MaxPayload: 60000}, cfg, Config{})
	a, b := p.connect(t, 4)
	talk(t, a, b, 10)
	require.NoError(t, a.Join(prefix(4, 1, 1).Addr(), netip.AddrPortFrom(prefix(4, 1, 2).Addr(), a.fc.Remote().Port()), false))
	waitFor(t, "two subflows", func() bool { return a.Info().SubflowsUp == 2 })
	exchange(t, a, b, 1<<20)
	require.NoError(t, a.Close())
	require.NoError(t, b.Close())
	require.NoError(t, p.a.Drain(t.Context()))
	require.NoError(t, p.a.Close())
	p.a, err = New(Config{}) // for the cleanup
	require.NoError(t, err)

	in, err := pcap.NewReader(&file)
	require.NoError(t, err)
	tr := trace.New(trace.Config{})
	var f pcap.Frame
	ifaces := map[int]bool{}
	for {
		if err = in.Next(&f); err != nil {
			break
		}
		ifaces[f.Iface] = true
		tr.Add(0, &f)
	}
	require.ErrorIs(t, err, io.EOF)
	tr.Finish()
	assert.Len(t, ifaces, 2)
	require.Len(t, tr.Conns(), 1)
	assert.Len(t, tr.Conns()[0].Subflows, 2)
	for _, x := range tr.Findings() {
		assert.NotEqual(t, trace.Error, x.Severity, "%s: %s", x.ID, x.Cause)
	}
	for side, key := range tr.Conns()[0].Key {
		assert.Contains(t, keys.String(), fmt.Sprintf("\n%016x\n", uint64(key)), "key of side %d", side)
	}
	text := strings.Join(seen, "\n")
	for _, ev := range []fsm.Event{fsm.Opened, fsm.SubflowUp, fsm.Ended} {
		assert.Contains(t, text, ev.String())
	}
}
