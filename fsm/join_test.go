package fsm

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/fsm/netsim/mbox"
	"github.com/mptcp-go/mptcp/wire"
)

var (
	clientAddr2 = netip.MustParseAddr("10.1.0.1")
	serverAddr2 = netip.MustParseAddr("10.1.0.2")
	serverPort2 = netip.MustParseAddrPort("10.1.0.2:80")
)

// addPath lays another path between the hosts; its tap writes to the same capture.
func (w *world) addPath(boxes ...string) *netsim.Path {
	w.t.Helper()
	els := []netsim.Element{netsim.NewTap(w.pcap.See)}
	for _, b := range boxes {
		els = append(els, mbox.MustParse(b))
	}
	return w.w.Connect(w.node[0], clientAddr2, w.node[1], serverAddr2, els...)
}

// twoPaths starts a transfer over the first path and joins over the second as soon as
// that is allowed.
func (w *world) twoPaths(up, down int) {
	w.t.Helper()
	w.app[0].out, w.app[1].out = stream(up, 1), stream(down, 2)
	w.app[0].closing, w.app[1].closing = true, true
	joined := false
	w.app[0].more = func(now time.Time) {
		c := w.app[0].conn
		if joined || c == nil || !c.hs.proven {
			return
		}
		if err := c.Join(now, netip.AddrPortFrom(clientAddr2, 0), serverPort2, false); err != nil {
			w.t.Fatal(err)
		}
		joined = true
	}
	w.dial()
}

func (w *world) finishTransfer(limit time.Duration) {
	w.t.Helper()
	if err := w.w.RunUntil(w.done, limit); err != nil {
		w.t.Fatalf("%v\n%s\n%s", err, w.dump(0), w.dump(1))
	}
	for i := range 2 {
		if !bytes.Equal(w.app[i].in.Bytes(), w.app[1-i].out) {
			w.t.Fatalf("end %d read %d octets, not those that were sent", i, w.app[i].in.Len())
		}
	}
}

// R3.2-01 to R3.2-14, P-3.2-01: a second subflow joins, both carry data, and the
// analyser finds token, HMACs, mappings and the order of the handshake right.
func TestJoin(t *testing.T) {
	for _, v := range []Versions{OnlyV1, OnlyV0} {
		set := func(c *Config) { c.Versions = v }
		w := newWorld(t, 21, testConfig(1, set), testConfig(2, set), "link delay=10ms rate=5Mbit buffer=100ms")
		w.addPath("link delay=30ms rate=5Mbit buffer=100ms")
		w.twoPaths(1_000_000, 500_000)
		var used [2]uint64
		w.app[0].watch = func() {
			for _, s := range w.app[0].conn.Subflows(nil) {
				if s.Remote == serverPort2 {
					used[1] = max(used[1], s.Flow.Sent())
				} else {
					used[0] = max(used[0], s.Flow.Sent())
				}
			}
		}
		w.finishTransfer(time.Minute)
		if used[0] < 100_000 || used[1] < 100_000 {
			t.Errorf("octets on the subflows: %v", used)
		}
		w.idle()
		w.clean()
	}
}

// R3.2-13, P-4.1-01: joins through boxes that lose, rewrite and split.
func TestJoinThroughBoxes(t *testing.T) {
	for _, box := range []string{"nat", "seq", "split 400", "drop on=ack3 count=2", "drop chance=5%", "drop on=synack count=1", "coalesce 2", "hole"} {
		t.Run(box, func(t *testing.T) {
			w := newWorld(t, 22, testConfig(1), testConfig(2), "link delay=10ms rate=5Mbit loss=1%")
			w.addPath(box, "link delay=30ms rate=5Mbit loss=1%")
			w.twoPaths(600_000, 300_000)
			w.finishTransfer(5 * time.Minute)
			if w.ep[0].stats.MPJoinSynAckRx == 0 {
				t.Error("no join was answered")
			}
			w.idle()
		})
	}
}

