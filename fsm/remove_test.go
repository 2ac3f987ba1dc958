package fsm

import (
	"net/netip"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// RFC 8684 section 3.4.2, R3.4.2-05, R3.4.2-06: a REMOVE_ADDR, which anyone who sees the
// connection could have sent, makes us ask the path, and an answer keeps it. R3.4.2-09:
// without one the subflow is reset.
func TestRemoveAddrAsksFirst(t *testing.T) {
	for _, answer := range []bool{true, false} {
		b := proven(t)
		l := newLane("10.0.0.2:80", "10.7.7.7:5000")
		b.join(l, 7)
		b.inject(". 7:7(0) ack 1 <remove_addr id=7>")
		for i := range maxAsks {
			b.on(l, func() { b.want("a keepalive", ". 0:0(0) ack 1 <dss>") })
			b.wantIdle("one at a time")
			b.inject(". 7:7(0) ack 1 <remove_addr id=7>")
			b.wantIdle("the same again changes nothing")
			if answer && i == 1 {
				b.on(l, func() { b.inject(". 1:1(0) ack 1 <dss dack8=O+0>") })
				break
			}
			b.wait(time.Minute)
		}
		if answer {
			b.wait(time.Hour)
			b.wantIdle("it lives, and that is all")
			if n := b.conn.Info().SubflowsUp; n != 2 || b.ep.stats.RmSubflow != 0 {
				t.Error(n, "subflows,", b.ep.stats.RmSubflow, "removed")
			}
			continue
		}
		b.on(l, func() { b.want("given up", "R. 1:1(0) ack 1 <mp_tcprst reason=5>") })
		b.wait(time.Hour)
		b.wantIdle("nothing more")
		if n := b.conn.Info().SubflowsUp; n != 1 || b.ep.stats.RmSubflow != 1 || b.ep.stats.RmAddr != maxAsks+1 {
			t.Error(n, "subflows,", b.ep.stats.RmSubflow, "removed,", b.ep.stats.RmAddr, "asked for")
		}
	}
}

// R3.4.2-05: the address of the only subflow withdrawn kills nothing, even if the path
// says nothing for a while: TCP decides. CVE-2024-50085: also of the subflow that
// carries the option.
func TestRemoveAddrOfTheOnlySubflow(t *testing.T) {
	b := proven(t)
	b.inject(". 7:7(0) ack 1 <remove_addr id=0>")
	for range maxAsks {
		b.want("a keepalive", ". 0:0(0) ack 7 <dss>")
		b.wait(time.Minute)
	}
	b.wait(time.Hour)
	b.wantIdle("kept")
	if b.conn.Info().SubflowsUp != 1 || b.conn.State() != Established {
		t.Error(b.conn.State(), b.conn.Info())
	}
}

// R3.4.2-10, R3.8-03, R3.4.2-04: unknown ids are passed over, known ones beside them not.
func TestRemoveAddrOfManyIDs(t *testing.T) {
	b := proven(t)
	l := newLane("10.0.0.2:80", "10.7.7.7:5000")
	b.join(l, 7)
	o, _ := wire.RemoveAddr{IDs: []byte{1, 2, 7, 9, 255}}.Append(nil)
	b.inOpts(wire.ACK, 7, 1, o)
	b.on(l, func() { b.want("a keepalive on the one that is known", ". 0:0(0) ack 1 <dss>") })
	b.wantIdle("no other")
	if b.ep.stats.RmAddrDrop != 4 {
		t.Error("RmAddrDrop:", b.ep.stats.RmAddrDrop)
	}
}

// R3.4.2-02, R3.4.1-03, R3.4.1-16, R3.4.1-18, CVE-2026-43252, CVE-2025-68221: ids name
// one address each, are given back, and never run out; the one of the first address is 0
// however often it is withdrawn (CVE-2024-46711).
func TestAddressIDs(t *testing.T) {
	b := proven(t)
	l := newLane("10.3.3.3:80", "10.7.7.7:5000")
	b.join(l, 7) // which takes id 1 for our side
	told := map[uint8]netip.Addr{}
	for i := range 10_000 {
		a := netip.AddrFrom4([4]byte{10, 8, byte(i >> 8), byte(i)})
		if err := b.conn.Announce(b.now, netip.AddrPortFrom(a, 0)); err != nil {
			t.Fatal(i, err)
		}
		id, ok := b.conn.idOf(a)
		if _, taken := told[id]; !ok || taken || id < 2 {
			t.Fatal(i, "id", id)
		}
		told[id] = a
		if i >= 20 { // twenty are out at any time
			old := netip.AddrFrom4([4]byte{10, 8, byte((i - 20) >> 8), byte(i - 20)})
			id, _ := b.conn.idOf(old)
			delete(told, id)
			if err := b.conn.RemoveAddr(b.now, old); err != nil {
				t.Fatal(i, err)
			}
		}
		b.conn.dropSignals(func(*signal) bool { return true }) // as if told
	}
	for range 100 {
		if id, ok := b.conn.localID(b.conn.Local().Addr()); id != 0 || !ok {
			t.Fatal("the first address has id", id)
		}
		b.conn.freeID(b.conn.Local().Addr())
	}
	if err := b.conn.RemoveAddr(b.now, netip.MustParseAddr("10.99.0.1")); err == nil {
		t.Error("withdrew an address that the peer was never told of")
	}
	for i := range 300 {
		b.conn.localID(netip.AddrFrom4([4]byte{10, 9, byte(i >> 8), byte(i)}))
	}
	if _, ok := b.conn.localID(netip.MustParseAddr("10.10.0.1")); ok || len(b.conn.localAddrs) != 255 {
		t.Error(len(b.conn.localAddrs), "ids in use")
	}
}

// NOTES 1.24: an ADD_ADDR of an IPv6 address with a port has all of the option space
// beside unpadded timestamps; one that acknowledges new octets goes behind the
// DATA_ACK, lest the peer think that the path removes it. CVE-2024-57882.
func TestAddAddrIPv6WithPort(t *testing.T) {
	for _, port := range []uint16{0, 4433} {
		b := accepted(t, func(c *Config) { c.TCP.NoTimestamps = true })
		// The same with timestamps, which the bench leaves out.
		e := newBench(t, false, func(c *Config) { c.TCP.NoTimestamps = false })
		e.inject("S 0:0(0) <mss 1460, TS val 1 ecr 0, mp_capable v1 H>")
		e.want("SYN/ACK", "S. 0:0(0) ack 1 <mp_capable v1 key=KO>")
		e.inject("P. 1:4(3) ack 1 <TS val 2 ecr 0, mp_capable v1 H key=KP+KO dll=3>")
		e.want("DATA_ACK", ". 1:1(0) ack 4 <dss dack8=P+3>")
		for _, b := range []*bench{b, e} {
			a := netip.MustParseAddr("2001:db8::1")
			if err := b.conn.Announce(b.now, netip.AddrPortFrom(a, port)); err != nil {
				t.Fatal(err)
			}
			// New octets come before it is sent: they are acknowledged first, with a DSS.
			b.inject("P. 4:7(3) ack 1 <dss dsn8=P+3 ssn=4 dll=3>")
			dss, add := 0, 0
			var seg wire.Segment
			for b.poll(&seg) {
				var o options
				o.parse(seg.Options, wire.V1)
				if seg.Options.Check() != nil || len(seg.Options) > wire.MaxOptions {
					t.Fatalf("options %x", []byte(seg.Options))
				}
				if o.hasDSS {
					dss++
				}
				if o.hasAdd {
					add++
					if o.add.Addr != a || o.add.Port != port || o.add.HMAC != wire.AddAddrHMAC(b.conn.own.key, b.peerKey, 1, a, port) {
						t.Errorf("%+v", o.add)
					}
					if dss == 0 {
						t.Error("octets were acknowledged without a DATA_ACK")
					}
				}
			}
			if dss == 0 || add != 1 {
				t.Errorf("port %d: %d DATA_ACKs, %d announcements", port, dss, add)
			}
		}
	}
}
