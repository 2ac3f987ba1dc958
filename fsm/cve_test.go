package fsm

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/fsm/pathmgr"
	"github.com/mptcp-go/mptcp/wire"
)

// Regressions for what went wrong in other implementations, named by CVE. Others are
// where their subject is; this file has those that fit nowhere else.

// CVE-2021-47152: what Write takes is copied; the caller may do with its buffer what it
// likes. CVE-2024-26782: connections that one listener accepted share nothing.
func TestCVEBuffersAreOwned(t *testing.T) {
	d := newCrowd(t, 2)
	want := [2][]byte{stream(5000, 1), stream(5000, 2)}
	for i := range 2 {
		p := bytes.Clone(want[i])
		if n, err := d.conn[1][i].Write(d.now, p); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
		clear(p)
	}
	d.run()
	for i, c := range d.conn[0] {
		p := make([]byte, 10_000)
		if n, err := c.Read(d.now, p); err != nil || !bytes.Equal(p[:n], want[i]) {
			t.Errorf("connection %d read %d octets, %v", i, n, err)
		}
	}
	d.conn[1][0].Abort(d.now)
	if d.conn[1][1].State() != Established || d.conn[1][0].Token() == d.conn[1][1].Token() {
		t.Error("one's end touched the other")
	}
}

// CVE-2021-47593, CVE-2024-40931, CVE-2025-71126: a fallback, also one found out by the
// data-level timer itself, leaves nothing of Multipath TCP armed or queued, and the timers
// that were armed before do nothing.
func TestCVEStateAfterFallback(t *testing.T) {
	for _, how := range []string{"strip mptcp after=20000B", "strip mptcp after=20000B dir=s2c", "strip dss after=3whs", "strip mptcp on=synack"} {
		w := newWorld(t, 81, testConfig(1), testConfig(2), how, "link delay=10ms rate=10Mbit")
		audit := func(c *Conn) error {
			if c == nil || c.mode != plain || len(c.subflows) == 0 {
				return nil
			}
			for _, k := range []timer{timerResend, timerPersist, timerSignal, timerJoin, timerAsk, timerLonely, timerRejoin} {
				if c.timers.armed(k) && k != timerPersist {
					return fmt.Errorf("timer %d is armed after a fallback", k)
				}
			}
			if len(c.snd.again) != 0 || len(c.signals) != 0 || len(c.rcv.pending) != 0 || len(c.halfJoins) != 0 || c.ep.tokens[c.own.token] == c {
				return fmt.Errorf("after a fallback: %d to be repeated, %d signals, %d pending, %d joins", len(c.snd.again), len(c.signals), len(c.rcv.pending), len(c.halfJoins))
			}
			return nil
		}
		check := w.w.Check
		w.w.Check = func() error {
			for _, a := range w.app {
				if err := audit(a.conn); err != nil {
					return err
				}
			}
			return check()
		}
		w.transfer(100_000, 60_000, time.Minute)
		if w.app[0].conn.Multipath() || w.app[1].conn.Multipath() {
			t.Errorf("%s: no fallback", how)
		}
		w.idle()
	}
}

// CVE-2021-47594: withdrawing an address does nothing to who listens there.
func TestCVERemoveAddrKeepsListeners(t *testing.T) {
	b := proven(t)
	l := newLane("10.3.3.3:80", "10.7.7.7:5000")
	b.join(l, 7)
	b.drain()
	if err := b.conn.RemoveAddr(b.now, b.local.Addr()); err != nil {
		t.Fatal(err)
	}
	b.drain()
	seg := wire.Segment{Src: addPort(b.remote, 9), Dst: b.local, Seq: 5, Flags: wire.SYN, Window: 1000}
	b.ep.HandleSegment(b.now, &seg)
	var out wire.Segment
	if !b.poll(&out) || out.Flags != wire.SYN|wire.ACK {
		t.Error("the listener is gone:", out.Flags)
	}
}

