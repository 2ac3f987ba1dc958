package fsm

import (
	"testing"
	"time"
)

// A path that is to be used only when nothing else works says so: MP_CAPABLE has no bit
// for it, so the first subflow has MP_PRIO follow, once the peer has our key. R3.3.8-01.
func TestFirstSubflowOnBackupPath(t *testing.T) {
	t.Run("opener", func(t *testing.T) {
		b := newBench(t, true)
		b.ep.HandlePath(b.now, Path{ID: 1, Local: b.local.Addr(), Up: true, Backup: true})
		b.want("SYN", "S 0:0(0) <mp_capable v1>")
		b.inject("S. 0:0(0) ack 1 <mss 1460, mp_capable v1 H key=KP>")
		b.want("third ACK", ". 1:1(0) ack 1 <mp_capable v1 key=KO+KP>")
		b.wantIdle("the peer has not shown that it has our key")
		b.inject(". 1:1(0) ack 1 <dss dack8=O+0>")
		b.want("the priority", ". 1:1(0) ack 1 <mp_prio backup>")
		b.wantIdle("once")
		if s := b.conn.Subflows(nil); len(s) != 1 || !s[0].Backup {
			t.Errorf("%+v", s)
		}
	})
	t.Run("listener", func(t *testing.T) {
		b := newBench(t, false)
		b.ep.HandlePath(b.now, Path{ID: 1, Local: b.local.Addr(), Up: true, Backup: true})
		b.inject("S 0:0(0) <mss 1460, mp_capable v1 H>")
		b.want("SYN/ACK", "S. 0:0(0) ack 1 <mp_capable v1 key=KO>")
		b.inject("P. 1:4(3) ack 1 <mp_capable v1 H key=KP+KO dll=3>")
		b.want("the priority beside the DATA_ACK", ". 1:1(0) ack 4 <dss dack8=P+3, mp_prio backup>")
		b.read("abc")
		b.wantIdle("once")
	})
	t.Run("another path", func(t *testing.T) {
		b := newBench(t, false)
		b.ep.HandlePath(b.now, Path{ID: 1, Local: pathOfTest, Up: true, Backup: true})
		b.inject("S 0:0(0) <mss 1460, mp_capable v1 H>")
		b.want("SYN/ACK", "S. 0:0(0) ack 1 <mp_capable v1 key=KO>")
		b.inject("P. 1:4(3) ack 1 <mp_capable v1 H key=KP+KO dll=3>")
		b.want("no priority", ". 1:1(0) ack 4 <dss dack8=P+3>")
		b.read("abc")
		b.wantIdle("nothing more")
	})
}

var pathOfTest = newLane("10.0.9.2:80", "10.0.9.1:40001").local.Addr()

// A join to the address of such a path is answered with the backup bit, and we keep to it
// ourselves. R3.2-08, R3.3.8-01.
func TestJoinToBackupPath(t *testing.T) {
	for _, backup := range []bool{false, true} {
		b := proven(t)
		b.ep.HandlePath(b.now, Path{ID: 2, Local: pathOfTest, Up: true, Backup: backup})
		l := newLane("10.0.9.2:80", "10.0.9.1:40001")
		m, ok := b.synJoin(l, 1, 7)
		if !ok || m.Backup != backup {
			t.Errorf("%v: %+v", backup, m)
		}
		l = newLane("10.0.9.2:80", "10.0.9.1:40002")
		b.join(l, 2)
		s := b.conn.Subflows(nil)
		if len(s) != 2 || s[0].Backup || s[1].Backup != backup {
			t.Errorf("%v: %+v", backup, s)
		}
		b.drain()
	}
}

// A connection without a subflow that is opened again over such a path says so in the join:
// what was said of the first subflow has ended with it. R3.2-08, R3.3.8-01.
func TestRejoinOverBackupPath(t *testing.T) {
	for _, backup := range []bool{false, true} {
		b := opened(t)
		b.inject(". 1:1(0) ack 1 <dss dack8=O+0>")
		b.ep.HandlePath(b.now, Path{ID: 1, Local: b.local.Addr(), Up: true, Backup: backup})
		b.drain()
		b.inject("R 1:1(0)")
		b.partGood()
		b.wait(2 * time.Second)
		text := "S 0:0(0) <mp_join syn>"
		if backup {
			text = "S 0:0(0) <mp_join syn backup>"
		}
		b.want("the join", text)
		if s := b.conn.Subflows(nil); len(s) != 1 || s[0].Backup != backup {
			t.Errorf("%v: %+v", backup, s)
		}
	}
}
