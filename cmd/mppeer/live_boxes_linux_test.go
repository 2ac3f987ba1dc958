package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/wire"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// boxCase is a middlebox between us and the kernel, and what becomes of a connection:
// Multipath TCP to the end, or plain TCP with the cause that our summary names.
type boxCase struct {
	spec           string // elements, with " + " between; NAT is the address of one
	client, server string // our cause, on either side; "-": Multipath TCP; "": never asked for; "|" is or
	proof          string // a finding of the analyser that says the same, or one of several
	tun            bool   // in front of a TUN device, too
	size           int    // of the stream, octets; 0: 300,000
	// loses says that the kernel falls back there and then loses octets at times, one
	// connection in twenty, between two kernels, too (docs/interop.md): it may try again.
	loses bool
}

// Paper section 4.1 and 3.1 to 3.3, P-4.1-01: each middlebox in the cable between us
// and the kernel.
var liveBoxes = []boxCase{
	{spec: "nat addr=NAT", client: "-", server: "-", tun: true}, // P-3.2-02
	{spec: "seq", client: "-", server: "-", tun: true},          // P-3.3-01
	{spec: "hole", client: "-", server: "-"},                    // P-3.3-02
	{spec: "ackfix", client: "-", server: "-"},                  // P-3.3-03
	{spec: "split 500", client: "-", server: "-", tun: true},    // P-3.3.4-01
	{spec: "split 500 copy=first after=50KB", client: "-", server: "-"},
	// The kernel falls back without a word at the first octets without a mapping; we do not. It
	// may do so before it sends anything, so that its first data comes without a mapping, or
	// when neither of us has anything left to tell it with.
	{spec: "mss 700 + coalesce 2 wait=1ms after=50KB", client: "DssFallback|MPCapableDataFallback", server: "DssFallback", proof: "MPD-INFINITE-MAPPING MPD-OPTIONS-LOST MPD-NO-DATA-FIN", tun: true, loses: true}, // P-3.3.5-03
	{spec: "mss 700 + coalesce 2 wait=1ms dir=s2c", client: "-", server: "-"},
	{spec: "mss 700 + coalesce 3 keep=last dir=s2c", client: "-", server: "-"},
	{spec: "dup mptcp", client: "-", server: "-"}, // P-3.1-09
	{spec: "mss 700", client: "-", server: "-"},
	{spec: "firewall inbound", client: "-", server: "-"},
	{spec: "normalize", client: "-", server: "-"}, // P-3.3.3-03
	{spec: "normalize how=reset", client: "-", server: "-"},
	{spec: "window 16384", client: "-", server: "-"},
	{spec: "link loss=1% delay=1ms", client: "-", server: "-"},
	// It passes options on, late: a server may have a DATA_ACK before it gives up.
	{spec: "proxy", client: "MPCapableDataFallback", server: "MPCapableDataFallback|DssFallback|-", proof: "MPD-INFINITE-MAPPING MPD-OPTIONS-LOST", tun: true},
	// It keeps nothing: what a host has no room for is lost. Its ACKs have no options, ours do.
	{spec: "ack", client: "MPCapableDataFallback|-", server: "DssFallback|MPCapableDataFallback|-", proof: "MPD-INFINITE-MAPPING MPD-OPTIONS-LOST", tun: true, size: 40_000}, // P-4.1-01
	{spec: "ack after=50KB", client: "-", server: "-"},
	{spec: "strip mptcp on=syn", client: "MPCapableFallbackSYNACK", server: "", proof: "MPD-FALLBACK-SYNACK", tun: true},                                         // P-3.1-02
	{spec: "strip mptcp on=synack", client: "MPCapableFallbackSYNACK", server: "MPCapableFallbackACK", proof: "MPD-FALLBACK-SYNACK MPD-FALLBACK-ACK", tun: true}, // P-3.1-05
	{spec: "strip mptcp on=ack3", client: "MPCapableDataFallback|DssFallback", server: "MPCapableFallbackACK", proof: "MPD-INFINITE-MAPPING MPD-OPTIONS-LOST"},
	{spec: "drop has=mptcp on=syn", client: "MPCapableSYNTXDrop", server: "", proof: "MPD-SYN-BLACKHOLE"},                                                         // P-3.1-04
	{spec: "strip mptcp after=3whs", client: "MPCapableDataFallback", server: "MPCapableDataFallback", proof: "MPD-INFINITE-MAPPING MPD-OPTIONS-LOST", tun: true}, // P-3.1-03
	{spec: "strip mptcp after=3whs dir=c2s", client: "MPCapableDataFallback", server: "MPCapableDataFallback|DssFallback", proof: "MPD-INFINITE-MAPPING MPD-OPTIONS-LOST"},
	{spec: "strip mptcp after=3whs dir=s2c", client: "MPCapableDataFallback", server: "MPCapableDataFallback", proof: "MPD-INFINITE-MAPPING MPD-OPTIONS-LOST"},
	{spec: "strip dss", client: "MPCapableDataFallback", server: "MPCapableDataFallback|DssFallback", proof: "MPD-INFINITE-MAPPING MPD-OPTIONS-LOST"},
	{spec: "strip mptcp after=100KB", client: "DssFallback", server: "DssFallback", proof: "MPD-INFINITE-MAPPING MPD-OPTIONS-LOST", tun: true}, // P-3.3.6-05
}

