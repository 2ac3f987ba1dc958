package fsm

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// bareSYN is a SYN with MP_CAPABLE of version 1, or with MP_JOIN where join is set.
func (b *bench) bareSYN(n int, join *wire.MPJoin) *wire.Segment {
	seg := &wire.Segment{Src: netip.AddrPortFrom(netip.AddrFrom4([4]byte{172, 16, byte(n >> 16), byte(n >> 8)}), uint16(1024+n&0xff)),
		Dst: b.local, Seq: uint32(n), Flags: wire.SYN, Window: 1000}
	if join != nil {
		seg.Options, _ = join.Append(nil)
	} else {
		seg.Options, _ = wire.MPCapable{Version: wire.V1, Flags: wire.CapableHMAC}.Append(nil)
	}
	return seg
}

func (b *bench) flush() (n int) {
	seg := wire.Segment{Options: b.buf[:0]}
	for b.ep.PollSegment(b.now, &seg) {
		n++
	}
	return n
}

// RFC 6298 and RFC 9293 section 3.8.3: the SYN/ACK is repeated, with a doubled timeout,
// for at least three minutes; then nothing is left.
func TestEmbryoRepeatsItsAnswer(t *testing.T) { // T6298-03
	b := newBench(t, false)
	b.inject("S 0:0(0) <mss 1460, mp_capable v1 H>")
	start := b.now
	for i := range 8 {
		b.want(fmt.Sprint("SYN/ACK ", i), "S. 0:0(0) ack 1 <mp_capable v1 H key=KO>")
		if want := time.Duration(1<<i-1) * time.Second; b.now.Sub(start) != want {
			t.Errorf("SYN/ACK %d came after %v, want %v", i, b.now.Sub(start), want)
		}
		b.wantIdle("until it is due again")
		b.wait(10 * time.Minute)
	}
	b.wantIdle("it gave up")
	if b.ep.embryos.n != 0 || b.ep.known() != 0 || b.listener.halfOpen != 0 || b.ep.FlowStats().AttemptFails != 1 {
		t.Error(b.ep.embryos.n, b.ep.known(), b.listener.halfOpen, b.ep.FlowStats().AttemptFails)
	}
	if d := b.now.Sub(start); d < 3*time.Minute {
		t.Errorf("it gave up after %v", d)
	}
}

// RFC 9293 section 3.10.7.4 in SYN-RECEIVED, and RFC 5961: what a stranger may do to a
// half-open connection.
func TestEmbryoJudges(t *testing.T) { // T5961-01, T5961-02
	b := newBench(t, false)
	b.inject("S 0:0(0) <mss 1460, mp_capable v1 H>")
	b.want("SYN/ACK", "S. 0:0(0) ack 1 <mp_capable v1 H key=KO>")
	for _, k := range []struct{ why, in, out string }{
		{"a copy of the SYN", "S 0:0(0) <mss 1460, mp_capable v1 H>", "S. 0:0(0) ack 1 <mp_capable v1 H key=KO>"},
		{"a SYN with another number", "S 99:99(0) <mss 1460>", ". 1:1(0) ack 1"},
		{"a RST in the window", "R 2:2(0)", ". 1:1(0) ack 1"},
		{"a RST outside the window", "R 100000:100000(0)", ""},
		{"an ACK of something else", ". 1:1(0) ack 2", "R 2:2(0)"},
		{"no ACK", "F 1:1(0)", ""},
		{"octets outside the window", ". 70000:70001(1) ack 1", ". 1:1(0) ack 1"},
		{"a SYN/ACK", "S. 0:0(0) ack 1", ""},
	} {
		b.inject(k.in)
		if k.out == "" {
			b.wantIdle(k.why)
		} else {
			b.want(k.why, k.out)
		}
		if b.ep.embryos.n != 1 || b.ep.subflows.n != 0 {
			t.Fatalf("%s: %d half-open connections, %d subflows", k.why, b.ep.embryos.n, b.ep.subflows.n)
		}
	}
	for range 100 {
		b.inject("R 2:2(0)")
	}
	if n := b.flush(); n > b.ep.tcp.ChallengeAcks {
		t.Error(n, "challenge ACKs")
	}
	b.inject("R 1:1(0)")
	b.wantIdle("the peer gave up")
	if b.ep.embryos.n != 0 || b.ep.known() != 0 {
		t.Error("state was kept")
	}
	b.inject(". 1:1(0) ack 1 <mp_capable v1 H key=KP+KP>")
	b.want("nobody knows it any more", "R 1:1(0)")
}

