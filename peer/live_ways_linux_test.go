package peer

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/stretchr/testify/require"
)

// subflowWays are the ways to get further subflows.
var subflowWays = []struct {
	name string
	who  role
	// prepare is called once, before the first connection, for each path k but the first;
	// open has the connection, over path 0, get a subflow on path k.
	prepare func(v *live, k int)
	open    func(v *live, c *Conn, k int)
}{
	byUs: {
		name: "joined by us", who: client,
		open: func(v *live, c *Conn, k int) {
			require.NoError(v.t, c.Join(v.at(k, 1), netip.AddrPortFrom(v.at(k, 2), c.fc.Remote().Port()), false))
		},
	},
	byUsAnnounced: {
		name: "joined by us to what the kernel announced", who: client,
		prepare: func(v *live, k int) { v.kernel.Endpoint(fmt.Sprintf("%s signal", v.at(k, 2))) },
		open: func(v *live, c *Conn, k int) {
			v.joinAnnounced(c, k, netip.AddrPortFrom(v.at(k, 2), c.fc.Remote().Port()))
		},
	},
	2: {
		name: "joined by us to a port that the kernel announced", who: client,
		prepare: announcePort,
		open:    joinPort,
	},
	byKernel: {
		name: "joined by the kernel", who: server,
		prepare: func(v *live, k int) {
			v.sourceRoute(k)
			v.kernel.Endpoint(fmt.Sprintf("%s dev path%d subflow", v.at(k, 2), k))
		},
	},
	byKernelAnnounced: {
		name: "joined by the kernel to what we announced", who: server,
		open: announce,
	},
	5: {
		name: "joined by the kernel to a port that we announced", who: server,
		open: announceOurPort,
	},
	// Who opened the connection does not decide who opens subflows (R3.2-01).
	6: {
		name: "joined by the kernel's server to what we announced", who: client,
		open: announce,
	},
	7: {
		name: "joined by the kernel's server to a port that we announced", who: client,
		open: announceOurPort,
	},
	8: {
		name: "joined by us to a port that the kernel's client announced", who: server,
		prepare: announcePort,
		open:    joinPort,
	},
	9: {
		name: "joined by the kernel's server", who: client,
		// Linux opens none, and does not try again, for a connection that no program has
		// accepted yet (MPJoinSynTxCreatSkErr).
		open: func(v *live, _ *Conn, k int) {
			v.sourceRoute(k)
			v.kernel.Endpoint(fmt.Sprintf("%s dev path%d subflow", v.at(k, 2), k))
		},
	},
}

// Index of subflowWays.
const (
	byUs              = 0
	byUsAnnounced     = 1
	byKernel          = 3
	byKernelAnnounced = 4
)

// at is the address of a host on path k, of the family of the test: 1 is us, 2 the kernel.
func (v *live) at(k, host int) netip.Addr { return prefix(v.family, k, host).Addr() }

func announce(v *live, c *Conn, k int) {
	require.NoError(v.t, c.Announce(netip.AddrPortFrom(v.at(k, 1), 0)))
	v.subflows(c, k+1)
}

func announceOurPort(v *live, c *Conn, k int) {
	require.NoError(v.t, c.Announce(netip.AddrPortFrom(v.at(k, 1), uint16(9000+k))))
	v.subflows(c, k+1)
}

// announcePort has the kernel announce an address with a port, on which it listens. Linux
// finds no room for one of IPv6, 30 octets, beside its timestamps with their padding, and
// then announces nothing (AddAddrTxDrop).
func announcePort(v *live, k int) {
	if v.family == 6 {
		v.kernel.Sysctl("net.ipv4.tcp_timestamps", "0")
	}
	v.kernel.Endpoint(fmt.Sprintf("%s signal port %d", v.at(k, 2), 7000+k))
}

func joinPort(v *live, c *Conn, k int) {
	v.joinAnnounced(c, k, netip.AddrPortFrom(v.at(k, 2), uint16(7000+k)))
}

// sourceRoute has what the kernel sends from its address on path k leave by that path,
// whatever the destination, as on any host with several uplinks: the device that its
// endpoint names is not enough on a cable, nor for IPv6.
func (v *live) sourceRoute(k int) {
	via := ""
	if v.ours != nil {
		via = fmt.Sprintf("via %s ", v.at(k, 1))
	}
	v.kernel.IP("-%d rule add from %s table %d", v.family, v.at(k, 2), 100+k)
	v.kernel.IP("-%d route add default %sdev path%d table %d", v.family, via, k, 100+k)
}

// joinAnnounced joins to an address when the kernel has announced it.
func (v *live) joinAnnounced(c *Conn, k int, at netip.AddrPort) {
	v.t.Helper()
	waitFor(v.t, "ADD_ADDR of the kernel", func() bool {
		for _, a := range c.Info().Announced {
			if a.Addr == at {
				return true
			}
		}
		return false
	})
	require.NoError(v.t, c.Join(v.at(k, 1), at, false))
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
	c, k := v.connect(w.who, v.family, true)
	talk(v.t, c, k, 1000)
	if w.open != nil {
		for k := 1; k < n; k++ {
			w.open(v, c, k)
		}
	}
	v.subflows(c, n)
	return c, k
}

// everywhere sends octets until each of n subflows, one on each link, has carried some
// both ways.
func (v *live) everywhere(c *Conn, k *net.TCPConn, n int) {
	v.t.Helper()
	missing := func() (list []string) {
		links := map[string]bool{}
		for _, s := range c.Info().Subflows {
			links[s.Link] = true
			if s.Sent == 0 || s.Received == 0 {
				list = append(list, fmt.Sprintf("%s: sent %d, received %d", s.Link, s.Sent, s.Received))
			}
		}
		if len(links) != n {
			list = append(list, fmt.Sprintf("%d links used of %d", len(links), n))
		}
		return list
	}
	for range 20 {
		talk(v.t, c, k, 4<<20)
		if len(missing()) == 0 {
			return
		}
	}
	v.t.Errorf("unused: %s", strings.Join(missing(), "; "))
}