// The stream arrives behind each of them, over IPv4 and IPv6, with our packet socket and
// with a TUN device in front of a router, we as the client and as the server, and the
// cause is named right. A device carries those that say tun only, unless MPTCP_LIVE=full.
func TestLiveBoxes(t *testing.T) {
	stream := random(300_000, 1)
	for _, way := range boxWays {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			b := newBoxLab(t, way)
			b.kernel.Sysctl("net.mptcp.blackhole_timeout", "0") // one case must not decide the next
			kernelEcho(t, b.kernel, b.at(way.theirs, 5000))
			for _, c := range liveBoxes {
				if way.tun() && !c.tun && !full() {
					continue
				}
				t.Run(c.spec, func(t *testing.T) { b.bothRoles(t, &c, stream) })
			}
		})
	}
}

// bothRoles has the stream go there and back through a box, first with us as the client,
// then with the kernel.
func (b *boxLab) bothRoles(t *testing.T, c *boxCase, stream []byte) {
	if c.size > 0 {
		stream = stream[:c.size]
	}
	t.Run("client", func(t *testing.T) {
		b.throughBox(t, c, stream, func(t *testing.T, wait time.Duration) (*proc, []byte, error) {
			p := start(t, b.ours, bytes.NewReader(stream), "connect", b.at(b.way.theirs, 5000), "--path", b.way.path, "--json")
			err := p.Wait(wait)
			return p, []byte(p.out.String()), err
		})
		if !t.Failed() {
			c.check(t, b.last, c.client)
		}
	})
	t.Run("server", func(t *testing.T) {
		b.throughBox(t, c, stream, func(t *testing.T, wait time.Duration) (*proc, []byte, error) {
			p := start(t, b.ours, nil, "listen", ":6000", "--echo", "--once", "--path", b.way.path, "--json")
			p.says(`"type":"listening"`)
			k := kernelDial(t, b.kernel, b.at(b.way.us, 6000))
			defer k.Close()
			require.NoError(t, k.SetDeadline(time.Now().Add(wait)))
			got, err := converse(k, stream)
			if err == nil {
				err = p.Wait(wait)
			}
			return p, got, err
		})
		if !t.Failed() {
			c.check(t, b.last, c.server)
		}
	})
}

