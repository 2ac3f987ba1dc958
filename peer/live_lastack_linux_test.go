package peer

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mptcp-go/mptcp/fsm"
)

// A program ends, and its stack with it, without TIME-WAIT. Where the last ACK was lost the
// kernel repeats its FIN to nobody, or to a kernel that answers with a RST (RFC 9293 section
// 3.10.4). Its application, which has not even read the last octets by then, gets them, and
// the end of the stream, all the same.
func TestLiveLastAckLost(t *testing.T) {
	for _, multipath := range []bool{true, false} {
		for _, kind := range []string{"tun", "raw", "shared"} {
			t.Run(fmt.Sprintf("%v/%s", multipath, kind), func(t *testing.T) {
				t.Parallel()
				v := newLive(t, liveConfig{kind: kind, tools: []string{"nft"}})
				c, k := v.connect(client, 4, multipath)
				talk(t, c, k, 1000)
				_, err := io.WriteString(c, "last words")
				require.NoError(t, err)
				require.NoError(t, c.CloseWrite())
				waitFor(t, "the end of our stream to arrive", func() bool { return c.Info().State == fsm.FinWait2 })
				what := "tcp dport 1-65535 drop"
				if multipath {
					what = "tcp flags == ack drop" // the FIN of the subflow, with its DATA_ACK, is to pass
				}
				_, err = v.kernel.Run("nft", "add table ip t; add chain ip t in { type filter hook input priority 0; }; add rule ip t in "+what)
				require.NoError(t, err)
				require.NoError(t, k.CloseWrite())
				mustEnd(t, c)
				require.NoError(t, c.Close())
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				require.NoError(t, v.stack.Drain(ctx))
				require.Equal(t, 1, v.stack.Usage().TimeWaits)
				require.NoError(t, v.stack.Close())
				_, err = v.kernel.Run("nft", "delete table ip t")
				require.NoError(t, err)
				waitFor(t, "the kernel's second FIN", func() bool {
					return v.counted("TcpExtTCPLossProbes")+v.counted("TcpExtTCPTimeouts") > 0
				})
				got, err := io.ReadAll(k)
				assert.NoError(t, err)
				assert.Equal(t, "last words", string(got))
				raw, err := k.SyscallConn()
				require.NoError(t, err)
				require.NoError(t, raw.Control(func(fd uintptr) {
					n, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
					assert.NoError(t, err)
					if multipath { // of plain TCP it tells
						assert.Zero(t, n, "SO_ERROR: %v", unix.Errno(n))
					}
				}))
				assert.NoError(t, k.Close())
			})
		}
	}
}