// R3.3.6-01 to R3.3.6-04, P-3.3.1-01: either path dies in silence, in mid-connection;
// what it had goes over the other.
func TestPathDies(t *testing.T) {
	for _, dead := range []int{0, 1} {
		w := newWorld(t, 23, testConfig(1), testConfig(2), "link delay=10ms rate=5Mbit buffer=100ms")
		paths := []*netsim.Path{w.path, w.addPath("link delay=30ms rate=5Mbit buffer=100ms")}
		w.twoPaths(5_000_000, 500_000) // long enough for four timeouts
		w.w.At(700*time.Millisecond, func() {
			for _, el := range paths[dead].Elements() {
				if l, ok := el.(*netsim.Link); ok {
					l.SetDown(netsim.Forward, true)
					l.SetDown(netsim.Reverse, true)
				}
			}
		})
		w.finishTransfer(2 * time.Minute)
		if w.ep[0].stats.SubflowStale+w.ep[1].stats.SubflowStale == 0 {
			t.Error("no subflow was found stale")
		}
		w.idle()
	}
}

// R3.2-17, R3.2-19, R3.2-20, R3.9.3-02: proofs that are wrong, or removed, end the subflow with a
// RST, and nothing else.
func TestJoinRefused(t *testing.T) {
	for _, box := range []string{"strip mp_join on=synack", "strip mp_join on=ack3", "strip mp_join on=syn", "strip mp_join"} {
		t.Run(box, func(t *testing.T) {
			w := newWorld(t, 24, testConfig(1), testConfig(2), "link delay=10ms rate=5Mbit")
			w.addPath(box, "link delay=5ms")
			if _, err := w.ep[1].Listen(serverPort2); err != nil { // R3.2-21: the SYN may look like a new connection
				t.Fatal(err)
			}
			w.twoPaths(200_000, 0)
			w.finishTransfer(2 * time.Minute)
			if !w.app[0].conn.Multipath() {
				t.Error("the connection fell back for a join")
			}
			if w.ep[0].stats.MPRstTx+w.ep[1].stats.MPRstTx == 0 {
				t.Error("no RST said why")
			}
		})
	}
}

// A RST answers the third packet: a listener that was closed meanwhile, or a stateless
// answer that nobody stands by any more. The connection was never one, since no join can
// follow (R3.1-21), so the opener hears of it at once; behind the first DSS it waits for
// another subflow (R3.3-07).
func TestResetBeforeTheFirstDSS(t *testing.T) {
	for _, proven := range []bool{false, true} {
		b := opened(t)
		seq := 1
		if proven {
			b.inject(". 1:1(0) ack 1 <dss dack8=O+0>")
		}
		b.inject(fmt.Sprintf("R. %d:%d(0) ack 1", seq, seq))
		b.drain()
		err, ok := b.conn.Err().(*PeerError)
		if !proven && (b.conn.State() != Closed || !ok || err.Reason != Reset) || proven && b.conn.State() != Established {
			t.Errorf("proven %v: %v, %v", proven, b.conn.State(), b.conn.Err())
		}
	}
}

// R3.2-16, R3.2-18: the host that lost all subflows joins where the connection began, and
// hears that nobody there knows the token: the peer has gone without a word that arrived.
// That ends the connection; other refusals leave it waiting.
func TestUnknownTokenEndsTheConnection(t *testing.T) {
	for _, why := range []wire.ResetReason{wire.ResetMPTCPError, wire.ResetProhibited, wire.ResetNoResources} {
		for _, transient := range []bool{false, true} {
			b := opened(t)
			b.inject(". 1:1(0) ack 1 <dss dack8=O+0>")
			b.inject("R. 1:1(0) ack 1")
			b.partGood()
			b.wait(2 * time.Second)
			var seg wire.Segment
			if !b.poll(&seg) || seg.Flags != wire.SYN || seg.Dst != b.remote {
				t.Fatal("no join", seg.Flags, seg.Dst)
			}
			o, _ := wire.MPTCPRst{Reason: why, Transient: transient}.Append(nil)
			forged := wire.Segment{Src: seg.Dst, Dst: seg.Src, Ack: seg.Seq + 9, Flags: wire.RST | wire.ACK, Options: o}
			b.ep.HandleSegment(b.now, &forged) // of an acknowledgment that is none
			if b.conn.State() != Established {
				t.Fatal("a blind answer ended it")
			}
			rst := wire.Segment{Src: seg.Dst, Dst: seg.Src, Ack: seg.Seq + 1, Flags: wire.RST | wire.ACK, Options: o}
			b.ep.HandleSegment(b.now, &rst)
			err, ok := b.conn.Err().(*PeerError)
			if ends := why == wire.ResetMPTCPError && !transient; ends != (b.conn.State() == Closed && ok && err.Reason == Reset) || !ends && b.conn.State() != Established {
				t.Errorf("reason %v, transient %v: %v, %v", why, transient, b.conn.State(), b.conn.Err())
			}
		}
	}
}

