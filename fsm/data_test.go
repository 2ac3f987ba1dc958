package fsm

import (
	"io"
	"net/netip"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

func addPort(a netip.AddrPort, n int) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr(), a.Port()+uint16(n))
}

func TestDataFinWithData(t *testing.T) { // R3.3.3-02, R3.3.3-04
	b := accepted(t)
	b.write("xyz")
	b.conn.CloseWrite(b.now)
	b.want("the DATA_FIN counts in the length, not in the subflow", "P. 1:4(3) ack 4 <dss dack8=P+3 dsn8=O+0 ssn=1 dll=4 fin>")
	b.inject(". 4:4(0) ack 4 <dss dack8=O+4>")
	if b.conn.State() != FinWait2 {
		t.Error(b.conn.State())
	}
	b.wantIdle("half-closed: no FIN yet")
	b.inject("P. 4:7(3) ack 4 <dss dack8=O+4 dsn8=P+3 ssn=4 dll=4 fin>")
	b.read("def")
	if _, err := b.conn.Read(b.now, make([]byte, 1)); err != io.EOF {
		t.Error("no end of the stream:", err)
	}
	b.want("both ends are acknowledged: FIN (R3.3.3-06)", "F. 4:4(0) ack 7 <dss dack8=P+7>")
}

func TestDataFinAlone(t *testing.T) { // R3.3.3-03, R3.3.3-11
	b := accepted(t)
	b.conn.CloseWrite(b.now)
	b.want("SSN 0, length 1", ". 1:1(0) ack 4 <dss dack8=P+3 dsn8=O+0 ssn=0 dll=1 fin>")
	var gap time.Duration
	for i := range 5 {
		at := b.now
		b.wait(time.Hour)
		b.want("again", ". 1:1(0) ack 4 <dss dack8=P+3 dsn8=O+0 ssn=0 dll=1 fin>")
		if d := b.now.Sub(at); i > 0 && d < 2*gap-time.Millisecond {
			t.Errorf("retransmission %d after %v, the one before after %v", i, d, gap)
		} else {
			gap = d
		}
	}
	b.inject(". 4:4(0) ack 1 <dss dack8=O+1 dsn8=P+3 ssn=0 dll=1 fin>")
	b.want("its DATA_FIN is acknowledged", ". 1:1(0) ack 4 <dss dack8=P+4>")
	b.want("and the subflow closed", "F. 1:1(0) ack 4 <dss dack8=P+4>")
}

func TestAcksOfEitherWidth(t *testing.T) { // R3.3.1-14, R3.3.1-15, R3.3.2-02, R3.3.2-03
	b := accepted(t)
	b.inject("P. 4:7(3) ack 1 <dss dsn4=P+3 ssn=4 dll=3>")
	b.want("a 4-octet DSN is answered with 4 octets", ". 1:1(0) ack 7 <dss dack4=P+6>")
	b.inject("P. 7:10(3) ack 1 <dss dsn8=P+6 ssn=7 dll=3>")
	b.want("8 with 8", ". 1:1(0) ack 10 <dss dack8=P+9>")
	b.write("xyz")
	b.want("data", "P. 1:4(3) <dss dsn8=O+0 ssn=1 dll=3>")
	b.inject(". 10:10(0) ack 4 <dss dack4=O+3>")
	if b.conn.Info().Acked != 3 {
		t.Error("a 4-octet DATA_ACK was not taken")
	}
}

func TestDataAckLies(t *testing.T) { // R3.3.2-09, NOTES section 5: lying DATA_ACKs
	b := accepted(t)
	b.write("xyz")
	b.want("data", "P. 1:4(3) <dss dsn8=O+0 ssn=1 dll=3>")
	b.inject(". 4:4(0) ack 4 <dss dack8=O+4>") // beyond what was sent
	if i := b.conn.Info(); i.Acked != 0 || b.ep.stats.DataAckBeyond != 1 {
		t.Error(i)
	}
	b.inject(". 4:4(0) ack 4 <dss dack8=O+2>")
	b.inject(". 4:4(0) ack 4 <dss dack8=O+1>")
	if i := b.conn.Info(); i.Acked != 2 {
		t.Error(i)
	}
}

