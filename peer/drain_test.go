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
