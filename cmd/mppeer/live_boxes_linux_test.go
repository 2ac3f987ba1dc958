package main

import (
	"bytes"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// boxCase is a middlebox between us and the kernel, and what becomes of a connection:
// Multipath TCP to the end, or plain TCP with the cause that our summary names.
type boxCase struct {
	spec           string // elements, with " + " between
	client, server string // our cause, on either side; "-": Multipath TCP; "|" is or
	proof          string // a finding of the analyser that says the same, or one of several
}

// Paper section 4.1 and 3.1 to 3.3, P-4.1-01: each middlebox in the cable between us
// and the kernel.
var liveBoxes = []boxCase{
	{spec: "nat addr=10.1.0.77", client: "-", server: "-"}, // P-3.2-02
	{spec: "seq", client: "-", server: "-"},                // P-3.3-01
	{spec: "hole", client: "-", server: "-"},               // P-3.3-02
	{spec: "ackfix", client: "-", server: "-"},             // P-3.3-03
	{spec: "split 500", client: "-", server: "-"},          // P-3.3.4-01
	{spec: "split 500 copy=first after=50KB", client: "-", server: "-"},
	// The kernel falls back without a word at the first octets without a mapping; we do not.
	{spec: "mss 700 + coalesce 2 wait=1ms after=50KB", client: "DssFallback", server: "DssFallback", proof: "MPD-INFINITE-MAPPING MPD-OPTIONS-LOST"}, // P-3.3.5-03
	{spec: "mss 700 + coalesce 2 wait=1ms dir=s2c", client: "-", server: "-"},
	{spec: "mss 700 + coalesce 3 keep=last dir=s2c", client: "-", server: "-"},
	{spec: "dup mptcp", client: "-", server: "-"}, // P-3.1-09
	{spec: "mss 700", client: "-", server: "-"},
	{spec: "firewall inbound", client: "-", server: "-"},
	{spec: "normalize", client: "-", server: "-"}, // P-3.3.3-03
	{spec: "link loss=1% delay=1ms", client: "-", server: "-"},
	{spec: "proxy", client: "MPCapableDataFallback", server: "MPCapableDataFallback|DssFallback", proof: "MPD-INFINITE-MAPPING MPD-OPTIONS-LOST"},
	{spec: "strip mptcp on=syn", client: "MPCapableFallbackSYNACK", server: "", proof: "MPD-FALLBACK-SYNACK"},                                         // P-3.1-02
	{spec: "strip mptcp on=synack", client: "MPCapableFallbackSYNACK", server: "MPCapableFallbackACK", proof: "MPD-FALLBACK-SYNACK MPD-FALLBACK-ACK"}, // P-3.1-05
	{spec: "strip mptcp on=ack3", client: "MPCapableDataFallback|DssFallback", server: "MPCapableFallbackACK", proof: "MPD-INFINITE-MAPPING MPD-OPTIONS-LOST"},
	{spec: "drop has=mptcp on=syn", client: "MPCapableSYNTXDrop", server: "", proof: "MPD-SYN-BLACKHOLE"},                                              // P-3.1-04
	{spec: "strip mptcp after=3whs", client: "MPCapableDataFallback", server: "MPCapableDataFallback", proof: "MPD-INFINITE-MAPPING MPD-OPTIONS-LOST"}, // P-3.1-03
	{spec: "strip mptcp after=3whs dir=c2s", client: "MPCapableDataFallback", server: "MPCapableDataFallback|DssFallback", proof: "MPD-INFINITE-MAPPING MPD-OPTIONS-LOST"},
	{spec: "strip mptcp after=3whs dir=s2c", client: "MPCapableDataFallback", server: "MPCapableDataFallback", proof: "MPD-INFINITE-MAPPING MPD-OPTIONS-LOST"},
	{spec: "strip dss", client: "MPCapableDataFallback", server: "MPCapableDataFallback|DssFallback", proof: "MPD-INFINITE-MAPPING MPD-OPTIONS-LOST"},
	{spec: "strip mptcp after=100KB", client: "DssFallback", server: "DssFallback", proof: "MPD-INFINITE-MAPPING MPD-OPTIONS-LOST"}, // P-3.3.6-05
}

// The stream arrives behind each of them, we as the client and as the server, and the
// cause is named right.
func TestLiveBoxes(t *testing.T) {
	b := newBoxLab(t)
	b.kernel.Sysctl("net.mptcp.blackhole_timeout", "0") // one case must not decide the next
	kernelEcho(t, b.kernel, "10.1.0.2:5000")
	stream := random(300_000, 1)
	for _, c := range liveBoxes {
		t.Run(c.spec, func(t *testing.T) {
			t.Run("client", func(t *testing.T) {
				box := b.put(t, c.spec)
				p := start(t, b.ours, bytes.NewReader(stream), "connect", "10.1.0.2:5000", "--path", "raw:eth0,10.1.0.1/24", "--json")
				p.ends(exitClean)
				require.Equal(t, sum(stream), sum([]byte(p.out.String())))
				c.check(t, p, c.client)
				box.interrupt()
				box.ends(exitClean)
			})
			t.Run("server", func(t *testing.T) {
				box := b.put(t, c.spec)
				p := start(t, b.ours, nil, "listen", ":6000", "--echo", "--once", "--path", "raw:eth0,10.1.0.1/24", "--json")
				p.says(`"type":"listening"`)
				got := converse(t, kernelDial(t, b.kernel, "10.1.0.1:6000"), stream)
				require.Equal(t, sum(stream), sum(got))
				p.ends(exitClean)
				c.check(t, p, c.server)
				box.interrupt()
				box.ends(exitClean)
			})
		})
	}
}

// converse is exchange by a host that closes only when it has everything: a kernel whose
// DATA_FIN is acknowledged before it falls back may miss the end of our stream.
func converse(t *testing.T, c *net.TCPConn, out []byte) []byte {
	t.Helper()
	wrote := make(chan error, 1)
	go func() {
		_, err := c.Write(out)
		wrote <- err
	}()
	in := make([]byte, len(out))
	_, err := io.ReadFull(c, in)
	require.NoError(t, err)
	require.NoError(t, <-wrote)
	require.NoError(t, c.CloseWrite())
	rest, err := io.ReadAll(c)
	require.NoError(t, err)
	return append(in, rest...)
}

// put puts middleboxes in the cable, those of spec with " + " between them.
func (b *boxLab) put(t *testing.T, spec string) *proc {
	t.Helper()
	args := []string{"middlebox", "--left", "raw:left", "--right", "raw:right"}
	for s := range strings.SplitSeq(spec, " + ") {
		args = append(args, "--do", s)
	}
	box := start(t, b.box, nil, args...)
	box.says("middlebox between")
	return box
}

// check compares the summary with what is to be expected.
func (c *boxCase) check(t *testing.T, p *proc, cause string) {
	t.Helper()
	list := p.records("summary")
	require.Len(t, list, 1)
	s := list[0]
	assert.Empty(t, s.Error)
	switch cause {
	case "-":
		assert.True(t, s.MPTCP, "it fell back: %s", s.Cause)
		assert.Empty(t, findings(t, p.pcap), "there is nothing to warn of")
	default:
		assert.False(t, s.MPTCP)
		assert.Contains(t, strings.Split(cause, "|"), s.Cause)
		if s.Cause == "" {
			return // what was never asked for cannot be missed
		}
		found := findings(t, p.pcap)
		assert.True(t, slices.ContainsFunc(strings.Fields(c.proof), func(id string) bool { return found[id] }), "%v", found)
	}
}
