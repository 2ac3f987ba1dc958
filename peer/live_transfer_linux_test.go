package peer

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/mptcp-go/mptcp/fsm"
)

// Octets both ways at once over one subflow, as client and as server, IPv4 and IPv6,
// over each kind of link, with and without checksums. P-2-01, P-3.1-01, P-3.3.4-01
// (R3.1-04, R3.1-16, R3.1-17, R3.3.2-02, R3.3.1-20).
func TestLiveTransfer(t *testing.T) {
	sizes := []int{1, 1 << 20, 1<<20 + 1}
	if full() {
		sizes = append(sizes, 200<<20)
	}
	for _, kind := range []string{"tun", "tun-plain", "raw", "raw-plain", "shared"} {
		for _, who := range []role{client, server} {
			for _, family := range []int{4, 6} {
				sizes := sizes
				if !full() && (kind == "tun" && who == client && family == 6 || kind == "raw" && who == server && family == 4) {
					sizes = append(slices.Clone(sizes), 200<<20)
				}
				for _, n := range sizes {
					t.Run(fmt.Sprintf("%s/%s/IPv%d/%d", kind, who, family, n), func(t *testing.T) {
						t.Parallel()
						v := newLive(t, liveConfig{kind: kind, config: Config{Endpoint: fsm.Config{NoChecksum: n&1 == 0}}})
						c, k := v.connect(who, family, true)
						v.multipath(c, k, 1)
						talk(t, c, k, n)
						v.multipath(c, k, 1)
						assert.Equal(t, n&1 == 1, c.Info().Checksum)
						exchange(t, c, k, 1)
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