// CVE-2022-48906, R3.3.3-11: ten thousand DATA_FINs that nobody answers: the interval
// grows to its bound and stays there. The peer's stream goes on meanwhile, so that the
// connection is not given up (TestDataFinNeverAcknowledged).
func TestCVEDataFinNeverAcknowledged(t *testing.T) {
	b := proven(t)
	b.join(newLane("10.0.0.2:80", "10.7.7.7:5000"), 7) // not the only one: no fallback
	b.drain()
	b.conn.CloseWrite(b.now)
	b.drain()
	last := b.now
	for range 10_000 {
		d := b.ep.Deadline()
		if d.IsZero() || d.Sub(last) > maxInterval || d.Before(last) {
			t.Fatal("the next is due in", d.Sub(last))
		}
		b.now, last = d, d
		b.conn.rcv.grewAt = nanos(b.now)
		b.ep.HandleTimer(b.now)
		if b.flush() == 0 && d.Sub(last) > 0 {
			t.Fatal("nothing was sent")
		}
	}
	if s := b.conn.State(); s != FinWait1 {
		t.Error(s)
	}
}

// CVE-2022-49669, CVE-2023-53088, CVE-2023-53072: a listener that is closed at every step
// of a handshake leaves neither half-open connections nor tokens, whatever comes then.
func TestCVEListenerClosed(t *testing.T) {
	for step := range 4 {
		b := newBench(t, false)
		for i, text := range []string{"S 0:0(0) <mss 1460, mp_capable v1 H>", ". 1:1(0) ack 1 <mp_capable v1 H key=KP+KO>",
			"P. 1:4(3) ack 1 <mp_capable v1 H key=KP+KO dll=3>"} {
			if i == step {
				b.listener.Close(b.now)
			}
			text = b.text(text)
			seg, err := wire.ParseText(text)
			if err != nil {
				t.Fatal(err)
			}
			s := seg.Segment
			s.Src, s.Dst, s.Window = b.remote, b.local, 65535
			s.Seq += b.peerISN
			if seg.HasAck {
				s.Ack += b.ourISN
			}
			s.Payload = make([]byte, seg.PayloadLen)
			b.ep.HandleSegment(b.now, &s)
			b.drain()
		}
		b.listener.Close(b.now)
		b.drain()
		for range 100 {
			d := b.ep.Deadline()
			if d.IsZero() {
				break
			}
			b.now = d
			b.ep.HandleTimer(d)
			b.flush()
		}
		if b.ep.known() != 0 || b.ep.embryos.n != 0 || b.ep.subflows.n != 0 || b.ep.stats.MPCurrEstab != 0 {
			t.Errorf("step %d: %d tokens, %d half-open, %d subflows, %d established", step, b.ep.known(), b.ep.embryos.n, b.ep.subflows.n, b.ep.stats.MPCurrEstab)
		}
	}
}

// CVE-2022-50070, CVE-2026-68170: what comes on a subflow behind its end is dropped and
// counted; what came before can be read when the subflow is gone.
func TestCVEDataOnAClosedSubflow(t *testing.T) {
	b := proven(t)
	l := newLane("10.0.0.2:80", "10.7.7.7:5000")
	b.join(l, 7)
	b.on(l, func() {
		b.inject("P. 1:4(3) ack 1 <dss dsn8=P+6 ssn=1 dll=3>")
		b.inject("F. 4:4(0) ack 1 <dss dack8=O+0>")
		b.inject("P. 5:8(3) ack 1 <dss dsn8=P+9 ssn=5 dll=3>")
	})
	b.drain()
	b.on(l, func() { b.inject("R. 5:5(0) ack 1") })
	b.on(l, func() { b.inject("P. 5:8(3) ack 1 <dss dsn8=P+9 ssn=5 dll=3>") })
	b.drain()
	b.read("abc")
	if n := b.conn.Info().Received; n != 9 {
		t.Error(n, "octets received: some came behind a FIN")
	}
	b.inject("P. 7:10(3) ack 1 <dss dsn8=P+9 ssn=7 dll=3>")
	b.read("ghi")
}

