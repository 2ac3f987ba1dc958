package peer

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/fsm"
)

// mustEnd reads the end of the stream.
func mustEnd(t *testing.T, r io.Reader) {
	t.Helper()
	k, err := io.Copy(io.Discard, r)
	assert.NoError(t, err)
	assert.Zero(t, k, "octets behind the last")
}

// Every order of closing, with one subflow and with more: both sides see the end of the
// other's stream, and nothing is left. R3.3.3-01, R3.3.3-06, P-3.4-02.
func TestLiveCloseOrders(t *testing.T) {
	orders := []struct {
		name  string
		close func(t *testing.T, c *Conn, k *net.TCPConn)
	}{
		{"we, then the kernel", func(t *testing.T, c *Conn, k *net.TCPConn) {
			assert.NoError(t, c.Close())
			mustEnd(t, k)
			assert.NoError(t, k.Close())
		}},
		{"the kernel, then we", func(t *testing.T, c *Conn, k *net.TCPConn) {
			assert.NoError(t, k.Close())
			mustEnd(t, c)
			assert.NoError(t, c.Close())
		}},
		{"both at once", func(t *testing.T, c *Conn, k *net.TCPConn) {
			done := make(chan error)
			go func() { done <- k.Close() }()
			assert.NoError(t, c.Close())
			assert.NoError(t, <-done)
		}},
		{"our stream, the kernel's stream, both", func(t *testing.T, c *Conn, k *net.TCPConn) {
			assert.NoError(t, c.CloseWrite())
			mustEnd(t, k)
			assert.NoError(t, k.CloseWrite())
			mustEnd(t, c)
			assert.NoError(t, c.Close())
			assert.NoError(t, k.Close())
		}},
		{"the kernel's stream, our stream, both", func(t *testing.T, c *Conn, k *net.TCPConn) {
			assert.NoError(t, k.CloseWrite())
			mustEnd(t, c)
			assert.NoError(t, c.CloseWrite())
			mustEnd(t, k)
			assert.NoError(t, k.Close())
			assert.NoError(t, c.Close())
		}},
		{"our stream, and the kernel goes on for a while", func(t *testing.T, c *Conn, k *net.TCPConn) {
			assert.NoError(t, c.CloseWrite())
			mustEnd(t, k)
			go func() {
				_, err := io.CopyN(k, zeros{}, 1<<20)
				assert.NoError(t, err)
				assert.NoError(t, k.Close())
			}()
			n, err := io.Copy(io.Discard, c)
			assert.NoError(t, err)
			assert.EqualValues(t, 1<<20, n)
			assert.NoError(t, c.Close())
		}},
		{"the kernel's stream, and we go on for a while", func(t *testing.T, c *Conn, k *net.TCPConn) {
			assert.NoError(t, k.CloseWrite())
			mustEnd(t, c)
			go func() {
				_, err := io.CopyN(c, zeros{}, 1<<20)
				assert.NoError(t, err)
				assert.NoError(t, c.Close())
			}()
			n, err := io.Copy(io.Discard, k)
			assert.NoError(t, err)
			assert.EqualValues(t, 1<<20, n)
			assert.NoError(t, k.Close())
		}},
		{"octets and the end in one", func(t *testing.T, c *Conn, k *net.TCPConn) {
			_, err := c.Write([]byte("last"))
			assert.NoError(t, err)
			assert.NoError(t, c.CloseWrite())
			got, err := io.ReadAll(k)
			assert.NoError(t, err)
			assert.Equal(t, "last", string(got))
			_, err = k.Write([]byte("words"))
			assert.NoError(t, err)
			assert.NoError(t, k.Close())
			got, err = io.ReadAll(c)
			assert.NoError(t, err)
			assert.Equal(t, "words", string(got))
			assert.NoError(t, c.Close())
		}},
	}
	for _, way := range []int{byUs, byKernel} {
		for _, paths := range []int{1, 2, 4} {
			for _, family := range []int{4, 6} {
				for _, kind := range []string{"tun", "raw", "shared"} {
					if paths == 4 && kind != "tun" {
						continue
					}
					t.Run(fmt.Sprintf("%s/%d/IPv%d/%s", subflowWays[way].who, paths, family, kind), func(t *testing.T) {
						t.Parallel()
						v := newLive(t, liveConfig{paths: paths, family: family, kind: kind})
						for _, o := range orders {
							c, k := v.spread(way, paths)
							o.close(t, c, k)
							v.closed()
							if t.Failed() {
								t.Fatalf("order: %s", o.name)
							}
						}
						v.noFallback()
						v.agree()
					})
				}
			}
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// MP_FASTCLOSE by either side, in either form, with one subflow and with two. R3.5-02 to
// R3.5-05.
func TestLiveFastclose(t *testing.T) {
	for _, k := range []struct {
		name  string
		byAck bool
		close func(v *live, c *Conn, k *net.TCPConn)
	}{
		{"ours on RSTs", false, weAbort},
		{"ours on an ACK", true, weAbort},
		{"the kernel's", false, func(v *live, c *Conn, k *net.TCPConn) {
			_, err := c.Write([]byte("never read"))
			require.NoError(v.t, err)
			waitFor(v.t, "the octets to arrive", func() bool { return c.Info().Acked == c.Info().Written })
			require.NoError(v.t, k.Close()) // with octets unread
			_, err = c.Read(make([]byte, 1))
			require.ErrorIs(v.t, err, syscall.ECONNRESET)
			var pe *fsm.PeerError
			require.ErrorAs(v.t, err, &pe)
			assert.Equal(v.t, fsm.FastClosed, pe.Reason)
			assert.NotZero(v.t, v.stack.Stats().MPTCP.MPFastcloseRx)
			assert.NoError(v.t, c.Close())
		}},
	} {
		for _, paths := range []int{1, 2} {
			for _, way := range []int{byUs, byKernel} {
				for _, family := range []int{4, 6} {
					for _, kind := range []string{"tun", "raw", "shared"} {
						if kind != "tun" && (paths == 1 || (family == 4) != (kind == "raw")) && !full() {
							continue
						}
						t.Run(fmt.Sprintf("%s/%d/%s/IPv%d/%s", k.name, paths, subflowWays[way].who, family, kind), func(t *testing.T) {
							t.Parallel()
							v := newLive(t, liveConfig{paths: paths, family: family, kind: kind, config: Config{Endpoint: fsm.Config{FastcloseByAck: k.byAck}}})
							c, s := v.spread(way, paths)
							k.close(v, c, s)
							v.closed()
							v.noFallback()
						})
					}
				}
			}
		}
	}
}

func weAbort(v *live, c *Conn, k *net.TCPConn) {
	require.NoError(v.t, c.Abort())
	require.NoError(v.t, k.SetReadDeadline(time.Now().Add(10*time.Second)))
	_, err := k.Read(make([]byte, 1))
	require.True(v.t, errors.Is(err, syscall.ECONNRESET), "the kernel says %v", err)
	assert.NoError(v.t, k.Close())
	assert.NotZero(v.t, v.counted("MPTcpExtMPFastcloseRx"))
}
