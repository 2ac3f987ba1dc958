package peer

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/checksum"
	"github.com/mptcp-go/mptcp/peer/link"
	"github.com/mptcp-go/mptcp/wire"
)

// echoRequest is a packet as ping sends it.
func echoRequest(from, to netip.Addr, data []byte) []byte {
	m := append([]byte{8, 0, 0, 0, 1, 2, 0, 7}, data...)
	var ip []byte
	if from.Is4() {
		ip = make([]byte, 20)
		ip[0], ip[8], ip[9] = 0x45, 64, 1
		binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)+len(m)))
		copy(ip[12:], from.AsSlice())
		copy(ip[16:], to.AsSlice())
		binary.BigEndian.PutUint16(ip[10:], checksum.Of(ip).Checksum())
		binary.BigEndian.PutUint16(m[2:], checksum.Of(m).Checksum())
	} else {
		ip = make([]byte, 40)
		ip[0], ip[6], ip[7], m[0] = 0x60, 58, 64, 128
		binary.BigEndian.PutUint16(ip[4:], uint16(len(m)))
		copy(ip[8:], from.AsSlice())
		copy(ip[24:], to.AsSlice())
		binary.BigEndian.PutUint16(m[2:], checksum.Of(ip[8:40]).AddUint32(uint32(len(m))).AddUint16(58).Add(checksum.Of(m)).Checksum())
	}
	return append(ip, m...)
}

// pinged is a stack at 10.1.0.1 and fd00::1, and what comes back from it.
type pinged struct {
	stack *Stack
	link  *link.PipeEnd
}

func newPinged(t *testing.T) *pinged {
	x, y := link.Pipe(link.PipeConfig{A: []netip.Prefix{prefix(4, 0, 1), prefix(6, 0, 1)}})
	s, err := New(Config{})
	require.NoError(t, err)
	require.NoError(t, s.AddLink(x))
	t.Cleanup(func() { s.Close(); y.Close() })
	return &pinged{s, y}
}

// answers sends packets, a last echo request behind them, and returns what comes back for
// all but that.
func (p *pinged) answers(t *testing.T, pkts ...[]byte) (list [][]byte) {
	t.Helper()
	last := echoRequest(prefix(4, 0, 9).Addr(), prefix(4, 0, 1).Addr(), nil)
	var out []link.Packet
	for _, b := range append(pkts, last) {
		out = append(out, link.Packet{Data: b})
	}
	require.NoError(t, p.link.Send(out))
	in := make([]link.Packet, 64)
	for {
		n, err := p.link.Recv(in)
		require.NoError(t, err)
		for _, k := range in[:n] {
			if len(k.Data) >= 20 && netip.AddrFrom4([4]byte(k.Data[16:20])) == prefix(4, 0, 9).Addr() {
				return list
			}
			list = append(list, append([]byte(nil), k.Data...))
		}
	}
}

// Our own addresses answer a ping, with what it holds; nothing else does.
func TestEchoIsAnswered(t *testing.T) {
	p := newPinged(t)
	us4, us6 := prefix(4, 0, 1).Addr(), prefix(6, 0, 1).Addr()
	they4, they6 := prefix(4, 0, 2).Addr(), prefix(6, 0, 2).Addr()
	data := []byte("abcdefg")

	list := p.answers(t, echoRequest(they4, us4, data), echoRequest(they6, us6, data))
	require.Len(t, list, 2)
	assert.Equal(t, append([]byte{1, 2, 0, 7}, data...), list[0][24:])
	assert.EqualValues(t, 0, list[0][20], "an answer")
	assert.True(t, checksum.Of(list[0][20:]).Valid())
	assert.Equal(t, append([]byte{1, 2, 0, 7}, data...), list[1][44:])
	assert.EqualValues(t, 129, list[1][40], "an answer")

	damaged := echoRequest(they4, us4, data)
	damaged[len(damaged)-1]++
	assert.Empty(t, p.answers(t, damaged,
		echoRequest(they4, prefix(4, 0, 3).Addr(), data),               // for somebody else
		echoRequest(they4, netip.MustParseAddr("10.1.0.255"), data),    // a broadcast
		echoRequest(they4, netip.MustParseAddr("224.0.0.1"), data),     // a multicast
		echoRequest(they6, netip.MustParseAddr("ff02::1"), data),       // ...
		echoRequest(netip.MustParseAddr("224.0.0.1"), us4, data),       // from nobody
		echoRequest(netip.IPv4Unspecified(), us4, data),                // ...
		echoRequest(netip.IPv6Unspecified(), us6, data),                // ...
		echoRequest(netip.MustParseAddr("255.255.255.255"), us4, data), // from all
		echoRequest(netip.MustParseAddr("10.1.0.255"), us4, data),      // from all on its network
		echoRequest(us4, us4, data),                                    // from ourselves
	))
	assert.EqualValues(t, 4, p.stack.Stats().EchoReplies, "with the two that were last")
	assert.Zero(t, p.stack.Stats().NotTCP)
}

// A flood of requests is answered in part.
func TestEchoIsLimited(t *testing.T) {
	p := newPinged(t)
	const n = 20 * echoBurst
	b := echoRequest(prefix(4, 0, 2).Addr(), prefix(4, 0, 1).Addr(), nil)
	for range n {
		require.NoError(t, p.link.Send([]link.Packet{{Data: b}}))
	}
	waitFor(t, "all requests were seen", func() bool { s := p.stack.Stats(); return s.EchoReplies+s.EchoLimited == n })
	assert.GreaterOrEqual(t, p.stack.Stats().EchoReplies, uint64(echoBurst))

	var l limiter
	now := time.Unix(100, 0)
	count := func(tries int) (taken int) {
		for range tries {
			if l.take(now, 1000, 50) {
				taken++
			}
		}
		return taken
	}
	assert.Equal(t, 50, count(100))
	now = now.Add(1500 * time.Microsecond)
	assert.Equal(t, 1, count(100))
	now = now.Add(1500 * time.Microsecond)
	assert.Equal(t, 2, count(100), "no part of a token is lost")
	now = now.Add(time.Hour)
	assert.Equal(t, 50, count(100))
}

// A SYN from many hosts, or from none, is answered to nobody (RFC 9293 section 3.9.2.3).
func TestSYNFromNobody(t *testing.T) {
	p := newPinged(t)
	l, err := p.stack.Listen("tcp", ":80")
	require.NoError(t, err)
	defer l.Close()
	us4, us6 := prefix(4, 0, 1).Addr(), prefix(6, 0, 1).Addr()
	syn := func(from string, to netip.Addr) []byte {
		seg := wire.Segment{Src: netip.AddrPortFrom(netip.MustParseAddr(from), 5000), Dst: netip.AddrPortFrom(to, 80), Flags: wire.SYN, Window: 1000}
		b, err := wire.Append(nil, &seg)
		require.NoError(t, err)
		return b
	}
	p.answers(t, syn("255.255.255.255", us4), syn("10.1.0.255", us4), syn("224.0.0.1", us4), syn("0.0.0.0", us4),
		syn("ff02::1", us6), syn("::", us6))
	assert.Zero(t, p.stack.Usage().HalfOpen)
	p.answers(t, syn("10.1.1.255", us4), syn("fd00::ff", us6))
	assert.Equal(t, 2, p.stack.Usage().HalfOpen, "a host of another network, and one of ours")
}