// CVE-2022-50071, CVE-2022-50783: joins that fail in every way leave nothing, with IPv4 and
// IPv6 alike.
func TestCVEFailedJoinsLeaveNothing(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		b := proven(t)
		local, remote := "10.0.0.2:80", "10.7.7.7:5000"
		if v6 {
			local, remote = "[2001:db8::2]:80", "[2001:db8::7]:5000"
		}
		for i := range 2000 {
			l := newLane(local, remote)
			l.remote = addPort(l.remote, i)
			m, ok := b.synJoin(l, 7, uint32(i))
			if !ok {
				t.Fatal("not answered")
			}
			proof := wire.MPJoin{Form: wire.JoinACK, HMAC: wire.JoinHMAC160(b.version, b.peerKey, b.conn.own.key, uint32(i), m.Nonce)}
			b.on(l, func() {
				switch i % 5 {
				case 0:
					proof.HMAC[0] ^= 1
				case 1:
					b.inOpts(wire.RST, 1, 0, nil)
				case 2:
					b.inOpts(wire.ACK, 1, 1, nil)
				case 3:
					b.inOpts(wire.SYN|wire.ACK, 0, 1, nil)
				}
				if i%5 != 4 {
					o, _ := proof.Append(nil)
					if i%5 == 0 {
						b.inOpts(wire.ACK, 1, 1, o)
					}
				}
			})
			b.flush()
		}
		for range 50 {
			d := b.ep.Deadline()
			if d.IsZero() {
				break
			}
			b.now = d
			b.ep.HandleTimer(d)
			b.flush()
		}
		if b.ep.joins.n != 0 || len(b.conn.halfJoins) != 0 || len(b.conn.subflows) != 1 || b.ep.subflows.n != 1 {
			t.Errorf("v6 %v: %d half-open joins, %d in the books, %d subflows", v6, b.ep.joins.n, len(b.conn.halfJoins), b.ep.subflows.n)
		}
		if err := b.conn.Announce(b.now, netip.MustParseAddrPort("10.8.8.8:0")); err != nil {
			t.Error(err)
		}
	}
}

// CVE-2021-47370, CVE-2023-52778, CVE-2024-50083: whatever the size of writes, of segments
// that the link cuts, and of the path, changed in the middle: no data leaves without a
// mapping that covers it, and no mapping is longer than its field.
func TestCVEMappingsCoverSegments(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 12))
		b := proven(t, func(c *Config) { c.SendBuffer = 4 << 20; c.TCP.NoWindowScale = true })
		b.ep.HandlePath(b.now, Path{ID: 1, Local: b.local.Addr(), MTU: 1500, Max: []int{0, 65535, 1 << 20}[r.IntN(3)], Up: true})
		sent, acked := uint64(0), uint64(0)
		for range 300 {
			b.conn.Write(b.now, make([]byte, 1+r.IntN(1<<r.IntN(21))))
			if r.IntN(10) == 0 && acked > 0 {
				icmp := wire.ICMP{Src: b.local, Dst: b.remote, Kind: wire.ICMPTooBig, MTU: uint32(600 + r.IntN(900)), Seq: b.ourISN + 1 + uint32(acked)}
				b.ep.HandleICMP(b.now, &icmp)
			}
			if r.IntN(100) == 0 {
				b.conn.CloseWrite(b.now)
			}
			var seg wire.Segment
			for b.poll(&seg) {
				if len(seg.Payload) == 0 {
					continue
				}
				var o options
				o.parse(seg.Options, wire.V1)
				off := uint64(seg.Seq - b.ourISN - 1)
				n := uint64(o.dss.DataLen)
				if o.dss.Flags.Has(wire.DSSFin) {
					n--
				}
				lo := uint64(o.dss.SSN) - 1
				if !o.hasDSS || !o.dss.Flags.Has(wire.DSSMap) || off < lo || off+uint64(len(seg.Payload)) > lo+n {
					t.Fatalf("seed %d: octets [%d, %d) under %+v", seed, off, off+uint64(len(seg.Payload)), o.dss)
				}
				sent = max(sent, off+uint64(len(seg.Payload)))
			}
			if r.IntN(4) > 0 {
				acked = sent
				d := wire.DSS{Flags: wire.DSSAck | wire.DSSAck8, DataAck: b.conn.own.space.DSN(min(b.conn.snd.next, acked))}
				b.inDSS(7, 1+uint32(acked), d, nil)
			} else if d := b.ep.Deadline(); !d.IsZero() {
				b.now = d
				b.ep.HandleTimer(d)
			}
		}
		if sent == 0 {
			t.Error("nothing was sent")
		}
	}
}

