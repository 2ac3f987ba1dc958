package fsm

import (
	"fmt"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/checksum"
	"github.com/mptcp-go/mptcp/dataseq"
)

// sum is the checksum of the peer's n octets from the stream's octet off on; of none it
// is that of a DATA_FIN.
func (b *bench) sum(off, n uint64) string {
	dsn := dataseq.Space{IDSN: b.peerKey.IDSN(b.version)}.DSN(off)
	if n == 0 {
		return fmt.Sprintf("%04x", dataseq.PseudoSum(dsn, 0, 1).Checksum())
	}
	var p []byte
	for i := range n {
		p = append(p, byte('a'+(off+i)%26))
	}
	return fmt.Sprintf("%04x", dataseq.PseudoSum(dsn, uint32(off)+1, uint16(n)).Add(checksum.Of(p)).Checksum())
}

// failed is a connection of which the peer's second mapping failed its checksum, and that
// has said so.
func failed(t *testing.T) *bench {
	b := newBench(t, false)
	b.inject("S 0:0(0) <mss 1460, mp_capable v1 AH>")
	b.want("SYN/ACK", "S. 0:0(0) ack 1 <mp_capable v1 AH key=KO>")
	b.inject(". 1:1(0) ack 1 <mp_capable v1 AH key=KP+KO>")
	b.inject("P. 1:5(4) ack 1 <dss dack8=O+0 dsn8=P+0 ssn=1 dll=4 sum=" + b.sum(0, 4) + ">")
	b.want("DATA_ACK", ". 1:1(0) ack 5 <dss dack8=P+4>")
	b.inject("P. 5:1005(1000) ack 1 <dss dack8=O+0 dsn8=P+4 ssn=5 dll=1000 sum=1234>")
	b.want("MP_FAIL", ". 1:1(0) ack 1005 <mp_fail dsn=P+4>")
	return b
}

// Linux 6.18 answers the MP_FAIL, but its infinite mapping on a segment of full size is too
// large to leave its host. The window is closed, so that it probes, and then opened for a
// small piece at a time, until octets without an option show that it is through.
func TestInfiniteMappingInPieces(t *testing.T) { // R3.7-09, R3.7-12
	b := failed(t)
	b.inject(". 1005:1005(0) ack 1 <dss dack8=O+0, mp_fail dsn=O+0>")
	b.wantIdle("the answer needs none")
	b.wait(250 * time.Millisecond)
	b.want("nothing came: the window is closed", ". 1:1(0) ack 1005 win 0")
	b.inject(". 1004:1004(0) ack 1")
	b.want("the probe shows that there is something", ". 1:1(0) ack 1005 win 1024")
	b.inject("P. 1005:2029(1024) ack 1 <dss dack8=O+0 dsn8=P+1004 ssn=1005 dll=0 sum=0000>")
	b.want("one more piece", ". 1:1(0) ack 2029 win 1024")
	b.inject("P. 2029:3053(1024) ack 1 <dss dack8=O+0 dsn8=P+1004 ssn=1005 dll=0 sum=0000>")
	b.want("one more piece", ". 1:1(0) ack 3053 win 1024")
	b.inject("P. 3053:4077(1024) ack 1")
	if !b.peek() || b.next.Window <= 1024 {
		t.Error("the window is not open again")
	}
	b.ahead = false
	if i := b.conn.Info(); i.Received != 4076 || !i.FellBack {
		t.Error(i)
	}
}

// Linux 6.18 cuts what it sends at once after the MP_FAIL as it did before, with room for an
// option: so the beginning of the segment with the infinite mapping arrives, and its rest is
// too large. What comes behind shows whether there is any.
func TestInfiniteMappingBegun(t *testing.T) { // R3.7-09, R3.7-12
	for _, more := range []bool{true, false} {
		b := failed(t)
		b.inject(". 1005:2405(1400) ack 1 <dss dack8=O+0 dsn8=P+1004 ssn=1005 dll=0 sum=0000>")
		b.inject(". 2405:3805(1400) ack 1 <dss dack8=O+0 dsn8=P+1004 ssn=1005 dll=0 sum=0000>")
		b.want("an acknowledgment", ". 1:1(0) ack 3805")
		if !more {
			b.inject("P. 3805:4005(200) ack 1 <dss dack8=O+0 dsn8=P+1004 ssn=1005 dll=0 sum=0000>")
			b.want("its end", ". 1:1(0) ack 4005")
			b.wait(10 * time.Second)
			b.wantIdle("the window stays open")
			continue
		}
		b.wait(250 * time.Millisecond)
		b.want("nothing came: the window is closed", ". 1:1(0) ack 3805 win 0")
		b.inject(". 3804:3804(0) ack 1")
		b.want("the probe shows that there is something", ". 1:1(0) ack 3805 win 1024")
		b.inject("P. 3805:4829(1024) ack 1 <dss dack8=O+0 dsn8=P+1004 ssn=1005 dll=0 sum=0000>")
		b.want("one more piece", ". 1:1(0) ack 4829 win 1024")
		b.inject("P. 4829:5000(171) ack 1 <dss dack8=O+0 dsn8=P+1004 ssn=1005 dll=0 sum=0000>")
		if !b.peek() || b.next.Window <= 1024 {
			t.Error("the window is not open again")
		}
		b.ahead = false
		if i := b.conn.Info(); i.Received != 4999 || !i.FellBack {
			t.Error(i)
		}
	}
}

