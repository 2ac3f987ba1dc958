package peer

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/trace"
	"github.com/mptcp-go/mptcp/peer/lab"
	"github.com/mptcp-go/mptcp/peer/link"
	"github.com/mptcp-go/mptcp/wire"
)

// full says that the long form of the live tests is wanted: MPTCP_LIVE=full.
func full() bool { return os.Getenv("MPTCP_LIVE") == "full" }

// live is a stack of ours in front of a kernel: each path is a link to the namespace
// of the kernel, on which we are 10.1.k.1 and fd00:0:k::1, and it is 10.1.k.2 and
// fd00:0:k::2.
type live struct {
	t        *testing.T
	lab      *lab.Lab
	kernel   *lab.Space
	ours     *lab.Space // of raw links
	stack    *Stack
	links    []link.Link
	faults   []*faultyLink // where the test wants them
	family   int           // 4 or 6: that of the subflows
	kind     string        // of the links
	who      role          // in the last connection
	dir      string        // what is kept of a failure
	file     *os.File
	buf      *bufio.Writer
	before   map[string]uint64 // counters of the kernel when the test began
	base     Stats             // and ours
	prepared bool              // subflowWays.prepare was called
	tainted  bool              // the path damages packets: they are no part of what is judged
	expected []string          // findings of the analyser that are to be there
}

// liveConfig says what a test wants.
type liveConfig struct {
	paths int // default 1
	// kind is "tun" (default), "raw" with an address of its own, or "shared": raw with
	// the address of the kernel on our side; "-plain" behind it stands for no offload.
	kind   string
	family int // of the subflows; default 4
	config Config
	faulty bool // links are faultyLinks
	tools  []string
}

// newLive builds the network and the stack.
func newLive(t *testing.T, c liveConfig) *live {
	t.Helper()
	if testing.Short() {
		t.Skip("live tests take their time")
	}
	v := &live{t: t, lab: lab.Test(t, append(c.tools, "ss")...), family: cmp.Or(c.family, 4), kind: c.kind}
	v.kernel = v.lab.Space("kernel")
	if strings.HasPrefix(c.kind, "raw") || strings.HasPrefix(c.kind, "shared") {
		v.ours = v.lab.Space("ours")
	}
	var err error
	v.dir, err = os.MkdirTemp("", "mptcp-live-")
	require.NoError(t, err)
	v.file, err = os.Create(filepath.Join(v.dir, "ours.pcapng"))
	require.NoError(t, err)
	v.buf = bufio.NewWriterSize(v.file, 1<<20)
	c.config.Capture, err = pcap.NewWriter(v.buf, pcap.WriterOptions{Format: pcap.PCAPNG, Application: "mptcp live test"})
	require.NoError(t, err)
	v.stack, err = New(c.config)
	require.NoError(t, err)
	t.Cleanup(v.finish)
	for k := range max(c.paths, 1) {
		v.addPath(k, c)
	}
	v.awaitPaths()
	v.before, err = v.kernel.Counters()
	require.NoError(t, err)
	return v
}

// ready counts the IPv6 addresses that the kernel takes packets for: some time after it
// was given one, it enters a route to itself.
func (v *live) ready() (n int) {
	_ = v.kernel.Do(func() error {
		text, err := os.ReadFile("/proc/thread-self/net/ipv6_route")
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line) // destination, its length, ..., flags, device
			const local = 1 << 31
			flags, _ := strconv.ParseUint(f[8], 16, 64)
			if flags&local != 0 && f[1] == "80" && strings.HasPrefix(f[0], "fd00") && strings.HasPrefix(f[9], "path") {
				n++
			}
		}
		return err
	})
	return n
}

func (v *live) addPath(k int, c liveConfig) {
	v.t.Helper()
	ours, theirs := []netip.Prefix{prefix(4, k, 1), prefix(6, k, 1)}, []string{prefix(4, k, 2).String(), prefix(6, k, 2).String()}
	spec, where := fmt.Sprintf("tun:path%d,%s,%s,kernel=%s,kernel=%s", k, ours[0], ours[1], prefix(4, k, 2).Addr(), prefix(6, k, 2).Addr()), v.kernel
	if v.ours != nil {
		dev := fmt.Sprintf("path%d", k)
		spec, where = fmt.Sprintf("raw:%s,%s,%s", dev, ours[0], ours[1]), v.ours
		var own []string
		if strings.HasPrefix(c.kind, "shared") {
			spec, own = "raw:"+dev, []string{ours[0].String(), ours[1].String()}
		}
		v.lab.Link(v.ours.Dev(dev, own...), v.kernel.Dev(dev, theirs...))
	}
	if strings.HasSuffix(c.kind, "-plain") {
		spec += ",offload=off"
	}
	var l link.Link
	err := where.Do(func() (err error) {
		l, err = link.Open(spec)
		return err
	})
	require.NoError(v.t, err)
	v.links = append(v.links, l)
	if c.faulty {
		f := newFaultyLink(l, uint64(k))
		v.faults = append(v.faults, f)
		l = f
	}
	require.NoError(v.t, v.stack.AddLink(l))
}

