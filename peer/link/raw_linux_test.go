package link

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/wire"
)

func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func TestRawWithAnAddressOfItsOwn(t *testing.T) {
	for _, c := range []struct{ name, ours, len, theirs, option string }{
		{"IPv4", "10.7.0.9", "/24", "10.7.0.2", ""},
		{"IPv6", "2001:db8:7::9", "/64", "2001:db8:7::2", ""},
		{"IPv4 without offload", "10.7.0.9", "/24", "10.7.0.2", ",offload=off"},
		{"IPv6 without offload", "2001:db8:7::9", "/64", "2001:db8:7::2", ",offload=off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := twoSpaces(t)
			l := mustOpen(t, "raw:left,"+c.ours+c.len+c.option)
			ours, theirs := netip.AddrPortFrom(netip.MustParseAddr(c.ours), 4000), netip.AddrPortFrom(netip.MustParseAddr(c.theirs), 5000)
			s.echo(t, theirs)
			echoThrough(t, l, ours, theirs, c.option == "")
			assert.Zero(t, l.Stats().DropUnreachable)
			// The other side has resolved us, not the kernel beside us.
			assert.Contains(t, s.run(t, "ip neigh show "+c.ours), "lladdr")
			h, err := l.(PortHolder).HoldPort(ours)
			require.NoError(t, err)
			require.Contains(t, h.String(), "ours alone")
			require.False(t, l.(PortHolder).Shared())
		})
	}
}

func TestRawWithTheHostsAddress(t *testing.T) {
	for _, c := range []struct{ name, ours, theirs, option string }{
		{"IPv4", "10.7.0.1", "10.7.0.2", ""},
		{"IPv6", "2001:db8:7::1", "2001:db8:7::2", ""},
		{"without offload", "10.7.0.1", "10.7.0.2", ",offload=off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := twoSpaces(t)
			l := mustOpen(t, "raw:left"+c.option)
			require.Equal(t, prefixes("10.7.0.1/24", "2001:db8:7::1/64"), l.Addrs())
			require.True(t, l.(PortHolder).Shared())
			h, err := l.(PortHolder).HoldPort(netip.AddrPortFrom(netip.MustParseAddr(c.ours), 0))
			require.NoError(t, err)
			require.NotZero(t, h.Addr().Port())
			require.Contains(t, h.String(), "nftables table")
			_, err = l.(PortHolder).HoldPort(h.Addr())
			require.ErrorIs(t, err, syscall.EADDRINUSE)
			_, err = l.(PortHolder).HoldPort(addrPort("10.9.9.9:80"))
			require.ErrorContains(t, err, "not an address of it")

			theirs := netip.AddrPortFrom(netip.MustParseAddr(c.theirs), 5000)
			s.echo(t, theirs)
			// Were the kernel to see the SYN/ACK, it would reset the connection.
			echoThrough(t, l, h.Addr(), theirs, c.option == "")

			// Other ports are the kernel's as before.
			s.do(func() {
				_, err := net.DialTimeout("tcp", netip.AddrPortFrom(netip.MustParseAddr(c.ours), 81).String(), 5*time.Second)
				require.ErrorIs(t, err, syscall.ECONNREFUSED)
			})
			require.NoError(t, h.Close())
			s.do(func() { // and so is this one now
				_, err := net.DialTimeout("tcp", h.Addr().String(), 5*time.Second)
				require.ErrorIs(t, err, syscall.ECONNREFUSED)
			})
		})
	}
}

// TestHeldPortsSurviveNothing kills a process that holds a port: the kernel must be as
// before, though nobody cleans up.
func TestHeldPortsSurviveNothing(t *testing.T) {
	if spec := os.Getenv("LINK_TEST_HOLD"); spec != "" {
		l, err := Open(spec)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.(PortHolder).HoldPort(addrPort("10.7.0.1:7777")); err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString("held\n")
		time.Sleep(time.Minute)
		return
	}
	twoSpaces(t)
	child := exec.Command(os.Args[0], "-test.run=^TestHeldPortsSurviveNothing$")
	child.Env = append(os.Environ(), "LINK_TEST_HOLD=raw:left")
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	line := make([]byte, 5)
	_, err = out.Read(line)
	require.NoError(t, err)
	require.Equal(t, "held\n", string(line))
	require.Contains(t, run(t, "nft list ruleset"), "10.7.0.1 . 7777")
	_, err = net.Listen("tcp", "10.7.0.1:7777")
	require.ErrorIs(t, err, syscall.EADDRINUSE)

	require.NoError(t, child.Process.Kill())
	child.Wait()
	for strings.Contains(run(t, "nft list ruleset"), "table") {
		time.Sleep(10 * time.Millisecond)
	}
	l, err := net.Listen("tcp", "10.7.0.1:7777")
	require.NoError(t, err)
	l.Close()
}

