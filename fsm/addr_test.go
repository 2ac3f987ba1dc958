package fsm

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

func TestAddAddr(t *testing.T) { // R3.4.1-02 to R3.4.1-13
	b := accepted(t)
	a := netip.MustParseAddr("10.9.9.9")
	mac := wire.AddAddrHMAC(b.peerKey, b.conn.own.key, 3, a, 0)
	b.inject(fmt.Sprintf(". 4:4(0) ack 1 <add_addr v1 id=3 addr=10.9.9.9 hmac=%016x>", mac^1))
	b.wantIdle("a wrong HMAC is neither believed nor echoed")
	if len(b.conn.RemoteAddrs(nil)) != 0 || b.ep.stats.AddAddrDrop != 1 {
		t.Error("a forged address was stored")
	}
	b.inject(fmt.Sprintf(". 4:4(0) ack 1 <add_addr v1 id=3 addr=10.9.9.9 hmac=%016x>", mac))
	b.want("the echo has no HMAC", ". 1:1(0) ack 4 <add_addr v1 id=3 addr=10.9.9.9 echo>")
	b.wantIdle("once")
	if r := b.conn.RemoteAddrs(nil); len(r) != 1 || r[0].Addr != netip.AddrPortFrom(a, b.remote.Port()) {
		t.Error(r)
	}
	b.inject(". 4:4(0) ack 1 <remove_addr id=3>")
	if len(b.conn.RemoteAddrs(nil)) != 0 {
		t.Error("it was not withdrawn")
	}
	b.inject(". 4:4(0) ack 1 <remove_addr id=77>") // R3.4.2-10, R3.8-03
	b.wantIdle("an unknown id means nothing")
}

func TestAnnounce(t *testing.T) { // R3.4.1-13, R3.4.1-14, NOTES section 4: three retransmissions
	b := accepted(t)
	if err := b.conn.Announce(b.now, netip.MustParseAddrPort("10.8.8.8:0")); err != nil {
		t.Fatal(err)
	}
	b.want("announced", ". 1:1(0) ack 4 <add_addr v1 id=1 addr=10.8.8.8>")
	for range 3 {
		b.wait(time.Minute)
		b.want("not echoed", ". 1:1(0) ack 4 <add_addr v1 id=1 addr=10.8.8.8>")
	}
	b.wait(time.Hour)
	b.wantIdle("given up")

	b = accepted(t)
	b.conn.Announce(b.now, netip.MustParseAddrPort("10.8.8.8:0"))
	b.want("announced", ". 1:1(0) ack 4 <add_addr v1 id=1 addr=10.8.8.8>")
	b.inject(". 4:4(0) ack 1 <add_addr v1 id=1 addr=10.8.8.8 echo>")
	b.wait(time.Hour)
	b.wantIdle("echoed")
}

func TestTwoSignalsInARow(t *testing.T) { // R3-02, R4-03
	b := accepted(t)
	for i := range 5 {
		b.conn.Announce(b.now, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 8, 8, byte(i)}), 0))
	}
	b.want("one", ". 1:1(0) ack 4 <add_addr v1 id=1>")
	b.want("two", ". 1:1(0) ack 4 <add_addr v1 id=2>")
	b.wantIdle("no third until the peer is heard of")
	b.inject(". 4:4(0) ack 1 <add_addr v1 id=1 addr=10.8.8.0 echo>")
	b.want("three", ". 1:1(0) ack 4 <add_addr v1 id=3>")
}

func TestPriority(t *testing.T) { // R3.2-08, R3.3.8-01 to R3.3.8-04
	w := newWorld(t, 41, testConfig(1), testConfig(2), "link delay=10ms rate=5Mbit buffer=100ms")
	w.addPath("link delay=1ms rate=5Mbit buffer=100ms")
	w.twoPaths(800_000, 0)
	asked := false
	var at uint64
	w.app[1].more = func(now time.Time) {
		c := w.app[1].conn
		if !asked && c.Info().SubflowsUp == 2 {
			asked = true
			c.SetBackup(now, serverAddr2, true)
		}
	}
	w.app[0].watch = func() {
		for _, s := range w.app[0].conn.Subflows(nil) {
			if s.Remote == serverPort2 && w.ep[0].stats.MPPrioRx > 0 {
				if at == 0 {
					at = s.Flow.Available() + 1
				}
				if s.Flow.Available() > at+1500 {
					t.Fatalf("%d octets on a backup subflow", s.Flow.Available()-at)
				}
			}
		}
	}
	w.finishTransfer(time.Minute)
	if at == 0 {
		t.Error("MP_PRIO did not arrive")
	}
	w.clean()
}