// The promoted flow knows the round trip, and goes on where the embryo was.
func TestEmbryoBecomesAFlow(t *testing.T) {
	b := newBench(t, false)
	b.inject("S 0:0(0) <mss 1000, mp_capable v1 H>")
	b.want("SYN/ACK", "S. 0:0(0) ack 1 <mss 1460, mp_capable v1 H key=KO>")
	b.now = b.now.Add(70 * time.Millisecond)
	b.inject(". 1:1(0) ack 1 <mp_capable v1 H key=KP+KO>")
	if b.conn == nil || !b.conn.Multipath() || b.ep.embryos.n != 0 || b.listener.halfOpen != 0 {
		t.Fatal("not promoted")
	}
	f := b.conn.subflows[0].flow
	if rtt, _ := f.RTT(); rtt != 70*time.Millisecond || f.MSS() != 1000 {
		t.Error(rtt, f.MSS())
	}
	if e := b.ep; e.tokens[b.conn.Token()] != b.conn {
		t.Error("the token is not that of the connection")
	}
}

// A path comes and goes while handshakes are not done.
func TestPathsWithEmbryos(t *testing.T) {
	b := newBench(t, false)
	b.ep.HandleSegment(b.now, b.bareSYN(1, nil))
	for _, up := range []bool{true, false, true} {
		b.ep.HandlePath(b.now, Path{ID: 1, Local: b.local.Addr(), Up: up})
	}
	if b.flush() != 1 {
		t.Error("not answered")
	}
}

func TestListenerCloseForgetsEmbryos(t *testing.T) {
	b := newBench(t, false)
	for n := range 200 {
		b.ep.HandleSegment(b.now, b.bareSYN(n, nil))
	}
	b.flush()
	b.listener.Close(b.now)
	if b.ep.embryos.n != 0 || b.ep.known() != 0 || b.listener.halfOpen != 0 {
		t.Error(b.ep.embryos.n, b.ep.known(), b.listener.halfOpen)
	}
}

// A listener whose application does not accept takes no more than Backlog.
func TestBacklog(t *testing.T) {
	b := newBench(t, false, func(c *Config) { c.Backlog = 2 })
	var out wire.Segment
	third := func(n int) {
		seg := b.bareSYN(n, nil)
		b.ep.HandleSegment(b.now, seg)
		out.Options = b.buf[:0]
		if !b.ep.PollSegment(b.now, &out) {
			return
		}
		seg.Flags, seg.Seq, seg.Ack, seg.Options = wire.ACK, seg.Seq+1, out.Seq+1, nil
		b.ep.HandleSegment(b.now, seg)
	}
	late := b.bareSYN(9, nil)
	b.ep.HandleSegment(b.now, late)
	for !b.ep.PollSegment(b.now, &out) {
	}
	for n := range 5 {
		third(n)
	}
	if len(b.listener.ready) != 2 || b.ep.stats.ListenOverflows != 3 {
		t.Fatal(len(b.listener.ready), "wait for Accept,", b.ep.stats.ListenOverflows, "passed over")
	}
	late.Flags, late.Seq, late.Ack, late.Options = wire.ACK, late.Seq+1, out.Seq, nil
	for h := b.ep.embryos.unanswered(); h != nil; h = nil {
		t.Fatal("not answered")
	}
	b.ep.embryos.all(func(h *half[embryo]) { late.Ack = h.ISS + 1 })
	b.ep.HandleSegment(b.now, late)
	if b.ep.embryos.n != 1 {
		t.Fatal("a third packet that was passed over must be possible to repeat")
	}
	for range 2 {
		b.listener.Accept()
	}
	b.ep.HandleSegment(b.now, late)
	if _, ok := b.listener.Accept(); !ok {
		t.Error("there was room again")
	}
}