func TestRawFindsTheWayThroughARouter(t *testing.T) {
	s := twoSpaces(t)
	s.run(t, "ip addr add 10.8.0.2/32 dev lo")
	s.run(t, "ip addr add 2001:db8:8::2/128 dev lo")
	run(t, "ip route add 10.8.0.0/24 via 10.7.0.2")
	run(t, "ip route add 2001:db8:8::/64 via 2001:db8:7::2")
	for i, c := range []struct{ spec, ours, theirs string }{
		{"raw:left,10.7.0.9/24", "10.7.0.9:4000", "10.8.0.2:5000"},
		{"raw:left,2001:db8:7::9/64", "[2001:db8:7::9]:4000", "[2001:db8:8::2]:5000"},
		{"raw:left,10.7.0.9/24,via=10.7.0.2", "10.7.0.9:4001", "10.8.0.2:5001"},
		{"raw:left", "10.7.0.1:4002", "10.8.0.2:5002"},
		{"raw:left", "[2001:db8:7::1]:4002", "[2001:db8:8::2]:5002"},
	} {
		l := mustOpen(t, c.spec)
		_, err := l.(PortHolder).HoldPort(addrPort(c.ours))
		require.NoError(t, err)
		s.echo(t, addrPort(c.theirs))
		echoThrough(t, l, addrPort(c.ours), addrPort(c.theirs), true)
		require.NoError(t, l.Close(), i)
	}
}

func TestRawNextHopThatIsSilent(t *testing.T) {
	twoSpaces(t)
	l := mustOpen(t, "raw:left,10.7.0.9/24")
	for range neighborQueue + 1 {
		require.NoError(t, l.Send([]Packet{segment(t, "10.7.0.9:1", "10.7.0.77:1", 0, 0)}))
	}
	require.EqualValues(t, 1, l.Stats().DropUnreachable, "the oldest that waited")
	require.NoError(t, l.Send([]Packet{segment(t, "10.7.0.9:1", "224.0.0.1:1", 0, 0)}))
	require.EqualValues(t, 2, l.Stats().DropUnreachable)
	require.NoError(t, l.Send([]Packet{packet(30, 0), packet(30, 0x60), segment(t, "10.7.0.9:1", "10.7.0.2:1", 1500, 0)}))
	require.EqualValues(t, 3, l.Stats().DropBad)
	for l.Stats().DropUnreachable < neighborQueue+2 { // after three requests, a second apart
		time.Sleep(50 * time.Millisecond)
	}
	require.Zero(t, l.Stats().Sent)
}

func TestRawRefusesAnAddressInUse(t *testing.T) {
	twoSpaces(t)
	_, err := Open("raw:left,10.7.0.2/24")
	require.ErrorContains(t, err, "10.7.0.2 is in use by")
	_, err = Open("raw:left,2001:db8:7::2/64")
	require.ErrorContains(t, err, "2001:db8:7::2 is in use by")
	_, err = Open("raw:nowhere,10.7.0.2/24")
	require.ErrorContains(t, err, "there is no interface nowhere")
	_, err = Open("raw:lo")
	require.ErrorContains(t, err, "lo is no Ethernet interface")
}

