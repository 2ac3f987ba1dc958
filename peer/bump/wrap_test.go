package bump

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/fsm/netsim/mbox"
	"github.com/mptcp-go/mptcp/peer/link"
	"github.com/mptcp-go/mptcp/wire"
)

// parse makes elements.
func parse(t require.TestingT, specs ...string) (els []netsim.Element) {
	for _, s := range specs {
		el, err := mbox.Parse(s)
		require.NoError(t, err)
		els = append(els, el)
	}
	return els
}

// recv receives n packets and describes them.
func recv(t *testing.T, l link.Link, n int) (lines []string) {
	t.Helper()
	pkts := make([]link.Packet, 8)
	for len(lines) < n {
		k, err := l.Recv(pkts)
		require.NoError(t, err)
		for _, p := range pkts[:k] {
			var s wire.Segment
			require.NoError(t, wire.Parse(&s, p.Data))
			require.Equal(t, wire.SumGood, s.Sum)
			lines = append(lines, string(wire.AppendText(nil, &s, wire.TextBase{})))
		}
	}
	return lines
}

func TestWrapEditsBothWays(t *testing.T) {
	a, b := link.Pipe(link.PipeConfig{MaxPayload: 60000})
	var mu sync.Mutex
	var log []string
	w := Wrap(a, Config{Elements: parse(t, "strip dss dir=s2c", "lie mapping dir=c2s", "link delay=3ms"),
		Log: func(e netsim.Entry) { mu.Lock(); defer mu.Unlock(); log = append(log, e.Dir.String()+" "+e.Element) }})
	defer w.Close()
	assert.Zero(t, w.MaxPayload())

	pkt := segment(t, false, wire.ACK|wire.PSH, 20)
	require.NoError(t, w.Send([]link.Packet{{Data: pkt[:len(pkt)-20], Tail: pkt[len(pkt)-20:]}}))
	assert.Equal(t, []string{"P. 4294967280:4(20) ack 77 win 5 <dss dack4=1 dsn4=3 ssn=3 dll=20, nop, nop>"}, recv(t, b, 1))

	// What comes in one piece, its checksum undone, is what a wire would have carried.
	big := segment(t, true, wire.ACK|wire.PSH, 2000)
	require.NoError(t, b.Send([]link.Packet{{Data: big, SegSize: 1400, Partial: true}}))
	nops := "<nop, nop, nop, nop, nop, nop, nop, nop, nop, nop, nop, nop, nop, nop, nop, nop, nop, nop, nop, nop>"
	got := recv(t, w, 2)
	require.Len(t, got, 2)
	assert.Equal(t, ". 4294967280:1384(1400) ack 77 win 5 "+nops, got[0])
	assert.Equal(t, "P. 1384:1984(600) ack 77 win 5 "+nops, got[1])
	mu.Lock()
	defer mu.Unlock()
	assert.Equal(t, []string{"c2s lie mapping dir=c2s", "s2c strip dss dir=s2c", "s2c strip dss dir=s2c"}, log)
}

func TestWrapEnds(t *testing.T) {
	a, b := link.Pipe(link.PipeConfig{})
	w := Wrap(a, Config{Elements: parse(t, "link delay=1h")})
	require.NoError(t, w.Send([]link.Packet{{Data: segment(t, false, wire.ACK, 1)}}))
	ended := make(chan error)
	go func() {
		_, err := w.Recv(make([]link.Packet, 1))
		ended <- err
	}()
	require.NoError(t, w.Close())
	assert.ErrorIs(t, <-ended, net.ErrClosed)
	assert.ErrorIs(t, w.Send([]link.Packet{{Data: []byte{0x45}}}), net.ErrClosed)
	_, err := a.Recv(make([]link.Packet, 1))
	assert.ErrorIs(t, err, net.ErrClosed, "the link below is closed too")
	require.NoError(t, b.Close())
}

// holder is a link with ports to hold.
type holder struct {
	link.Link
	held netip.AddrPort
}

func (h *holder) Shared() bool { return true }

func (h *holder) HoldPort(at netip.AddrPort) (link.Hold, error) { h.held = at; return nil, nil }

func TestPortsAreHeldBelow(t *testing.T) {
	a, _ := link.Pipe(link.PipeConfig{})
	h := &holder{Link: a}
	l := Watch(Wrap(h, Config{}), func(time.Time, netsim.Dir, *link.Packet) {})
	defer l.Close()
	at := netip.MustParseAddrPort("10.0.0.1:80")
	_, err := l.(link.PortHolder).HoldPort(at)
	require.NoError(t, err)
	assert.Equal(t, at, h.held)
	_, has := Watch(a, nil).(link.PortHolder)
	assert.False(t, has)
}

func TestWatch(t *testing.T) {
	a, b := link.Pipe(link.PipeConfig{})
	var seen []string
	w := Watch(a, func(at time.Time, dir netsim.Dir, p *link.Packet) {
		assert.False(t, at.IsZero())
		seen = append(seen, dir.String()+" "+string(p.Data))
	})
	require.NoError(t, w.Send([]link.Packet{{Data: []byte("E1")}, {Data: []byte("E2")}}))
	require.NoError(t, b.Send([]link.Packet{{Data: []byte("E3")}}))
	_, err := w.Recv(make([]link.Packet, 3))
	require.NoError(t, err)
	assert.Equal(t, []string{"c2s E1", "c2s E2", "s2c E3"}, seen)
}

func TestRunBetweenLinks(t *testing.T) {
	a, left := link.Pipe(link.PipeConfig{})
	right, b := link.Pipe(link.PipeConfig{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, FromLink(left), FromLink(right), Config{Elements: parse(t, "split 10", "nat addr=10.0.0.9 ports=7-7")})
	}()
	syn := segment(t, false, wire.SYN, 0)
	require.NoError(t, a.Send([]link.Packet{{Data: syn}}))
	recv(t, b, 1)
	require.NoError(t, a.Send([]link.Packet{{Data: segment(t, false, wire.ACK|wire.PSH, 15)}}))
	assert.Equal(t, []string{
		". 4294967280:4294967290(10) ack 77 win 5 <dss dack4=1 dsn4=2 ssn=3 dll=15, nop, nop>",
		"P. 4294967290:4294967295(5) ack 77 win 5 <dss dack4=1 dsn4=2 ssn=3 dll=15, nop, nop>"}, recv(t, b, 2))
	back := wire.Segment{Src: ends[false][1], Dst: netip.MustParseAddrPort("10.0.0.9:7"), Seq: 77, Ack: 9, Flags: wire.ACK, Window: 1}
	pkt, err := wire.Append(nil, &back)
	require.NoError(t, err)
	require.NoError(t, b.Send([]link.Packet{{Data: pkt}}))
	assert.Equal(t, []string{". 77:77(0) ack 9 win 1"}, recv(t, a, 1))
	cancel()
	require.NoError(t, <-ended)

	// An end that goes takes the bump down, and says which it was.
	a, left = link.Pipe(link.PipeConfig{})
	right, b = link.Pipe(link.PipeConfig{})
	go func() { ended <- Run(t.Context(), FromLink(left), FromLink(right), Config{}) }()
	require.NoError(t, left.Close())
	assert.ErrorIs(t, <-ended, net.ErrClosed)
	_, err = right.Recv(nil)
	assert.ErrorIs(t, err, net.ErrClosed)
	_, _ = a, b
}