// CVE-2023-54176, CVE-2025-68291: MP_FASTCLOSE in every state, from either side, then all
// timers: nothing is sent behind the RSTs, and nothing is left.
func TestCVEFastcloseInEveryState(t *testing.T) {
	for s := Opening; s <= Closed; s++ {
		for _, peer := range []bool{false, true} {
			b := reach(t, s)
			if peer {
				o, _ := wire.MPFastclose{Key: b.conn.own.key}.Append(nil)
				p := b.place()
				b.inOpts(wire.RST|wire.ACK, uint32(p.seq), uint32(p.ack), o)
				b.inOpts(wire.ACK, uint32(p.seq), uint32(p.ack), o)
			}
			b.conn.Abort(b.now)
			b.flush()
			for range 50 {
				d := b.ep.Deadline()
				if d.IsZero() {
					break
				}
				b.now = d
				b.ep.HandleTimer(d)
				b.flush()
			}
			if b.conn.State() != Closed || b.ep.subflows.n != 0 || b.ep.known() != 0 {
				t.Errorf("%v, by the peer %v: %v, %d subflows, %d tokens", s, peer, b.conn.State(), b.ep.subflows.n, b.ep.known())
			}
			if b.ep.stats.MPCurrEstab != 0 {
				t.Errorf("%v: MPCurrEstab is %d", s, b.ep.stats.MPCurrEstab)
			}
		}
	}
}

// CVE-2024-26708, CVE-2024-53122: calls about paths and addresses before there is anything
// to apply them to: the path of a SYN with data behind it goes and comes, a join has not
// been answered when the buffers adapt.
func TestCVEPathsTooEarly(t *testing.T) {
	b := newBench(t, true, mesh)
	b.ep.HandlePath(b.now, Path{ID: 1, Local: b.local.Addr(), Up: true})
	b.write("hello")
	if b.conn.RemoveAddr(b.now, b.local.Addr()) == nil || b.conn.Announce(b.now, b.local) == nil || b.conn.Join(b.now, b.local, b.remote, false) == nil {
		t.Error("a call was allowed before there is a connection")
	}
	b.conn.SetBackup(b.now, b.local.Addr(), true)
	b.ep.HandlePath(b.now, Path{ID: 1, Local: b.local.Addr()})
	b.ep.HandlePath(b.now, Path{ID: 1, Local: b.local.Addr(), Up: true})
	b.want("the SYN", "S 0:0(0) <mp_capable v1>")
	b.inject("S. 0:0(0) ack 1 <mss 1460, mp_capable v1 H key=KP>")
	b.want("the third ACK", ". 1:1(0) ack 1 <mp_capable v1>")
	b.want("and the data", "P. 1:6(5) ack 1 <mp_capable v1 H key=KO+KP dll=5>")

	w := newWorld(t, 82, testConfig(1, mesh, func(c *Config) { c.Autotune = true }), testConfig(2, func(c *Config) { c.Autotune = true }), "link delay=10ms rate=10Mbit")
	w.addPath("drop on=synack", "link delay=10ms rate=10Mbit") // joins are never answered
	w.transfer(500_000, 500_000, time.Minute)
	if w.ep[0].stats.MPJoinSynTx == 0 {
		t.Error("no join was tried")
	}
	w.idle()
}

