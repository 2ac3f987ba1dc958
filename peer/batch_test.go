package peer

import (
	"context"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/peer/link"
)

// gauge is a link that notes the largest batches.
type gauge struct {
	link.Link
	packets, octets, sent atomic.Int64
}

func (g *gauge) Send(pkts []link.Packet) error {
	n := int64(0)
	for i := range pkts {
		n += int64(pkts[i].Len())
	}
	g.packets.Store(max(g.packets.Load(), int64(len(pkts)))) // one Send at a time
	g.octets.Store(max(g.octets.Load(), n))
	g.sent.Add(n)
	return g.Link.Send(pkts)
}

// Segments are made when they can go: however large the windows, what is encoded and
// waits is no more than a batch, on every link.
func TestBatchesAreBounded(t *testing.T) {
	const largest = 60000
	var cfg Config
	cfg.Endpoint.SendBuffer, cfg.Endpoint.ReceiveBuffer = 8<<20, 8<<20
	a, err := New(cfg)
	require.NoError(t, err)
	b, err := New(cfg)
	require.NoError(t, err)
	defer b.Close()
	defer a.Close()
	var gauges []*gauge
	for k := range 2 {
		x, y := link.Pipe(link.PipeConfig{MaxPayload: largest, A: []netip.Prefix{prefix(4, k, 1)}, B: []netip.Prefix{prefix(4, k, 2)}})
		g := &gauge{Link: x}
		gauges = append(gauges, g)
		require.NoError(t, a.AddLink(g))
		require.NoError(t, b.AddLink(y))
	}
	l, err := b.Listen("tcp", ":5001")
	require.NoError(t, err)
	x, err := a.Dial(context.Background(), "tcp", "10.1.0.2:5001")
	require.NoError(t, err)
	y, err := l.AcceptConn()
	require.NoError(t, err)
	talk(t, x, y, 1<<20)
	require.NoError(t, x.Join(prefix(4, 1, 1).Addr(), netip.AddrPortFrom(prefix(4, 1, 2).Addr(), 5001), false))
	waitFor(t, "the second subflow", func() bool { return x.Info().SubflowsUp == 2 })
	exchange(t, x, y, 32<<20)
	for k, g := range gauges {
		require.Positive(t, g.sent.Load(), "link %d", k)
		require.LessOrEqual(t, int(g.packets.Load()), batchSize, "link %d", k)
		require.Less(t, int(g.octets.Load()), batchOctets+largest+maxHeaders, "link %d", k)
	}
}

// The two batches of a link are used again and again, whoever sends.
func TestBatchesAreKept(t *testing.T) {
	p := newPair(t, 1, link.PipeConfig{}, Config{}, Config{})
	seen := map[*Stack]map[*batch]bool{p.a: {}, p.b: {}}
	for range 20 {
		a, b := p.connect(t, 4)
		exchange(t, a, b, 1<<20)
		require.NoError(t, a.Close())
		require.NoError(t, b.Close())
		for s, batches := range seen {
			s.mu.Lock()
			for _, b := range s.ports[0].spares {
				batches[b] = true
			}
			s.mu.Unlock()
			require.LessOrEqual(t, len(batches), 2)
		}
	}
}
