package fsm

import (
	"net/netip"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/fsm/pathmgr"
	"github.com/mptcp-go/mptcp/wire"
)

func mesh(c *Config) {
	c.PathManager = func() pathmgr.Manager { return pathmgr.NewFullMesh(pathmgr.MeshConfig{}) }
}

// pair names a subflow of the client's by addresses.
type addrPair struct{ local, remote netip.Addr }

// pairsUp returns which subflows of the client are up, and how many of each.
func (w *world) pairsUp(i int) map[addrPair]int {
	m := map[addrPair]int{}
	if c := w.app[i].conn; c != nil {
		for _, s := range c.subflows {
			if s.up && !s.doomed {
				m[addrPair{s.id.local.Addr(), s.id.remote.Addr()}]++
			}
		}
	}
	return m
}

// Paper section 3.2, P-3.2-04: with a full mesh at both ends the client joins from its
// second address and to the second of the server's, which is announced; R3.4-02,
// R3.4.1-08, R3.4.1-12: once each.
func TestFullMesh(t *testing.T) {
	for _, v := range []Versions{OnlyV1, OnlyV0} {
		set := func(c *Config) { mesh(c); c.Versions = v }
		w := newWorld(t, 51, testConfig(1, set), testConfig(2, set), "link delay=10ms rate=5Mbit buffer=100ms")
		w.addPath("link delay=20ms rate=5Mbit buffer=100ms")
		most := map[addrPair]int{}
		w.app[0].watch = func() {
			for p, n := range w.pairsUp(0) {
				most[p] = max(most[p], n)
			}
		}
		w.transfer(2_000_000, 1_000_000, 2*time.Minute)
		want := []addrPair{{clientAddr, serverAddr}, {clientAddr2, serverAddr}, {clientAddr, serverAddr2}, {clientAddr2, serverAddr2}}
		for _, p := range want {
			if most[p] != 1 {
				t.Errorf("%v: %d subflows", p, most[p])
			}
		}
		if len(most) != len(want) {
			t.Error(most)
		}
		w.idle()
		w.clean()
	}
}

// Paper section 3.2: several subflows between two addresses.
func TestDiffPorts(t *testing.T) {
	set := func(c *Config) {
		c.PathManager = func() pathmgr.Manager { return pathmgr.NewDiffPorts(4) }
	}
	w := newWorld(t, 52, testConfig(1, set), testConfig(2), "link delay=10ms rate=20Mbit buffer=100ms")
	most := 0
	w.app[0].watch = func() { most = max(most, w.pairsUp(0)[addrPair{clientAddr, serverAddr}]) }
	w.transfer(2_000_000, 0, time.Minute)
	if most != 4 {
		t.Error(most, "subflows")
	}
	w.idle()
	w.clean()
}

// Paper section 3.4, P-3.4-04, R3.4.2-01, R3.4.2-09: an address vanishes in
// mid-connection. The host withdraws it on another subflow; the peer, behind a NAT that
// rewrites addresses, asks the right path, hears nothing and resets it. When the path
// comes back it is joined again.
func TestPathLostAndFound(t *testing.T) {
	for _, first := range []bool{true, false} {
		w := newWorld(t, 53, testConfig(1, mesh), testConfig(2), "nat", "link delay=10ms rate=4Mbit buffer=100ms")
		second := w.addPath("nat", "link delay=20ms rate=4Mbit buffer=100ms")
		path, lost := second, clientAddr2
		if first {
			path, lost = w.path, clientAddr
		}
		var gone, peer, back bool
		w.w.At(time.Second, func() { path.SetDown(true) })
		w.w.At(1100*time.Millisecond, func() {
			up := w.pairsUp(0)
			gone = up[addrPair{lost, serverAddr}] == 0 && len(up) == 1
		})
		w.w.At(6*time.Second, func() {
			peer = w.app[1].conn.Info().SubflowsUp == 1
			path.SetDown(false)
		})
		w.app[0].watch = func() {
			back = back || w.w.Elapsed() > 6*time.Second && w.pairsUp(0)[addrPair{lost, serverAddr}] == 1
		}
		w.transfer(6_000_000, 400_000, 2*time.Minute)
		if !gone || !peer || !back {
			t.Errorf("first path %v: withdrawn %v, reset by the peer %v, joined again %v", first, gone, peer, back)
		}
		a, b := w.ep[0].stats, w.ep[1].stats
		if a.RmAddrTx != 1 || b.RmAddr != 1 || a.RmSubflow != 1 || b.RmSubflow != 1 {
			t.Errorf("REMOVE_ADDR: %d sent, %d received, subflows removed: %d and %d", a.RmAddrTx, b.RmAddr, a.RmSubflow, b.RmSubflow)
		}
		w.idle()
	}
}

// RFC 8684 section 3.3.3, R3.3.3-10: a connection that lost its only path waits for another
// and goes on there, the paths that went being withdrawn then.
func TestBreakBeforeMake(t *testing.T) {
	w := newWorld(t, 54, testConfig(1, mesh), testConfig(2), "link delay=10ms rate=4Mbit buffer=100ms")
	w.w.At(time.Second, func() { w.path.SetDown(true) })
	w.w.At(30*time.Second, func() { w.addPath("link delay=20ms rate=4Mbit buffer=100ms") })
	w.transfer(3_000_000, 1_000_000, 3*time.Minute)
	if w.ep[0].stats.RmAddrTx != 1 || w.ep[0].stats.RmSubflow != 1 {
		t.Error("REMOVE_ADDR:", w.ep[0].stats.RmAddrTx, "subflows removed:", w.ep[0].stats.RmSubflow)
	}
	w.idle()
}

