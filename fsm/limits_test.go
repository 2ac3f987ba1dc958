package fsm

import (
	"testing"

	"github.com/mptcp-go/mptcp/wire"
)

// NOTES section 5: a flood of joins on one known token. The cap holds, whatever comes,
// and nothing is kept for unknown tokens.
func TestJoinFlood(t *testing.T) {
	b := accepted(t)
	b.inject("P. 4:7(3) ack 1 <dss dsn8=P+3 ssn=4 dll=3>") // the connection is proven
	b.want("DATA_ACK", ". 1:1(0) ack 7 <dss dack8=P+6>")
	syn := func(n int, token wire.Token) {
		seg := wire.Segment{Src: addPort(b.remote, 1+n%20000), Dst: b.local, Seq: uint32(n), Flags: wire.SYN, Window: 1000}
		seg.Options, _ = wire.MPJoin{Form: wire.JoinSYN, ID: 1, Token: token, Nonce: uint32(n)}.Append(nil)
		b.ep.HandleSegment(b.now, &seg)
		out := wire.Segment{Options: b.buf[:0]}
		for b.ep.PollSegment(b.now, &out) {
		}
	}
	for n := range 10_000 {
		syn(n, b.conn.Token())
		if k, h := b.ep.subflows.n, b.ep.joins.n; k > 1 || h > b.ep.cfg.MaxHalfJoins || h != len(b.conn.halfJoins) {
			t.Fatalf("%d subflows and %d half-open joins after %d", k, h, n+1)
		}
	}
	before := b.ep.subflows.n + b.ep.joins.n
	for n := range 10_000 {
		syn(10_000+n, b.conn.Token()+1)
	}
	if b.ep.subflows.n+b.ep.joins.n != before || b.ep.stats.MPJoinNoTokenFound != 10_000 {
		t.Error(b.ep.subflows.n, b.ep.stats.MPJoinNoTokenFound)
	}
}

// RFC 8684 section 3.1, R3.1-21: no join before a DSS came on the first subflow, from
// either side; R3.1-25: none to the first address where the peer said so.
func TestJoinTooEarly(t *testing.T) {
	b := opened(t)
	if err := b.conn.Join(b.now, addPort(b.local, 1), b.remote, false); err == nil {
		t.Error("joined before the connection was proven")
	}
	b.inject(". 1:1(0) ack 1 <dss dack8=O+0>")
	if err := b.conn.Join(b.now, addPort(b.local, 1), b.remote, false); err != nil {
		t.Error(err)
	}

	b = newBench(t, true)
	b.want("SYN", "S 0:0(0) <mp_capable v1 H>")
	b.inject("S. 0:0(0) ack 1 <mss 1460, mp_capable v1 CH key=KP>")
	b.want("ACK", ". 1:1(0) ack 1 <mp_capable v1 H>")
	b.inject(". 1:1(0) ack 1 <dss dack8=O+0>")
	if err := b.conn.Join(b.now, addPort(b.local, 1), b.remote, false); err == nil {
		t.Error("joined although the peer set C")
	}
}
