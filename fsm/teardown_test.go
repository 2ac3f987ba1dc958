package fsm

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/pathmgr"
	"github.com/mptcp-go/mptcp/wire"
)

// Paper section 3.4, P-3.4-03: both ways of closing, in every order of the two ends, with
// one to four subflows, through boxes that lose what closes connections. The streams
// arrive whole, and nothing is left behind.
func TestClosingPolicies(t *testing.T) {
	boxes := []string{"drop on=fin count=2", "drop on=fin dir=c2s count=4", "drop on=ack chance=20%", "drop chance=10%", "drop on=fin dir=s2c count=3"}
	for _, early := range []bool{false, true} {
		for _, flows := range []int{1, 2, 4} {
			for order := range 3 {
				for i, box := range boxes {
					t.Run(fmt.Sprintf("early=%v flows=%d order=%d %s", early, flows, order, box), func(t *testing.T) {
						set := func(c *Config) {
							c.EarlyFIN = early
							c.PathManager = func() pathmgr.Manager { return pathmgr.NewDiffPorts(flows) }
						}
						w := newWorld(t, uint64(100+i), testConfig(1, set), testConfig(2, set), box, "link delay=10ms rate=10Mbit buffer=100ms")
						w.app[0].out, w.app[1].out = stream(60_000, 1), stream(40_000, 2)
						// 0: both at once; 1: the client when it has read all; 2: the server.
						w.app[0].closing, w.app[1].closing = order != 1, order != 2
						for i, a := range w.app {
							turn := w.node[i].App
							w.node[i].App = func(now time.Time) {
								turn(now)
								if a.eof && !a.closing {
									a.closing = true
									turn(now)
								}
							}
						}
						w.dial()
						w.finishTransfer(10 * time.Minute)
						w.idle()
					})
				}
			}
		}
	}
}

// P-3.4-03: with EarlyFIN the DATA_FIN goes together with a FIN, on all subflows, and not
// before all else is DATA_ACKed (R3.3.3-04, R3.3.3-05).
func TestEarlyFIN(t *testing.T) {
	b := proven(t, func(c *Config) { c.EarlyFIN = true })
	l := newLane("10.0.0.2:80", "10.7.7.7:5000")
	b.join(l, 7)
	b.write("hello")
	b.conn.CloseWrite(b.now)
	b.want("data with the DATA_FIN, and no FIN while they are outstanding", "P. 1:6(5) ack 7 <dss dsn8=O+0 ssn=1 dll=6 fin>")
	b.wantIdle("not yet")
	b.inject(". 7:7(0) ack 6 <dss dack8=O+5>") // the DATA_FIN is not acknowledged
	b.want("FIN and DATA_FIN", "F. 6:6(0) ack 7 <dss dsn8=O+5 ssn=0 dll=1 fin>")
	b.on(l, func() { b.want("on every subflow", "F. 1:1(0) ack 1 <dss dsn8=O+5 ssn=0 dll=1 fin>") })
	b.inject(". 7:7(0) ack 7 <dss dack8=O+6>")
	b.on(l, func() { b.inject(". 1:1(0) ack 2 <dss dack8=O+6>") })
	b.wantIdle("all is acknowledged")
	if s := b.conn.State(); s != FinWait2 {
		t.Error(s)
	}

	// By default only the DATA_FIN goes.
	b = proven(t)
	b.join(l, 7)
	b.write("hello")
	b.conn.CloseWrite(b.now)
	b.want("data with the DATA_FIN", "P. 1:6(5) ack 7 <dss dsn8=O+0 ssn=1 dll=6 fin>")
	b.inject(". 7:7(0) ack 6 <dss dack8=O+6>")
	b.wantIdle("no FIN while the peer's stream is open")
	b.inject(". 7:7(0) ack 6 <dss dack8=O+6 dsn8=P+6 ssn=0 dll=1 fin>")
	b.want("the peer's DATA_FIN acknowledged", ". 6:6(0) ack 7 <dss dack8=P+7>")
	b.want("and a FIN", "F. 6:6(0) ack 7 <dss dack8=P+7>")
	b.on(l, func() { b.want("a FIN", "F. 1:1(0) ack 1 <dss dack4=P+7>") })
}