// R3.1-13, T4987-01, NOTES section 4: beyond MaxHalfOpen answers are made without
// state, for version 1, version 0 and plain TCP; the keys and flags come back in the
// third packet.
func TestStateless(t *testing.T) {
	for _, k := range []struct {
		name, syn, synack, third string
		multipath, checksum      bool
	}{
		{"v1", "mss 1460, mp_capable v1 H", "mp_capable v1 H key=*", ". 1:1(0) ack 1 <mp_capable v1 H key=KP+KO>", true, false},
		{"v1 with data", "mss 1460, mp_capable v1 H", "mp_capable v1 H key=*", "P. 1:4(3) ack 1 <mp_capable v1 H key=KP+KO dll=3>", true, false},
		{"v1 checksum", "mss 1460, mp_capable v1 AH", "mp_capable v1 AH key=*", ". 1:1(0) ack 1 <mp_capable v1 AH key=KP+KO>", true, true},
		{"v0", "mss 1460, mp_capable v0 H key=KP", "mp_capable v0 H key=*", ". 1:1(0) ack 1 <mp_capable v0 H key=KP+KO>", true, false},
		{"plain", "mss 1460", "", ". 1:1(0) ack 1", false, false},
		{"stripped on the way", "mss 1460, mp_capable v1 H", "mp_capable v1 H key=*", ". 1:1(0) ack 1", false, false},
		{"another key", "mss 1460, mp_capable v1 H", "mp_capable v1 H key=*", ". 1:1(0) ack 1 <mp_capable v1 H key=KP+KP>", false, false},
		{"another version", "mss 1460, mp_capable v1 H", "mp_capable v1 H key=*", ". 1:1(0) ack 1 <mp_capable v0 H key=KP+KO>", false, false},
		{"timestamps", "mss 1460, sackOK, TS val 9 ecr 0, wscale 7, mp_capable v1 H", "mp_capable v1 H key=*", ". 1:1(0) ack 1 <mp_capable v1 H key=KP+KO>", true, false},
	} {
		t.Run(k.name, func(t *testing.T) {
			b := newBench(t, false, func(c *Config) {
				c.MaxHalfOpen = 3
				c.TCP.NoTimestamps, c.TCP.NoSACK, c.TCP.NoWindowScale = false, false, false
			})
			for n := range 3 {
				b.ep.HandleSegment(b.now, b.bareSYN(n, nil))
			}
			b.flush()
			before := b.ep.known()
			b.inject("S 0:0(0) <" + k.syn + ">")
			var out wire.Segment
			if !b.poll(&out) || out.Flags != wire.SYN|wire.ACK || b.ep.embryos.n != 3 || b.ep.known() != before {
				t.Fatal("no answer, or state was kept")
			}
			b.ourISN = out.Seq
			var key wire.Key
			if o, ok := out.Options.Find(wire.KindMPTCP); ok != (k.synack != "") {
				t.Fatalf("options %x", []byte(out.Options))
			} else if ok {
				m, err := wire.ParseMPCapable(o)
				if err != nil || !m.HasSender || m.Flags&wire.CapableChecksum != 0 != k.checksum {
					t.Fatal(m, err)
				}
				key = m.Sender
			}
			var ts uint32
			if o, ok := out.Options.Find(wire.KindTimestamps); ok {
				v, _ := wire.ParseTimestamps(o)
				ts = v.Val
			}
			b.now = b.now.Add(50 * time.Millisecond)
			p, err := wire.ParseText(b.textWith(k.third, key))
			if err != nil {
				t.Fatal(err)
			}
			seg := p.Segment
			seg.Src, seg.Dst, seg.Window = b.remote, b.local, 1000
			seg.Payload = []byte("abc")[:p.PayloadLen]
			seg.Seq, seg.Ack = seg.Seq+b.peerISN, seg.Ack+b.ourISN
			if ts != 0 {
				o, _ := wire.Timestamps{Val: 20, Ecr: ts}.Append(nil)
				seg.Options = append(o, seg.Options...)
			}
			b.ep.HandleSegment(b.now, &seg)
			b.conn, _ = b.listener.Accept()
			switch {
			case b.conn == nil:
				t.Fatal("no connection")
			case b.conn.Multipath() != k.multipath || b.conn.Checksum() != k.checksum:
				t.Error("Multipath TCP:", b.conn.Multipath(), "checksums:", b.conn.Checksum())
			case k.multipath && (b.conn.own.key != key || b.conn.peer.key != b.peerKey || b.ep.tokens[b.conn.Token()] != b.conn):
				t.Error("keys or token are wrong")
			case b.ep.stats.SyncookiesSent != 1 || b.ep.stats.SyncookiesRecv != 1:
				t.Error(b.ep.stats)
			}
			if f := b.conn.subflows[0].flow; ts != 0 {
				if scale, _ := f.WindowScales(); !f.SACK() || !f.Timestamps() || scale != 7 {
					t.Error("the options of the SYN did not come back")
				}
			}
			if p.PayloadLen > 0 {
				b.read("abc")
			}
		})
	}
}