// CVE-2024-26826: a subflow that goes stale with everything on it: every octet is repeated
// on another.
func TestCVEStaleWithAllDataOnIt(t *testing.T) {
	b := proven(t)
	data := stream(20_000, 3)
	b.conn.Write(b.now, data) // ten segments leave on the only subflow, and are lost
	b.drain()
	first := b.conn.subflows[0].flow.Sent()
	l := newLane("10.0.0.2:80", "10.7.7.7:5000")
	b.join(l, 7)
	got, have := make([]byte, first), make([]bool, first)
	acked := uint32(0)
	for range 400 {
		var seg wire.Segment
		for b.poll(&seg) {
			if seg.Dst != l.remote || len(seg.Payload) == 0 {
				continue
			}
			var o options
			o.parse(seg.Options, wire.V1)
			for i, v := range seg.Payload {
				if off := o.dss.DSN - b.conn.own.space.DSN(0) + uint64(i); off < first {
					got[off], have[off] = v, true
				}
			}
			acked = max(acked, seg.Seq-l.ourISN-1+uint32(len(seg.Payload)))
		}
		// The lane acknowledges what it got, and the data as far as it is whole.
		whole := uint64(0)
		for whole < first && have[whole] {
			whole++
		}
		if whole == first {
			break
		}
		b.on(l, func() {
			b.inDSS(1, 1+acked, wire.DSS{Flags: wire.DSSAck | wire.DSSAck8, DataAck: b.conn.own.space.DSN(whole)}, nil)
		})
		if d := b.ep.Deadline(); !d.IsZero() && !b.peek() {
			b.now = d
			b.ep.HandleTimer(d)
		}
	}
	if !bytes.Equal(got, data[:first]) || first == 0 {
		t.Errorf("of %d octets not all came over the other subflow, or not as they were", first)
	}
}

// CVE-2024-35840: a SYN/ACK whose MP_JOIN has the length of another of its forms is no
// answer to a join (R3.2-20): no field of it is used.
func TestCVEJoinAnswerOfAnotherForm(t *testing.T) {
	for _, form := range []wire.MPJoin{{Form: wire.JoinSYN, ID: 3, Token: 1, Nonce: 77}, {Form: wire.JoinACK}} {
		b := proven(t)
		l := newLane("10.0.0.2:1000", "10.7.7.7:5000")
		if err := b.conn.Join(b.now, l.local, l.remote, false); err != nil {
			t.Fatal(err)
		}
		var seg wire.Segment
		b.poll(&seg)
		l.ourISN = seg.Seq
		b.on(l, func() {
			o, _ := form.Append(nil)
			b.inOpts(wire.SYN|wire.ACK, 0, 1, o)
			b.want("refused", "R. <mp_tcprst reason=1>")
		})
		if b.conn.Info().SubflowsUp != 1 {
			t.Error("it is up")
		}
	}
}

// CVE-2024-36889: DATA_ACKs before the key they are counted from is known, and before any
// data.
func TestCVEDataAckTooEarly(t *testing.T) {
	b := newBench(t, true)
	b.want("SYN", "S 0:0(0) <mp_capable v1>")
	for _, n := range []uint64{0, 1, 1 << 31, 1 << 63, 1<<64 - 1} {
		b.inDSS(0, 1, wire.DSS{Flags: wire.DSSAck | wire.DSSAck8, DataAck: n}, nil)
	}
	b.drain()
	b = newBench(t, true)
	b.want("SYN", "S 0:0(0) <mp_capable v1>")
	b.inject("S. 0:0(0) ack 1 <mss 1460, mp_capable v1 H key=KP>")
	b.drain()
	own := b.conn.own.space
	for _, n := range []uint64{1, 2, 1 << 31, 1 << 62} {
		b.inDSS(1, 1, wire.DSS{Flags: wire.DSSAck | wire.DSSAck8, DataAck: own.DSN(n)}, nil)
	}
	b.write("hello")
	b.drain()
	if i := b.conn.Info(); i.Acked != 0 || i.Sent != 5 {
		t.Errorf("%+v", i)
	}
	b.inDSS(1, 6, wire.DSS{Flags: wire.DSSAck | wire.DSSAck8, DataAck: own.DSN(5)}, nil)
	if b.conn.Info().Acked != 5 {
		t.Error("and then not the right one")
	}
}

