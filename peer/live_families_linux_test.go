package peer

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A subflow of the other family, opened by either side, whoever opened the connection. A
// socket of the kernel that was made for IPv4 has none of IPv6: where it is to begin with
// IPv4, its socket is one for IPv6 that connects to an IPv4-mapped address.
func TestLiveFamilies(t *testing.T) {
	for _, who := range []role{client, server} {
		for _, first := range []int{4, 6} {
			for _, joiner := range []string{"us", "the kernel"} {
				for _, kind := range []string{"tun", "raw"} {
					t.Run(fmt.Sprintf("%s/IPv%d first/joined by %s/%s", who, first, joiner, kind), func(t *testing.T) {
						t.Parallel()
						v := newLive(t, liveConfig{paths: 2, kind: kind, family: 10 - first})
						v.kernel.Limits(8, 8)
						if who == server && joiner == "us" {
							announcePort(v, 1)
						}
						var c *Conn
						var k *net.TCPConn
						if who == server && first == 4 {
							c, k = v.connectMapped()
						} else {
							c, k = v.connect(who, first, true)
						}
						talk(t, c, k, 1000)
						switch {
						case joiner == "the kernel":
							announce(v, c, 1)
						case who == client:
							require.NoError(t, c.Join(v.at(1, 1), netip.AddrPortFrom(v.at(1, 2), c.fc.Remote().Port()), false))
						default:
							joinPort(v, c, 1)
						}
						v.subflows(c, 2)
						v.everywhere(c, k, 2)
						v.multipath(c, k, 2)
						for i, s := range c.Info().Subflows {
							assert.Equal(t, (first == 4) == (i == 0), s.Remote.Addr().Is4(), "subflow %d", i)
						}
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
}

// connectMapped has the kernel connect to us over IPv4 by a socket for IPv6.
func (v *live) connectMapped() (*Conn, *net.TCPConn) {
	v.t.Helper()
	l, err := v.stack.Listen("tcp", ":0")
	require.NoError(v.t, err)
	v.t.Cleanup(func() { _ = l.Close() })
	var k net.Conn
	require.NoError(v.t, v.kernel.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_MPTCP)
		if err != nil {
			return err
		}
		file := os.NewFile(uintptr(fd), "socket")
		defer file.Close()
		mapped := netip.AddrFrom16(prefix(4, 0, 1).Addr().As16())
		if err = unix.Connect(fd, &unix.SockaddrInet6{Port: int(l.locals[0].Port()), Addr: mapped.As16()}); err == nil {
			k, err = net.FileConn(file)
		}
		return err
	}))
	require.NoError(v.t, l.SetDeadline(time.Now().Add(20*time.Second)))
	c, err := l.AcceptConn()
	require.NoError(v.t, err)
	return c, k.(*net.TCPConn)
}
