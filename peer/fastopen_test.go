package peer

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/peer/link"
	"github.com/mptcp-go/mptcp/wire"
)

// wired is an endpoint at the far end of a link, of which a test decides what it hears.
type wired struct {
	*fsm.Endpoint
	link link.Link
}

// say sends what the endpoint has to send.
func (w *wired) say(t *testing.T) {
	var seg wire.Segment
	for w.PollSegment(time.Now(), &seg) {
		b, err := wire.Append(nil, &seg)
		require.NoError(t, err)
		require.NoError(t, w.link.Send([]link.Packet{{Data: b}}))
	}
}

// hear takes one packet.
func (w *wired) hear(t *testing.T) {
	pkts := make([]link.Packet, 1)
	_, err := w.link.Recv(pkts)
	require.NoError(t, err)
	var seg wire.Segment
	require.NoError(t, wire.Parse(&seg, pkts[0].Data))
	w.HandleSegment(time.Now(), &seg)
}

// Accept returns a connection by Fast Open when its SYN is here: that is what Fast Open
// is for (RFC 8684 appendix B.3, RB-01). Its third packet never comes.
func TestAcceptFastOpen(t *testing.T) {
	cfg := fsm.Config{FastOpen: true}
	s, err := New(Config{Endpoint: cfg})
	require.NoError(t, err)
	defer s.Close()
	x, y := link.Pipe(link.PipeConfig{A: []netip.Prefix{prefix(4, 0, 1)}, B: []netip.Prefix{prefix(4, 0, 2)}})
	require.NoError(t, s.AddLink(x))
	l, err := s.Listen("tcp", ":80")
	require.NoError(t, err)
	accept := func() chan *Conn {
		ch := make(chan *Conn, 1)
		go func() {
			c, _ := l.AcceptConn()
			ch <- c
		}()
		return ch
	}
	cfg.Rand = &cryptoSource{}
	ep, err := fsm.NewEndpoint(cfg)
	require.NoError(t, err)
	w := &wired{ep, y}
	local, remote := netip.MustParseAddrPort("10.1.0.2:0"), netip.MustParseAddrPort("10.1.0.1:80")

	first := accept() // for the cookie
	_, err = ep.Dial(time.Now(), local, remote)
	require.NoError(t, err)
	w.say(t)
	w.hear(t)
	w.say(t)
	require.NotNil(t, <-first)

	second := accept()
	waitFor(t, "nobody accepts", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return l.wait.waiting
	})
	fc, err := ep.Dial(time.Now(), local, remote)
	require.NoError(t, err)
	_, err = fc.Write(time.Now(), []byte("early"))
	require.NoError(t, err)
	w.say(t)
	select {
	case c := <-second:
		require.NotNil(t, c)
		b := make([]byte, 10)
		n, err := c.Read(b)
		require.NoError(t, err)
		require.Equal(t, "early", string(b[:n]))
	case <-time.After(5 * time.Second):
		t.Fatal("Accept waits for the third packet")
	}
}
