package peer

import (
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/peer/link"
)

// busy is a link that is given more to send during every Send, as by other connections,
// while more is set.
type busy struct {
	link.Link
	more atomic.Pointer[func()]
}

func (b *busy) Send(pkts []link.Packet) error {
	if more := b.more.Load(); more != nil {
		(*more)()
	}
	return b.Link.Send(pkts)
}

// Who has something to send finds the link idle and begins to send; others add to it without
// end. The call returns all the same, and what they add is sent.
func TestCallsReturnUnderLoad(t *testing.T) {
	for _, call := range []struct {
		name string
		do   func(*Conn) error
	}{
		{"Write", func(c *Conn) error { _, err := c.Write([]byte("x")); return err }},
		{"Announce", func(c *Conn) error { return c.Announce(netip.MustParseAddrPort("10.9.9.9:9")) }},
		{"CloseWrite", (*Conn).CloseWrite},
	} {
		t.Run(call.name, func(t *testing.T) {
			a, err := New(Config{})
			require.NoError(t, err)
			defer a.Close()
			b, err := New(Config{})
			require.NoError(t, err)
			defer b.Close()
			x, y := link.Pipe(link.PipeConfig{A: []netip.Prefix{prefix(4, 0, 1)}, B: []netip.Prefix{prefix(4, 0, 2)}})
			l := &busy{Link: x}
			require.NoError(t, a.AddLink(l))
			require.NoError(t, b.AddLink(y))
			p := &pair{a: a, b: b}
			c, peer := p.connect(t, 4)
			talk(t, c, peer, 5)

			var added atomic.Int64
			addOne := func() { // a SYN, to where nobody listens
				added.Add(1)
				done := make(chan struct{})
				go func() {
					defer close(done)
					_, _, _ = a.open(netip.Addr{}, netip.AddrPortFrom(prefix(4, 0, 2).Addr(), 9))
				}()
				<-done
			}
			l.more.Store(&addOne)
			defer l.more.Store(nil)
			var returned atomic.Bool
			go func() {
				assert.NoError(t, call.do(c))
				returned.Store(true)
			}()
			waitFor(t, "the call sends for others for as long as they have something", returned.Load)
			most := added.Load()
			waitFor(t, "others are sent for, too", func() bool { return added.Load() > most })
			l.more.Store(nil)
			waitFor(t, "all is sent", func() bool {
				a.mu.Lock()
				defer a.mu.Unlock()
				return len(a.dirty) == 0 && !a.ports[0].sending
			})
		})
	}
}
