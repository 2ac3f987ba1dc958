package peer

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/fsm"
)

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
