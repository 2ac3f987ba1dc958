package peer

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/fsm/pathmgr"
)

// subflowWays are the ways to get further subflows.
var subflowWays = []struct {
	name string
	who  role
	// open has the connection, over path 0, get a subflow on path k.
	prepare func(v *live, k int)
	open    func(v *live, c *Conn, k int)
}{
	{
		name: "joined by us", who: client,
		open: func(v *live, c *Conn, k int) {
			remote := netip.AddrPortFrom(prefix(4, k, 2).Addr(), c.fc.Remote().Port())
			require.NoError(v.t, c.Join(prefix(4, k, 1).Addr(), remote, false))
		},
	},
	{
		name: "joined by us to what the kernel announced", who: client,
		prepare: func(v *live, k int) { v.kernel.Endpoint(fmt.Sprintf("10.1.%d.2 signal", k)) },
		open: func(v *live, c *Conn, k int) {
			v.joinAnnounced(c, k, netip.AddrPortFrom(prefix(4, k, 2).Addr(), c.fc.Remote().Port()))
		},
	},
	{
		name: "joined by us to a port that the kernel announced", who: client,
		prepare: func(v *live, k int) { v.kernel.Endpoint(fmt.Sprintf("10.1.%d.2 signal port %d", k, 7000+k)) },
		open: func(v *live, c *Conn, k int) {
			v.joinAnnounced(c, k, netip.AddrPortFrom(prefix(4, k, 2).Addr(), uint16(7000+k)))
		},
	},
	{
		name: "joined by the kernel", who: server,
		prepare: func(v *live, k int) { v.kernel.Endpoint(fmt.Sprintf("10.1.%d.2 dev path%d subflow", k, k)) },
	},
	{
		name: "joined by the kernel to what we announced", who: server,
		open: func(v *live, c *Conn, k int) {
			require.NoError(v.t, c.Announce(netip.AddrPortFrom(prefix(4, k, 1).Addr(), 0)))
			v.subflows(c, k+1)
		},
	},
	{
		name: "joined by the kernel to a port that we announced", who: server,
		open: func(v *live, c *Conn, k int) {
			require.NoError(v.t, c.Announce(netip.AddrPortFrom(prefix(4, k, 1).Addr(), uint16(9000+k))))
			v.subflows(c, k+1)
		},
	},
}

// joinAnnounced joins to an address when the kernel has announced it.
func (v *live) joinAnnounced(c *Conn, k int, at netip.AddrPort) {
	v.t.Helper()
	waitFor(v.t, "ADD_ADDR of the kernel", func() bool {
		for _, a := range c.Info().Announced {
			if a.Addr.Addr() == at.Addr() && (a.Addr.Port() == at.Port() || a.Addr.Port() == 0) {
				return true
			}
		}
		return false
	})
	require.NoError(v.t, c.Join(prefix(4, k, 1).Addr(), at, false))
}

// subflows waits until the connection has n subflows.
func (v *live) subflows(c *Conn, n int) {
	v.t.Helper()
	waitFor(v.t, fmt.Sprintf("%d subflows", n), func() bool { return c.Info().SubflowsUp == n })
}

// spread opens a connection over all paths in the way of index way.
func (v *live) spread(way, n int) (*Conn, *net.TCPConn) {
	v.t.Helper()
	w := subflowWays[way]
	v.kernel.Limits(8, 8)
	if w.prepare != nil && !v.prepared {
		v.prepared = true
		for k := 1; k < n; k++ {
			w.prepare(v, k)
		}
	}
	c, k := v.connect(w.who, 4, true)
	talk(v.t, c, k, 1000)
	if w.open != nil {
		for k := 1; k < n; k++ {
			w.open(v, c, k)
		}
	}
	v.subflows(c, n)
	return c, k
}

// 2 and 4 subflows, opened and announced by either side; each of them carries data both
// ways. R3.2-01 to R3.2-04, R3.2-09, R3.2-12, R3.2-22, R3.4.1-01, R3.4.1-08, R3.4.1-12,
// P-3.2-04.
func TestLiveSubflows(t *testing.T) {
	n := 8 << 20
	for way, w := range subflowWays {
		for _, paths := range []int{2, 4} {
			if paths == 2 && !full() {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d", w.name, paths), func(t *testing.T) {
				v := newLive(t, liveConfig{paths: paths})
				c, k := v.spread(way, paths)
				v.multipath(c, k, paths)
				for range 20 {
					talk(t, c, k, n)
					if v.allUsed(c) {
						break
					}
				}
				for _, s := range c.Info().Subflows {
					assert.NotZero(t, s.Sent, "sent on %s", s.Link)
					assert.NotZero(t, s.Received, "received on %s", s.Link)
				}
				links := map[string]bool{}
				for _, s := range c.Info().Subflows {
					links[s.Link] = true
				}
				assert.Len(t, links, paths)
				for _, l := range v.links {
					assert.Greater(t, l.Stats().Received, uint64(1), l.Name())
				}
				exchange(t, c, k, n)
				assert.NoError(t, c.Close())
				assert.NoError(t, k.Close())
				v.closed()
				v.noFallback()
				v.agree()
			})
		}
	}
}