// R3.2-13: the third ACK of a join is repeated by its own timer, at growing intervals,
// though the peer's SYN/ACK does not come again; what is never answered is reset.
func TestThirdAckOfAJoinIsRepeated(t *testing.T) {
	b := opened(t)
	b.inject(". 1:1(0) ack 1 <dss dack8=O+0>")
	l := newLane("10.0.0.2:1000", "10.7.7.7:5000")
	if err := b.conn.Join(b.now, l.local, l.remote, false); err != nil {
		t.Fatal(err)
	}
	var seg wire.Segment
	b.poll(&seg)
	l.ourISN = seg.Seq
	m, _ := joinOf(&seg)
	b.on(l, func() {
		o, _ := wire.MPJoin{Form: wire.JoinSYNACK, ID: 3, Nonce: 77, HMAC64: wire.JoinHMAC64(b.version, b.peerKey, b.conn.own.key, 77, m.Nonce)}.Append(nil)
		b.inOpts(wire.SYN|wire.ACK, 0, 1, o)
		b.want("the proof", ". 1:1(0) ack 1 <mp_join ack>")
		last := time.Duration(0)
		for range maxJoinTries {
			at := b.now
			b.wait(5 * time.Minute)
			b.want("the proof again", ". 1:1(0) ack 1 <mp_join ack>")
			if d := b.now.Sub(at); d < last {
				t.Errorf("after %v, before that %v", d, last)
			} else {
				last = d
			}
		}
		b.wait(5 * time.Minute)
		b.want("given up", "R. 1:1(0) ack 1 <mp_tcprst reason=1>")
	})
	if b.conn.State() != Established || b.conn.Info().SubflowsUp != 1 {
		t.Error(b.conn.State(), b.conn.Info().SubflowsUp)
	}
}

// A join that nobody answers does not keep a connection whose both directions are done.
func TestJoinUnderWayAtTheEnd(t *testing.T) {
	w := newWorld(t, 1, testConfig(1), testConfig(2), "link delay=5ms")
	w.addPath("drop")
	w.twoPaths(20_000, 20_000)
	w.finishTransfer(10 * time.Second)
	if i := w.app[0].conn.Info(); i.SubflowsTotal != 2 {
		t.Fatalf("%d subflows", i.SubflowsTotal)
	}
	closed := func() bool { return w.app[0].conn.State() == Closed && len(w.app[0].conn.subflows) == 0 }
	if err := w.w.RunUntil(closed, time.Second/2); err != nil {
		t.Errorf("%v\n%s", err, w.dump(0))
	}
}

// The first path swallows everything from some moment on, and there is a backup. What was under
// way is repeated there after one timeout, new data goes there after four data-level intervals
// (R3.3.6-04, R3.3.8-03), not after four timeouts each twice as long as the last, three seconds.
func TestBackupBehindABlackhole(t *testing.T) {
	w := newWorld(t, 1, testConfig(1), testConfig(2), "link rate=50Mbit delay=1ms", "drop after=60KB")
	w.addPath("link rate=50Mbit delay=1ms")
	w.app[0].out, w.app[1].out = stream(2_000_000, 1), stream(2_000_000, 2)
	w.app[0].closing, w.app[1].closing = true, true
	joined := false
	w.app[0].more = func(now time.Time) {
		if c := w.app[0].conn; !joined && c != nil && c.hs.proven {
			joined = true
			if err := c.Join(now, netip.AddrPortFrom(clientAddr2, 0), serverPort2, true); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.dial()
	w.finishTransfer(2500 * time.Millisecond)
}
