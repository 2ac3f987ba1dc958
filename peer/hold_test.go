package peer

import (
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/peer/link"
)

// guest is a link in memory that shares its addresses with somebody.
type guest struct{ link.Link }

func (guest) Shared() bool { return true }

var nextGuestPort atomic.Uint32

func (guest) HoldPort(at netip.AddrPort) (link.Hold, error) {
	if at.Port() == 0 {
		at = netip.AddrPortFrom(at.Addr(), uint16(40000+nextGuestPort.Add(1)))
	}
	return guestHold(at), nil
}

type guestHold netip.AddrPort

func (h guestHold) Addr() netip.AddrPort { return netip.AddrPort(h) }
func (guestHold) String() string         { return "" }
func (guestHold) Close() error           { return nil }

// What several connections announce is held until the last of them has ended or has taken
// it back; and nothing that is held keeps a connection in memory that has ended.
func TestAnnouncedIsHeldWhileItsConnectionsLive(t *testing.T) {
	var skip atomic.Int64 // what the clock is ahead
	steady := steadyClock()
	clock := func() time.Time { return steady().Add(time.Duration(skip.Load())) }
	a, err := New(Config{clock: clock})
	require.NoError(t, err)
	defer a.Close()
	b, err := New(Config{clock: clock})
	require.NoError(t, err)
	defer b.Close()
	x, y := link.Pipe(link.PipeConfig{A: []netip.Prefix{prefix(4, 0, 1), prefix(4, 1, 1)}, B: []netip.Prefix{prefix(4, 0, 2)}})
	require.NoError(t, a.AddLink(guest{x}))
	require.NoError(t, b.AddLink(y))
	p := &pair{a: a, b: b}

	announced := netip.AddrPortFrom(prefix(4, 1, 1).Addr(), 7000)
	held := func() bool {
		for range 3 { // unused at two looks in a row
			skip.Add(int64(2 * holdSweep))
			now := a.lock()
			a.sweepHolds()
			a.turn(now)
			a.unlock()
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.holds.m[announced] != nil
	}
	dead := func() weak.Pointer[fsm.Conn] {
		connect := func() (c, peer *Conn) {
			c, peer = p.connect(t, 4)
			talk(t, c, peer, 5)
			require.NoError(t, c.Announce(announced))
			return c, peer
		}
		first, firstPeer := connect()
		second, secondPeer := connect()
		third, thirdPeer := connect()
		require.True(t, held())
		end := func(c, peer *Conn) {
			require.NoError(t, c.Abort())
			<-c.Done()
			<-peer.Done()
		}
		end(third, thirdPeer)
		require.True(t, held(), "two are left")
		end(first, firstPeer)
		require.True(t, held(), "one is left, not the last to announce it")
		require.NoError(t, second.RemoveAddr(announced.Addr()))
		require.False(t, held(), "it was taken back")
		require.NoError(t, second.Announce(announced))
		require.True(t, held())
		w := weak.Make(second.fc)
		end(second, secondPeer)
		return w
	}()
	a.mu.Lock()
	require.NotNil(t, a.holds.m[announced], "no look yet")
	a.mu.Unlock()
	waitFor(t, "the connection is kept", func() bool { runtime.GC(); return dead.Value() == nil })
	require.False(t, held())
}
