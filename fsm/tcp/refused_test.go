package tcp

import (
	"testing"
	"time"
)

// Behind a probe that is refused an ACK would be refused, too, if it had the number after
// it: where both windows are closed nobody would hear that the other's is open.
func TestAckBehindRefusedProbe(t *testing.T) { // RFC 9293 section 3.10.7.4
	b := newBench(t, bare)
	b.open("win 0 <mss 1000>")
	b.write(3000)
	b.wantIdle("no room")
	b.wait(300 * time.Millisecond)
	b.want("one octet after a timeout", ". 1:2(1)")
	b.inject(". 1:1(0) ack 1 win 0")
	b.inject("P. 1:11(10) ack 1 win 0")
	b.inject("P. 11:1011(1000) ack 1 win 0")
	b.wait(200 * time.Millisecond) // a delayed ACK
	b.want("the number that the peer waits for", ". 1:1(0) ack 1011")
}