// R3.1-13: an answer without state has a key only if its token is free; it is never
// repeated; and third packets that fit no answer are refused, but data that overtook
// one is not.
func TestStatelessCorners(t *testing.T) {
	b := newBench(t, false, func(c *Config) { c.MaxHalfOpen = 1 })
	b.ep.HandleSegment(b.now, b.bareSYN(0, nil))
	b.flush()
	b.inject("S 0:0(0) <mss 1460, mp_capable v1 H>")
	b.want("an answer", "S. 0:0(0) ack 1 <mp_capable v1 H>")
	b.inject("P. 4:7(3) ack 1 <dss dsn8=4 ssn=4 dll=3>")
	b.wantIdle("data that came too soon is passed over")
	b.inject(". 1:1(0) ack 2")
	b.want("a number that is no cookie", "R 2:2(0)")
	if b.ep.stats.SyncookiesFailed != 2 {
		t.Error(b.ep.stats.SyncookiesFailed)
	}
	b.wait(10 * time.Minute)
	for b.peek() { // the one embryo's
		var s wire.Segment
		b.poll(&s)
		if s.Dst == b.remote {
			t.Fatal("an answer without state was repeated")
		}
		b.wait(10 * time.Minute)
	}
	b.inject(". 1:1(0) ack 1")
	b.want("too late", "R 1:1(0)")

	// All alternatives are taken.
	b = newBench(t, false, func(c *Config) { c.MaxHalfOpen = 1 })
	b.ep.HandleSegment(b.now, b.bareSYN(0, nil))
	b.flush()
	b.inject("S 0:0(0) <mss 1460, mp_capable v1 H>")
	var out wire.Segment
	b.poll(&out)
	id := flowID{b.local, b.remote}.short()
	for n := range keyTries {
		b.ep.tokens[b.ep.statelessSecret(&id, b.peerISN, out.Seq, wire.V1, n).token] = nil
		b.inject("S 0:0(0) <mss 1460, mp_capable v1 H>")
		var again wire.Segment
		b.poll(&again)
		if _, ok := again.Options.Find(wire.KindMPTCP); again.Seq != out.Seq || ok != (n < keyTries-1) {
			t.Errorf("with %d taken: option %v", n+1, ok)
		}
	}
}

// RFC 6181, NOTES section 5: a flood of SYNs. What is kept stays at the cap, in number
// and in octets (NOTES section 4: 256 for each), and a real client still connects, with
// Multipath TCP, and moves data.
func TestSYNFlood(t *testing.T) { // T4987-01
	b := newBench(t, false, func(c *Config) { c.TCP.NoTimestamps, c.TCP.NoSACK, c.TCP.NoWindowScale = false, false, false })
	before := heapInUse()
	for n := range 4096 {
		b.ep.HandleSegment(b.now, b.bareSYN(n, nil))
		b.flush()
	}
	each := (heapInUse() - before) / 4096
	t.Logf("%d octets for each half-open connection", each)
	if each > 256 {
		t.Errorf("%d octets for each half-open connection, at most 256 are allowed", each)
	}
	atCap := heapInUse()
	for n := range 100_000 {
		b.now = b.now.Add(10 * time.Microsecond)
		b.ep.HandleSegment(b.now, b.bareSYN(5000+n, nil))
		if b.flush() != 1 {
			t.Fatal("not answered")
		}
	}
	if grown := heapInUse() - atCap; grown > 64<<10 {
		t.Errorf("%d octets more after the flood", grown)
	}
	if b.ep.embryos.n != 4096 || b.ep.stats.SyncookiesSent != 100_000 {
		t.Error(b.ep.embryos.n, b.ep.stats.SyncookiesSent)
	}
	client, err := NewEndpoint(Config{Rand: rand.NewPCG(5, 5)})
	if err != nil {
		t.Fatal(err)
	}
	d := &direct{ep: [2]*Endpoint{client, b.ep}, now: b.now}
	if d.conn[0], err = client.Dial(d.now, netip.MustParseAddrPort("10.0.0.7:0"), b.local); err != nil {
		t.Fatal(err)
	}
	d.run()
	d.conn[1], _ = b.listener.Accept()
	if d.conn[1] == nil || !d.conn[1].Multipath() || !d.conn[0].Multipath() {
		t.Fatal("the real client did not get in")
	}
	d.conn[0].Write(d.now, []byte("hello"))
	d.run()
	var p [10]byte
	if n, err := d.conn[1].Read(d.now, p[:]); string(p[:n]) != "hello" || err == io.EOF {
		t.Error(string(p[:n]), err)
	}
	b.now = d.now.Add(10 * time.Minute)
	for range 20 {
		b.ep.HandleTimer(b.now)
		b.flush()
		b.now = b.now.Add(10 * time.Minute)
	}
	if b.ep.embryos.n != 0 || len(b.ep.embryos.chunks) > 1 {
		t.Error("the flood is over, and", b.ep.embryos.n, "half-open connections are left")
	}
}