func (v *live) awaitPaths() {
	v.t.Helper()
	// Neighbours are found, too, when a port where nobody listens has refused us.
	for k := range v.links {
		v.awaitPath(k)
	}
	v.base = v.stack.Stats()
}

// awaitPath has packets pass on path k.
func (v *live) awaitPath(k int) {
	v.t.Helper()
	waitFor(v.t, "the kernel's addresses are not ready", func() bool { return v.ready() >= len(v.links) })
	for _, family := range []int{4, 6} {
		to := netip.AddrPortFrom(prefix(family, k, 2).Addr(), 1).String()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		_, err := v.stack.DialFrom(ctx, prefix(family, k, 1).Addr(), "tcp", to)
		cancel()
		require.ErrorIs(v.t, err, syscall.ECONNREFUSED)
	}
}

// finish ends the stack, judges the capture, and keeps it where the test has failed.
func (v *live) finish() {
	stats := v.stack.Stats()
	if err := v.stack.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		v.t.Errorf("closing the stack: %v", err)
	}
	if err := errors.Join(v.buf.Flush(), v.file.Close()); err != nil {
		v.t.Error(err)
	}
	v.judge(stats)
	if !v.t.Failed() && os.Getenv("MPTCP_KEEP") == "" {
		_ = os.RemoveAll(v.dir)
		return
	}
	if err := v.transcript(); err != nil {
		v.t.Error(err)
	}
	after, _ := v.kernel.Counters()
	text, _ := json.MarshalIndent(map[string]any{"stack": stats, "kernel before": v.before, "kernel after": after}, "", " ")
	_ = os.WriteFile(filepath.Join(v.dir, "counters.json"), text, 0o600)
	if out, err := v.kernel.Run("cat", "/proc/net/snmp6"); err == nil {
		_ = os.WriteFile(filepath.Join(v.dir, "snmp6.txt"), []byte(out), 0o600)
	}
	v.t.Logf("the kernel counted: %s", strings.Join(v.moved(), ", "))
	v.t.Logf("capture, transcript and counters are in %s", v.dir)
}

// judge has the analyser look at the capture: no error.
func (v *live) judge(stats Stats) {
	file, err := pcap.Open(v.file.Name())
	if err != nil {
		v.t.Error(err)
		return
	}
	defer file.Close()
	tr := trace.New(trace.Config{})
	var f pcap.Frame
	var seg wire.Segment
	for {
		if err = file.Next(&f); err != nil {
			break
		}
		// A host drops what arrives damaged, which the checksum of TCP shows: no single
		// flipped bit escapes it.
		if !v.tainted || wire.Parse(&seg, f.Data) == nil && seg.Sum != wire.SumBad {
			tr.Add(0, &f)
		}
	}
	if err != io.EOF {
		v.t.Error(err)
	}
	tr.Finish()
	for _, x := range tr.Findings() {
		if x.Severity == trace.Error && !slices.Contains(v.expected, x.ID) {
			v.t.Errorf("the capture says %s in frame %d, %d times: %s", x.ID, x.Frames[0].Frame(), x.Count, x.Cause)
		}
	}
	if stats.NotOurs > 0 && !v.tainted || stats.NoRoute > 0 || stats.Unsendable > 0 {
		v.t.Errorf("segments went astray: not ours %d, no route %d, unsendable %d", stats.NotOurs, stats.NoRoute, stats.Unsendable)
	}
}

// transcript writes the capture as text.
func (v *live) transcript() error {
	in, err := pcap.Open(v.file.Name())
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(filepath.Join(v.dir, "transcript.txt"))
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	var f pcap.Frame
	var seg wire.Segment
	first := int64(0)
	for in.Next(&f) == nil {
		if first == 0 {
			first = f.Nanos
		}
		if wire.Parse(&seg, f.Data) == nil {
			fmt.Fprintf(w, "%5d %.6f %s > %s: %s\n", f.Number, float64(f.Nanos-first)/1e9, seg.Src, seg.Dst, wire.AppendText(nil, &seg, wire.TextBase{}))
		}
	}
	return errors.Join(w.Flush(), out.Close())
}