// throughBox runs a transfer through a box, b.last in the end, and wants the octets that it
// returns to be those of the stream.
func (b *boxLab) throughBox(t *testing.T, c *boxCase, stream []byte, transfer func(*testing.T, time.Duration) (*proc, []byte, error)) {
	for try := 0; ; try++ {
		before := counters(t, b.kernel)
		box := b.put(t, c.spec)
		wait := patience
		if c.loses {
			wait /= 3
		}
		p, got, err := transfer(t, wait)
		box.interrupt()
		box.ends(exitClean)
		b.last = p
		if c.loses && try < 3 && (err != nil || !bytes.Equal(got, stream)) && b.kernelLost(t, p, before, len(stream)) {
			p.Stop()
			continue
		}
		require.NoError(t, err, p.errors.String())
		require.Equal(t, sum(stream), sum(got))
		return
	}
}

// kernelLost reports whether the kernel has lost octets of our stream that it had
// acknowledged, n of them, behind a fallback of its own: its counters and the wire tell.
func (b *boxLab) kernelLost(t *testing.T, p *proc, before map[string]uint64, n int) bool {
	after := counters(t, b.kernel)
	moved := func(name string) uint64 { return after["MPTcpExt"+name] - before["MPTcpExt"+name] }
	p.interrupt()
	p.interrupt()
	_ = p.Wait(patience)
	acked := ackedBy(t, p.pcap, netip.MustParseAddr(b.way.theirs))
	t.Logf("the kernel acknowledged %d octets, fell back %d times, and threw %d segments away behind that", acked,
		moved("DSSCorruptionFallback"), moved("NoDSSInWindow"))
	return moved("DSSCorruptionFallback") > 0 && moved("NoDSSInWindow") > 0 && acked >= n
}

// ackedBy is how many octets of the stream to a host that host has acknowledged, by a
// capture of one connection.
func ackedBy(t *testing.T, file string, host netip.Addr) int {
	f, err := pcap.Open(file)
	require.NoError(t, err)
	defer f.Close()
	var frame pcap.Frame
	var seg wire.Segment
	var first, last uint32
	for f.Next(&frame) == nil {
		if wire.Parse(&seg, frame.Data) != nil || !seg.Flags.Has(wire.ACK) && !seg.Flags.Has(wire.SYN) {
			continue
		}
		switch from := seg.Src.Addr() == host; {
		case !from && seg.Flags.Has(wire.SYN):
			first, last = seg.Seq+1, seg.Seq+1
		case from && seg.Flags.Has(wire.ACK) && int32(seg.Ack-last) > 0:
			last = seg.Ack
		}
	}
	return int(last - first)
}

// converse is exchange by a host that closes only when it has everything.
func converse(c *net.TCPConn, out []byte) ([]byte, error) {
	wrote := make(chan error, 1)
	go func() {
		_, err := c.Write(out)
		wrote <- err
	}()
	in := make([]byte, len(out))
	if n, err := io.ReadFull(c, in); err != nil {
		return in[:n], err
	}
	if err := errors.Join(<-wrote, c.CloseWrite()); err != nil {
		return in, err
	}
	rest, err := io.ReadAll(c)
	return append(in, rest...), err
}

// put puts middleboxes in the cable, those of spec with " + " between them.
func (b *boxLab) put(t *testing.T, spec string) *proc {
	t.Helper()
	args := []string{"middlebox", "--left", "raw:left", "--right", "raw:right"}
	for s := range strings.SplitSeq(strings.ReplaceAll(spec, "NAT", b.way.nat), " + ") {
		args = append(args, "--do", s)
	}
	box := start(t, b.box, nil, args...)
	box.says("middlebox between")
	return box
}

// check compares the summary, and what the analyser finds, with what is to be expected.
func (c *boxCase) check(t *testing.T, p *proc, causes string) {
	t.Helper()
	list := p.records("summary")
	require.Len(t, list, 1)
	s := list[0]
	assert.Empty(t, s.Error)
	cause, found := s.Cause, findings(t, p.pcap)
	if s.MPTCP {
		cause = "-"
	}
	assert.Contains(t, strings.Split(causes, "|"), cause)
	switch {
	case s.MPTCP:
		assert.Empty(t, found, "there is nothing to warn of")
	case cause != "": // what was never asked for cannot be missed
		assert.True(t, slices.ContainsFunc(strings.Fields(c.proof), func(id string) bool { return found[id] }), "%v", found)
	}
}