// R3.3.3-01, R3.3.3-10, R4-07, P-3.4-01: a peer that closes subflows one after the other with FINs, and has
// said nothing of the end of its stream, keeps the connection: on the last one we go on
// sending, and a new one is taken. The application sees the addresses of the first subflow
// as before.
func TestSubflowsClosedOneByOne(t *testing.T) {
	b := proven(t)
	l := newLane("10.0.0.2:80", "10.7.7.7:5000")
	b.join(l, 7)
	b.inject("F. 7:7(0) ack 1 <dss dack8=O+0>")
	b.want("the first is closed from our side, too", "F. 1:1(0) ack 8 <dss>")
	b.on(l, func() { b.inject("F. 1:1(0) ack 1 <dss dack8=O+0>") })
	b.on(l, func() { b.want("the last stays half open", ". 1:1(0) ack 2 <dss>") })
	b.write("hello")
	b.on(l, func() { b.want("and takes data", "P. 1:6(5) ack 2 <dss dsn8=O+0 ssn=1 dll=5>") })
	b.on(l, func() { b.inject(". 2:2(0) ack 6 <dss dack8=O+5>") })
	b.inject(". 8:8(0) ack 2")
	b.flush()
	if b.ep.subflows.find(flowID{b.local, b.remote}) != nil || b.conn.Local() != b.local || b.conn.Remote() != b.remote {
		t.Error("the first subflow is gone, and the connection is between", b.conn.Local(), "and", b.conn.Remote())
	}
	if s := b.conn.State(); s != Established {
		t.Error(s)
	}
	k := newLane("10.0.0.2:80", "10.8.8.8:5000")
	b.join(k, 8)
	b.drain()
	b.on(k, func() {
		b.inject("P. 1:4(3) ack 1 <dss dsn8=P+6 ssn=1 dll=3>")
		b.want("DATA_ACK", ". 1:1(0) ack 4 <dss dack8=P+9>")
	})
}

// P-3.4-02: data on A is lost, the end goes over B, then A dies: whatever the moment, the
// rest goes over B although B has carried the DATA_FIN.
func TestEndOnOnePathDataOnTheOther(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 3))
		set := func(c *Config) { c.EarlyFIN = seed%2 == 1 }
		w := newWorld(t, seed, testConfig(1, set), testConfig(2, set), "link delay=30ms rate=5Mbit buffer=100ms")
		w.addPath("link delay=10ms rate=5Mbit buffer=100ms")
		n := 100_000 + r.IntN(100_000)
		w.twoPaths(n, 0)
		dieAt(w.w, w.path, func() bool {
			c := w.app[0].conn
			return c != nil && c.snd.finSent && c.Info().SubflowsTotal == 2
		})
		w.finishTransfer(10 * time.Minute)
		if w.ep[0].stats.MPTCPRetrans == 0 && seed == 0 {
			t.Error("nothing had to be repeated")
		}
		w.idle()
	}
}

// R3.3.3-02, RFC 8684 section 3.3.3: the DATA_FIN goes on every subflow, without waiting for
// what one of them might lose, and on one that joins before it is acknowledged; no FIN
// goes with it.
func TestDataFinOnAllSubflows(t *testing.T) {
	b := proven(t)
	lanes := []*lane{newLane("10.0.0.2:80", "10.7.7.7:5000"), newLane("10.0.0.3:80", "10.7.7.8:5000")}
	for i, l := range lanes {
		b.join(l, uint8(7+i))
	}
	b.conn.CloseWrite(b.now)
	fins := func() map[netip.AddrPort]int {
		n := map[netip.AddrPort]int{}
		var seg wire.Segment
		for b.poll(&seg) {
			var o options
			o.parse(seg.Options, wire.V1)
			if seg.Flags.Has(wire.FIN) {
				t.Error("a FIN on", seg.Src)
			}
			if o.hasDSS && o.dss.Flags.Has(wire.DSSFin) {
				n[seg.Dst]++
			}
		}
		return n
	}
	want := map[netip.AddrPort]int{b.remote: 1, lanes[0].remote: 1, lanes[1].remote: 1}
	if got := fins(); !maps.Equal(got, want) {
		t.Error("DATA_FINs", got)
	}
	b.wait(10 * time.Second)
	if got := fins(); !maps.Equal(got, want) {
		t.Error("DATA_FINs that were repeated", got)
	}
	late := newLane("10.0.0.4:80", "10.7.7.9:5000")
	b.join(late, 9)
	if got := fins(); got[late.remote] == 0 {
		// The fourth ACK itself may have had it; join has taken that.
		b.wait(20 * time.Second)
		if got = fins(); got[late.remote] != 1 || len(got) != 4 {
			t.Error("with one more subflow", got)
		}
	}
}