func TestRemoveAddr(t *testing.T) { // R3.4.2-01, R3.4.2-03 (the address is as good as ever), R3.4.2-11, P-3.4-04
	w := newWorld(t, 42, testConfig(1), testConfig(2), "link delay=10ms rate=5Mbit buffer=100ms")
	w.addPath("link delay=10ms rate=5Mbit buffer=100ms")
	w.twoPaths(800_000, 100_000)
	w.w.At(500*time.Millisecond, func() {
		if err := w.app[0].conn.RemoveAddr(w.w.Now(), clientAddr2); err != nil {
			t.Error(err)
		}
	})
	w.finishTransfer(time.Minute)
	if w.ep[1].stats.RmAddr != 1 || w.ep[0].stats.RmAddrTx != 1 {
		t.Error("REMOVE_ADDR:", w.ep[0].stats.RmAddrTx, "sent,", w.ep[1].stats.RmAddr, "received")
	}
	w.idle()
}

// An address may be withdrawn only while another subflow stays. One that is being
// closed, here with its FIN lost on a path that swallows everything, is none.
func TestRemoveAddrBesideClosingSubflow(t *testing.T) { // R3.4.2-11
	m := newManyPaths(t, 3, testConfig(1, mesh), testConfig(2), []string{"link delay=10ms rate=10Mbit"}, []string{"link delay=20ms rate=10Mbit"})
	second, _ := pathAddrs(1)
	m.app[0].out, m.app[1].out = stream(3_000_000, 1), stream(100_000, 2)
	m.app[0].closing, m.app[1].closing = true, true
	m.w.At(500*time.Millisecond, func() {
		c, now := m.app[0].conn, m.w.Now()
		if n := c.Info().SubflowsUp; n != 2 {
			t.Errorf("%d subflows", n)
		}
		cut(m.paths[0], true)
		if err := c.RemoveAddr(now, clientAddr); err != nil {
			t.Error(err)
		}
		if c.RemoveAddr(now, second) == nil {
			t.Error("the last address was withdrawn")
		}
	})
	m.dial()
	m.finishTransfer(time.Minute)
	m.idle()
}

// R3.4.2-11: a subflow that the peer is closing carries nothing for long: it is no other on
// which the last address could be withdrawn. Withdrawals of both ends that cross leave each
// a direction of its own, and all arrives.
func TestRemoveAddrBesideSubflowThatThePeerCloses(t *testing.T) {
	refused := 0
	for _, apart := range []int{-100, 0, 200} { // milliseconds
		for _, out := range [][2]int{{3_000_000, 2_000_000}, {0, 4_000_000}, {4_000_000, 0}} {
			m := newManyPaths(t, 3, testConfig(1), testConfig(2), []string{"link delay=10ms rate=10Mbit"}, []string{"link delay=20ms rate=10Mbit"})
			_, second := pathAddrs(1)
			m.plan(deed{what: pathJoined, path: 1, at: 100 * time.Millisecond})
			m.app[0].out, m.app[1].out = stream(out[0], 1), stream(out[1], 2)
			m.app[0].closing, m.app[1].closing = out[0] > 0, out[1] > 0
			for i, a := range []netip.Addr{clientAddr, second} {
				m.w.At(600*time.Millisecond+time.Duration((1-i)*apart)*time.Millisecond, func() {
					c, open := m.app[i].conn, false
					for _, s := range c.subflows {
						open = open || s.id.local.Addr() != a && s.up && !s.flow.PeerClosed()
					}
					if err := c.RemoveAddr(m.w.Now(), a); err != nil {
						refused++
					} else if !open {
						t.Errorf("end %d, apart %d ms: withdrew the address of the last subflow that is not being closed", i, apart)
					}
				})
			}
			m.w.At(20*time.Second, func() { m.app[0].closing, m.app[1].closing = true, true })
			m.dial()
			m.finishTransfer(time.Minute)
			m.idle()
		}
	}
	if refused == 0 {
		t.Error("every withdrawal was allowed")
	}
}
