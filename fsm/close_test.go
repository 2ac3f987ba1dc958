package fsm

import (
	"errors"
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

// A peer, or a box before it, that takes DATA_FINs at the subflow and never acknowledges
// them does not keep the connection for ever.
func TestDataFinNeverAcknowledged(t *testing.T) { // R3.3.3-11
	b := accepted(t)
	b.conn.CloseWrite(b.now)
	began, fins := b.now, 0
	for b.conn.State() != Closed && fins < 100 {
		b.wait(10 * time.Minute)
		var seg wire.Segment
		for b.poll(&seg) {
			if seg.Flags.Has(wire.RST) {
				break
			}
			fins++
			b.inject(". 4:4(0) ack 1 <dss dack8=O+0>")
		}
	}
	var gone *LocalError
	if !errors.As(b.conn.Err(), &gone) || gone.Reason != TimedOut || !gone.Timeout() {
		t.Error(b.conn.State(), b.conn.Err())
	}
	if took := b.now.Sub(began); fins < 10 || fins > 40 || took < 100*time.Second || took > 30*time.Minute {
		t.Errorf("%d DATA_FINs in %v", fins, took)
	}
}
