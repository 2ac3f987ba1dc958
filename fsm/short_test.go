package fsm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// halfMapped puts the first half of a mapping of 1,000 octets there, after another of 4.
func halfMapped(t *testing.T) *bench {
	b := newBench(t, false)
	b.inject("S 0:0(0) <mss 1460, mp_capable v1 AH>")
	b.want("SYN/ACK", "S. 0:0(0) ack 1 <mp_capable v1 AH key=KO>")
	b.inject(". 1:1(0) ack 1 <mp_capable v1 AH key=KP+KO>")
	b.inject("P. 1:5(4) ack 1 <dss dack8=O+0 dsn8=P+0 ssn=1 dll=4 sum=" + b.sum(0, 4) + ">")
	b.drain()
	b.inject(". 5:505(500) ack 1 <dss dack8=O+0 dsn8=P+4 ssn=5 dll=1000 sum=" + b.sum(4, 1000) + ">")
	b.drain()
	return b
}

// A host sleeps for longer than a retransmission timeout, and then finds a segment without
// data from before, and the rest of the mapping right behind it: nothing was shortened.
// R3.7-01.
func TestWordFromBeforeTheSleep(t *testing.T) {
	b := halfMapped(t)
	b.now = b.now.Add(2 * time.Second) // no timer runs meanwhile
	for range 3 {
		b.inject(". 505:505(0) ack 1 <dss dack8=O+0>")
		b.drain()
	}
	b.inject("P. 505:1005(500) ack 1 <dss dack8=O+0 dsn8=P+4 ssn=5 dll=1000 sum=" + b.sum(4, 1000) + ">")
	b.drain()
	assert.Zero(t, b.ep.stats.MPFailTx+b.ep.stats.DataCsumErr)
	assert.True(t, b.conn.Multipath())
	n, _ := b.conn.Readable()
	assert.Equal(t, 1004, n)
}

// Where the rest does not come the peer is asked, and when it still has nothing to add the
// mapping was shortened: MP_FAIL.
func TestShortenedMappingIsAskedAbout(t *testing.T) {
	b := halfMapped(t)
	b.wait(2 * time.Second)
	b.drain()
	b.inject(". 505:505(0) ack 1 <dss dack8=O+0>")
	b.drain()
	assert.Zero(t, b.ep.stats.DataCsumErr)
	b.wait(time.Second)
	b.want("it is asked by a keepalive", ". 0:0(0) ack 505 <dss dack8=P+4>")
	b.drain()
	b.inject(". 505:505(0) ack 1 <dss dack8=O+0>")
	b.drain()
	assert.EqualValues(t, 1, b.ep.stats.DataCsumErr)
	assert.NotZero(t, b.ep.stats.MPFailTx)
}
