package fsm

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/wire"
)

// More regressions named by CVE, all about several paths and what is counted.

// books counts anew what c keeps count of.
func books(c *Conn) error {
	b := &c.snd.buf
	strays, inUse := 0, 0
	for _, k := range b.strays {
		strays += len(k.b)
	}
	for _, k := range b.blocks {
		inUse += k.n
	}
	i := c.Info()
	switch held := b.end - b.first; {
	case strays != b.strayOctets:
		return fmt.Errorf("%d octets set aside, counted %d", strays, b.strayOctets)
	case len(b.blocks) > 0 && uint64(inUse) != held, len(b.blocks) == 0 && b.start != b.end:
		return fmt.Errorf("blocks hold %d octets of %d to %d, from %d on", inUse, b.start, b.end, b.first)
	case b.start > c.snd.una && c.mode == multi, c.snd.una > c.snd.next, c.snd.next > b.end:
		return fmt.Errorf("freed to %d, acknowledged to %d, sent to %d, written to %d", b.start, c.snd.una, c.snd.next, b.end)
	case i.Written != b.end || i.Sent != c.snd.next || i.Acked != c.snd.una:
		return fmt.Errorf("told %+v, is %d %d %d", i, b.end, c.snd.next, c.snd.una)
	}
	octets := int(c.rcv.buf.Edge() - c.rcv.buf.Offset())
	for from, to := range c.rcv.buf.Ranges().Beyond() {
		octets += int(to - from)
	}
	if octets != c.rcv.buf.Buffered() || i.ReceiveMemory != octets || i.SendMemory != b.len() {
		return fmt.Errorf("%d octets received and not read, counted %d; told %+v", octets, c.rcv.buf.Buffered(), i)
	}
	return nil
}

// CVE-2021-47132: what is kept is what is counted, after every step, also where data is
// repeated at the data level, set aside for a slow subflow, and freed by subflows that die.
func TestCVEOctetsAreCounted(t *testing.T) {
	var strays, repeated uint64
	for seed := range uint64(12) {
		set := func(c *Config) {
			c.SendBuffer, c.ReceiveBuffer = 150_000, 150_000
			c.Autotune = seed%3 == 0
		}
		m := newManyPaths(t, 300+seed, testConfig(1, set, mesh), testConfig(2, set), []string{"link delay=5ms rate=8Mbit buffer=50ms loss=1%"},
			[]string{"link delay=80ms rate=300kbit buffer=1s loss=2%"})
		check := m.w.Check
		m.w.Check = func() error {
			for _, a := range m.app {
				if a.conn == nil {
					continue
				}
				if err := books(a.conn); err != nil {
					return err
				}
				strays += uint64(a.conn.snd.buf.strayOctets)
			}
			return check()
		}
		m.w.At(time.Second, func() { cut(m.paths[seed%2], true) })
		m.w.At(4*time.Second, func() { cut(m.paths[seed%2], false) })
		m.app[0].out, m.app[1].out = stream(2_000_000, 1), stream(100_000, 2)
		m.app[0].closing, m.app[1].closing = true, true
		m.dial()
		m.finishTransfer(5 * time.Minute)
		m.idle()
		for i, e := range m.ep {
			repeated += e.stats.MPTCPRetrans
			if n := m.app[i].conn.snd.buf.len(); n != 0 {
				t.Errorf("seed %d: end %d keeps %d octets", seed, i, n)
			}
		}
	}
	if strays == 0 || repeated == 0 {
		t.Errorf("not what was to be tested: %d octets set aside, %d repeated", strays, repeated)
	}
}

// CVE-2021-47242: an error that is found in the middle of a step is told afterwards, as an
// event, and nothing is called for it. Whoever hears of it may do what it likes with the
// connection at once, and more of the same happens.
func TestCVEErrorsAreEvents(t *testing.T) {
	inside, depth := false, 0
	b := proven(t, func(c *Config) {
		c.Trace = func(time.Time, *Conn, string) {
			if depth++; !inside {
				t.Error("traced outside of a call")
			}
		}
	})
	step := func(f func()) { inside = true; f(); inside = false }
	l := newLane("10.0.0.2:80", "10.7.7.7:5000")
	step(func() { b.join(l, 7); b.write("hello") })
	b.events()
	step(func() { b.on(l, func() { b.inject("R. 1:1(0) ack 1") }) })
	ev := b.events()
	assert.NotZero(t, ev&SubflowDown, "%v", ev)
	assert.Equal(t, Established, b.conn.State())
	step(func() { b.inject("R. 7:7(0) ack 1") })
	for n := 0; ; n++ {
		c, ev, ok := b.ep.PollEvent()
		if !ok {
			break
		}
		require.Less(t, n, 20, "events never end")
		step(func() { // everything an application can do
			c.Write(b.now, []byte("x"))
			c.Read(b.now, make([]byte, 10))
			c.CloseWrite(b.now)
			_ = c.ResetSubflow(b.now, l.local, l.remote, wire.ResetUnspecified)
			_ = c.Join(b.now, b.local, b.remote, false)
			_ = c.Announce(b.now, b.local)
			_ = c.RemoveAddr(b.now, b.local.Addr())
			c.Abort(b.now)
			b.flush()
		})
		_ = ev
	}
	assert.Equal(t, Closed, b.conn.State())
	assert.Error(t, b.conn.Err())
	assert.Zero(t, b.ep.subflows.n)
}

