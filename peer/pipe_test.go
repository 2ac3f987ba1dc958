package peer

import (
	"context"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/peer/link"
)

// pair is two stacks joined by in-memory links.
type pair struct {
	a, b  *Stack
	pipes []*link.PipeEnd // of a
}

// newPair joins two stacks by n pipes, 10.1.k.1 and fd00:k::1 being a's addresses and
// those with 2 b's.
func newPair(t *testing.T, n int, pipe link.PipeConfig, ca, cb Config) *pair {
	t.Helper()
	before := runtime.NumGoroutine()
	p := &pair{}
	var err error
	p.a, err = New(ca)
	require.NoError(t, err)
	p.b, err = New(cb)
	require.NoError(t, err)
	for k := range n {
		cfg := pipe
		cfg.Seed += uint64(k)
		cfg.A = []netip.Prefix{prefix(4, k, 1), prefix(6, k, 1)}
		cfg.B = []netip.Prefix{prefix(4, k, 2), prefix(6, k, 2)}
		x, y := link.Pipe(cfg)
		p.pipes = append(p.pipes, x)
		require.NoError(t, p.a.AddLink(x))
		require.NoError(t, p.b.AddLink(y))
	}
	t.Cleanup(func() {
		for _, s := range []*Stack{p.a, p.b} {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		waitFor(t, "goroutines left", func() bool { return runtime.NumGoroutine() <= before })
	})
	return p
}

func prefix(family, k, host int) netip.Prefix {
	if family == 4 {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, byte(k), byte(host)}), 24)
	}
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0xfd, 3: byte(k), 15: byte(host)}), 64)
}

// waitFor waits for something that other goroutines bring about.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 3000 {
		if done() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	buf := make([]byte, 1<<16)
	if strings.HasPrefix(what, "goroutines") {
		t.Logf("%s", buf[:runtime.Stack(buf, true)])
	}
	t.Fatal(what)
}

// connect returns both ends of a new connection from a to b.
func (p *pair) connect(t *testing.T, family int) (a, b *Conn) {
	t.Helper()
	l, err := p.b.Listen("tcp", ":0")
	require.NoError(t, err)
	defer l.Close()
	to := netip.AddrPortFrom(prefix(family, 0, 2).Addr(), l.locals[0].Port())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	a, err = p.a.Dial(ctx, "tcp", to.String())
	require.NoError(t, err)
	b, err = l.AcceptConn()
	require.NoError(t, err)
	return a, b
}
