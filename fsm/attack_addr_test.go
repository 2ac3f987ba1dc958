package fsm

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// synsTo polls everything and counts the SYNs with MP_JOIN, and the echoes.
func (b *bench) synsAndEchoes() (syns, echoes int) {
	seg := wire.Segment{Options: b.buf[:0]}
	for b.ep.PollSegment(b.now, &seg) {
		if seg.Flags == wire.SYN {
			syns++
		}
		for o := range seg.Options.All() {
			if o.Kind() == wire.KindMPTCP && o.Subtype() == wire.SubAddAddr {
				echoes++
			}
		}
	}
	return syns, echoes
}

// provenClient is a client with a full mesh whose peer has shown that it has its key.
func provenClient(t testing.TB, change ...func(*Config)) *bench {
	b := opened(t, append(change, mesh)...)
	b.inject(". 1:1(0) ack 1 <dss dack8=O+0>")
	b.drain()
	return b
}

// R3.4.1-10, NOTES section 5: an ADD_ADDR with any one bit changed, in its id, address,
// port or HMAC, is neither stored nor echoed, and nobody gets a SYN for it; nor one of
// another connection, or one replayed with another sequence number (R3.4.1-01).
func TestForgedAddAddr(t *testing.T) {
	for _, a := range []netip.AddrPort{netip.MustParseAddrPort("10.9.9.9:0"), netip.MustParseAddrPort("10.9.9.9:4433"),
		netip.MustParseAddrPort("[2001:db8::9]:0"), netip.MustParseAddrPort("[2001:db8::9]:4433")} {
		b := provenClient(t)
		add := wire.AddAddr{Version: wire.V1, ID: 5, Addr: a.Addr(), HasPort: a.Port() != 0, Port: a.Port(), HasHMAC: true,
			HMAC: wire.AddAddrHMAC(b.peerKey, b.conn.own.key, 5, a.Addr(), a.Port())}
		right, _ := add.Append(nil)
		for bit := 3 * 8; bit < len(right)*8; bit++ {
			forged := append(wire.Options(nil), right...)
			forged[bit/8] ^= 1 << (bit % 8)
			b.inOpts(wire.ACK, 1, 1, forged)
			if syns, echoes := b.synsAndEchoes(); syns+echoes != 0 || len(b.conn.RemoteAddrs(nil)) != 0 {
				t.Fatalf("%v bit %d: %d SYNs, %d echoes, %v", a, bit, syns, echoes, b.conn.RemoteAddrs(nil))
			}
		}
		if n := uint64(8 * (len(right) - 3)); b.ep.stats.AddAddrDrop != n || b.ep.stats.AddAddr != 0 {
			t.Error(b.ep.stats.AddAddrDrop, "of", n, "dropped")
		}
		swapped := add // signed in the other direction, or with the keys of another connection
		for _, mac := range []uint64{wire.AddAddrHMAC(b.conn.own.key, b.peerKey, 5, a.Addr(), a.Port()), wire.AddAddrHMAC(b.peerKey, b.conn.own.key+1, 5, a.Addr(), a.Port()), 0} {
			swapped.HMAC = mac
			o, _ := swapped.Append(nil)
			b.inOpts(wire.ACK, 1, 1, o)
		}
		swapped.HasHMAC = false
		o, _ := swapped.Append(nil)
		b.inOpts(wire.ACK, 1, 1, o)
		for _, off := range blindOffsets(-70_000, 140_000) {
			if off < 0 || off > 65535 {
				b.inOpts(wire.ACK, uint32(1+off), 1, right)
			}
		}
		if syns, echoes := b.synsAndEchoes(); syns+echoes != 0 || len(b.conn.RemoteAddrs(nil)) != 0 {
			t.Errorf("%v: %d SYNs, %d echoes", a, syns, echoes)
		}
		b.inOpts(wire.ACK, 1, 1, right)
		want := 1
		if a.Addr().Is6() {
			want = 0 // no address of ours to join from
		}
		if syns, echoes := b.synsAndEchoes(); syns != want || echoes != 1 {
			t.Errorf("%v: the real one brought %d SYNs and %d echoes", a, syns, echoes)
		}
		// Replayed as it is, it brings no second subflow (R3.4-02).
		for range 100 {
			b.inOpts(wire.ACK, 1, 1, right)
		}
		if syns, _ := b.synsAndEchoes(); syns != 0 {
			t.Errorf("%v: %d SYNs for a replay", a, syns)
		}
	}
}