// CVE-2023-54085: a SYN with a cookie and data in it whose connection is plain TCP from
// that very packet on, at either end and for every reason; what Multipath TCP knows of it
// does nothing any more.
func TestCVEFastOpenAndFallbackInOne(t *testing.T) {
	for name, opt := range map[string]func(b *bench) wire.Options{
		"no option":    func(*bench) wire.Options { return nil },
		"no algorithm": func(*bench) wire.Options { o, _ := wire.MPCapable{Version: wire.V1}.Append(nil); return o },
		"flag B": func(*bench) wire.Options {
			o, _ := wire.MPCapable{Version: wire.V1, Flags: wire.CapableHMAC | wire.CapableExtension}.Append(nil)
			return o
		},
		"malformed": func(*bench) wire.Options { return wire.Options{wire.KindMPTCP, 3, 1} },
		"no key is free": func(b *bench) wire.Options {
			b.ep.cfg.Rand, b.ep.pool.ready = constant(7), nil // the same key again and again
			k, _ := b.ep.newSecret(wire.V1)
			b.ep.tokens[k.token] = nil
			o, _ := wire.MPCapable{Version: wire.V1, Flags: wire.CapableHMAC}.Append(nil)
			return o
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, false, withFastOpen)
			seg := wire.Segment{Src: b.remote, Dst: b.local, Seq: b.peerISN, Flags: wire.SYN, Window: 65535, Payload: []byte("abc")}
			seg.Options, _ = wire.Options(nil).AppendFastOpen(b.ep.fastCookie(b.remote.Addr()))
			seg.Options = append(seg.Options, opt(b)...)
			b.ep.HandleSegment(b.now, &seg)
			var ok bool
			b.conn, ok = b.listener.Accept()
			require.True(t, ok, "the data is there with the SYN")
			b.read("abc")
			b.write("hello")
			b.want("SYN/ACK", "S. 0:0(0) ack 4")
			b.want("early data, without any option", "P. 1:6(5) ack 4")
			require.False(t, b.conn.Multipath())
			fail, _ := wire.MPFail{DSN: 1}.Append(nil)
			b.inOpts(wire.ACK, 4, 6, fail)
			b.inDSS(4, 6, wire.DSS{Flags: wire.DSSMap | wire.DSSAck, DSN: 77, SSN: 1, DataLen: 3, DataAck: 99}, []byte("def"))
			b.drain()
			b.read("def")
			assert.Equal(t, Established, b.conn.State())
			assert.Zero(t, b.ep.stats.MPFailRx+b.ep.stats.MPFailTx)
			require.Error(t, b.conn.Join(b.now, b.local, b.remote, false))
			b.conn.CloseWrite(b.now)
			b.want("and ends as TCP", "F. 6:6(0) ack 7")
		})
	}

	// At the opener: the SYN/ACK takes the data and has no option.
	b := newBench(t, true, withFastOpen)
	b.hasCookie(1, 2, 3, 4)
	b.redial("abc")
	b.want("data in the SYN", "S 0:3(3) <mp_capable v1 H>")
	b.write("def")
	b.conn.CloseWrite(b.now)
	b.inject("S. 0:0(0) ack 4 <mss 1460>")
	b.want("the third ACK", ". 4:4(0) ack 1")
	b.want("the rest", "P. 4:7(3) ack 1")
	b.inject(". 1:1(0) ack 7")
	b.want("and the end", "F. 7:7(0) ack 1")
	require.False(t, b.conn.Multipath())
	b.inject("F. 1:1(0) ack 8")
	b.want("the last ACK", ". 8:8(0) ack 2")
	assert.Equal(t, TimeWait, b.conn.State())
}

// constant is randomness that is none.
type constant uint64

func (c constant) Uint64() uint64 { return uint64(c) }

