package main

import (
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/mptcp-go/mptcp/peer/lab"
	"github.com/stretchr/testify/require"
)

// full says that the long form of the live tests is wanted: MPTCP_LIVE=full.
func full() bool { return os.Getenv("MPTCP_LIVE") == "full" }

// boxWay is a family of addresses and a kind of link.
type boxWay struct {
	name       string
	path       string // ours
	us, theirs string // the addresses of the ends
	nat        string // that of a box that translates ours
}

// tun says that we are on a TUN device: our host's kernel is the router before us.
func (w *boxWay) tun() bool { return strings.HasPrefix(w.path, "tun:") }

var (
	raw4 = boxWay{"raw IPv4", "raw:eth0,10.1.0.1/24", "10.1.0.1", "10.1.0.2", "10.1.0.77"}
	raw6 = boxWay{"raw IPv6", "raw:eth0,fd00:1::1/64", "fd00:1::1", "fd00:1::2", "fd00:1::77"}
	tun4 = boxWay{"tun IPv4", tun, "10.9.0.2", "10.1.0.2", "10.1.0.77"}
	tun6 = boxWay{"tun IPv6", tun, "fd00:9::2", "fd00:1::2", "fd00:1::77"}

	boxWays = []boxWay{raw4, raw6, tun4, tun6}
)

// boxLab is our host, a middlebox in the cable, and a kernel.
type boxLab struct {
	way               boxWay
	ours, box, kernel *lab.Space
	last              *proc // ours, in the last transfer of throughBox
}

func newBoxLab(t *testing.T, way boxWay) *boxLab {
	l := liveTest(t)
	b := &boxLab{way: way, ours: l.Space("ours"), box: l.Space("box"), kernel: l.Space("kernel")}
	var own []string
	if way.tun() {
		own = []string{"10.1.0.254/24", "fd00:1::fe/64"}
	}
	l.Link(b.ours.Dev("eth0", own...), b.box.Dev("left"))
	l.Link(b.box.Dev("right"), b.kernel.Dev("eth0", "10.1.0.2/24", "fd00:1::2/64"))
	if way.tun() {
		b.ours.Forward()
		b.kernel.Route("10.9.0.0/24 via 10.1.0.254")
		b.kernel.Route("fd00:9::/64 via fd00:1::fe")
	}
	// For the box that translates addresses: someone must answer for its own.
	var mac net.HardwareAddr
	require.NoError(t, b.ours.Do(func() error {
		i, err := net.InterfaceByName("eth0")
		if err == nil {
			mac = i.HardwareAddr
		}
		return err
	}))
	b.kernel.IP("neigh add 10.1.0.77 lladdr %s dev eth0", mac)
	b.kernel.IP("neigh add fd00:1::77 lladdr %s dev eth0", mac)
	return b
}

// at is an address with a port.
func (b *boxLab) at(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
