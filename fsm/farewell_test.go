package fsm

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

// A RST may be lost, and its subflow live on at the peer, which then sends the same data there
// and on the next one, as it likes: here three octets with their mapping, and the same once
// more without, since the path has begun to remove options. They must not be taken for the
// stream going on. Where the peer has shown that it knows the end of the subflow before the
// next came up, what follows the last mapping is what follows in the stream. Invariant 1,
// R3.7-12.
func TestNoFallbackBesideALostReset(t *testing.T) {
	for _, heard := range []bool{true, false} {
		b := proven(t)
		first, second, third := &lane{b.local, b.remote, b.ourISN, b.peerISN}, newLane("10.0.9.2:80", "10.0.9.1:40002"), newLane("10.0.9.2:80", "10.0.9.1:40003")
		b.join(second, 2)
		if err := b.conn.ResetSubflow(b.now, first.local, first.remote, wire.ResetUnacceptable); err != nil {
			t.Fatal(err)
		}
		b.want("the first is reset, and the RST lost", "R. 1:1(0) ack 7 <mp_tcprst>")
		b.on(second, func() {
			b.inject("R 1:1(0) <mp_tcprst reason=4>") // its own word; of a RST without it may be a box's
		})
		b.want("does the peer know?", ". 1:1(0) ack 7")
		if heard {
			b.inject("R 7:7(0)")
		} else {
			b.inject(". 7:7(0) ack 1 <dss dack8=O+0>")
			b.want("another RST, which is lost, too", "R 1:1(0)")
		}
		b.join(third, 2)
		b.on(third, func() {
			b.inject("P. 1:4(3) ack 1 <dss dsn8=P+6 ssn=1 dll=3>")
			for range 8 {
				b.inject("P. 4:7(3) ack 1")
				b.drain()
				b.wait(time.Second)
				b.drain()
			}
		})
		var p [100]byte
		n, err := b.conn.Read(b.now, p[:])
		if want := map[bool]string{true: "abcdef", false: "abc"}[heard]; string(p[:n]) != want || err == io.EOF {
			t.Errorf("heard=%v: %q, %v, want %q", heard, p[:n], err, want)
		}
		if b.conn.Multipath() == heard {
			t.Errorf("heard=%v: Multipath TCP is %v", heard, b.conn.Multipath())
		}
	}
}

// A join between the same ports tells as much: a host that still had the old subflow would not
// have answered its SYN, or sent it.
func TestFarewellBySamePorts(t *testing.T) {
	b := proven(t)
	second := newLane("10.0.9.2:80", "10.0.9.1:40002")
	b.join(second, 2)
	b.on(second, func() {
		if err := b.conn.ResetSubflow(b.now, b.local, b.remote, wire.ResetUnacceptable); err != nil {
			t.Fatal(err)
		}
	})
	b.drain()
	if len(b.conn.farewells) != 1 {
		t.Fatal(b.conn.farewells)
	}
	second.peerISN += 1 << 20
	b.join(second, 2)
	if len(b.conn.farewells) != 0 || len(b.ep.farewells) != 0 {
		t.Error(b.conn.farewells)
	}
}

// partGood has the peer, whose last subflow a bare RST has ended, answer the question that
// follows as a host does that knows nothing of it any more.
func (b *bench) partGood() {
	b.t.Helper()
	var seg wire.Segment
	if !b.poll(&seg) || seg.Flags != wire.ACK || len(seg.Payload) > 0 || len(seg.Options) > 0 || len(b.conn.farewells) != 1 {
		b.t.Fatalf("no question whether the peer knows: %s", wire.AppendText(nil, &seg, wire.TextBase{Seq: b.ourISN, Ack: b.peerISN}))
	}
	b.ep.HandleSegment(b.now, &wire.Segment{Src: seg.Dst, Dst: seg.Src, Seq: seg.Ack, Flags: wire.RST})
	if len(b.conn.farewells) != 0 {
		b.t.Fatal("the answer was not taken")
	}
}

// R3.7-10: an end whose acknowledgments have lost their options becomes TCP on a join on which
// the peer has sent nothing, and of which it is not known from where on it would. The
// infinite mapping tells; octets without it belong nowhere.
func TestFallbackOnAQuietJoin(t *testing.T) {
	for _, k := range []struct{ option, want string }{{" <dss dsn8=P+6 ssn=1 dll=0>", "abc"}, {" <dss dsn8=P+3 ssn=1 dll=0>", ""}, {" <dss dsn8=P+7 ssn=1 dll=0>", ""}, {"", ""}} {
		b := proven(t)
		l := newLane("10.0.9.2:80", "10.0.9.1:40002")
		b.inject("R 7:7(0) <mp_tcprst reason=4>")
		b.join(l, 2)
		b.on(l, func() {
			b.write("xyz")
			b.want("data", "P. 1:4(3) ack 1 <dss dsn8=O+0 ssn=1 dll=3>")
			b.inject(". 1:1(0) ack 4 <dss dack8=O+3>")
			for i := 0; b.conn.Multipath() && i < 20; i++ {
				b.write("xyz")
				b.drain()
				b.inject(fmt.Sprintf(". 1:1(0) ack %d", 7+3*i))
				b.wait(300 * time.Millisecond)
				b.drain()
			}
			if b.conn.Multipath() || len(b.conn.subflows) != 1 {
				t.Fatal("it did not fall back")
			}
			b.inject("P. 1:4(3) ack 4" + k.option)
		})
		var p [100]byte
		n, err := b.conn.Read(b.now, p[:])
		alive := b.conn.subflows[0].flow.State() == tcp.Established
		if string(p[:n]) != k.want || err == io.EOF || alive != (k.want != "" || k.option == " <dss dsn8=P+3 ssn=1 dll=0>") {
			t.Errorf("%q: %q, %v, open: %v", k.option, p[:n], err, alive)
		}
	}
}
