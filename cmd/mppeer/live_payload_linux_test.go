package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// payloadCase is a gateway that changes payloads between us and the kernel. Directions are
// ours: c2s is from us, whoever opened.
type payloadCase struct {
	do     string
	server bool // we are
	ours   bool // we ask for checksums
	kernel bool // the kernel does
	small  bool // the kernel's infinite mapping fits into a packet of full size
	causes string
}

func (c payloadCase) String() string {
	role := "client"
	if c.server {
		role = "server"
	}
	return fmt.Sprintf("%s %s ours=%v kernel=%v small=%v", role, c.do, c.ours, c.kernel, c.small)
}

// Who finds the wrong checksum decides: we, or the kernel, with MP_FAIL or, where no mapping
// of ours was right before, without a word.
const (
	weFind      = "DataCsumErr"
	kernelFinds = "MPFailRx|DssFallback|MPCapableDataFallback"
)

// Paper section 3.3.6, P-3.3.6-01; R3.7-09 to R3.7-11: gateways that change the payload of
// ours, of the kernel's, of both, once or always, whoever opened and whoever asked for
// checksums. The stream arrives, changed where it was changed, as plain TCP. MSS 1400
// leaves the kernel room for its infinite mapping; without, it comes in small pieces,
// which takes seconds.
//
// Both families; what takes seconds on IPv4 only, unless MPTCP_LIVE=full.
func TestLivePayload(t *testing.T) {
	stream := random(300_000, 1)
	cases := []payloadCase{
		{do: "payload flip after=100KB dir=s2c count=1", ours: true, causes: weFind},
		{do: "payload flip after=100KB dir=s2c count=1", kernel: true, small: true, causes: weFind},
	}
	for _, server := range []bool{false, true} {
		for _, n := range []string{"", " count=1"} {
			cases = append(cases,
				payloadCase{do: "payload flip after=100KB dir=c2s" + n, server: server, ours: true, kernel: true, causes: kernelFinds},
				payloadCase{do: "payload flip after=100KB dir=s2c" + n, server: server, ours: true, kernel: true, small: true, causes: weFind},
				payloadCase{do: "payload flip after=100KB" + n, server: server, ours: true, small: true, causes: weFind + "|" + kernelFinds})
		}
	}
	for _, way := range []boxWay{raw4, raw6, tun4, tun6} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			b := newBoxLab(t, way)
			b.kernel.Sysctl("net.mptcp.blackhole_timeout", "0")
			kernelEcho(t, b.kernel, b.at(way.theirs, 5000))
			for i, c := range cases {
				if !full() && (way.tun() && i > 5 || way != raw4 && !c.small) {
					continue
				}
				t.Run(c.String(), func(t *testing.T) { b.damaged(t, c, stream) })
			}
		})
	}
}

// damaged has a stream go there and back through a box that changes it.
func (b *boxLab) damaged(t *testing.T, c payloadCase, stream []byte) {
	b.kernel.Sysctl("net.mptcp.checksum_enabled", map[bool]string{true: "1", false: "0"}[c.kernel])
	spec := c.do
	if c.small {
		spec += " + mss 1400"
	}
	box := b.put(t, spec)
	p, got := b.echoed(t, c, stream)
	box.interrupt()
	box.ends(exitClean)
	require.Len(t, got, len(stream), "the length was not changed")
	wrong := 0
	for i, x := range got {
		if x != stream[i] {
			wrong++
			require.Equal(t, stream[i]^1, x, "octet %d was changed by nobody", i)
		}
	}
	assert.NotZero(t, wrong)
	if strings.HasSuffix(c.do, "count=1") {
		assert.LessOrEqual(t, wrong, 2) // count is for each direction
	}
	s := p.records("summary")[0]
	assert.False(t, s.MPTCP)
	assert.Contains(t, strings.Split(c.causes, "|"), s.Cause)
}

// The kernel has sent all that it has, and its DATA_FIN, when we find a wrong checksum: it
// gets the rest of our stream, and the end of it, as plain TCP. Once in twenty times it did
// not hear of the end where its DATA_FIN was acknowledged before it was told of the
// fallback. R3.7-10, R3.3.3-03. Forty times for MPTCP_LIVE=full.
func TestLiveEndBehindFallback(t *testing.T) {
	stream := random(300_000, 1)
	n := 8
	if full() {
		n = 40
	}
	for _, way := range []boxWay{raw4, raw6} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			b := newBoxLab(t, way)
			b.kernel.Sysctl("net.mptcp.blackhole_timeout", "0")
			b.kernel.Sysctl("net.mptcp.checksum_enabled", "1")
			fell := 0 // the sum is right all the same in one case of four
			for range n {
				box := b.put(t, "payload flip after=100KB dir=s2c count=1 + mss 1400")
				p := start(t, b.ours, nil, "listen", ":6000", "--echo", "--once", "--path", way.path, "--json")
				p.explained = []string{"MPD-CHECKSUM", "MPD-CONFLICT"}
				p.says(`"type":"listening"`)
				got := exchange(t, kernelDial(t, b.kernel, b.at(way.us, 6000)), stream)
				p.ends(exitClean)
				box.interrupt()
				box.ends(exitClean)
				require.Len(t, got, len(stream))
				if !p.records("summary")[0].MPTCP {
					fell++
				}
			}
			assert.Positive(t, fell)
		})
	}
}