// The same when a box resets what there is: the connection is left without any subflow,
// and resumes (paper section 3.4, P-3.4-01).
func TestAllSubflowsReset(t *testing.T) {
	for i, set := range []func(*Config){mesh, mesh, func(*Config) {}} {
		both := i == 1 // without a path manager the side that opened it sees to it
		w := newWorld(t, 55, testConfig(1, set), testConfig(2), "link delay=10ms rate=4Mbit buffer=100ms")
		if both {
			w.addPath("link delay=20ms rate=4Mbit buffer=100ms")
		}
		lonely := false
		w.w.At(time.Second, func() {
			for i := range 2 {
				for _, s := range w.app[i].conn.subflows {
					// As if a RST without a reason had come.
					seg := wire.Segment{Src: s.id.remote, Dst: s.id.local, Seq: s.flow.IRS() + 1 + uint32(s.flow.Received()), Flags: wire.RST}
					w.ep[i].HandleSegment(w.w.Now(), &seg)
				}
				lonely = w.app[i].conn.Info().SubflowsUp == 0
			}
		})
		w.transfer(3_000_000, 1_000_000, time.Minute)
		if !lonely || !w.app[0].conn.Multipath() {
			t.Error("not what was to be tested")
		}
		w.idle()
	}
}

// NOTES section 4: without a join in time it ends, with an error that says so; joins
// that are never proven do not put that off.
func TestNoSubflowLeft(t *testing.T) {
	b := proven(t)
	b.inject("R. 7:7(0) ack 1")
	if s := b.conn.State(); s != Established {
		t.Fatal(s)
	}
	b.partGood()
	end := b.now.Add(time.Minute)
	for i := 0; b.now.Before(end.Add(-time.Second)); i++ {
		b.now = b.now.Add(time.Second)
		b.ep.HandleTimer(b.now)
		if _, ok := b.synJoin(&lane{local: b.local, remote: addPort(b.remote, i+1), peerISN: 5}, 3, uint32(i)); !ok {
			t.Fatal("a join was refused")
		}
		var seg wire.Segment
		for b.poll(&seg) {
		}
	}
	b.now = end.Add(time.Millisecond)
	b.ep.HandleTimer(b.now)
	err, ok := b.conn.Err().(*LocalError)
	if b.conn.State() != Closed || !ok || err.Reason != NoSubflow {
		t.Error(b.conn.State(), b.conn.Err())
	}
}

// A path that goes and comes is told to all connections in an order of its own, and what
// has one path only is left alone.
func TestPathDownKeepsTheOnlySubflow(t *testing.T) {
	w := newWorld(t, 56, testConfig(1), testConfig(2), "link delay=10ms rate=4Mbit buffer=100ms")
	w.w.At(500*time.Millisecond, func() { w.path.SetDown(true) })
	w.w.At(3*time.Second, func() { w.path.SetDown(false) })
	w.transfer(1_000_000, 100_000, time.Minute)
	if w.ep[0].stats.RmSubflow != 0 || w.app[0].conn.Info().SubflowsTotal != 1 {
		t.Error("the only subflow was given up")
	}
	w.idle()
}

// R3.4.1-17, NOTES 1.13: an address announced with a port is joined at that port, though
// nobody listens there; a new port for the same id is tried as well.
func TestAnnouncedPort(t *testing.T) {
	w := newWorld(t, 57, testConfig(1, mesh), testConfig(2), "link delay=10ms rate=4Mbit buffer=100ms")
	w.addPath("link delay=20ms rate=4Mbit buffer=100ms")
	ports := map[uint16]bool{}
	told := 0
	w.app[1].more = func(now time.Time) {
		if c := w.app[1].conn; c != nil && told < 2 && w.w.Elapsed() > time.Duration(told)*500*time.Millisecond {
			if err := c.Announce(now, netip.AddrPortFrom(serverAddr2, 4433+uint16(told))); err != nil {
				t.Error(err)
			}
			told++
		}
	}
	w.w.At(600*time.Millisecond, func() {})
	w.app[0].watch = func() {
		for _, s := range w.app[0].conn.subflows {
			if s.up && s.id.remote.Addr() == serverAddr2 {
				ports[s.id.remote.Port()] = true
			}
		}
	}
	w.transfer(2_000_000, 0, time.Minute)
	if !ports[4433] || !ports[4434] || w.ep[0].stats.PortAdd < 2 {
		t.Error("joined at", ports, "PortAdd", w.ep[0].stats.PortAdd)
	}
	if o, p := &w.ep[0].stats, &w.ep[1].stats; o.MPJoinPortSynAckRx < 2 || o.MPJoinPortSynAckRx > o.MPJoinSynAckRx ||
		p.MPJoinPortSynRx < 2 || p.MPJoinPortAckRx != o.MPJoinPortSynAckRx || o.MPJoinPortSynRx != 0 {
		t.Errorf("joins at other ports: %d SYNs, %d SYN/ACKs, %d ACKs", p.MPJoinPortSynRx, o.MPJoinPortSynAckRx, p.MPJoinPortAckRx)
	}
	w.idle()
}

var _ netsim.PathHandler = host{}