func TestWindowNeedsDataAck(t *testing.T) { // R3.3.2-04, R3.3.5-01
	b := accepted(t)
	b.write("xyz")
	b.want("data", "P. 1:4(3)  <dss dsn8=O+0 ssn=1 dll=3>")
	b.inject(". 4:4(0) ack 4 win 1000 <dss dack8=O+3>")
	edge := b.conn.Info().PeerEdge
	b.inject(". 4:4(0) ack 4 win 60000 <dss dsn8=P+3 ssn=4 dll=3>")
	if e := b.conn.Info().PeerEdge; e != edge {
		t.Errorf("the edge moved from %d to %d without a DATA_ACK", edge, e)
	}
}

func TestOptionsNeedValidSegments(t *testing.T) { // R3-03, R3.4.1-01, R3.4.2-08, NOTES section 5
	b := accepted(t)
	b.write("xyz")
	b.want("data", "P. 1:4(3)  <dss dsn8=O+0 ssn=1 dll=3>")
	before := b.conn.Info()
	b.inject(". 200000:200000(0) ack 4 <dss dack8=O+3>")
	b.inject(". 200000:200000(0) ack 4 <mp_fastclose key=KO>")
	b.inject(". 200000:200000(0) ack 4 <mp_fail dsn=O+0>")
	b.inject("R. 5:5(0) ack 4 <mp_fastclose key=KO>") // in the window, but not exact
	if after := b.conn.Info(); after != before || b.conn.State() != Established {
		t.Error(before, after, b.conn.State())
	}
}

func TestChecksumPresence(t *testing.T) { // R3.3-04, R3.3-05, R3.3-06
	b := accepted(t)
	b.inject("P. 4:7(3) ack 1 <dss dsn8=P+3 ssn=4 dll=3 sum=1234>")
	b.want("a checksum that was not negotiated", "R. <mp_tcprst reason=1>")

	b = newBench(t, false)
	b.inject("S 0:0(0) <mss 1460, mp_capable v1 AH>")
	b.want("SYN/ACK", "S. 0:0(0) ack 1 <mp_capable v1 AH key=KO>")
	b.inject(". 1:1(0) ack 1 <mp_capable v1 AH key=KP+KO>")
	b.inject("P. 1:4(3) ack 1 <dss dsn8=P+0 ssn=1 dll=3>")
	b.want("one that is missing", "R. <mp_tcprst reason=1>")
}

func TestFastclose(t *testing.T) { // R3.5-03 to R3.5-06
	b := accepted(t)
	b.inject(". 4:4(0) ack 1 <mp_fastclose key=KP>")
	if b.conn.State() != Established || b.ep.stats.MPFastcloseKeyError != 1 {
		t.Fatal("a wrong key closed the connection")
	}
	b.inject(". 4:4(0) ack 1 <mp_fastclose key=KO>")
	b.want("RST, reason 0", "R. <mp_tcprst reason=0>")
	b.wantIdle("and nothing more")
	if e, ok := b.conn.Err().(*PeerError); !ok || e.Reason != FastClosed {
		t.Error(b.conn.Err())
	}

	b = accepted(t)
	b.inject("R. 4:4(0) ack 1 <mp_fastclose key=KO>")
	b.wantIdle("a RST is not answered")
	if b.conn.State() != Closed {
		t.Error(b.conn.State())
	}

	b = accepted(t)
	b.inject("R. 4:4(0) ack 1 <mp_fastclose key=KP>")
	if b.conn.State() != Established || len(b.conn.Subflows(nil)) != 0 {
		t.Error("with a wrong key a RST ends its subflow only:", b.conn.State())
	}

	b = accepted(t)
	b.conn.Abort(b.now)
	b.want("option R", "R. 1:1(0) ack 4 <mp_fastclose key=KP, mp_tcprst reason=0>")
	b.wantIdle("once")
	if b.ep.subflows.n != 0 || b.conn.State() != Closed {
		t.Error("state was kept")
	}
}