// CVE-2024-53123: the connection ends while there is something to read: it is read, and
// then the end is told, every time it is asked for.
func TestCVEEndWhileReading(t *testing.T) {
	b := proven(t)
	b.inject("P. 7:10(3) ack 1 <dss dsn8=P+6 ssn=7 dll=3>")
	var p [2]byte
	b.conn.Read(b.now, p[:])
	o, _ := wire.MPFastclose{Key: b.conn.own.key}.Append(nil)
	b.inOpts(wire.RST|wire.ACK, 10, 1, o)
	if n, err := b.conn.Read(b.now, p[:]); n != 1 || err != nil {
		t.Error(n, err)
	}
	for range 3 {
		if n, err := b.conn.Read(b.now, p[:]); n != 0 || err == nil || err == io.EOF {
			t.Error(n, err)
		}
	}
	if n, err := b.conn.Write(b.now, p[:]); n != 0 || err == nil {
		t.Error(n, err)
	}
}

// CVE-2025-21705, CVE-2025-71144: after an abort, and after a fallback, the same addresses
// make a connection that knows nothing of the one before.
func TestCVESameAddressesAgain(t *testing.T) {
	b := newBench(t, true)
	b.write("hello")
	b.want("SYN", "S 0:0(0) <mp_capable v1>")
	first := b.conn.own.key
	b.conn.Abort(b.now)
	b.flush()
	for _, fallback := range []bool{true, false} {
		var err error
		if b.conn, err = b.ep.Dial(b.now, b.local, b.remote); err != nil {
			t.Fatal(err)
		}
		b.want("SYN", "S 0:0(0) <mp_capable v1>")
		if b.conn.own.key == first || b.conn.Info().Written != 0 {
			t.Error("the key, or the data, of the one before")
		}
		if fallback {
			b.inject("S. 0:0(0) ack 1 <mss 1460>")
			b.write("x")
			b.drain()
			b.conn.Abort(b.now)
			b.flush()
			continue
		}
		b.inject("S. 0:0(0) ack 1 <mss 1460, mp_capable v1 H key=KP>")
		b.want("third ACK", ". 1:1(0) ack 1 <mp_capable v1 key=KO+KP>")
		b.wantIdle("no data of the first")
	}
}

// CVE-2025-21706: what makes no sense in a configuration is refused with the field's name.
func TestCVEConfigIsChecked(t *testing.T) {
	for _, change := range []func(*Config){
		func(c *Config) { c.MaxSubflows = 33 }, func(c *Config) { c.MaxSubflows = -1 }, func(c *Config) { c.MaxHalfJoins = -1 },
		func(c *Config) { c.MaxHalfJoinsAll = -1 }, func(c *Config) { c.MaxRemoteAddrs = 256 }, func(c *Config) { c.AddAddrTries = -1 },
		func(c *Config) { c.StaleAfter = -1 }, func(c *Config) { c.Versions = 9 }, func(c *Config) { c.Rand = nil },
		func(c *Config) { c.ReceiveBuffer = -5 }, func(c *Config) { c.MaxMappings = 1 },
	} {
		cfg := testConfig(1, change)
		if _, err := NewEndpoint(cfg); err == nil {
			t.Errorf("accepted: %+v", cfg)
		} else if e, ok := err.(*LocalError); !ok || e.Reason != BadConfig || e.What == "" {
			t.Error(err)
		}
	}
}