// R3.4.1-05, R5-02, RFC 7430 section 2: a peer that announces the addresses of others, as
// fast as it can and for an hour, has this host send each of them few SYNs, and ever
// fewer in all.
func TestAddAddrReflector(t *testing.T) {
	b := provenClient(t)
	start, all, second := b.now, 0, 0
	most := map[netip.AddrPort]int{}
	for i := range 36_000 {
		b.now = start.Add(time.Duration(i) * 100 * time.Millisecond)
		if d := b.ep.Deadline(); !d.IsZero() && !d.After(b.now) {
			b.ep.HandleTimer(b.now)
		}
		var v4 [4]byte
		binary.BigEndian.PutUint32(v4[:], 0xc0000200+uint32(i%64))
		id, a := uint8(1+i%255), netip.AddrFrom4(v4)
		o, _ := (&wire.AddAddr{Version: wire.V1, ID: id, Addr: a, HasHMAC: true, HMAC: wire.AddAddrHMAC(b.peerKey, b.conn.own.key, id, a, 0)}).Append(nil)
		if i%3 == 2 {
			o, _ = wire.RemoveAddr{IDs: []byte{uint8(1 + (i-1)%255), uint8(1 + (i-9)%255)}}.Append(nil)
		}
		b.inOpts(wire.ACK, 1, 1, o)
		seg := wire.Segment{Options: b.buf[:0]}
		for b.ep.PollSegment(b.now, &seg) {
			if seg.Flags == wire.SYN {
				all++
				most[seg.Dst]++
				if i > 18_000 {
					second++
				}
			}
		}
		if n := len(b.conn.subflows); n > b.ep.cfg.MaxSubflows || len(b.conn.remoteAddrs) > b.ep.cfg.MaxRemoteAddrs || len(b.conn.signals) > maxSignals {
			t.Fatal(n, "subflows,", len(b.conn.remoteAddrs), "addresses,", len(b.conn.signals), "signals")
		}
	}
	worst := 0
	for _, n := range most {
		worst = max(worst, n)
	}
	t.Logf("36,000 options in an hour: %d SYNs to %d addresses, %d to one, %d in the second half hour", all, len(most), worst, second)
	if all > 120 || worst > 40 || second > 16 {
		t.Errorf("%d SYNs in an hour, %d to one address, %d in the second half hour", all, worst, second)
	}
}

// R3.4.1-06, R3.4.1-15, R3.9.3-03: an announced address that does not answer, or refuses, is not tried again
// until it is announced again.
func TestAnnouncedAddressFails(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		b := provenClient(t)
		a := netip.MustParseAddr("10.9.9.9")
		o, _ := (&wire.AddAddr{Version: wire.V1, ID: 5, Addr: a, HasHMAC: true, HMAC: wire.AddAddrHMAC(b.peerKey, b.conn.own.key, 5, a, 0)}).Append(nil)
		for round := range 2 {
			b.inOpts(wire.ACK, 1, 1, o)
			all := 0
			for end := b.now.Add(time.Hour); b.now.Before(end); {
				seg := wire.Segment{Options: b.buf[:0]}
				for b.ep.PollSegment(b.now, &seg) {
					if seg.Flags != wire.SYN {
						continue
					}
					all++
					if refuse {
						rst := wire.Segment{Src: seg.Dst, Dst: seg.Src, Ack: seg.Seq + 1, Flags: wire.RST | wire.ACK}
						b.ep.HandleSegment(b.now, &rst)
					}
				}
				d := b.ep.Deadline()
				if d.IsZero() || d.After(end) {
					break
				}
				b.now = d
				b.ep.HandleTimer(b.now)
			}
			if want := map[bool]int{false: 4, true: 1}[refuse]; all != want {
				t.Errorf("refused %v, round %d: %d SYNs, want %d", refuse, round, all, want)
			}
			b.now = b.now.Add(time.Hour)
		}
	}
}

