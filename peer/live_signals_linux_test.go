package peer

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/fsm"
)

// during runs f while n octets flow each way.
func during(t *testing.T, c *Conn, k *net.TCPConn, n int, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		talk(t, c, k, n)
	}()
	sent := c.Info().Sent
	waitFor(t, "the transfer", func() bool { return c.Info().Sent > sent+1<<16 })
	f()
	<-done
}

// Index of subflowWays.
const (
	byUs     = 0
	byKernel = 3

	byKernelAnnounced = 4
)

// What changes while octets flow: nothing is lost. R3.4.2-01, R3.4.2-03, R3.3.8-01 to
// R3.3.8-04, P-3.4-01, P-3.4-04.
func TestLiveChanges(t *testing.T) {
	const n = 16 << 20
	for _, k := range []struct {
		name string
		way  int
		// change is what happens, and returns how many subflows are left.
		change func(v *live, c *Conn) int
		check  func(v *live, c *Conn)
	}{
		{
			name: "we withdraw an address", way: byUs,
			change: func(v *live, c *Conn) int {
				require.NoError(v.t, c.RemoveAddr(prefix(4, 1, 1).Addr()))
				return 1
			},
			check: func(v *live, c *Conn) { v.withdrawn() },
		},
		{
			name: "we withdraw the address of the first subflow", way: byUs,
			change: func(v *live, c *Conn) int {
				require.NoError(v.t, c.RemoveAddr(prefix(4, 0, 1).Addr()))
				return 1
			},
			check: func(v *live, c *Conn) { v.withdrawn() },
		},
		{
			name: "the kernel withdraws an address", way: byKernel,
			change: func(v *live, c *Conn) int {
				v.kernel.NoEndpoint(1)
				return 1
			},
			check: func(v *live, c *Conn) {
				assert.EqualValues(v.t, 1, v.stack.Stats().MPTCP.RmAddr)
				assert.EqualValues(v.t, 1, v.counted("MPTcpExtRmAddrTx"))
			},
		},
		{
			name: "we ask for a backup", way: byUs,
			change: func(v *live, c *Conn) int {
				c.SetBackup(prefix(4, 1, 1).Addr(), true)
				return 2
			},
			check: func(v *live, c *Conn) {
				assert.EqualValues(v.t, 1, v.counted("MPTcpExtMPPrioRx"))
				v.unused(c, 1)
			},
		},
		{
			name: "the kernel asks for a backup", way: byKernel,
			change: func(v *live, c *Conn) int {
				v.kernel.IP("mptcp endpoint change id 1 backup")
				return 2
			},
			check: func(v *live, c *Conn) {
				assert.EqualValues(v.t, 1, v.stack.Stats().MPTCP.MPPrioRx)
				v.unused(c, 1)
			},
		},
		{
			name: "the second path is cut and restored", way: byUs,
			change: func(v *live, c *Conn) int {
				v.kernel.Down("path1")
				time.Sleep(300 * time.Millisecond)
				v.kernel.Up("path1")
				return -1
			},
		},
		{
			name: "the first path is cut and restored", way: byUs,
			change: func(v *live, c *Conn) int {
				v.kernel.Down("path0")
				time.Sleep(300 * time.Millisecond)
				v.kernel.Up("path0")
				return -1
			},
		},
		{
			name: "packets of the first path vanish for good", way: byUs,
			change: func(v *live, c *Conn) int {
				v.faults[0].set(faults{loss: 1})
				return -1
			},
		},
		{
			name: "we move to another address", way: byUs,
			change: func(v *live, c *Conn) int {
				v.addPath(2, liveConfig{})
				to := netip.AddrPortFrom(prefix(4, 2, 2).Addr(), c.fc.Remote().Port())
				require.NoError(v.t, c.Join(prefix(4, 2, 1).Addr(), to, false))
				v.subflows(c, 3)
				require.NoError(v.t, c.RemoveAddr(prefix(4, 0, 1).Addr()))
				require.NoError(v.t, c.RemoveAddr(prefix(4, 1, 1).Addr()))
				return 1
			},
		},
		{
			name: "a RST from the kernel's side ends a subflow", way: byUs,
			change: func(v *live, c *Conn) int {
				v.faults[1].reset(true)
				return 1
			},
		},
		{
			name: "a RST from our side ends a subflow", way: byUs,
			change: func(v *live, c *Conn) int {
				v.faults[1].reset(false)
				return -1
			},
		},
	} {
		t.Run(k.name, func(t *testing.T) {
			v := newLive(t, liveConfig{paths: 2, faulty: true, config: Config{Endpoint: fsm.Config{CloseWait: 3 * time.Second}}})
			c, peer := v.spread(k.way, 2)
			left := 0
			during(t, c, peer, n, func() { left = k.change(v, c) })
			if left > 0 {
				v.subflows(c, left)
			}
			if k.check != nil {
				k.check(v, c)
			}
			exchange(t, c, peer, n)
			assert.NoError(t, c.Close())
			assert.NoError(t, peer.Close())
			v.closed()
			v.noFallback()
		})
	}
}