// CVE-2025-38491, CVE-2025-38552: a fallback at every step of a join, and a join at every
// step of a fallback: never are there two subflows in plain TCP, and none that is
// Multipath TCP behind it.
func TestCVEFallbackAndJoin(t *testing.T) {
	type act func(b *bench, l *lane, m *wire.MPJoin)
	fall := map[string]act{
		"infinite mapping": func(b *bench, l *lane, m *wire.MPJoin) {
			b.inject("P. 7:10(3) ack 1 <dss dsn8=P+6 ssn=7 dll=0>")
		},
		"MP_FAIL": func(b *bench, l *lane, m *wire.MPJoin) {
			o, _ := wire.MPFail{DSN: b.conn.own.space.DSN(0)}.Append(nil)
			b.inOpts(wire.ACK, 7, 1, o)
		},
	}
	steps := []act{
		func(b *bench, l *lane, m *wire.MPJoin) { *m, _ = b.synJoin(l, 7, 1) },
		func(b *bench, l *lane, m *wire.MPJoin) {
			o, _ := wire.MPJoin{Form: wire.JoinACK, HMAC: wire.JoinHMAC160(b.version, b.peerKey, b.conn.own.key, 1, m.Nonce)}.Append(nil)
			b.on(l, func() { b.inOpts(wire.ACK, 1, 1, o) })
		},
		func(b *bench, l *lane, m *wire.MPJoin) {
			b.on(l, func() { b.inject("P. 1:4(3) ack 1 <dss dsn8=P+6 ssn=1 dll=3>") })
		},
	}
	for name, f := range fall {
		for at := range len(steps) + 1 {
			for _, drain := range []bool{false, true} {
				b, l, m := proven(t), newLane("10.0.0.2:80", "10.7.7.7:5000"), wire.MPJoin{}
				for i := range len(steps) + 1 {
					if i == at {
						f(b, l, &m)
						if drain {
							b.drain()
						}
					}
					if i < len(steps) {
						steps[i](b, l, &m)
						if drain {
							b.drain()
						}
					}
					up := 0
					for _, s := range b.conn.subflows {
						if s.up && !s.doomed {
							up++
						}
					}
					if !b.conn.Multipath() && (up > 1 || b.ep.joins.n > 0) {
						t.Fatalf("%s before step %d, after step %d: %d subflows in plain TCP, %d joins", name, at, i, up, b.ep.joins.n)
					}
				}
				b.drain()
			}
		}
	}
}

// CVE-2026-53183, CVE-2026-63867, R3.3.4-01, R3.3.2-04: on each segment that leaves, on
// whatever subflow, the window beside a DATA_ACK is of the same moment: the right edge they
// make never moves back, also while octets lie out of order at the data level.
func TestCVEWindowAndDataAckAreOne(t *testing.T) {
	for seed := range uint64(10) {
		set := func(c *Config) { c.ReceiveBuffer = 30_000 + 5000*int(seed); c.PathManager = diffPorts(3) }
		w := newWorld(t, 90+seed, testConfig(1, set), testConfig(2, set), "link delay=20ms rate=5Mbit buffer=50ms loss=2% reorder=10%")
		r := rand.New(rand.NewPCG(seed, 1))
		edge, scale, n := uint64(0), map[string]uint8{}, 0
		w.path.Insert(len(w.path.Elements()), netsim.NewTap(func(_ time.Time, dir netsim.Dir, pkt []byte) {
			var seg wire.Segment
			c := w.app[1].conn
			if dir != netsim.Reverse || wire.Parse(&seg, pkt) != nil || seg.Flags.Has(wire.RST) {
				return
			}
			if seg.Flags.Has(wire.SYN) {
				if o, ok := seg.Options.Find(wire.KindWindowScale); ok {
					scale[seg.Dst.String()], _ = wire.ParseWindowScale(o)
				}
				return
			}
			var o options
			o.parse(seg.Options, wire.V1)
			if c == nil || !o.hasDSS || !o.dss.Flags.Has(wire.DSSAck) || c.rcv.finDone {
				return
			}
			a, ok := c.peer.space.Off(o.dss.DataAck)
			if !o.dss.Flags.Has(wire.DSSAck8) {
				a, ok = c.peer.space.Off32(c.rcv.next, uint32(o.dss.DataAck))
			}
			if !ok {
				t.Errorf("DATA_ACK %x", o.dss.DataAck)
				return
			}
			n++
			if at := a + uint64(seg.Window)<<scale[seg.Dst.String()]; at < edge {
				t.Errorf("seed %d: the edge moved back from %d to %d", seed, edge, at)
			} else {
				edge = at
			}
		}))
		// A reader that dawdles, but takes what is left when nothing more comes to wake it.
		w.app[1].more = func(time.Time) { w.app[1].hold = r.IntN(3) > 0 && !w.app[1].conn.rcv.finDone }
		w.transfer(300_000, 0, 10*time.Minute)
		if n < 100 {
			t.Error(n, "segments looked at")
		}
	}
}

func diffPorts(n int) func() pathmgr.Manager {
	return func() pathmgr.Manager { return pathmgr.NewDiffPorts(n) }
}
