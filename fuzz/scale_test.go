package fuzz

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/trace"
	"github.com/mptcp-go/mptcp/wire"
)

// The captures that must stay linear in time and bounded in memory.
var scales = []struct {
	name    string
	n       int // connections, or joins
	perItem int // octets of memory allowed for each
	play    func(s *script, n int)
	check   func(t *testing.T, tr *trace.Tracker, n int)
}{
	{"joins of unknown tokens", 10_000, 2048, playUnknownJoins, func(t *testing.T, tr *trace.Tracker, n int) {
		assert.Len(t, tr.Subflows(), n)
		assert.Empty(t, tr.Conns())
	}},
	{"short connections", 50_000, 2048, playShort, func(t *testing.T, tr *trace.Tracker, n int) {
		require.Len(t, tr.Conns(), n)
		for _, c := range tr.Conns() {
			if c.Dir[0].NewBytes != 100 || c.Dir[1].NewBytes != 200 || len(c.Findings) > 0 {
				t.Fatalf("connection %d: %d and %d octets, %v", c.ID, c.Dir[0].NewBytes, c.Dir[1].NewBytes, c.Findings)
			}
		}
	}},
	{"connections that never close", 10_000, 16 << 10, playOpen, func(t *testing.T, tr *trace.Tracker, n int) {
		assert.Len(t, tr.Conns(), n)
	}},
}

// playUnknownJoins plays SYNs with tokens nobody has, and the RSTs that refuse them.
func playUnknownJoins(s *script, n int) {
	for i := range n {
		c := newTalk(wire.V1, uint64(i), false)
		f := c.add(i, 0)
		s.join(c, f, 1, 0)
		s.send(f, 1, wire.RST|wire.ACK, 0, nil, wire.MPTCPRst{Reason: 1}.Append)
	}
}

func playShort(s *script, n int) {
	for i := range n {
		c := newTalk(wire.V1, uint64(i), i&1 == 0)
		s.short(c, c.add(i, 0))
	}
}

// playOpen plays handshakes and one segment of data, checksummed and never finished.
func playOpen(s *script, n int) {
	for i := range n {
		c := newTalk(wire.V1, uint64(i), true)
		f := c.add(i, 0)
		s.open(c, f, 3)
		s.data(c, f, 0, 0, 1000, 0, dataStyle{wide: true, mapLen: 2000})
	}
}

// analyse plays a capture to a tracker and returns the tracker and the CPU time that it
// alone took.
func analyse(play func(s *script, n int), n int) (tr *trace.Tracker, took time.Duration) {
	tr = trace.New(trace.Config{})
	// Packets are made in batches, so that making them is not measured.
	var batch []pcap.Frame
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	flush := func() {
		start := threadTime()
		for i := range batch {
			tr.Add(0, &batch[i])
		}
		took += threadTime() - start
		batch = batch[:0]
	}
	s := &script{now: 1.7e18, out: func(f *pcap.Frame) {
		kept := *f
		kept.Data = slices.Clone(f.Data)
		if batch = append(batch, kept); len(batch) == 4096 {
			flush()
		}
	}}
	play(s, n)
	flush()
	start := threadTime()
	tr.Finish()
	return tr, took + threadTime() - start
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestScale: many joins with unknown tokens and many short connections take a bounded
// amount of memory each; BenchmarkScale shows their time.
func TestScale(t *testing.T) {
	for _, c := range scales {
		t.Run(c.name, func(t *testing.T) {
			before := heap()
			tr, _ := analyse(c.play, c.n)
			used := heap() - before
			c.check(t, tr, c.n)
			each := used / int64(c.n)
			t.Logf("%d: %d octets each", c.n, each)
			assert.LessOrEqual(t, each, int64(c.perItem), "octets of memory for each")
			runtime.KeepAlive(tr)
		})
	}
}

// BenchmarkScale: the time of an item stays the same with four times as many of them.
func BenchmarkScale(b *testing.B) {
	for _, c := range scales {
		for _, n := range []int{c.n / 4, c.n} {
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
				var took time.Duration
				for b.Loop() {
					_, t := analyse(c.play, n)
					took += t
				}
				b.ReportMetric(float64(took.Nanoseconds())/float64(b.N)/float64(n), "cpu-ns/item")
			})
		}
	}
}
