package peer

import (
	"context"
	"io"
	"net/netip"
	"runtime"
	"testing"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/peer/link"
)

// BenchmarkIdle opens a connection at each turn, over a link in memory, has an octet go
// both ways, and keeps it: B/conn is what one side of an idle connection costs.
func BenchmarkIdle(b *testing.B) {
	cfg := Config{Endpoint: fsm.Config{MaxHalfOpen: 1 << 20}}
	x, y := link.Pipe(link.PipeConfig{A: []netip.Prefix{prefix(4, 0, 1)}, B: []netip.Prefix{prefix(4, 0, 2)}})
	client, _ := New(cfg)
	server, _ := New(cfg)
	defer client.Close()
	defer server.Close()
	_ = client.AddLink(x)
	_ = server.AddLink(y)
	l, err := server.Listen("tcp", ":80")
	if err != nil {
		b.Fatal(err)
	}
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	before := heap()
	all := make([]*Conn, 0, 2*b.N)
	b.ResetTimer()
	for range b.N {
		c, err := client.Dial(context.Background(), "tcp", "10.1.0.2:80")
		if err != nil {
			b.Fatal(err)
		}
		s, err := l.AcceptConn()
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, c, s)
		var p [1]byte
		for _, ends := range [][2]*Conn{{c, s}, {s, c}} {
			if _, err := ends[0].Write(p[:]); err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadFull(ends[1], p[:]); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(int64(heap()-before))/float64(len(all)), "B/conn")
	runtime.KeepAlive(all)
}
