package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// boxCase is a middlebox between us and the kernel, and what becomes of a connection:
// Multipath TCP to the end, or plain TCP with the cause that our summary names.
type boxCase struct {
	spec           string
	client, server string // our cause, on either side; "-": Multipath TCP
	damage         bool   // the payload is not to be compared, and we are the client only
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
	{spec: "coalesce 2 wait=1ms after=50KB count=20", client: "?", server: "?"}, // P-3.3.5-03
	{spec: "dup mptcp", client: "-", server: "-"},                               // P-3.1-09
	{spec: "mss 700", client: "-", server: "-"},
	{spec: "firewall inbound", client: "-", server: "-"},
	{spec: "normalize", client: "-", server: "-"}, // P-3.3.3-03
	{spec: "link loss=1% delay=1ms", client: "-", server: "-"},
	{spec: "proxy", client: "?", server: "?"},
	{spec: "strip mptcp on=syn", client: "MPCapableFallbackSYNACK", server: ""},                        // P-3.1-02
	{spec: "strip mptcp on=synack", client: "MPCapableFallbackSYNACK", server: "MPCapableFallbackACK"}, // P-3.1-05
	{spec: "drop has=mptcp on=syn", client: "MPCapableSYNTXDrop", server: ""},                          // P-3.1-04
	{spec: "strip mptcp after=3whs", client: "MPCapableDataFallback", server: "MPCapableDataFallback"}, // P-3.1-03
	{spec: "strip mptcp after=100KB", client: "DssFallback", server: "DssFallback"},                    // P-3.3.6-05
	// Once, and on data of ours as the client: of the kernel's, or more often, even two
	// kernels stand still at times.
	{spec: "payload flip after=100KB dir=c2s count=1", client: "?", damage: true},
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
				if !c.damage {
					require.Equal(t, sum(stream), sum([]byte(p.out.String())))
				}
				c.check(t, p, c.client)
				box.interrupt()
				box.ends(exitClean)
			})
			if c.damage {
				return
			}
			t.Run("server", func(t *testing.T) {
				box := b.put(t, c.spec)
				p := start(t, b.ours, nil, "listen", ":6000", "--echo", "--once", "--path", "raw:eth0,10.1.0.1/24", "--json")
				p.says(`"type":"listening"`)
				got := exchange(t, kernelDial(t, b.kernel, "10.1.0.1:6000"), stream)
				require.Equal(t, sum(stream), sum(got))
				p.ends(exitClean)
				c.check(t, p, c.server)
				box.interrupt()
				box.ends(exitClean)
			})
		})
	}
}

// put puts a middlebox in the cable.
func (b *boxLab) put(t *testing.T, spec string) *proc {
	t.Helper()
	box := start(t, b.box, nil, "middlebox", "--left", "raw:left", "--right", "raw:right", "--do", spec)
	box.says("middlebox between")
	return box
}

// check compares the summary with what is to be expected.
func (c *boxCase) check(t *testing.T, p *proc, cause string) {
	t.Helper()
	list := p.records("summary")
	require.Len(t, list, 1)
	s := list[0]
	t.Log(s.MPTCP, s.Cause, s.Error)
	assert.Empty(t, s.Error)
	switch cause {
	case "-":
		assert.True(t, s.MPTCP, "it fell back: %s", s.Cause)
	case "?":
	default:
		assert.False(t, s.MPTCP)
		assert.Equal(t, cause, s.Cause)
	}
}
