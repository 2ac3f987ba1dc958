package fsm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/wire"
)

// RFC 9293 section 3.6.1: who closes with octets unread, or to whom octets come after
// the close, resets.
func TestCloseWithUnreadData(t *testing.T) {
	b := accepted(t)
	b.inject("P. 4:7(3) ack 1 <dss dsn8=P+3 ssn=4 dll=3>")
	b.conn.Close(b.now)
	b.want("unread octets are lost, and the peer is told", "R. <mp_fastclose key=KP>")

	b = accepted(t)
	b.conn.Close(b.now)
	b.want("DATA_FIN", ". 1:1(0) ack 4 <dss dack8=P+3 dsn8=O+0 ssn=0 dll=1 fin>")
	b.inject("P. 4:7(3) ack 1 <dss dack8=O+1 dsn8=P+3 ssn=4 dll=3>")
	b.want("nobody reads any more", "R. <mp_fastclose key=KP>")
}

// A peer that never closes its own stream does not keep a connection that nobody uses.
func TestCloseDoesNotWaitForEver(t *testing.T) {
	for _, plain := range []bool{false, true} {
		b := newBench(t, false, func(c *Config) { c.Plain = plain })
		b.inject("S 0:0(0) <mss 1460, mp_capable v1 H>")
		b.drain()
		if plain {
			b.inject(". 1:1(0) ack 1")
		} else {
			b.inject("P. 1:4(3) ack 1 <mp_capable v1 H key=KP+KO dll=3>")
			b.drain()
			b.read("abc")
		}
		b.conn.Close(b.now)
		b.drain()
		if plain {
			b.inject(". 1:1(0) ack 2")
		} else {
			b.inject(". 4:4(0) ack 1 <dss dack8=O+1>")
		}
		require.Equal(t, FinWait2, b.conn.State())
		b.wait(2 * time.Minute)
		assert.Equal(t, Closed, b.conn.State(), "plain %v", plain)
		var seg wire.Segment
		require.True(t, b.poll(&seg))
		assert.True(t, seg.Flags.Has(wire.RST))
		b.drain()
		assert.Zero(t, b.ep.subflows.n)
	}
}
