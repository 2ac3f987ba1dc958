package peer

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/peer/link"
)

// What waits in Drain for a connection whose peer is silent ends with the stack, and
// nothing waits for it afterwards.
func TestDrainEndsWithTheStack(t *testing.T) {
	x, y := link.Pipe(link.PipeConfig{A: []netip.Prefix{prefix(4, 0, 1)}, B: []netip.Prefix{prefix(4, 0, 2)}})
	a, err := New(Config{Endpoint: fsm.Config{FastcloseByAck: true}})
	require.NoError(t, err)
	b, err := New(Config{})
	require.NoError(t, err)
	defer b.Close()
	require.NoError(t, a.AddLink(x))
	require.NoError(t, b.AddLink(y))
	c, _ := (&pair{a: a, b: b}).connect(t, 4)
	x.SetLoss(1)
	_, err = c.Write([]byte("nobody acknowledges this"))
	require.NoError(t, err)
	require.NoError(t, c.Close())
	done := make(chan error, 1)
	go func() { done <- a.Drain(context.Background()) }()
	waitFor(t, "nobody waits", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, c := range a.conns {
			return c.ended != nil
		}
		return false
	})
	require.NoError(t, a.Close())
	for range 2 {
		select {
		case err := <-done:
			require.NoError(t, err)
		case <-time.After(10 * time.Second):
			t.Fatal("Drain waits for ever")
		}
		go func() { done <- a.Drain(context.Background()) }()
	}
	<-done
}

// Done tells of each kind of end, whoever asks and when.
func TestDone(t *testing.T) {
	p := newPair(t, 1, link.PipeConfig{}, Config{}, Config{})
	isDone := func(c *Conn) bool {
		select {
		case <-c.Done():
			return true
		default:
			return false
		}
	}
	a, b := p.connect(t, 4)
	require.False(t, isDone(a))
	require.NoError(t, a.CloseWrite())
	require.NoError(t, b.CloseWrite())
	<-a.Done()
	<-b.Done()
	require.True(t, isDone(a), "also for who asks later")

	a, b = p.connect(t, 4)
	require.NoError(t, a.Abort())
	<-b.Done()

	s, err := New(Config{})
	require.NoError(t, err)
	x, _ := link.Pipe(link.PipeConfig{A: []netip.Prefix{prefix(4, 0, 1)}})
	require.NoError(t, s.AddLink(x))
	c, _, err := s.open(netip.Addr{}, netip.AddrPortFrom(prefix(4, 0, 2).Addr(), 1))
	require.NoError(t, err)
	wait := c.Done()
	require.NoError(t, s.Close())
	<-wait
	require.True(t, isDone(c))
}