// CVE-2024-45009, CVE-2024-45010, CVE-2026-23321: who may still open, announce and accept
// is found by counting what there is, not in counters of their own that could drift. After
// a thousand rounds of joins, ends, announcements and withdrawals in random order, from
// either side, there is room for exactly as much as in the beginning.
func TestCVERoomDoesNotDrift(t *testing.T) {
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 40))
		b := provenClient(t)
		c := b.conn
		c.mgr = nil // the test manages
		type open struct {
			*lane
			id uint8
		}
		var theirs []open
		fill := func(why string) {
			t.Helper()
			for n := c.crowd(); n < b.ep.cfg.MaxSubflows; n++ {
				l := newLane(fmt.Sprintf("10.0.7.%d:1000", 1+r.IntN(200)), fmt.Sprintf("10.7.7.7:%d", 2000+n))
				b.join(l, uint8(100+n))
				theirs = append(theirs, open{l, uint8(100 + n)})
			}
			if _, ok := b.synJoin(newLane(b.local.String(), "10.9.9.9:1"), 99, 1); ok || c.crowd() != b.ep.cfg.MaxSubflows {
				t.Fatalf("seed %d, %s: one more than %d was taken", seed, why, c.crowd())
			}
			b.flush()
			for k := range uint8(20) {
				b.peerAdds(200+k, netip.AddrFrom4([4]byte{10, 6, 6, k}))
			}
			if n := len(c.RemoteAddrs(nil)); n != b.ep.cfg.MaxRemoteAddrs {
				t.Fatalf("seed %d, %s: %d addresses are kept", seed, why, n)
			}
		}
		empty := func() {
			for _, l := range theirs {
				b.on(l.lane, func() { b.inOpts(wire.RST|wire.ACK, 1, 1, nil) })
			}
			theirs = nil
			for range len(c.remoteAddrs) {
				o, _ := wire.RemoveAddr{IDs: []byte{c.remoteAddrs[0].ID}}.Append(nil)
				b.inOpts(wire.ACK, 1, 1, o)
			}
			b.flush()
		}
		fill("in the beginning")
		empty()
		for step := range 1000 {
			switch r.IntN(7) {
			case 0, 1: // a join of theirs, to an address of ours that is announced or not
				if c.crowd() < b.ep.cfg.MaxSubflows {
					l := newLane(fmt.Sprintf("10.0.8.%d:1000", r.IntN(20)), fmt.Sprintf("10.7.7.8:%d", 2000+step))
					b.join(l, uint8(1+r.IntN(90)))
					theirs = append(theirs, open{lane: l})
				}
			case 2:
				if len(theirs) > 0 {
					i := r.IntN(len(theirs))
					b.on(theirs[i].lane, func() { b.inOpts(wire.RST|wire.ACK, 1, 1, nil) })
					theirs = append(theirs[:i], theirs[i+1:]...)
				}
			case 3:
				b.peerAdds(uint8(1+r.IntN(30)), netip.AddrFrom4([4]byte{10, 5, 5, byte(r.IntN(30))}))
			case 4: // of ids that were announced, and of others
				o, _ := wire.RemoveAddr{IDs: []byte{uint8(1 + r.IntN(30)), uint8(1 + r.IntN(30))}}.Append(nil)
				b.inOpts(wire.ACK, 1, 1, o)
			case 5:
				_ = c.Announce(b.now, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 8, byte(r.IntN(20))}), 0))
			case 6:
				_ = c.RemoveAddr(b.now, netip.AddrFrom4([4]byte{10, 0, 8, byte(r.IntN(20))}))
			}
			b.flush()
			b.inject(". 1:1(0) ack 1 <dss dack8=O+0>")
			b.now = b.now.Add(time.Duration(r.IntN(300)) * time.Millisecond)
			b.ep.HandleTimer(b.now)
			b.flush()
			live := theirs[:0] // what REMOVE_ADDR closed meanwhile is gone
			for _, l := range theirs {
				if s := b.ep.subflows.find(flowID{l.local, l.remote}); s != nil && s.up && !s.doomed && !s.fin {
					live = append(live, l)
				}
			}
			theirs = live
		}
		for range 200 { // what is being closed ends
			b.now = b.now.Add(10 * time.Second)
			b.ep.HandleTimer(b.now)
			b.flush()
			b.inject(". 1:1(0) ack 1 <dss dack8=O+0>")
		}
		empty()
		if n := c.crowd(); n != 1 {
			t.Fatalf("seed %d: %d subflows are left: %v, %v", seed, n, c.State(), c.Err())
		}
		fill("in the end")
	}
}

