package fsm

import (
	"iter"
	"net/netip"
	"reflect"
	"testing"

	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

// All has every counter under the name of its field, with that field's value.
func TestStatsAll(t *testing.T) {
	var own Stats
	var flows tcp.Stats
	for _, x := range []struct {
		v   reflect.Value
		all func() iter.Seq2[string, uint64]
	}{{reflect.ValueOf(&own).Elem(), own.All}, {reflect.ValueOf(&flows).Elem(), flows.All}} {
		for i := range x.v.NumField() {
			x.v.Field(i).SetUint(uint64(1000 + i))
		}
		i := 0
		for name, n := range x.all() {
			if i >= x.v.NumField() || name != x.v.Type().Field(i).Name || n != uint64(1000+i) {
				t.Fatalf("%v: counter %d is %s = %d", x.v.Type(), i, name, n)
			}
			i++
		}
		if i != x.v.NumField() {
			t.Errorf("%v: %d counters of %d", x.v.Type(), i, x.v.NumField())
		}
		for range x.all() {
			break // may stop early
		}
	}
}

// What of announcements and of their echoes is not sent, since too much waits, is counted.
func TestAnnouncementsThatAreNotSent(t *testing.T) {
	b := accepted(t)
	st := &b.ep.stats
	refused := 0
	for i := range maxSignals + 2 {
		if b.conn.Announce(b.now, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 8, 8, byte(i)}), 0)) != nil {
			refused++
		}
	}
	if refused != 2 || st.AddAddrTxDrop != 2 {
		t.Errorf("%d announcements refused, %d counted", refused, st.AddAddrTxDrop)
	}
	a := wire.AddAddr{Version: wire.V1, ID: 3, Addr: netip.MustParseAddr("10.9.9.9"), HasHMAC: true}
	a.HMAC = wire.AddAddrHMAC(b.peerKey, b.conn.own.key, a.ID, a.Addr, 0)
	o, _ := a.Append(nil)
	b.inOpts(wire.ACK, 4, 1, o)
	if st.AddAddr != 1 || st.EchoAddTxDrop != 1 || st.EchoAddTx != 0 {
		t.Errorf("%d addresses taken, %d echoes sent, %d dropped", st.AddAddr, st.EchoAddTx, st.EchoAddTxDrop)
	}
}

// R3.2-08: a SYN/ACK that asks for a backup makes one, and is counted.
func TestBackupAskedForBySYNACK(t *testing.T) {
	for _, backup := range []bool{false, true} {
		b := proven(t)
		l := newLane("10.0.0.2:1000", "10.7.7.7:5000")
		if err := b.conn.Join(b.now, l.local, l.remote, false); err != nil {
			t.Fatal(err)
		}
		var seg wire.Segment
		if !b.poll(&seg) {
			t.Fatal("no SYN")
		}
		l.ourISN = seg.Seq
		m, _ := joinOf(&seg)
		b.on(l, func() {
			o, _ := wire.MPJoin{Form: wire.JoinSYNACK, Backup: backup, ID: 3, Nonce: 77,
				HMAC64: wire.JoinHMAC64(b.version, b.peerKey, b.conn.own.key, 77, m.Nonce)}.Append(nil)
			b.inOpts(wire.SYN|wire.ACK, 0, 1, o)
		})
		want := uint64(0)
		if backup {
			want = 1
		}
		if j := &b.conn.subflows[1].join; j.backup != backup || b.ep.stats.MPJoinSynAckBackupRx != want {
			t.Errorf("asked for %v: backup %v, counted %d", backup, j.backup, b.ep.stats.MPJoinSynAckBackupRx)
		}
	}
}