// echoed has the kernel and us exchange a stream, one sending it back to the other.
func (b *boxLab) echoed(t *testing.T, c payloadCase, stream []byte) (p *proc, got []byte) {
	t.Helper()
	args := []string{"--path", b.way.path, "--json", fmt.Sprintf("--checksum=%v", c.ours)}
	explained := []string{"MPD-CHECKSUM", "MPD-CONFLICT"} // the box's
	if c.server {
		p = start(t, b.ours, nil, append([]string{"listen", ":6000", "--echo", "--once"}, args...)...)
		p.explained = explained
		p.says(`"type":"listening"`)
		var err error
		got, err = converse(kernelDial(t, b.kernel, b.at(b.way.us, 6000)), stream)
		require.NoError(t, err)
		p.ends(exitClean)
		return p, got
	}
	p = start(t, b.ours, bytes.NewReader(stream), append([]string{"connect", b.at(b.way.theirs, 5000)}, args...)...)
	p.explained = explained
	require.NoError(t, p.Wait(2*patience))
	return p, []byte(p.out.String())
}

// With a second subflow the one that a box damages is reset, reason 6, and the other brings
// everything, unchanged (R3.7-06, R3.7-12). It is damaged once: twelve octets of one mapping,
// each changed by one up or down, leave a sum of 16 bits as it was in one case of four.
func TestLivePayloadOnOneOfTwo(t *testing.T) {
	stream := random(2_000_000, 1)
	for _, k := range []struct {
		way             boxWay
		addr, path, any string // of the second link: the kernel's address, our path; and where it listens
	}{
		{raw4, "10.2.0.2/24", "raw:eth1,10.2.0.1/24", "0.0.0.0:5000"},
		{raw6, "fd00:2::2/64", "raw:eth1,fd00:2::1/64", "[::]:5000"},
	} {
		t.Run(k.way.name, func(t *testing.T) {
			t.Parallel()
			b := newBoxLab(t, k.way)
			b.ours.Lab().Link(b.ours.Dev("eth1"), b.kernel.Dev("eth1", k.addr))
			kernelEcho(t, b.kernel, k.any)
			addr, _, _ := strings.Cut(k.addr, "/")
			b.oneOfTwo(t, addr, k.path, stream)
		})
	}
}

func (b *boxLab) oneOfTwo(t *testing.T, addr, path string, stream []byte) {
	b.kernel.Sysctl("net.mptcp.blackhole_timeout", "0")
	b.kernel.Sysctl("net.mptcp.checksum_enabled", "1")
	b.kernel.IP("mptcp limits set subflows 4 add_addr_accepted 4")
	b.kernel.Endpoint(addr + " dev eth1 signal")
	for _, dir := range []string{"c2s", "s2c"} {
		t.Run(dir, func(t *testing.T) {
			before := counters(t, b.kernel)
			box := b.put(t, "payload flip after=10KB count=1 dir="+dir)
			in, feed := io.Pipe()
			p := start(t, b.ours, in, "connect", b.at(b.way.theirs, 5000), "--json", "--scheduler", "round-robin",
				"--path", b.way.path, "--path", path)
			p.explained = []string{"MPD-CHECKSUM", "MPD-CONFLICT"}
			t.Cleanup(func() { in.Close() })
			joined := make(chan bool, 1)
			go func() {
				_, _ = feed.Write(stream[:5000])
				<-joined
				_, _ = feed.Write(stream[5000:])
				feed.Close()
			}()
			p.says("subflow up")
			joined <- true
			p.ends(exitClean)
			box.interrupt()
			box.ends(exitClean)
			require.Equal(t, sum(stream), sum([]byte(p.out.String())))
			s := p.records("summary")[0]
			assert.True(t, s.MPTCP, "it fell back: %s", s.Cause)
			after := counters(t, b.kernel)
			moved := func(name string) uint64 { return after["MPTcpExt"+name] - before["MPTcpExt"+name] }
			if dir == "c2s" {
				assert.NotZero(t, moved("DataCsumErr"))
				assert.NotZero(t, moved("MPRstTx"))
			} else {
				assert.NotZero(t, moved("MPRstRx"))
				assert.NotZero(t, moved("MPFailRx"))
			}
		})
	}
}