// peerAdds has the peer announce an address on the first subflow.
func (b *bench) peerAdds(id uint8, a netip.Addr) {
	o, _ := (&wire.AddAddr{Version: wire.V1, ID: id, Addr: a, HasHMAC: true, HMAC: wire.AddAddrHMAC(b.peerKey, b.conn.own.key, id, a, 0)}).Append(nil)
	b.inOpts(wire.ACK, 1, 1, o)
	b.flush()
}

// CVE-2024-46858, CVE-2025-40257: the echo of an ADD_ADDR crosses its timer: just before,
// at the same moment and after. Nothing is announced behind the echo, and nothing is armed.
func TestCVEEchoCrossesTimer(t *testing.T) {
	for _, off := range []time.Duration{-time.Nanosecond, 0, time.Nanosecond} {
		for _, timerFirst := range []bool{false, true} {
			b := accepted(t)
			require.NoError(t, b.conn.Announce(b.now, netip.MustParseAddrPort("10.8.8.8:0")))
			b.want("announced", ". 1:1(0) ack 4 <add_addr v1 id=1 addr=10.8.8.8>")
			due := b.ep.Deadline()
			b.now = due.Add(off)
			if timerFirst {
				b.ep.HandleTimer(b.now)
			}
			b.inject(". 4:4(0) ack 1 <add_addr v1 id=1 addr=10.8.8.8 echo>")
			if !timerFirst {
				b.ep.HandleTimer(b.now)
			}
			b.wantIdle("it is echoed")
			assert.Empty(t, b.conn.signals)
			assert.Zero(t, b.conn.timers[timerSignal], "armed for nothing")
			b.wait(time.Hour)
			b.wantIdle("for good")
			assert.EqualValues(t, 1, b.ep.stats.AddAddrTx)
		}
	}
}

// CVE-2025-21707: what an option block says does not depend on the one before.
func TestCVEOptionsOfTheLastSegment(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 41))
	var dirty options
	for range attacks(200_000) {
		b := randomOptions(r)
		v := []wire.Version{wire.V0, wire.V1}[r.IntN(2)]
		var clean options
		clean.parse(b, v)
		dirty.parse(b, v)
		require.Equal(t, clean, dirty, "%x", []byte(b))
	}
}

// randomOptions are up to three options, well formed, cut short or of noise.
func randomOptions(r *rand.Rand) (b wire.Options) {
	for range 1 + r.IntN(3) {
		var o wire.Options
		switch r.IntN(9) {
		case 0:
			f := wire.DSSFlags(r.IntN(32))
			d := wire.DSS{Flags: f, DataAck: r.Uint64(), DSN: r.Uint64(), SSN: r.Uint32(), DataLen: uint16(r.Uint32()),
				HasSum: f.Has(wire.DSSMap) && r.IntN(2) == 0, Sum: uint16(r.Uint32())}
			o, _ = d.Append(nil)
		case 1:
			o, _ = wire.MPCapable{Version: wire.V1, Flags: wire.CapableHMAC, HasSender: true, Sender: wire.Key(r.Uint64())}.Append(nil)
		case 2:
			o, _ = wire.MPJoin{Form: wire.JoinSYN, ID: uint8(r.Uint32()), Token: wire.Token(r.Uint32()), Nonce: r.Uint32()}.Append(nil)
		case 3:
			o, _ = (&wire.AddAddr{Version: wire.V1, ID: uint8(r.Uint32()), Addr: netip.AddrFrom4([4]byte{10, 1, 1, byte(r.Uint32())}), HasHMAC: true, HMAC: r.Uint64()}).Append(nil)
		case 4:
			o, _ = wire.RemoveAddr{IDs: []byte{byte(r.Uint32()), byte(r.Uint32())}[:1+r.IntN(2)]}.Append(nil)
		case 5:
			o, _ = wire.MPPrio{Backup: r.IntN(2) == 0}.Append(nil)
		case 6:
			o, _ = wire.MPFail{DSN: r.Uint64()}.Append(nil)
		case 7:
			o, _ = wire.MPFastclose{Key: wire.Key(r.Uint64())}.Append(nil)
		case 8:
			o, _ = wire.MPTCPRst{Reason: wire.ResetReason(r.IntN(8)), Transient: r.IntN(2) == 0}.Append(nil)
		}
		if r.IntN(4) == 0 && len(o) > 3 {
			o[1] = byte(2 + r.IntN(len(o))) // another length
		}
		if len(b)+len(o) <= wire.MaxOptions {
			b = append(b, o...)
		}
	}
	return b
}
