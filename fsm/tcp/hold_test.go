package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// What an owner holds is not acknowledged, but takes its place in the stream when it is
// accepted, and so does a FIN behind it.
func TestHoldAndAccept(t *testing.T) {
	b := newBench(t, sackOnly)
	b.dial()
	b.want("SYN", "S 0:0(0)")
	b.inject("S. 0:0(0) ack 1 <mss 1460, sackOK>")
	b.want("third ACK", ". 1:1(0) ack 1")
	f := b.c.flow
	in := f.HandleSegment(b.now, b.parse("P. 1:4(3) ack 1"), 0)
	assert.Len(t, in.Data, 3)
	f.Hold(b.now)
	b.wantIdle("the ACK may be as late as a delayed one")
	in = f.HandleSegment(b.now, b.parse("F. 4:7(3) ack 1"), 0)
	f.Keep(b.now, len(in.Data))
	b.want("out of order", ". 1:1(0) ack 1 <sack 4:7>")
	assert.EqualValues(t, 0, f.Received())
	f.Accept(b.now, 0, 3)
	assert.True(t, f.PeerClosed())
	b.want("all of it, and the FIN", ". 1:1(0) ack 8")
	f.Accept(b.now, 0, 3)
	assert.EqualValues(t, 6, f.Received(), "again: nothing new")
	b.drain()
}

// RFC 5681 section 3.1: each timeout leaves a window of one segment, also one in the
// middle of the recovery from another.
func TestEveryTimeoutLeavesOneSegment(t *testing.T) {
	b := newBench(t, bare)
	b.dial()
	b.want("SYN", "S 0:0(0)")
	b.inject("S. 0:0(0) ack 1 <mss 1000>")
	b.want("third ACK", ". 1:1(0) ack 1")
	_, err := b.c.Write(b.now, b.data[:8000])
	assert.NoError(t, err)
	b.drain()
	timeout := func() {
		t.Helper()
		n := b.c.flow.Timeouts()
		for b.c.flow.Timeouts() == n {
			b.now = b.c.Deadline()
			b.c.HandleTimer(b.now)
			if b.c.flow.Timeouts() == n {
				b.drain() // a tail loss probe
			}
		}
	}
	timeout()
	b.want("one", ". 1:1001(1000) ack 1")
	b.wantIdle("and no more")
	b.inject(". 1:1(0) ack 1001")
	b.want("slow start", ". 1001:2001(1000) ack 1")
	b.want("slow start", ". 2001:3001(1000) ack 1")
	timeout()
	cwnd, _ := b.c.flow.Cwnd()
	assert.Equal(t, 1000, cwnd)
	b.want("one again", ". 1001:2001(1000) ack 1")
	b.wantIdle("and no more")
	b.now = b.now.Add(time.Second)
	b.inject(". 1:1(0) ack 8001")
	b.drain()
}

func (b *bench) drain() {
	for b.poll() {
	}
}