// NOTES section 5: forged REMOVE_ADDRs, whatever they name and however many: no subflow
// that answers is lost (R3.4.2-05), and the questions are few.
func TestRemoveAddrFlood(t *testing.T) {
	b := proven(t)
	l := newLane("10.0.0.2:80", "10.7.7.7:5000")
	b.join(l, 7)
	b.drain()
	ids := make([]byte, 37)
	probes, limit := 0, attacks(200_000)/50 // an RTO apart, on each
	for n := range attacks(200_000) {
		b.now = b.now.Add(time.Millisecond)
		if d := b.ep.Deadline(); !d.IsZero() && !d.After(b.now) {
			b.ep.HandleTimer(b.now)
		}
		for i := range ids {
			ids[i] = byte(n*37 + i)
		}
		o, _ := wire.RemoveAddr{IDs: ids}.Append(nil)
		b.inOpts(wire.ACK, 7, 1, o)
		seg := wire.Segment{Options: b.buf[:0]}
		for b.ep.PollSegment(b.now, &seg) {
			if probes++; probes > limit {
				t.Fatal(probes, "questions, at most", limit, "are due")
			}
			from := map[netip.AddrPort]*lane{b.remote: {local: b.local, remote: b.remote, ourISN: b.ourISN, peerISN: b.peerISN}, l.remote: l}[seg.Dst]
			next := uint32(7)
			if from == l {
				next = 1
			}
			b.now = b.now.Add(time.Millisecond)
			b.on(from, func() { b.inOpts(wire.ACK, next, 1, nil) })
		}
	}
	if b.conn.Info().SubflowsUp != 2 || b.ep.stats.RmSubflow != 0 {
		t.Error(b.conn.Info().SubflowsUp, "subflows,", b.ep.stats.RmSubflow, "removed")
	}
	if len(b.conn.localAddrs) > 1 || len(b.conn.signals) != 0 {
		t.Error(len(b.conn.localAddrs), len(b.conn.signals))
	}
}

// CVE-2026-46158, CVE-2026-46170, CVE-2026-46137: ten thousand ADD_ADDRs that are never
// echoed: each is sent four times, no signal is left, and a connection that ends while
// the timer is armed leaves nothing either.
func TestAddAddrNeverEchoed(t *testing.T) {
	b := proven(t)
	sent := uint64(0)
	for i := range attacks(10_000) {
		a := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 8, byte(i >> 8), byte(i)}), 0)
		if err := b.conn.Announce(b.now, a); err != nil {
			t.Fatal(i, err)
		}
		for range 4 {
			b.flush()
			b.inject(". 7:7(0) ack 1 <dss dack8=O+0>") // the peer is there, and silent about it
			b.now = b.now.Add(2 * time.Second)
			b.ep.HandleTimer(b.now)
		}
		b.flush()
		if sent += 4; b.ep.stats.AddAddrTx != sent {
			t.Fatalf("announcement %d: sent %d times in all, want %d", i, b.ep.stats.AddAddrTx, sent)
		}
		b.now = b.now.Add(2 * time.Second)
		b.ep.HandleTimer(b.now)
		b.flush()
		if len(b.conn.signals) != 0 {
			t.Fatal(len(b.conn.signals), "signals wait")
		}
		b.conn.freeID(a.Addr())
	}
	if err := b.conn.Announce(b.now, netip.MustParseAddrPort("10.9.0.1:0")); err != nil {
		t.Fatal(err)
	}
	b.flush()
	b.conn.Abort(b.now)
	b.flush()
	if d := b.ep.Deadline(); !d.IsZero() || b.ep.subflows.n != 0 || b.ep.known() != 0 {
		t.Error("left behind:", d, b.ep.subflows.n, b.ep.known())
	}
}

// CVE-2025-21938: joins to one new address of ours at the same time give it one id.
func TestJoinsToOneNewAddress(t *testing.T) {
	b := proven(t)
	ids := map[uint8]int{}
	for i := range 4 {
		l := newLane("10.3.3.3:80", "10.7.7.7:5000")
		l.remote = addPort(l.remote, i)
		m, ok := b.synJoin(l, 7, uint32(i))
		if !ok {
			t.Fatal("not answered")
		}
		ids[m.ID]++
	}
	if len(ids) != 1 || ids[1] != 4 {
		t.Error(ids)
	}
}