func TestFastcloseByAck(t *testing.T) { // R3.5-02, R3.5-08, R3.5-09, R3.5-10
	b := accepted(t, func(c *Config) { c.FastcloseByAck = true })
	b.conn.Abort(b.now)
	for range 4 {
		b.want("MP_FASTCLOSE on an ACK", ". 1:1(0) ack 4 <mp_fastclose key=KP>")
		if b.conn.State() != FastcloseWait {
			t.Fatal(b.conn.State())
		}
		b.wait(time.Minute)
	}
	b.want("giving up with a RST", "R. 1:1(0) ack 4 <mp_fastclose key=KP>")
	if b.conn.State() != Closed {
		t.Error(b.conn.State())
	}
}

func TestSubflowResetIsNotTheEnd(t *testing.T) { // R3.3-07, R3.3.3-10, R4-05, P-3.4-01
	b := accepted(t)
	b.inject("R. 4:4(0) ack 1")
	if b.conn.State() != Established {
		t.Fatal(b.conn.State())
	}
	b.partGood()
	b.wait(61 * time.Second)
	if e, ok := b.conn.Err().(*LocalError); !ok || e.Reason != NoSubflow || !e.Timeout() {
		t.Error(b.conn.Err())
	}
}

func TestUnmappedThenMapped(t *testing.T) { // R3.3.1-09, R3.3.1-10, P-3.3.4-02
	b := proven(t)
	b.join(newLane("10.0.0.1:80", "10.0.9.9:999"), 7)
	b.inject("P. 7:10(3) ack 1 <dss dack8=O+0>")
	b.want("acknowledged at the subflow only", ". 1:1(0) ack 10 <dss dack8=P+6>")
	b.inject("P. 10:13(3) ack 1 <dss dsn8=P+6 ssn=7 dll=6>")
	b.want("the mapping came later", ". 1:1(0) ack 13 <dss dack8=P+12>")
	b.read("ghijkl")
}

// On an only subflow octets without a mapping are held, but not acknowledged at all:
// their sender repeats them in their place (docs/fsm.md).
func TestUnmappedOnTheOnlySubflow(t *testing.T) { // R3.3.1-10, P-3.3.4-02
	b := accepted(t)
	b.inject("P. 4:7(3) ack 1 <dss dack8=O+0>")
	b.wantIdle("the ACK may wait for the mapping")
	b.inject("P. 7:10(3) ack 1 <dss dsn8=P+3 ssn=4 dll=6>")
	b.want("the mapping came later", ". 1:1(0) ack 10 <dss dack8=P+9>")
	b.read("defghi")

	b = accepted(t)
	b.inject("P. 4:10(6) ack 1 <dss dsn8=P+3 ssn=4 dll=3>") // something merged two segments
	b.want("the second is not acknowledged", ". 1:1(0) ack 7 <dss dack8=P+6>")
	b.inject("P. 7:10(3) ack 1 <dss dsn8=P+6 ssn=7 dll=3>")
	b.want("and comes again, with its mapping", ". 1:1(0) ack 10 <dss dack8=P+9>")
	b.read("defghi")
}

func TestConflictingMapping(t *testing.T) { // R3.3.1-01, R3.3.1-02, NOTES 1.15
	b := accepted(t)
	b.inject(". 4:7(3) ack 1 <dss dsn8=P+3 ssn=4 dll=6>")
	b.want("ack", ". 1:1(0) ack 7 <dss dack8=P+6>")
	b.inject("P. 7:10(3) ack 1 <dss dsn8=P+100 ssn=4 dll=6>")
	b.want("the first word stands", ". 1:1(0) ack 10 <dss dack8=P+9>")
	if b.ep.stats.DSSNotMatching != 1 {
		t.Error(b.ep.stats.DSSNotMatching)
	}
	b.read("defghi")
}

