package cong

import (
	"testing"
	"time"
)

// RFC 5681 section 3.1: an ACK of half of a large window opens it by half a segment, also
// where an int has 32 bits.
func TestRenoLargeACK(t *testing.T) {
	r := &reno{window: newWindow(1460)}
	r.fresh, r.cwnd, r.ssthresh = false, 6_000_000, 1_000_000
	r.OnAck(time.Time{}, Ack{Acked: 3_000_000, Limited: true})
	if r.cwnd != 6_000_730 {
		t.Error(r.cwnd)
	}
}