// Others ask at a closed window with an octet that there is no room for.
func TestProbeBehindFailedChecksum(t *testing.T) {
	b := failed(t)
	b.inject(". 1005:1005(0) ack 1 <dss dack8=O+0, mp_fail dsn=O+0>")
	b.wait(250 * time.Millisecond)
	b.want("nothing came: the window is closed", ". 1:1(0) ack 1005 win 0")
	b.inject("P. 700000:700001(1) ack 1 <dss dsn8=P+1004 ssn=1005 dll=0 sum=0000>")
	b.want("there is something", ". 1:1(0) ack 1005 win 1024")
}

// The peer has nothing more to send, so that it has no segment for an infinite mapping: its
// DATA_FIN shows that all is here, and is acknowledged, or it would be repeated. But there may
// be something of ours to come, which tells of the fallback: for so long it waits.
func TestDataFinAfterFailedChecksum(t *testing.T) { // R3.7-09, R3.3.3-03
	for _, answered := range []bool{false, true} {
		b := failed(t)
		if answered {
			b.inject(". 1005:1005(0) ack 1 <dss dack8=O+0, mp_fail dsn=O+0>")
			b.wantIdle("the answer needs none")
		}
		fin := ". 1005:1005(0) ack 1 <dss dack8=O+0 dsn8=P+1004 ssn=0 dll=1 sum=" + b.sum(1004, 0) + " fin>"
		b.inject(fin)
		b.wantIdle("something may be sent soon")
		b.wait(250 * time.Millisecond)
		for range 2 {
			b.inject(fin)
			b.want("it is the end", ". 1:1(0) ack 1005 <dss dack8=P+1005>")
			b.wantIdle("once for each")
		}
		if _, eof := b.conn.Readable(); !eof || b.conn.Info().Received != 1004 {
			t.Error("no end of the stream", b.conn.Info())
		}
	}
}

// A peer with its DATA_FIN outstanding is told of the fallback by an infinite mapping, where
// there is a segment for that, before its DATA_FIN is acknowledged: Linux 6.18 sends its FIN
// then, and otherwise misses the end of our stream at times.
func TestInfiniteMappingBeforeDataFinIsAcknowledged(t *testing.T) { // R3.7-10
	b := failed(t)
	fin := ". 1005:1005(0) ack %d <dss dack8=O+0 dsn8=P+1004 ssn=0 dll=1 sum=" + b.sum(1004, 0) + " fin>"
	b.inject(fmt.Sprintf(fin, 1))
	b.write("echo")
	b.inject(fmt.Sprintf(fin, 1))
	b.want("it is told", "P. 1:5(4) ack 1005 <dss dsn8=O+0 ssn=1 dll=0>")
	b.inject(fmt.Sprintf(fin, 1))
	b.wantIdle("it cannot have heard yet")
	b.inject(". 1005:1005(0) ack 5")
	b.inject(fmt.Sprintf(fin, 5))
	b.want("it asks behind that", ". 5:5(0) ack 1005 <dss dack8=P+1005>")
}

// What has nothing more to send has no segment for an infinite mapping, either.
func TestDataFinIsAcknowledgedWhereNothingTells(t *testing.T) { // R3.3.3-03
	b := failed(t)
	b.conn.CloseWrite(b.now)
	b.inject(". 1005:1005(0) ack 1 <dss dack8=O+0 dsn8=P+1004 ssn=0 dll=1 sum=" + b.sum(1004, 0) + " fin>")
	b.want("acknowledged", ". 1:1(0) ack 1005 <dss dack8=P+1005>")
	b.want("and our end", "F. 1:1(0) ack 1005")
}

// A DATA_FIN that is not behind all that was sent tells nothing, and is not answered by
// another MP_FAIL: Linux would answer that with another DATA_FIN, without end.
func TestDataFinWhileFailing(t *testing.T) {
	b := failed(t)
	for range 3 {
		b.inject(". 2005:2005(0) ack 1 <dss dack8=O+0 dsn8=P+2004 ssn=0 dll=1 sum=" + b.sum(2004, 0) + " fin>")
		b.wantIdle("no MP_FAIL for each")
	}
}
