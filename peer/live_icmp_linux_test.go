package peer

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/peer/lab"
	"github.com/mptcp-go/mptcp/peer/link"
)

// The kernel pings us: an address that is ours alone answers, once; of one that the kernel
// beside us has, too, only that kernel does.
func TestLivePing(t *testing.T) {
	for _, kind := range []string{"tun", "raw", "raw-plain", "shared"} {
		t.Run(kind, func(t *testing.T) {
			v := newLive(t, liveConfig{kind: kind, tools: []string{"ping"}})
			before := v.stack.Stats().EchoReplies
			for _, family := range []int{4, 6} {
				for _, size := range []string{"5", "1400"} {
					out, err := v.kernel.Run("ping", "-c", "3", "-i", "0.02", "-s", size, prefix(family, 0, 1).Addr().String())
					require.NoError(t, err, out)
					assert.Contains(t, out, "3 packets transmitted, 3 received, 0% packet loss", family)
					assert.NotContains(t, out, "DUP")
				}
			}
			want := uint64(12)
			if kind == "shared" {
				want = 0
			}
			assert.Equal(t, want, v.stack.Stats().EchoReplies-before)
		})
	}
}

// A link in the middle is narrower than those at the ends: the router before it says so,
// and segments become shorter (RFC 1191, RFC 8201).
func TestLivePathMTU(t *testing.T) {
	if testing.Short() {
		t.Skip("live tests take their time")
	}
	for _, offload := range []string{"on", "off"} {
		t.Run("offload "+offload, func(t *testing.T) {
			l := lab.Test(t)
			ours, near, far, kernel := l.Space("ours"), l.Space("near"), l.Space("far"), l.Space("kernel")
			near.Forward()
			far.Forward()
			l.Link(ours.Dev("eth0"), near.Dev("left", "10.1.0.254/24", "fd00:1::fe/64"))
			l.Link(near.Dev("right", "10.2.0.1/24", "fd00:2::1/64"), far.Dev("left", "10.2.0.2/24", "fd00:2::2/64"))
			l.Link(far.Dev("right", "10.3.0.254/24", "fd00:3::fe/64"), kernel.Dev("eth0", "10.3.0.2/24", "fd00:3::2/64"))
			near.IP("link set right mtu 1300")
			far.IP("link set left mtu 1300")
			near.Route("10.3.0.0/24 via 10.2.0.2")
			near.Route("fd00:3::/64 via fd00:2::2")
			far.Route("10.1.0.0/24 via 10.2.0.1")
			far.Route("fd00:1::/64 via fd00:2::1")
			kernel.Route("default via 10.3.0.254")
			kernel.Route("default via fd00:3::fe")
			var k link.Link
			require.NoError(t, ours.Do(func() (err error) {
				k, err = link.Open("raw:eth0,10.1.0.1/24,fd00:1::1/64,via=10.1.0.254,via=fd00:1::fe,offload=" + offload)
				return err
			}))
			s, err := New(Config{})
			require.NoError(t, err)
			defer s.Close()
			require.NoError(t, s.AddLink(k))
			for _, at := range []string{"10.3.0.2:5001", "[fd00:3::2]:5001"} {
				got := make(chan []byte, 1)
				require.NoError(t, kernel.Do(func() error {
					var lc net.ListenConfig
					lc.SetMultipathTCP(true)
					ln, err := lc.Listen(t.Context(), "tcp", at)
					go func() {
						defer ln.Close()
						var in []byte
						if c, err := ln.Accept(); err == nil {
							in, _ = io.ReadAll(bufio.NewReader(c))
							_, _ = c.Write(in)
							c.Close()
						}
						got <- in
					}()
					return err
				}))
				before := s.Stats().TCP.PMTUReduced
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				c, err := s.Dial(ctx, "tcp", at)
				require.NoError(t, err)
				require.True(t, c.Info().Multipath, c.Info().Cause)
				_ = c.SetDeadline(time.Now().Add(time.Minute))
				out := make([]byte, 300_000)
				for i := range out {
					out[i] = byte(i * i >> 7)
				}
				_, err = c.Write(out)
				require.NoError(t, err)
				mss := 0
				waitFor(t, "all was acknowledged", func() bool {
					if i := c.Info(); len(i.Subflows) > 0 {
						mss = i.Subflows[0].MSS
					}
					return c.Info().Acked == uint64(len(out))
				})
				require.NoError(t, c.CloseWrite())
				in, err := io.ReadAll(c)
				require.NoError(t, err)
				require.Equal(t, out, <-got)
				require.Equal(t, out, in)
				require.True(t, c.Info().Cause == "", c.Info().Cause)
				assert.Greater(t, s.Stats().TCP.PMTUReduced, before)
				headers := 20 + 20
				if netip.MustParseAddrPort(at).Addr().Is6() {
					headers += 20
				}
				assert.LessOrEqual(t, mss, 1300-headers, strings.TrimSpace(at))
				assert.Greater(t, mss, 1300-headers-40, "by no more than it has to be")
				require.NoError(t, c.Close())
			}
		})
	}
}
