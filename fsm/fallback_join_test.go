package fsm

import (
	"net/netip"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// A join that the peer has no proof of is nothing to it: it has repeated nothing there. So
// the first subflow is as good for a fallback as an only one, whatever becomes of the
// join: the peer falls back in silence (NOTES 1.18) while its SYN is under way.
func TestSilentFallbackDuringAJoin(t *testing.T) {
	for _, box := range []string{"drop on=syn", "drop on=synack", "strip mp_join on=synack"} {
		for _, at := range []int{1, 5_000, 20_000, 60_000} {
			s := &scene{seed: 3, strict: true, boxes: []string{quickLink}, others: [][]string{{box, quickLink}}, joins: 1,
				up: 120_000, down: 90_000, silent: [2]bool{false, true}, silentAt: at, limit: 10 * time.Minute,
				set: func(_ int, c *Config) { c.Versions = OnlyV1 }}
			w, err := s.play(t, false, false)
			if err == nil {
				err = w.whole()
			}
			if err != nil {
				s.explain(t, err)
				return
			}
		}
	}
}

// R3.1-21: an opener that closes at once, and whose DATA_FIN found no room beside its keys,
// has heard no DSS for that, and joins nobody.
func TestNoJoinOnTheWordOfOurOwnDataFin(t *testing.T) {
	b := newBench(t, true, func(c *Config) { c.TCP.NoTimestamps = false })
	b.want("SYN", "S 0:0(0) <mp_capable v1>")
	b.inject("S. 0:0(0) ack 1 <mss 1460, TS val 1 ecr 0, mp_capable v1 H key=KP>")
	b.conn.CloseWrite(b.now)
	b.want("the third ACK", ". 1:1(0) ack 1 <mp_capable v1 key=KO+KP>")
	b.want("again, for the DATA_FIN, which finds no room beside the keys", ". 1:1(0) ack 1 <mp_capable v1 key=KO+KP>")
	b.want("the end of the stream", ". 1:1(0) ack 1 <dss fin>")
	if b.conn.Join(b.now, netip.MustParseAddrPort("10.3.3.3:0"), netip.AddrPort{}, false) == nil {
		t.Error("joined before a DSS came")
	}
	b.inject(". 1:1(0) ack 1 <TS val 2 ecr 0, dss dack8=O+1>")
	b.wantIdle("acknowledged")
	if err := b.conn.Join(b.now, netip.MustParseAddrPort("10.3.3.3:0"), netip.AddrPort{}, false); err != nil {
		t.Error(err)
	}
}

// RFC 9293 section 3.8.6.1, R3.3.4-01: the octet of a window probe dies with its subflow,
// and so may the news that the window is open. The other subflow, whose window is closed,
// too, asks.
func TestProbeDiesWithItsSubflow(t *testing.T) {
	for at := 100 * time.Millisecond; at < 1200*time.Millisecond; at += 60 * time.Millisecond {
		for k := range time.Duration(2) {
			s := &scene{seed: 1, strict: true, boxes: []string{quickLink}, up: 44_000, pause: 44_000,
				set: func(i int, c *Config) {
					if i == 1 {
						c.ReceiveBuffer = 5769
					}
				},
				story: []deed{{what: pathJoined, at: 50 * time.Millisecond}, {what: pathJoined, at: 90 * time.Millisecond}, {what: flowReset, at: at, until: k}}}
			w, err := s.play(t, false, false)
			if err == nil {
				err = w.whole()
			}
			if err != nil {
				s.explain(t, err)
				return
			}
		}
	}
}

// R3.7-16, R3.2-19: an end that falls back while a join was answered and its proof has not come
// refuses it with the reason, right behind the SYN/ACK: that says that nothing was ever sent on
// it, so that the peer may fall back, too, whose proof may be on its way.
func TestFallbackRefusesJoins(t *testing.T) {
	b := proven(t)
	l := newLane("10.0.9.2:80", "10.0.9.1:40002")
	if m, ok := b.synJoin(l, 2, 1); !ok || m.Form != wire.JoinSYNACK {
		t.Fatal(m, ok)
	}
	b.inject("P. 7:10(3) ack 1")
	for range 100 {
		var seg wire.Segment
		if !b.poll(&seg) {
			b.wait(time.Second)
			b.inject("P. 7:10(3) ack 1")
			continue
		}
		if seg.Dst != l.remote || seg.Flags.Has(wire.SYN) {
			continue
		}
		o, ok := seg.Options.FindMPTCP(wire.SubMPTCPRst)
		r, err := wire.ParseMPTCPRst(o)
		if !ok || err != nil || r.Reason != wire.ResetProhibited || seg.Flags != wire.RST || seg.Seq != l.ourISN+1 || b.conn.Multipath() {
			t.Fatalf("%s, Multipath TCP: %v", wire.AppendText(nil, &seg, wire.TextBase{}), b.conn.Multipath())
		}
		return
	}
	t.Error("the join was not refused")
}