func TestInfiniteMapping(t *testing.T) { // R3.3.1-21, R3.7-15, R3.7-17
	b := accepted(t)
	b.inject("P. 4:7(3) ack 1 <dss dsn8=P+3 ssn=4 dll=0>")
	b.want("no DATA_ACK any more", ". 1:1(0) ack 7")
	b.inject("P. 7:10(3) ack 1 <dss dsn8=P+6 ssn=7 dll=3>")
	b.want("for good", ". 1:1(0) ack 10")
	b.read("defghi")
	if b.conn.Multipath() || b.ep.stats.InfiniteMapRx != 1 {
		t.Error("no fallback")
	}
}

func TestAckWithoutDataAck(t *testing.T) { // R3.7-04, R3.7-10, R3.7-14
	b := opened(t)
	b.write("hello")
	b.want("first data", "P. 1:6(5) ack 1 <mp_capable v1 H key=KO+KP dll=5>")
	b.inject(". 1:1(0) ack 6")
	b.write("world")
	b.want("one infinite mapping", "P. 6:11(5) ack 1 <dss dsn8=O+5 ssn=6 dll=0>")
	b.write("again")
	b.want("and then no option", "P. 11:16(5) ack 1")
	b.inject(". 1:1(0) ack 16")
	if i := b.conn.Info(); i.Acked != 15 || b.ep.stats.MPCapableDataFallback != 1 {
		t.Error(i, b.ep.stats.MPCapableDataFallback)
	}
}

// NOTES 1.18: a peer that fell back in silence acknowledges data and never again sends
// an option. Nothing is repeated into its stream.
func TestPeerFallsBackInSilence(t *testing.T) {
	b := opened(t)
	b.write("hello")
	b.want("first data", "P. 1:6(5) ack 1 <mp_capable v1 H key=KO+KP dll=5>")
	b.inject(". 1:1(0) ack 6 <dss dack8=O+5>")
	b.write("world")
	b.want("data", "P. 6:11(5) ack 1 <dss dsn8=O+5 ssn=6 dll=5>")
	b.inject(". 1:1(0) ack 11")
	for range 20 {
		b.wait(time.Minute)
		var seg wire.Segment
		for b.poll(&seg) {
			if len(seg.Payload) > 0 {
				t.Fatalf("%d octets were repeated", len(seg.Payload))
			}
		}
	}
	if b.conn.Multipath() || b.conn.Info().Acked != 10 {
		t.Error("no fallback:", b.conn.Info())
	}
}

// A DATA_FIN that was lost shows only in the peer's keepalive probes, as Linux has it. What a
// segment from behind the window says is not believed, but asked about, once a second.
func TestDataFinInKeepAlive(t *testing.T) { // R3-03, R3.3.3-01
	b := accepted(t)
	b.conn.CloseWrite(b.now)
	b.want("our DATA_FIN", ". 1:1(0) ack 4 <dss dack8=P+3 dsn8=O+0 ssn=0 dll=1 fin>")
	b.inject(". 4:4(0) ack 1 <dss dack8=O+1>")
	b.wantIdle("the peer's side is open")
	probe := ". 3:3(0) ack 1 <dss dack8=O+1 dsn8=P+3 ssn=0 dll=1 fin>"
	for range 3 {
		b.inject(probe)
	}
	if b.conn.State() != FinWait2 {
		t.Fatal("it was believed:", b.conn.State())
	}
	asked := 0
	for b.peek() {
		if b.next.Seq == b.ourISN {
			asked++
		}
		b.ahead = false
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	b.inject(". 2:2(0) ack 1 <dss dack8=O+1 dsn8=P+3 ssn=0 dll=1 fin>")
	if b.conn.State() != FinWait2 {
		t.Error("no probe, and believed")
	}
	b.inject(". 4:4(0) ack 1 <dss dack8=O+1 dsn8=P+3 ssn=0 dll=1 fin>")
	b.want("the answer is", ". 1:1(0) ack 4 <dss dack8=P+4>")
}