// withdrawn checks that the kernel heard of one address withdrawn. Nothing repeats a
// REMOVE_ADDR, and Linux drops an ACK that lies beyond a window which it has closed
// meanwhile: then the FIN alone has told it.
func (v *live) withdrawn() {
	v.t.Helper()
	assert.EqualValues(v.t, 1, v.stack.Stats().MPTCP.RmAddrTx)
	now, err := v.kernel.Counters()
	require.NoError(v.t, err)
	if now["TcpExtBeyondWindow"] == v.before["TcpExtBeyondWindow"] {
		assert.EqualValues(v.t, 1, v.counted("MPTcpExtRmAddr"))
	} else {
		assert.LessOrEqual(v.t, v.counted("MPTcpExtRmAddr"), uint64(1))
	}
}

// unused checks that new data leaves the subflow on path k alone, in both directions.
func (v *live) unused(c *Conn, k int) {
	v.t.Helper()
	remote := prefix(4, k, 2).Addr()
	look := func() (sent, received uint64) {
		for _, s := range c.Info().Subflows {
			if s.Remote.Addr() == remote {
				return s.Sent, s.Received
			}
		}
		v.t.Fatalf("no subflow to %s", remote)
		return 0, 0
	}
	s0, r0 := look()
	v.probe()
	s1, r1 := look()
	assert.Equal(v.t, s0, s1, "sent to %s", remote)
	assert.Equal(v.t, r0, r1, "received from %s", remote)
}

// Checksums are used as soon as one side asks for them (R3.1-33, R3.1-34, P-3.3.6-01).
func TestLiveChecksums(t *testing.T) {
	for _, who := range []role{client, server} {
		for _, ours := range []bool{false, true} {
			for _, theirs := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/ours %v/kernel's %v", who, ours, theirs), func(t *testing.T) {
					v := newLive(t, liveConfig{paths: 2, config: Config{Endpoint: fsm.Config{NoChecksum: !ours}}})
					if theirs {
						v.kernel.Sysctl("net.mptcp.checksum_enabled", "1")
					}
					way := byUs
					if who == server {
						way = byKernel
					}
					c, k := v.spread(way, 2)
					assert.Equal(t, ours || theirs, c.Info().Checksum)
					talk(t, c, k, 1)
					exchange(t, c, k, 4<<20+1)
					assert.NoError(t, c.Close())
					assert.NoError(t, k.Close())
					v.closed()
					v.noFallback()
					v.agree()
				})
			}
		}
	}
}

// A subflow of the other family, opened by either side. A socket of the kernel that was
// made for IPv4 has none of IPv6, so there the connection begins with IPv6.
func TestLiveFamilies(t *testing.T) {
	for _, k := range []struct {
		who   role
		first int
	}{{client, 4}, {client, 6}, {server, 6}} {
		t.Run(fmt.Sprintf("%s/IPv%d first", k.who, k.first), func(t *testing.T) {
			v := newLive(t, liveConfig{paths: 2})
			v.kernel.Limits(8, 8)
			c, s := v.connect(k.who, k.first, true)
			talk(t, c, s, 1000)
			other := 10 - k.first
			if k.who == client {
				to := netip.AddrPortFrom(prefix(other, 1, 2).Addr(), c.fc.Remote().Port())
				require.NoError(t, c.Join(prefix(other, 1, 1).Addr(), to, false))
			} else {
				require.NoError(t, c.Announce(netip.AddrPortFrom(prefix(other, 1, 1).Addr(), 0)))
			}
			v.subflows(c, 2)
			v.multipath(c, s, 2)
			exchange(t, c, s, 4<<20)
			assert.NoError(t, c.Close())
			assert.NoError(t, s.Close())
			v.closed()
			v.noFallback()
			v.agree()
		})
	}
}

// Break before make: the only path is gone, with octets on it, for longer than a
// retransmission timeout, before there is another. R3.3.3-10, P-3.4-04.
func TestLiveBreakBeforeMake(t *testing.T) {
	for _, who := range []role{client, server} {
		t.Run(string(who), func(t *testing.T) {
			v := newLive(t, liveConfig{paths: 2, faulty: true, config: Config{Endpoint: fsm.Config{CloseWait: 3 * time.Second}}})
			v.kernel.Limits(8, 8)
			c, k := v.connect(who, 4, true)
			talk(t, c, k, 1000)
			during(t, c, k, 8<<20, func() {
				v.faults[0].set(faults{loss: 1})
				time.Sleep(500 * time.Millisecond)
				if who == client {
					to := netip.AddrPortFrom(prefix(4, 1, 2).Addr(), c.fc.Remote().Port())
					require.NoError(t, c.Join(prefix(4, 1, 1).Addr(), to, false))
					return
				}
				// Nothing reaches the kernel that could tell it of an address: it is its
				// path manager that moves.
				v.kernel.IP("mptcp endpoint add 10.1.1.2 dev path1 subflow")
			})
			exchange(t, c, k, 1<<20)
			assert.NoError(t, c.Close())
			assert.NoError(t, k.Close())
			v.closed()
			v.noFallback()
		})
	}
}
