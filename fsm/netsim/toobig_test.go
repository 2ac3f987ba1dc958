package netsim

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/wire"
)

// icmpBlaster remembers the errors it is told of.
type icmpBlaster struct {
	blaster
	errors []wire.ICMP
}

func (b *icmpBlaster) HandleICMP(_ time.Time, m *wire.ICMP) { b.errors = append(b.errors, *m) }

func TestPacketsAboveTheMTUAreAnswered(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		src, dst := clientAddr, serverAddr
		if v6 {
			src, dst = netip.MustParseAddrPort("[fd00::1]:7"), netip.MustParseAddrPort("[fd00::2]:80")
		}
		b := &icmpBlaster{blaster: *newBlaster(1, 1400, 0)}
		b.src, b.dst, b.seq = src, dst, 77
		s := &sink{}
		l := mustLink(t, "link delay=3ms mtu=1300")
		w := New(1)
		client := w.AddHost("client", b)
		w.Connect(client, src.Addr(), w.AddHost("server", s), dst.Addr(), mustLink(t, "link delay=2ms"), l)
		require.NoError(t, w.RunIdle(0))
		require.Empty(t, s.seqs)
		require.EqualValues(t, 1, l.Stats(Forward).TooBig)
		require.EqualValues(t, 1, client.Stats().ICMP)
		require.Equal(t, 4*time.Millisecond, w.Elapsed(), "there and back on the first link")
		require.Len(t, b.errors, 1)
		m := b.errors[0]
		require.Equal(t, wire.ICMPTooBig, m.Kind)
		require.EqualValues(t, 1300, m.MTU)
		require.Equal(t, src, m.Src)
		require.Equal(t, dst, m.Dst)
		require.EqualValues(t, 77, m.Seq)
		require.Zero(t, w.InFlight())
	}
}

func TestABlackHoleIsSilent(t *testing.T) {
	b := &icmpBlaster{blaster: *newBlaster(2, 1400, 0)}
	s := &sink{}
	w, _ := pair(1, b, s, mustLink(t, "link mtu=1300 noicmp"))
	require.NoError(t, w.RunIdle(0))
	require.Empty(t, b.errors)
	require.Empty(t, s.seqs)
}

func TestWithoutDFAPacketPasses(t *testing.T) {
	n := 0
	l := NewLine(1, func(Dir, []byte) { n++ }, mustLink(t, "link mtu=100"))
	pkt, err := wire.Append(nil, &wire.Segment{Src: clientAddr, Dst: serverAddr, Payload: make([]byte, 200)})
	require.NoError(t, err)
	pkt[6] = 0
	require.NoError(t, l.Input(0, Forward, pkt))
	require.Equal(t, 1, n)
}

func TestNoErrorAboutAnError(t *testing.T) {
	var dirs []Dir
	l := NewLine(1, func(d Dir, _ []byte) { dirs = append(dirs, d) }, mustLink(t, "link mtu=30"))
	pkt, err := wire.AppendICMP(nil, &wire.ICMP{From: clientAddr.Addr(), To: serverAddr.Addr(), Kind: wire.ICMPTooBig,
		Src: serverAddr, Dst: clientAddr}, nil)
	require.NoError(t, err)
	pkt[6] = 0x40
	require.NoError(t, l.Input(0, Forward, pkt))
	require.Empty(t, dirs)
}
