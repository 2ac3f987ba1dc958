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

// change is something that happens to a connection of two subflows while octets flow.
type change struct {
	name string
	ways []int // in which the second subflow is made: one with us as the client, one as the server
	// do is what happens, and returns how many subflows are left; -1: it depends on when.
	do    func(v *live, c *Conn) int
	links bool // it is about links: each kind of them is tried always, of the others raw ones for IPv4
	check func(v *live, c *Conn, k *net.TCPConn)
}

var (
	ourAddress     = []int{byUs, byKernelAnnounced}           // the subflow is from an address of ours on path 1
	kernelEndpoint = []int{byUsAnnounced, byKernel}           // it is to endpoint 1 of the kernel, on path 1
	eitherSide     = []int{byUs, byKernelAnnounced, byKernel} // whatever
)

var liveChanges = []change{
	{
		name: "we withdraw an address", ways: ourAddress,
		do:    func(v *live, c *Conn) int { require.NoError(v.t, c.RemoveAddr(v.at(1, 1))); return 1 },
		check: func(v *live, c *Conn, k *net.TCPConn) { v.withdrawn() },
	},
	{
		name: "we withdraw the address of the first subflow", ways: ourAddress,
		do:    func(v *live, c *Conn) int { require.NoError(v.t, c.RemoveAddr(v.at(0, 1))); return 1 },
		check: func(v *live, c *Conn, k *net.TCPConn) { v.withdrawn() },
	},
	{
		name: "the kernel withdraws an address", ways: kernelEndpoint,
		do:    func(v *live, c *Conn) int { v.kernel.NoEndpoint(1); return 1 },
		check: kernelWithdrew,
	},
	{
		name: "the kernel withdraws the address of the first subflow", ways: kernelEndpoint,
		do: func(v *live, c *Conn) int {
			v.kernel.IP("mptcp endpoint delete id 0 %s", v.at(0, 2))
			return 1
		},
		check: kernelWithdrew,
	},
	{
		name: "we ask for a backup, and take it back", ways: ourAddress,
		do: func(v *live, c *Conn) int { c.SetBackup(v.at(1, 1), true); return 2 },
		check: func(v *live, c *Conn, k *net.TCPConn) {
			assert.EqualValues(v.t, 1, v.counted("MPTcpExtMPPrioRx"))
			v.unused(c, k, 1)
			c.SetBackup(v.at(1, 1), false)
			waitFor(v.t, "MP_PRIO at the kernel", func() bool { return v.counted("MPTcpExtMPPrioRx") == 2 })
			v.swap(c, k)
		},
	},
	{
		name: "the kernel asks for a backup, and takes it back", ways: kernelEndpoint,
		do: func(v *live, c *Conn) int { v.kernel.IP("mptcp endpoint change id 1 backup"); return 2 },
		check: func(v *live, c *Conn, k *net.TCPConn) {
			assert.EqualValues(v.t, 1, v.stack.Stats().MPTCP.MPPrioRx)
			v.unused(c, k, 1)
			v.kernel.IP("mptcp endpoint change id 1 nobackup")
			waitFor(v.t, "MP_PRIO of the kernel", func() bool { return v.stack.Stats().MPTCP.MPPrioRx == 2 })
			v.back(c, k, 1)
		},
	},
	{
		name: "the second path is cut and restored", ways: ourAddress, links: true,
		do: func(v *live, c *Conn) int { v.cut(1); return -1 },
	},
	{
		name: "the first path is cut and restored", ways: ourAddress, links: true,
		do: func(v *live, c *Conn) int { v.cut(0); return -1 },
	},
	{
		name: "packets of the first path vanish for good", ways: ourAddress,
		do: func(v *live, c *Conn) int { v.faults[0].set(faults{loss: 1}); return -1 },
	},
	{
		name: "we move to another address", ways: ourAddress, links: true,
		do: func(v *live, c *Conn) int {
			v.addPath(2, liveConfig{kind: v.kind})
			v.awaitPath(2)
			if v.who == client {
				require.NoError(v.t, c.Join(v.at(2, 1), netip.AddrPortFrom(v.at(2, 2), c.fc.Remote().Port()), false))
			} else {
				require.NoError(v.t, c.Announce(netip.AddrPortFrom(v.at(2, 1), 0)))
			}
			v.subflows(c, 3)
			require.NoError(v.t, c.RemoveAddr(v.at(0, 1)))
			require.NoError(v.t, c.RemoveAddr(v.at(1, 1)))
			return 1
		},
	},
	{
		name: "the kernel moves to another address", ways: kernelEndpoint, links: true,
		do: func(v *live, c *Conn) int {
			v.addPath(2, liveConfig{kind: v.kind})
			v.awaitPath(2)
			v.sourceRoute(2)
			v.kernel.Endpoint(fmt.Sprintf("%s id 2 dev path2 subflow", v.at(2, 2)))
			v.subflows(c, 3)
			v.kernel.NoEndpoint(1)
			v.kernel.IP("mptcp endpoint delete id 0 %s", v.at(0, 2))
			return 1
		},
	},
	{
		name: "a RST from the kernel's side ends the second subflow", ways: eitherSide,
		do: func(v *live, c *Conn) int { v.faults[1].reset(true); return 1 },
	},
	{
		name: "a RST from the kernel's side ends the first subflow", ways: eitherSide,
		do: func(v *live, c *Conn) int { v.faults[0].reset(true); return 1 },
	},
	{
		name: "a RST from our side ends the second subflow", ways: eitherSide,
		do: func(v *live, c *Conn) int { v.faults[1].reset(false); return -1 },
	},
	{
		name: "a RST from our side ends the first subflow", ways: eitherSide,
		do: func(v *live, c *Conn) int { v.faults[0].reset(false); return -1 },
	},
}

