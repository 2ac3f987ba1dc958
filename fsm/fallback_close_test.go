package fsm

import (
	"net/netip"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// A connection that falls back with its DATA_FIN still to be sent has no use for that
// any more: both ends are closed when the FINs are through, not a TIME-WAIT later.
func TestCloseBehindFallback(t *testing.T) {
	for _, box := range []string{"strip mptcp after=3whs", "strip mptcp on=ack+data+fin", "strip mptcp after=3whs dir=c2s", "strip mptcp after=3whs dir=s2c"} {
		w := newWorld(t, 1, testConfig(1), testConfig(2), "link delay=10ms", box)
		w.transfer(3, 3, time.Minute)
		closed := func() bool { return w.app[0].conn.State() == Closed && w.app[1].conn.State() == Closed }
		if err := w.w.RunUntil(closed, 5*time.Second); err != nil {
			t.Errorf("%s: %v\n%s\n%s", box, err, w.dump(0), w.dump(1))
		}
	}
}

// An address announced while an MP_FAIL, which is on every ACK, waits for its answer finds
// no room beside it, and waits too: ACKs are not sent without end.
func TestAnnounceBesideMPFail(t *testing.T) {
	b := newBench(t, false, func(c *Config) { c.NoChecksum, c.TCP.NoTimestamps = false, false })
	b.inject("S 0:0(0) <mss 1460, TS val 1 ecr 0, mp_capable v1 AH>")
	b.want("SYN/ACK", "S. 0:0(0) ack 1 <mp_capable v1 AH key=KO>")
	b.inject(". 1:1(0) ack 1 <TS val 2 ecr 0, mp_capable v1 AH key=KP+KO>")
	b.inject("P. 1:4(3) ack 1 <TS val 3 ecr 0, dss dsn8=P+0 ssn=1 dll=3 sum=1234>")
	b.want("the checksum is wrong", ". 1:1(0) ack 4 <mp_fail dsn=P+0>")
	if err := b.conn.Announce(b.now, netip.MustParseAddrPort("10.8.8.8:4433")); err != nil {
		t.Fatal(err)
	}
	var seg wire.Segment
	for n := 0; b.poll(&seg); n++ {
		if n == 2 {
			t.Fatal("it goes on sending")
		}
	}
}