func TestRawTellsOfUpAndDownAndMoves(t *testing.T) {
	s := twoSpaces(t)
	l := mustOpen(t, "raw:left")
	until := func(what string, ok func() bool) {
		for deadline := time.Now().Add(10 * time.Second); !ok(); {
			require.True(t, time.Now().Before(deadline), what)
			select {
			case <-l.Changes():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	require.True(t, l.Up())
	failed := make(chan error, 1)
	go func() {
		for {
			if _, err := l.Recv(make([]Packet, 8)); err != nil {
				failed <- err
				return
			}
		}
	}()
	known := func() int {
		r := l.(*raw)
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.neighbors.table)
	}
	require.NoError(t, l.Send([]Packet{segment(t, "10.7.0.1:1", "10.7.0.2:1", 0, 0)}))
	require.Equal(t, 1, known())
	s.run(t, "ip link set right down")
	until("down with the other end", func() bool { return !l.Up() })
	until("the neighbours there are forgotten: it may come up elsewhere", func() bool { return known() == 0 })
	require.NoError(t, l.Send([]Packet{segment(t, "10.7.0.1:1", "10.7.0.2:1", 0, 0)}))
	require.EqualValues(t, 1, l.Stats().DropDown)
	s.run(t, "ip link set right up")
	until("up again", l.Up)
	run(t, "ip link set left down")
	until("down", func() bool { return !l.Up() })
	run(t, "ip link set left up")
	until("up", l.Up)
	run(t, "ip addr add 10.17.0.1/24 dev left")
	until("an address came", func() bool { return strings.Contains(addrText(l), "10.17.0.1/24") })
	run(t, "ip addr del 10.7.0.1/24 dev left")
	until("an address went", func() bool { return !strings.Contains(addrText(l), "10.7.0.1/24") })
	run(t, "ip link set left mtu 1400")
	until("another MTU", func() bool { return l.MTU() == 1400 })
	require.Empty(t, failed)
	run(t, "ip link del left")
	require.ErrorIs(t, <-failed, ErrGone)
	require.False(t, l.Up())
}

func addrText(l Link) (s string) {
	for _, p := range l.Addrs() {
		s += " " + p.String()
	}
	return s
}

// TestRawKeepsOutWhatIsNotOurs sends what looks much like a packet for us.
func TestRawKeepsOutWhatIsNotOurs(t *testing.T) {
	s := twoSpaces(t)
	l := mustOpen(t, "raw:left,10.7.0.9/24,2001:db8:7::9/64")
	var other Link
	s.do(func() { other = mustOpen(t, "raw:right,10.7.0.8/24,2001:db8:7::8/64") })
	go func() { // answers neighbour requests
		for {
			if _, err := other.Recv(make([]Packet, 8)); err != nil {
				return
			}
		}
	}()
	udp := segment(t, "10.7.0.8:1", "10.7.0.9:1", 10, 0)
	udp.Data[9] = 17
	fragment := segment(t, "10.7.0.8:1", "10.7.0.9:1", 10, 0)
	fragment.Data[6] = 0x20
	six := segment(t, "[2001:db8:7::8]:6", "[2001:db8:7::9]:6", 10, 0)
	// In a VLAN, which is another network with an interface of its own.
	tagged := make([]byte, ethSize, 100)
	putEthernet(tagged, broadcast, hwAddr{2, 0, 0, 0, 0, 9}, 0x8100)
	tagged = append(append(tagged, 0, 10, ethIPv4>>8, ethIPv4&0xff), segment(t, "10.7.0.8:3", "10.7.0.9:3", 10, 0).Data...)
	other.(*raw).sendFrame(tagged)
	last := segment(t, "10.7.0.8:4", "10.7.0.9:4", 10, 0)
	require.NoError(t, other.Send([]Packet{udp, fragment, segment(t, "10.7.0.8:1", "10.7.0.10:1", 0, 0), six, last}))
	var got []Packet
	for len(got) < 2 {
		var in [4]Packet
		n, err := l.Recv(in[:])
		require.NoError(t, err)
		for _, p := range in[:n] {
			p.Data = append([]byte(nil), p.Data...)
			got = append(got, p)
		}
	}
	require.Len(t, got, 2)
	var ports []uint16
	for _, p := range got {
		var seg wire.Segment
		require.NoError(t, wire.Parse(&seg, p.Data))
		require.Equal(t, wire.SumGood, seg.Sum)
		ports = append(ports, seg.Src.Port())
	}
	require.ElementsMatch(t, []uint16{6, 4}, ports)
}

func TestMissingPrivilegesSaySo(t *testing.T) {
	err := needs("opening a packet socket", "CAP_NET_RAW", syscall.EPERM)
	var p *PrivilegeError
	require.ErrorAs(t, err, &p)
	require.ErrorIs(t, err, syscall.EPERM)
	var tun *PrivilegeError
	require.ErrorAs(t, tunDenied(syscall.EACCES), &tun)
	require.Contains(t, tun.Error(), "`chmod 666 /dev/net/tun`")
	require.Equal(t, "opening a packet socket needs CAP_NET_RAW: run it as root, or in a network of its own with `unshare -Urn COMMAND` (operation not permitted)", err.Error())
}