// What changes while octets flow, we as the client and as the server: nothing is lost.
// R3.4.2-01, R3.4.2-03, R3.3.8-01 to R3.3.8-04, P-3.4-01, P-3.4-04.
func TestLiveChanges(t *testing.T) {
	const n = 8 << 20
	for _, k := range liveChanges {
		for _, way := range k.ways {
			for _, family := range []int{4, 6} {
				for _, kind := range []string{"tun", "raw", "shared"} {
					if kind != "tun" && (family == 6 || kind == "shared" && !k.links) && !full() {
						continue
					}
					t.Run(fmt.Sprintf("%s/%s/IPv%d/%s", k.name, subflowWays[way].name, family, kind), func(t *testing.T) {
						t.Parallel()
						v := newLive(t, liveConfig{paths: 2, kind: kind, family: family, faulty: true,
							config: Config{Endpoint: fsm.Config{CloseWait: time.Second}}})
						c, peer := v.spread(way, 2)
						left := 0
						during(t, c, peer, n, func() { left = k.do(v, c) })
						if left > 0 {
							v.subflows(c, left)
						}
						if k.check != nil {
							k.check(v, c, peer)
						}
						exchange(t, c, peer, 1<<20)
						assert.NoError(t, c.Close())
						assert.NoError(t, peer.Close())
						v.closed()
						v.noFallback()
					})
				}
			}
		}
	}
}

// cut takes the kernel's interface of a path down for longer than a retransmission
// timeout.
func (v *live) cut(k int) {
	v.t.Helper()
	dev := fmt.Sprintf("path%d", k)
	v.kernel.Sysctl("net.ipv6.conf."+dev+".keep_addr_on_down", "1")
	v.kernel.Down(dev)
	time.Sleep(300 * time.Millisecond)
	v.kernel.Up(dev)
}

func kernelWithdrew(v *live, c *Conn, k *net.TCPConn) {
	v.t.Helper()
	assert.EqualValues(v.t, 1, v.stack.Stats().MPTCP.RmAddr)
	assert.EqualValues(v.t, 1, v.counted("MPTcpExtRmAddrTx"))
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

// unused checks that new data leaves the subflow on a path alone, in both directions.
func (v *live) unused(c *Conn, k *net.TCPConn, path int) {
	v.t.Helper()
	const n = 1 << 20
	s0, r0 := v.carried(c, path)
	talk(v.t, c, k, n)
	s1, r1 := v.carried(c, path)
	// Some may be repeated on a backup (R3.3.8-03).
	assert.Less(v.t, s1-s0, uint64(n/8), "sent on path %d", path)
	assert.Less(v.t, r1-r0, uint64(n/8), "received on path %d", path)
}

// swap makes the first path the backup, so that everything takes the second, which no
// side wants to be one any more.
func (v *live) swap(c *Conn, k *net.TCPConn) {
	v.t.Helper()
	heard := v.counted("MPTcpExtMPPrioRx")
	c.SetBackup(v.at(0, 1), true)
	waitFor(v.t, "MP_PRIO at the kernel", func() bool { return v.counted("MPTcpExtMPPrioRx") == heard+1 })
	before, _ := v.carried(c, 1)
	v.unused(c, k, 0)
	after, _ := v.carried(c, 1)
	assert.NotZero(v.t, after-before)
}

// back sends octets until the kernel has sent some on a path again, which nobody calls a
// backup.
func (v *live) back(c *Conn, k *net.TCPConn, path int) {
	v.t.Helper()
	_, before := v.carried(c, path)
	for range 20 {
		talk(v.t, c, k, 4<<20)
		if _, now := v.carried(c, path); now > before {
			break
		}
	}
	for _, s := range c.Info().Subflows {
		assert.False(v.t, s.Backup)
	}
	_, now := v.carried(c, path)
	assert.NotZero(v.t, now-before)
}

// carried is how many octets the subflow to the kernel's address on a path has carried.
func (v *live) carried(c *Conn, path int) (sent, received uint64) {
	v.t.Helper()
	for _, s := range c.Info().Subflows {
		if s.Remote.Addr() == v.at(path, 2) {
			return s.Sent, s.Received
		}
	}
	v.t.Fatalf("no subflow to %s", v.at(path, 2))
	return 0, 0
}

// Break before make: the only path is gone, with octets on it, for longer than a
// retransmission timeout, before there is another. R3.3.3-10, P-3.4-04.
func TestLiveBreakBeforeMake(t *testing.T) {
	for _, who := range []role{client, server} {
		for _, family := range []int{4, 6} {
			t.Run(fmt.Sprintf("%s/IPv%d", who, family), func(t *testing.T) {
				t.Parallel()
				v := newLive(t, liveConfig{paths: 2, family: family, faulty: true, config: Config{Endpoint: fsm.Config{CloseWait: time.Second}}})
				v.kernel.Limits(8, 8)
				c, k := v.connect(who, family, true)
				talk(t, c, k, 1000)
				during(t, c, k, 8<<20, func() {
					v.faults[0].set(faults{loss: 1})
					time.Sleep(500 * time.Millisecond)
					if who == client {
						require.NoError(t, c.Join(v.at(1, 1), netip.AddrPortFrom(v.at(1, 2), c.fc.Remote().Port()), false))
						return
					}
					// Nothing reaches the kernel that could tell it of an address: it is its
					// path manager that moves.
					v.sourceRoute(1)
					v.kernel.Endpoint(fmt.Sprintf("%s dev path1 subflow", v.at(1, 2)))
				})
				exchange(t, c, k, 1<<20)
				assert.NoError(t, c.Close())
				assert.NoError(t, k.Close())
				v.closed()
				v.noFallback()
			})
		}
	}
}
