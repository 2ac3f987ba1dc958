package link

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/wire"
)

func TestTUNIsConfiguredAndRemoved(t *testing.T) {
	inNamespace(t)
	l := mustOpen(t, "tun:mptest,10.77.0.2/24,2001:db8:77::2/64,10.78.0.1/32,mtu=1400")
	assert.Equal(t, "mptest", l.Name())
	assert.Equal(t, 1400, l.MTU())
	assert.True(t, l.Up())
	assert.Equal(t, prefixes("10.77.0.2/24", "2001:db8:77::2/64", "10.78.0.1/32"), l.Addrs())
	addrs := run(t, "ip addr show mptest")
	assert.Contains(t, addrs, "10.77.0.1/24")
	assert.Contains(t, addrs, "qlen 8192")
	assert.Contains(t, addrs, "2001:db8:77::1/64")
	assert.NotContains(t, addrs, "tentative")
	assert.Contains(t, run(t, "ip route get 10.78.0.1"), "mptest")

	_, err := Open("tun:mptest,10.79.0.2/24")
	require.ErrorContains(t, err, "there is an interface mptest already")

	run(t, "ip link set mptest down")
	<-l.Changes()
	for l.Up() {
		<-l.Changes()
	}
	require.NoError(t, l.Send([]Packet{segment(t, "10.77.0.2:9", "10.77.0.1:9", 0, 0)}))
	assert.EqualValues(t, 1, l.Stats().DropDown)
	run(t, "ip link set mptest up")
	for !l.Up() {
		<-l.Changes()
	}

	failed := make(chan error)
	go func() {
		for {
			if _, err := l.Recv(make([]Packet, 8)); err != nil {
				failed <- err
				return
			}
		}
	}()
	require.NoError(t, l.Close())
	require.ErrorIs(t, <-failed, net.ErrClosed)
	require.ErrorIs(t, l.Send([]Packet{packet(40, 0)}), net.ErrClosed)
	require.ErrorIs(t, l.Close(), net.ErrClosed)
	assert.NotContains(t, run(t, "ip link"), "mptest")
}

func TestTUNTellsWhenTheDeviceIsGone(t *testing.T) {
	inNamespace(t)
	l := mustOpen(t, "tun:mptest,10.77.0.2/24")
	failed := make(chan error)
	go func() {
		for {
			if _, err := l.Recv(make([]Packet, 8)); err != nil {
				failed <- err
				return
			}
		}
	}()
	run(t, "ip link del mptest")
	require.ErrorIs(t, <-failed, ErrGone)
	require.False(t, l.Up())
	require.ErrorIs(t, l.Send([]Packet{packet(40, 0)}), ErrGone)
}

// TestTUNOffload has the kernel send more than a segment holds, and sends it as much,
// by hand: both come across as large segments with partial checksums.
func TestTUNOffload(t *testing.T) {
	for _, c := range []struct{ name, ours, kernel, option string }{
		{"IPv4", "10.77.0.2", "10.77.0.1", ""},
		{"IPv6", "2001:db8:77::2", "2001:db8:77::1", ""},
		{"no offload", "10.77.0.2", "10.77.0.1", ",offload=off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inNamespace(t)
			ours, kernel := netip.MustParseAddr(c.ours), netip.MustParseAddr(c.kernel)
			l := mustOpen(t, "tun:mptest,"+c.ours+"/"+map[bool]string{true: "24", false: "64"}[ours.Is4()]+c.option)
			plain := c.option != ""
			require.Equal(t, plain, l.MaxPayload() == 0)
			server, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(kernel, 5000)))
			require.NoError(t, err)
			defer server.Close()
			go func() {
				c, err := server.Accept()
				if err == nil {
					io.Copy(c, c)
					c.Close()
				}
			}()
			echoThrough(t, l, netip.AddrPortFrom(ours, 4000), netip.AddrPortFrom(kernel, 5000), !plain)
		})
	}
}

// echoThrough makes one TCP connection by hand from ours to an echo server at
// theirs, sends it 20,000 octets and reads them back.
func echoThrough(t *testing.T, l Link, ours, theirs netip.AddrPort, offload bool) {
	t.Helper()
	data := bytes.Repeat([]byte("0123456789abcdef"), 1250)
	send := func(s wire.Segment) {
		s.Src, s.Dst, s.Window = ours, theirs, 65535
		if offload {
			s.Sum = wire.SumPartial
		}
		size := l.MTU() - 100
		if offload {
			size = len(s.Payload)
		}
		for first := true; first || len(s.Payload) > 0; first = false {
			whole := s.Payload
			s.Payload = whole[:min(size, len(whole))]
			head := s
			head.Payload = nil
			b, err := wire.Append(nil, &s)
			require.NoError(t, err)
			p := Packet{Data: b, Partial: offload}
			if n := len(s.Payload); n > 0 { // the payload as a tail
				p.Data, p.Tail = b[:len(b)-n], b[len(b)-n:]
			}
			if offload && len(s.Payload) > 1300 {
				p.SegSize = 1300
			}
			require.NoError(t, l.Send([]Packet{p}))
			s.Seq += uint32(len(s.Payload))
			s.Payload = whole[len(s.Payload):]
		}
	}
	send(wire.Segment{Seq: 99, Flags: wire.SYN, Options: wire.Options{2, 4, 5, 0xb4}})
	var got []byte
	var largest int
	sent := false
	pkts := make([]Packet, 16)
	deadline := time.Now().Add(10 * time.Second)
	for len(got) < len(data) {
		require.True(t, time.Now().Before(deadline), "%d of %d octets came back", len(got), len(data))
		n, err := l.Recv(pkts)
		require.NoError(t, err)
		for _, p := range pkts[:n] {
			var s wire.Segment
			if wire.Parse(&s, p.Data) != nil || s.Dst != ours {
				continue
			}
			if p.Partial {
				require.Equal(t, wire.SumPartial, s.Sum)
			} else if p.SegSize == 0 {
				require.Equal(t, wire.SumGood, s.Sum)
			}
			require.False(t, s.Flags.Has(wire.RST), "reset by the kernel")
			if s.Flags.Has(wire.SYN) {
				require.EqualValues(t, 100, s.Ack)
				send(wire.Segment{Seq: 100, Ack: s.Seq + 1, Flags: wire.ACK | wire.PSH, Payload: data})
				sent = true
				continue
			}
			if len(s.Payload) > 0 {
				largest = max(largest, len(s.Payload))
				require.True(t, bytes.HasPrefix(data[len(got):], s.Payload), "octets from %d on", len(got))
				got = append(got, s.Payload...)
				send(wire.Segment{Seq: 100 + uint32(len(data)), Ack: s.Seq + uint32(len(s.Payload)), Flags: wire.ACK})
			}
		}
	}
	require.True(t, sent)
	if offload {
		require.Greater(t, largest, l.MTU(), "the kernel's large segment came whole")
	} else {
		require.LessOrEqual(t, largest, l.MTU())
	}
	send(wire.Segment{Seq: 100 + uint32(len(data)), Flags: wire.RST})
}
