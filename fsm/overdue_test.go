package fsm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// fullBuffer is a server whose send buffer of 2,000 octets went out in two segments, with one
// mapping, that the subflow has acknowledged, the data level not; the application waits for
// room.
func fullBuffer(t *testing.T) *bench {
	b := proven(t, func(c *Config) { c.SendBuffer = 2000 })
	n, err := b.conn.Write(b.now, make([]byte, 3000))
	assert.NoError(t, err)
	assert.Equal(t, 2000, n)
	b.want("the first part", ". 1:1433(1432) ack 7 <dss dsn8=O+0 ssn=1 dll=2000>")
	b.want("the rest", "P. 1433:2001(568) ack 7 <dss dsn8=O+0 ssn=1 dll=2000>")
	b.now = b.now.Add(100 * time.Microsecond)
	b.inject(". 7:7(0) ack 2001 <dss dack8=O+0>")
	b.wantIdle("the buffer is full of what the subflow has delivered")
	return b
}

// R3.3.6-02: a DATA_ACK may come later than the subflow's acknowledgment. A sender that it
// keeps from sending asks for it soon, with the last octet it sent and its mapping
// (R3.3.1-01), which is nothing new to anybody.
func TestOverdueDataAckIsAskedFor(t *testing.T) {
	b := fullBuffer(t)
	begin := b.now
	b.wait(time.Second)
	b.want("the question", ". 2000:2001(1) ack 7 <dss dsn8=O+0 ssn=1 dll=2000>")
	b.wantIdle("once")
	assert.Less(t, b.now.Sub(begin), 10*time.Millisecond)
	assert.EqualValues(t, 1, b.ep.Stats().DataAckAsked)
	b.inject(". 7:7(0) ack 2001 <dss dack8=O+2000>")
	assert.Equal(t, 2000, b.conn.Writable())
	b.wait(time.Minute)
	b.wantIdle("it was answered")
	b.write("more")
	b.want("and so it goes on", "P. 2001:2005(4) ack 7 <dss dsn8=O+2000 ssn=2001 dll=4>")
}

// A peer that does not answer is asked less and less often, and not for ever; then the
// data-level retransmission has its way.
func TestOverdueDataAckIsBounded(t *testing.T) {
	b := fullBuffer(t)
	last, pause := b.now, time.Duration(0)
	for range maxOverdue {
		b.wait(time.Second)
		b.want("the question", ". 2000:2001(1) ack 7 <dss dsn8=O+0 ssn=1 dll=2000>")
		assert.Greater(t, b.now.Sub(last), pause)
		last, pause = b.now, b.now.Sub(last)
		b.inject(". 7:7(0) ack 2001 <dss dack8=O+0>")
	}
	b.wait(time.Minute)
	b.want("a question of the data level, a keepalive without data", ". 2000:2000(0) ack 7 <dss dack8=P+6>")
	assert.EqualValues(t, maxOverdue, b.ep.Stats().DataAckAsked)
}

// Nobody is asked while the application has nothing more to say, nor after a fallback.
func TestOverdueOnlyMattersToASenderThatWaits(t *testing.T) {
	b := proven(t)
	b.write("hello")
	b.want("data", "P. 1:6(5) ack 7 <dss dsn8=O+0 ssn=1 dll=5>")
	b.inject(". 7:7(0) ack 6 <dss dack8=O+0>")
	begin := b.now
	for b.now.Sub(begin) < 900*time.Millisecond {
		b.wait(100 * time.Millisecond)
		b.wantIdle("there is no hurry")
	}

	b = fullBuffer(t)
	b.conn.fallBack(b.now, b.conn.subflows[0], &b.ep.stats.MPFallbackTokenInit, "test")
	assert.False(t, b.conn.timers.armed(timerOverdue))
}
