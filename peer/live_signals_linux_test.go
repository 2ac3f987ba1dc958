package peer

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/mptcp-go/mptcp/fsm"
)

// Checksums are used as soon as one side asks for them (R3.1-33, R3.1-34, P-3.3.6-01).
func TestLiveChecksums(t *testing.T) {
	for _, way := range []int{byUs, byKernel} {
		for _, family := range []int{4, 6} {
			for _, ours := range []bool{false, true} {
				for _, theirs := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s/IPv%d/ours %v/kernel's %v", subflowWays[way].who, family, ours, theirs), func(t *testing.T) {
						t.Parallel()
						v := newLive(t, liveConfig{paths: 2, family: family, config: Config{Endpoint: fsm.Config{NoChecksum: !ours}}})
						if theirs {
							v.kernel.Sysctl("net.mptcp.checksum_enabled", "1")
						}
						c, k := v.spread(way, 2)
						assert.Equal(t, ours || theirs, c.Info().Checksum)
						talk(t, c, k, 1)
						v.multipath(c, k, 2)
						exchange(t, c, k, 2<<20+1)
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
}