// NOTES section 4: a half-open join takes 128 octets at most, there are 4 on each
// connection and 1024 in all, and one more takes the place of another.
func TestHalfJoinsInAll(t *testing.T) {
	d := newCrowd(t, 300)
	var tokens []wire.Token
	for _, c := range d.conn[1] {
		d.write(c)
		tokens = append(tokens, c.Token())
	}
	d.run()
	e := d.ep[1]
	var proven int
	for _, c := range d.conn[1] {
		if c.joinable() {
			proven++
		}
	}
	if proven != 300 {
		t.Fatal(proven, "of 300 connections can be joined")
	}
	b := &bench{t: t, ep: e, now: d.now, local: serverPort}
	r := rand.New(rand.NewPCG(1, 1))
	flood := func(n int) {
		for i := range n {
			b.local = d.conn[1][i%300].Local()
			b.ep.HandleSegment(b.now, b.bareSYN(int(r.Uint32()>>8), &wire.MPJoin{Form: wire.JoinSYN, ID: 1, Token: tokens[i%300], Nonce: r.Uint32()}))
			b.flush()
		}
	}
	before := heapInUse()
	flood(1024)
	each := (heapInUse() - before - 4*1024) / 1024 // each connection's list of four
	if e.joins.n != 1024 {
		t.Error(e.joins.n, "half-open joins")
	}
	t.Logf("%d octets for each half-open join", each)
	if each > 128 {
		t.Errorf("%d octets for each half-open join, at most 128 are allowed", each)
	}
	for range 20 {
		flood(1000)
		if e.joins.n != 1024 {
			t.Fatal(e.joins.n, "half-open joins")
		}
	}
	sum := 0
	for _, c := range d.conn[1] {
		if len(c.halfJoins) > e.cfg.MaxHalfJoins {
			t.Fatal(len(c.halfJoins), "on one connection")
		}
		sum += len(c.halfJoins)
	}
	if sum != 1024 {
		t.Error(sum, "in the books of the connections")
	}
	for _, c := range d.conn[1] {
		c.Abort(d.now)
	}
	if e.joins.n != 0 {
		t.Error(e.joins.n, "half-open joins of no connection")
	}
}

// heapInUse returns the octets of the heap that are reachable.
func heapInUse() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// Connections whose SYN was answered without state, through boxes and losses: the streams
// are whole, and Multipath TCP is agreed on wherever its options pass. The opener has
// data to send: where it has none and its third ACK is lost nobody knows of it.
func TestStatelessThroughBoxes(t *testing.T) { // R3.1-13, V0-10, T4987-01
	multi := 0
	for i, boxes := range [][]string{
		{"link delay=5ms"}, {"link delay=5ms loss=5%"}, {"nat", "seq", "link delay=5ms"}, {"split 300", "link delay=5ms"},
		{"coalesce 2", "link delay=5ms"}, {"drop on=ack3 count=1", "link delay=5ms"}, {"drop on=synack count=1", "link delay=5ms"},
		{"drop on=ack3 count=1", "drop on=data count=1", "link delay=5ms"}, {"link delay=5ms reorder=20% by=15ms"},
		{"strip mptcp on=syn", "link delay=5ms"}, {"strip mptcp on=synack", "link delay=5ms"}, {"strip mptcp on=ack3", "link delay=5ms"},
	} {
		for k := range uint64(8) {
			set := func(c *Config) {
				c.NoChecksum, c.TCP.NoTimestamps = k&1 != 0, k&2 != 0
				c.MaxHalfOpen = 1
				if k&4 != 0 {
					c.Versions = OnlyV0
				}
			}
			w := newWorld(t, 60+k, testConfig(k, set), testConfig(k+100, set), boxes...)
			w.listen.halfOpen = 1
			w.transfer(20_000, 20_000, 5*time.Minute)
			w.listen.halfOpen = 0
			w.idle()
			if s := &w.ep[1].stats; s.SyncookiesSent == 0 || s.SyncookiesRecv != 1 {
				t.Errorf("%v: %d answers without state, %d came back", boxes, s.SyncookiesSent, s.SyncookiesRecv)
			}
			if w.app[0].conn.Multipath() && w.app[1].conn.Multipath() {
				multi++
			} else if i < 9 && (k&4 == 0 || i != 5 && i < 7) { // version 0 shows its keys but once
				t.Errorf("%v, %d: no Multipath TCP", boxes, k)
			}
		}
	}
	if multi < 60 {
		t.Error(multi, "with Multipath TCP")
	}
}
