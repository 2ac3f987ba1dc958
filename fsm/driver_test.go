package fsm

import (
	"fmt"
	"testing"

	"github.com/mptcp-go/mptcp/wire"
)

// What a driver relies on: that each call which changes something also says so.

// events collects what happened since the last call.
func (b *bench) events() (all Event) {
	for _, ev, ok := b.ep.PollEvent(); ok; _, ev, ok = b.ep.PollEvent() {
		all |= ev
	}
	return all
}

// The DATA_ACK comes before the subflow's acknowledgment is processed: only the second
// frees the send buffer, and must wake the writer.
func TestRoomIsToldOf(t *testing.T) {
	b := opened(t, func(cfg *Config) { cfg.SendBuffer = 6 })
	if n, err := b.conn.Write(b.now, []byte("abcdefghi")); n != 6 || err != nil {
		t.Fatal(n, err)
	}
	b.want("all that found room", "P. 1:7(6) ack 1 <mp_capable v1 key=KO+KP dll=6>")
	b.events()
	b.inject(". 1:1(0) ack 7 <dss dack8=O+6>")
	if ev := b.events(); ev&Writable == 0 || b.conn.Writable() != 6 {
		t.Errorf("%v, room for %d", ev, b.conn.Writable())
	}
}

// Reading opens the window, and the peer must hear of it at once (RFC 9293 section
// 3.8.6.2.2): nothing else would call for a segment.
func TestReadOpensTheWindow(t *testing.T) {
	b := accepted(t, func(cfg *Config) { cfg.ReceiveBuffer = 3000 })
	b.inject("P. 4:1004(1000) ack 1 <dss dsn8=P+3 ssn=4 dll=1000>")
	b.inject("P. 1004:2004(1000) ack 1 <dss dsn8=P+1003 ssn=1004 dll=1000>")
	b.inject("P. 2004:3001(997) ack 1 <dss dsn8=P+2003 ssn=2004 dll=997>")
	for range 3 {
		if !b.peek() {
			break
		}
		b.ahead = false
	}
	b.wantIdle("the buffer is full")
	var p [4000]byte
	if n, _ := b.conn.Read(b.now, p[:]); n != 2997 {
		t.Fatal(n)
	}
	b.want("the window is open again", ". 1:1(0) ack 3001 win 3000 <dss dack8=P+3000>")
}

// A window that is closed at the end of the stream must not keep the FIN out: nobody
// would open it any more, since there is nothing left to be read.
func TestFinAtClosedWindow(t *testing.T) { // R3.3.3-06
	b := accepted(t, func(cfg *Config) { cfg.ReceiveBuffer = 3000 })
	b.conn.CloseWrite(b.now)
	b.want("our DATA_FIN", ". 1:1(0) ack 4 <dss dack8=P+3 dsn8=O+0 ssn=0 dll=1 fin>")
	b.inject("P. 4:1504(1500) ack 1 win 0 <dss dack8=O+1 dsn8=P+3 ssn=4 dll=1500>")
	b.inject("P. 1504:3001(1497) ack 1 win 0 <dss dack8=O+1 dsn8=P+1503 ssn=1504 dll=1497>")
	b.want("nothing is read", ". 1:1(0) ack 3001 win 0 <dss dack8=P+3000>")
	b.inject(". 3001:3001(0) ack 1 win 0 <dss dack8=O+1 dsn8=P+3000 ssn=0 dll=1 fin>")
	b.want("the DATA_FIN takes no room", ". 1:1(0) ack 3001 win 0 <dss dack8=P+3001>")
	b.want("nor does our FIN", "F. 1:1(0) ack 3001 win 0 <dss dack8=P+3001>")
	b.inject("F. 3001:3001(0) ack 2 win 0 <dss dack8=O+1>")
	b.want("nor the peer's", ". 2:2(0) ack 3002 <dss dack8=P+3001>")
}

// The opener joins as soon as it has a DSS of ours; ours of it may be a delayed ACK away.
// Its data in MP_CAPABLE has told that the options pass.
func TestJoinBehindCapableWithData(t *testing.T) { // R3.1-21
	b := accepted(t)
	b.write("x")
	b.want("a DSS for the opener", "P. 1:2(1) ack 4 <dss dack8=P+3 dsn8=O+0 ssn=1 dll=1>")
	first := b.remote
	b.remote = addPort(first, 1)
	b.inject(fmt.Sprintf("S 0:0(0) <mss 1460, mp_join syn id=1 token=%08x nonce=00000001>", uint32(b.conn.Token())))
	b.want("the join is taken", "S. 0:0(0) ack 1 <mp_join synack id=0>")
}

// Linux joins when it has a DSS, and its SYN comes before any DSS of its own.
func TestJoinBeforeAnyDSSOfThePeer(t *testing.T) { // R3.1-21
	b := newBench(t, false)
	b.inject("S 0:0(0) <mss 1460, mp_capable v1 H>")
	b.want("SYN/ACK", "S. 0:0(0) ack 1 <mp_capable v1 key=KO>")
	b.inject(". 1:1(0) ack 1 <mp_capable v1 H key=KP+KO>")
	b.write("x")
	b.want("a DSS for the opener", "P. 1:2(1) ack 1 <dss dsn8=O+0 ssn=1 dll=1>")
	b.remote = addPort(b.remote, 1)
	b.inject(fmt.Sprintf("S 0:0(0) <mss 1460, mp_join syn id=1 token=%08x nonce=00000001>", uint32(b.conn.Token())))
	b.want("the join is taken", "S. 0:0(0) ack 1 <mp_join synack id=0>")
}

// A window that became smaller is no news to Linux unless the segment that says so
// acknowledges or carries something new on its own subflow; the DATA_ACK beside it is. So
// the kernel may send up to a whole window behind the DATA_ACK although part of that is
// taken by what was not read yet.
func TestWindowOverrunFromAnotherSubflow(t *testing.T) {
	b := proven(t)
	l := newLane("10.0.0.2:80", "10.0.1.1:40001")
	b.join(l, 1)
	data := make([]byte, 20000)
	for i := range 3 {
		off := 6 + i*len(data)
		b.inDSS(uint32(off+1), 1, wire.DSS{Flags: wire.DSSMap | wire.DSSMap8, DSN: b.conn.peer.space.DSN(uint64(off)),
			SSN: uint32(off + 1), DataLen: uint16(len(data))}, data)
	}
	b.drain()
	next := uint64(6 + 3*len(data))
	if n, _ := b.conn.Readable(); n != 3*len(data) || b.conn.rcv.next != next {
		t.Fatal(n, b.conn.rcv.next)
	}
	beyond := next + 65535 - uint64(len(data))
	b.on(l, func() {
		b.inDSS(1, 1, wire.DSS{Flags: wire.DSSMap | wire.DSSMap8, DSN: b.conn.peer.space.DSN(beyond), SSN: 1,
			DataLen: uint16(len(data))}, data)
		b.want("acknowledged on its subflow, because it is kept", ". 1:1(0) ack 20001 <dss>")
	})
	if s := &b.ep.stats; s.RcvPruned != 0 || s.NoDSSInWindow != 0 || b.conn.rcv.buf.Buffered() != 4*len(data) {
		t.Error(s.RcvPruned, s.NoDSSInWindow, b.conn.rcv.buf.Buffered())
	}
}
