package peer

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/fsm/pathmgr"
)

// 1, 2 and 4 subflows, opened and announced by either side, whoever opened the
// connection, IPv4 and IPv6, over each kind of link; each of them carries data both ways.
// R3.2-01 to R3.2-04, R3.2-09, R3.2-12, R3.2-22, R3.4.1-01, R3.4.1-08, R3.4.1-12, P-3.2-04.
func TestLiveSubflows(t *testing.T) {
	for way, w := range subflowWays {
		for _, family := range []int{4, 6} {
			for kind, paths := range map[string]int{"tun": 4, "raw": 2, "shared": 2, "tun-plain": 2, "raw-plain": 4} {
				if strings.HasSuffix(kind, "-plain") && !full() {
					continue
				}
				t.Run(fmt.Sprintf("%s/IPv%d/%s/%d", w.name, family, kind, paths), func(t *testing.T) {
					t.Parallel()
					v := newLive(t, liveConfig{paths: paths, kind: kind, family: family})
					c, k := v.spread(way, paths)
					v.multipath(c, k, paths)
					v.everywhere(c, k, paths)
					v.multipath(c, k, paths)
					exchange(t, c, k, 1<<20)
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

// A listener at one address announces others, where it is joined, too: with the host's
// addresses the kernel on our side must not refuse that.
func TestLiveAnnounceElsewhere(t *testing.T) {
	for _, kind := range []string{"tun", "raw", "shared"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			v := newLive(t, liveConfig{paths: 2, kind: kind, config: Config{Endpoint: fsm.Config{
				PathManager: func() pathmgr.Manager { return pathmgr.NewFullMesh(pathmgr.MeshConfig{}) }}}})
			v.kernel.Limits(8, 8)
			l, err := v.stack.Listen("tcp", netip.AddrPortFrom(v.at(0, 1), 0).String())
			require.NoError(t, err)
			k, err := v.dialKernel(true, l.locals[0].String())
			require.NoError(t, err)
			c, err := l.AcceptConn()
			require.NoError(t, err)
			v.subflows(c, 2)
			v.everywhere(c, k, 2)
			exchange(t, c, k, 1<<20)
			assert.NoError(t, c.Close())
			assert.NoError(t, k.Close())
			v.closed()
			v.noFallback()
			v.agree()
		})
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
	for _, kind := range []string{"tun", "raw", "shared"} {
		t.Run("nobody listens where we join/"+kind, func(t *testing.T) {
			// A client of Linux announces its other address, on which only its connection is.
			v := newLive(t, liveConfig{paths: 2, kind: kind})
			v.kernel.Limits(8, 8)
			v.kernel.Endpoint(fmt.Sprintf("%s signal", v.at(1, 2)))
			c, k := v.connect(server, 4, true)
			talk(t, c, k, 1000)
			v.joinAnnounced(c, 1, netip.AddrPortFrom(v.at(1, 2), c.fc.Remote().Port()))
			waitFor(t, "the refusal", func() bool { return len(c.Info().Subflows) == 1 })
			assert.EqualValues(t, 1, v.counted("TcpOutRsts"))
			v.multipath(c, k, 1)
			exchange(t, c, k, 1<<20)
			assert.NoError(t, c.Close())
			assert.NoError(t, k.Close())
			v.closed()
			v.noFallback()
		})
	}
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