// counted returns by how much a counter of the kernel went up.
func (v *live) counted(name string) uint64 {
	after, err := v.kernel.Counters()
	require.NoError(v.t, err)
	_, known := after[name]
	require.True(v.t, known, "the kernel has no counter %s", name)
	return after[name] - v.before[name]
}

// moved lists the MPTCP counters of the kernel that changed.
func (v *live) moved() (list []string) {
	after, _ := v.kernel.Counters()
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if d := after[name] - v.before[name]; d != 0 && len(name) > 8 && name[:8] == "MPTcpExt" {
			list = append(list, fmt.Sprintf("%s %d", name[8:], d))
		}
	}
	return list
}

// listenKernel has the kernel listen on an address and port, 0 being any.
func (v *live) listenKernel(multipath bool, addr string) *net.TCPListener {
	v.t.Helper()
	var l net.Listener
	err := v.kernel.Do(func() (err error) {
		var c net.ListenConfig
		c.SetMultipathTCP(multipath)
		l, err = c.Listen(context.Background(), "tcp", addr)
		return err
	})
	require.NoError(v.t, err)
	v.t.Cleanup(func() { _ = l.Close() })
	return l.(*net.TCPListener)
}

// dialKernel has the kernel open a connection.
func (v *live) dialKernel(multipath bool, to string) (*net.TCPConn, error) {
	var c net.Conn
	err := v.kernel.Do(func() (err error) {
		var d net.Dialer
		d.SetMultipathTCP(multipath)
		d.Timeout = 20 * time.Second
		c, err = d.Dial("tcp", to)
		return err
	})
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// role is who opens the connection.
type role string

const (
	client role = "client" // we do
	server role = "server" // the kernel does
)

// connect makes a connection between us and the kernel over path 0.
func (v *live) connect(who role, family int, multipath bool) (*Conn, *net.TCPConn) {
	v.t.Helper()
	v.who = who
	if who == client {
		l := v.listenKernel(multipath, ":0")
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		to := netip.AddrPortFrom(prefix(family, 0, 2).Addr(), l.Addr().(*net.TCPAddr).AddrPort().Port())
		c, err := v.stack.Dial(ctx, "tcp", to.String())
		require.NoError(v.t, err)
		require.NoError(v.t, l.SetDeadline(time.Now().Add(20*time.Second)))
		k, err := l.AcceptTCP()
		require.NoError(v.t, err)
		return c, k
	}
	l, err := v.stack.Listen("tcp", ":0")
	require.NoError(v.t, err)
	v.t.Cleanup(func() { _ = l.Close() })
	k, err := v.dialKernel(multipath, netip.AddrPortFrom(prefix(family, 0, 1).Addr(), l.locals[0].Port()).String())
	require.NoError(v.t, err)
	require.NoError(v.t, l.SetDeadline(time.Now().Add(20*time.Second)))
	c, err := l.AcceptConn()
	require.NoError(v.t, err)
	return c, k
}

// kernelSockets returns the kernel's MPTCP sockets that are connected.
func (v *live) kernelSockets() []lab.Socket {
	v.t.Helper()
	list, err := v.kernel.Sockets("-M")
	require.NoError(v.t, err)
	return list
}

// closed waits until nothing is left of a connection on either side, but for the time
// after it.
func (v *live) closed() {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := v.stack.Drain(ctx); err != nil {
		v.stack.mu.Lock()
		for _, c := range v.stack.conns {
			defer func() { v.t.Logf("%+v", c.Info()) }()
		}
		v.stack.mu.Unlock()
		v.t.Error("a connection did not end")
	}
	assert.Zero(v.t, v.stack.Stats().Connections)
	var left fsm.Usage
	waitFor(v.t, "we keep something of a connection", func() bool {
		left = v.stack.Usage()
		left.TimeWaits = 0
		return left == fsm.Usage{}
	})
	waitFor(v.t, "the kernel keeps a connection", func() bool {
		for _, s := range v.kernelSockets() {
			if s.State != "TIME-WAIT" {
				return false
			}
		}
		return true
	})
}

// noFallback checks the counters of both sides that tell of a fallback or of damage.
func (v *live) noFallback() {
	v.t.Helper()
	for _, name := range []string{"MPCapableFallbackACK", "MPCapableFallbackSYNACK", "MPCapableDataFallback", "MPCapableSYNTXDrop",
		"DssFallback", "FallbackFailed", "DataCsumErr", "DSSNoMatchTCP", "DSSCorruptionReset", "DSSCorruptionFallback",
		"InfiniteMapTx", "InfiniteMapRx", "MPFailTx", "MPFailRx"} {
		after, _ := v.kernel.Counters()
		assert.Zero(v.t, after["MPTcpExt"+name]-v.before["MPTcpExt"+name], "kernel's %s", name)
	}
	s := v.stack.Stats().MPTCP
	assert.Zero(v.t, s.MPCapableFallbackACK+s.MPCapableFallbackSYNACK+s.MPCapableDataFallback+s.DssFallback+s.FallbackFailed+
		s.DataCsumErr+s.DSSNotMatching+s.DSSCorruptionReset+s.InfiniteMapTx+s.InfiniteMapRx+s.MPFailTx+s.MPFailRx, "ours")
}

// pairs are counters that count the same thing seen from both sides: ours, and the
// kernel's by nstat's name.
var pairs = []struct {
	name   string
	ours   func(*fsm.Stats) uint64
	kernel string
}{
	{"SYNs with MP_CAPABLE from us", func(s *fsm.Stats) uint64 { return s.MPCapableSYNTX }, "MPCapableSYNRX"},
	{"SYNs with MP_CAPABLE from the kernel", func(s *fsm.Stats) uint64 { return s.MPCapableSYNRX }, "MPCapableSYNTX"},
	{"SYN/ACKs with MP_CAPABLE from us", func(s *fsm.Stats) uint64 { return s.MPCapableSYNRX }, "MPCapableSYNACKRX"},
	{"SYN/ACKs with MP_CAPABLE from the kernel", func(s *fsm.Stats) uint64 { return s.MPCapableSYNACKRX }, "MPCapableSYNRX"},
	{"third packets from the kernel", func(s *fsm.Stats) uint64 { return s.MPCapableACKRX }, "MPCapableSYNACKRX"},
	{"third packets from us", func(s *fsm.Stats) uint64 { return s.MPCapableSYNACKRX }, "MPCapableACKRX"},
	{"joins of ours", func(s *fsm.Stats) uint64 { return s.MPJoinSynTx }, "MPJoinSynRx"},
	{"joins of the kernel", func(s *fsm.Stats) uint64 { return s.MPJoinSynRx }, "MPJoinSynTx"},
	{"answers to our joins", func(s *fsm.Stats) uint64 { return s.MPJoinSynAckRx }, "MPJoinAckRx"},
	{"answers to the kernel's joins", func(s *fsm.Stats) uint64 { return s.MPJoinAckRx }, "MPJoinSynAckRx"},
	{"ADD_ADDRs from us", func(s *fsm.Stats) uint64 { return s.AddAddrTx }, "AddAddr"},
	{"ADD_ADDRs from the kernel", func(s *fsm.Stats) uint64 { return s.AddAddr }, "AddAddrTx"},
	{"echoes from us", func(s *fsm.Stats) uint64 { return s.EchoAddTx }, "EchoAdd"},
	{"echoes from the kernel", func(s *fsm.Stats) uint64 { return s.EchoAdd }, "EchoAddTx"},
	{"REMOVE_ADDRs from the kernel", func(s *fsm.Stats) uint64 { return s.RmAddr }, "RmAddrTx"},
	{"MP_PRIOs from us", func(s *fsm.Stats) uint64 { return s.MPPrioTx }, "MPPrioRx"},
	{"MP_PRIOs from the kernel", func(s *fsm.Stats) uint64 { return s.MPPrioRx }, "MPPrioTx"},
	{"MP_FAILs from us", func(s *fsm.Stats) uint64 { return s.MPFailTx }, "MPFailRx"},
	{"MP_FAILs from the kernel", func(s *fsm.Stats) uint64 { return s.MPFailRx }, "MPFailTx"},
	{"MP_FASTCLOSEs from us", func(s *fsm.Stats) uint64 { return s.MPFastcloseTx }, "MPFastcloseRx"},
	{"MP_FASTCLOSEs from the kernel", func(s *fsm.Stats) uint64 { return s.MPFastcloseRx }, "MPFastcloseTx"},
	{"infinite mappings from us", func(s *fsm.Stats) uint64 { return s.InfiniteMapTx }, "InfiniteMapRx"},
	{"infinite mappings from the kernel", func(s *fsm.Stats) uint64 { return s.InfiniteMapRx }, "InfiniteMapTx"},
}

// agree compares the counters of both sides; it holds where nothing is lost.
func (v *live) agree() {
	v.t.Helper()
	s := v.stack.Stats().MPTCP
	for _, p := range pairs {
		assert.Equal(v.t, v.counted("MPTcpExt"+p.kernel), p.ours(&s)-p.ours(&v.base.MPTCP), "%s: ours, and the kernel's %s", p.name, p.kernel)
	}
}