// allUsed reports whether data has gone both ways on each subflow.
func (v *live) allUsed(c *Conn) bool {
	for _, s := range c.Info().Subflows {
		if s.Sent == 0 || s.Received == 0 {
			return false
		}
	}
	return true
}

// Our full mesh and the kernel's endpoints together: as many subflows as our limit has.
func TestLiveFullMesh(t *testing.T) {
	for _, who := range []role{client, server} {
		t.Run(string(who), func(t *testing.T) {
			v := newLive(t, liveConfig{paths: 3, config: Config{Endpoint: fsm.Config{
				PathManager: func() pathmgr.Manager { return pathmgr.NewFullMesh(pathmgr.MeshConfig{}) }}}})
			v.kernel.Limits(8, 8)
			v.kernel.Endpoint("10.1.1.2 signal")
			v.kernel.Endpoint("fd00:0:2::2 signal")
			c, k := v.connect(who, 4, true)
			talk(t, c, k, 1000)
			want := 3 // the kernel joins to each address that we announce, of its family
			if who == client {
				want = 5
			}
			waitFor(t, "subflows", func() bool { return c.Info().SubflowsUp >= want })
			exchange(t, c, k, 8<<20)
			assert.NoError(t, c.Close())
			assert.NoError(t, k.Close())
			v.closed()
			v.noFallback()
		})
	}
}

// Subflows over packet sockets, with an address of our own and with that of the kernel
// on our side, which must not reset what it does not know. The kernel joins to addresses
// of the network that it is on: it finds no neighbour for others.
func TestLiveRawSubflows(t *testing.T) {
	for _, kind := range []string{"raw", "shared"} {
		for _, way := range []int{byUs, byKernelAnnounced} {
			t.Run(fmt.Sprintf("%s/%s", kind, subflowWays[way].name), func(t *testing.T) {
				t.Parallel()
				v := newLive(t, liveConfig{paths: 2, kind: kind})
				c, k := v.spread(way, 2)
				v.multipath(c, k, 2)
				exchange(t, c, k, 8<<20)
				assert.NoError(t, c.Close())
				assert.NoError(t, k.Close())
				v.closed()
				v.noFallback()
				v.agree()
			})
		}
	}
}

// What a peer may do differently from Linux, and Linux must take: 4-octet DSNs (R3.3.1-14,
// R3.3.1-15), data of both sides that crosses at the start (R3.1-18), a listener that
// wants no joins at its address (R3.1-25), and version 0 alone, which Linux answers as
// plain TCP.
func TestLiveVariants(t *testing.T) {
	t.Run("4-octet DSNs", func(t *testing.T) {
		v := newLive(t, liveConfig{paths: 2, config: Config{Endpoint: fsm.Config{ShortDSN: true}}})
		c, k := v.spread(byUs, 2)
		exchange(t, c, k, 4<<20)
		assert.NoError(t, c.Close())
		assert.NoError(t, k.Close())
		v.closed()
		v.noFallback()
		v.agree()
	})
	t.Run("data crosses", func(t *testing.T) {
		v := newLive(t, liveConfig{})
		l := v.listenKernel(true, ":0")
		go func() {
			k, err := l.AcceptTCP()
			if assert.NoError(t, err) {
				_, _ = io.WriteString(k, "banner")
				_, _ = io.Copy(struct{ io.Writer }{k}, struct{ io.Reader }{k})
				_ = k.Close()
			}
		}()
		c, err := dialFor(v.stack, netip.AddrPortFrom(prefix(4, 0, 2).Addr(), l.Addr().(*net.TCPAddr).AddrPort().Port()))
		require.NoError(t, err)
		_, err = io.WriteString(c, "+request")
		require.NoError(t, err)
		require.NoError(t, c.CloseWrite())
		got, err := io.ReadAll(c)
		require.NoError(t, err)
		assert.Equal(t, "banner+request", string(got))
		assert.True(t, c.Info().Multipath)
		require.NoError(t, c.Close())
		v.closed()
		v.noFallback()
	})
	t.Run("no joins, please", func(t *testing.T) {
		v := newLive(t, liveConfig{paths: 2, config: Config{Endpoint: fsm.Config{NoJoin: true}}})
		v.kernel.Limits(8, 8)
		v.kernel.Endpoint("10.1.1.2 dev path1 subflow")
		c, k := v.connect(server, 4, true)
		talk(t, c, k, 1<<20)
		assert.Zero(t, v.counted("MPTcpExtMPJoinSynTx"), "joins of the kernel to our first address")
		require.NoError(t, c.Announce(netip.AddrPortFrom(prefix(4, 1, 1).Addr(), 0)))
		v.subflows(c, 2) // another address may be joined
		exchange(t, c, k, 1<<20)
		assert.NoError(t, c.Close())
		assert.NoError(t, k.Close())
		v.closed()
		v.noFallback()
	})
	t.Run("version 0 alone", func(t *testing.T) {
		v := newLive(t, liveConfig{config: Config{Endpoint: fsm.Config{Versions: fsm.OnlyV0}}})
		c, k := v.connect(client, 4, true)
		exchange(t, c, k, 1<<20)
		i := c.Info()
		assert.False(t, i.Multipath)
		assert.Equal(t, "MPCapableFallbackSYNACK", i.Cause)
		assert.NoError(t, c.Close())
		assert.NoError(t, k.Close())
		v.closed()
	})
}
