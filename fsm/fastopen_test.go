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

func withFastOpen(c *Config) { c.FastOpen = true }

// hasCookie gives the opener at b a cookie of the peer's.
func (b *bench) hasCookie(octets ...byte) {
	k := fastCookie{size: uint8(len(octets))}
	copy(k.octets[:], octets)
	b.ep.fastCookies.put(b.remote.Addr(), k)
}

// redial begins anew, with octets in the SYN.
func (b *bench) redial(data string) {
	b.t.Helper()
	b.conn.CloseWrite(b.now) // the one before
	b.drain()
	var err error
	b.local = addPort(b.local, 1)
	if b.conn, err = b.ep.Dial(b.now, b.local, b.remote); err != nil {
		b.t.Fatal(err)
	}
	b.write(data)
}

// RFC 8684 appendix B.1, figure 18; NOTES 1.24: the request fits beside MP_CAPABLE, and
// so does the cookie in the SYN/ACK, to the last octet.
func TestFastOpenCookieRequest(t *testing.T) { // RB-01
	d := newCrowdConfig(t, withFastOpen)
	var sizes []int
	d.each = func(seg *wire.Segment) {
		if seg.Flags.Has(wire.SYN) {
			_, fo := seg.Options.Find(wire.KindFastOpen)
			_, mp := seg.Options.Find(wire.KindMPTCP)
			assert.True(t, fo && mp, "both options in %x", []byte(seg.Options))
			sizes = append(sizes, len(seg.Options))
		}
	}
	d.connect(t)
	require.Equal(t, []int{26, 40}, sizes)
	k := d.ep[0].fastCookies.m[d.conn[0][0].Remote().Addr()]
	assert.Equal(t, d.ep[1].fastCookie(d.conn[0][0].Local().Addr()), k.octets[:k.size])
	assert.EqualValues(t, 1, d.ep[0].FlowStats().FastOpenCookieReqd)
}

// RFC 8684 appendix B.3, figure 19: data in the SYN, the answer before the third packet,
// and the data sequence space begins behind what the SYN had, at either end.
func TestFastOpen(t *testing.T) { // RB-01, NOTES 1.10
	for _, noSum := range []bool{false, true} {
		d := newCrowdConfig(t, withFastOpen, func(c *Config) { c.NoChecksum = noSum })
		d.connect(t) // for the cookie
		remote := d.conn[0][0].Remote()
		c, err := d.ep[0].Dial(d.now, netip.MustParseAddrPort("10.0.1.1:0"), remote)
		require.NoError(t, err)
		c.Write(d.now, make([]byte, 20))
		var seg wire.Segment
		require.True(t, d.ep[0].PollSegment(d.now, &seg))
		require.Equal(t, wire.SYN, seg.Flags)
		require.Len(t, seg.Payload, 20)
		require.False(t, d.ep[0].PollSegment(d.now, new(wire.Segment)))
		d.ep[1].HandleSegment(d.now, &seg)

		s, ok := d.listen.Accept()
		require.True(t, ok, "accepted before the handshake is done")
		require.Equal(t, Opening, s.State())
		var p [200]byte
		n, err := s.Read(d.now, p[:])
		require.Equal(t, 20, n)
		require.NoError(t, err)
		s.Write(d.now, make([]byte, 100))
		var dss wire.DSS
		for i, want := range []struct {
			flags wire.Flags
			n     int
		}{{wire.SYN | wire.ACK, 0}, {wire.ACK | wire.PSH, 100}} {
			var out wire.Segment
			require.True(t, d.ep[1].PollSegment(d.now, &out))
			require.Equal(t, want.flags, out.Flags)
			require.Len(t, out.Payload, want.n)
			require.Equal(t, seg.Seq+21, out.Ack, "the SYN's data is acknowledged")
			if i == 1 {
				o, ok := out.Options.Find(wire.KindMPTCP)
				require.True(t, ok)
				dss, err = wire.ParseDSS(o)
				require.NoError(t, err)
				require.EqualValues(t, 1, dss.SSN)
				require.Equal(t, s.own.idsn+1, dss.DSN)
				require.Zero(t, dss.Flags&wire.DSSAck, "the peer's key is not known yet")
			}
			d.ep[0].HandleSegment(d.now, &out)
		}
		n, _ = c.Read(d.now, p[:])
		require.Equal(t, 100, n)
		require.False(t, c.hs.proven)
		c.Write(d.now, make([]byte, 30))
		first := true
		d.each = func(seg *wire.Segment) {
			if len(seg.Payload) > 0 && first {
				first = false
				require.Len(t, seg.Payload, 30)
				o, ok := seg.Options.Find(wire.KindMPTCP)
				require.True(t, ok)
				m, err := wire.ParseMPCapable(o)
				require.NoError(t, err)
				require.True(t, m.HasData)
				require.EqualValues(t, 30, m.DataLen)
			}
		}
		d.run()
		require.False(t, first)
		require.True(t, s.Multipath() && c.Multipath())
		require.Equal(t, Established, s.State())
		n, _ = s.Read(d.now, p[:])
		require.Equal(t, 30, n)
		_, ok = d.listen.Accept()
		require.False(t, ok, "accepted once")
		require.Zero(t, d.listen.early)
		// The spaces agree: the next data has a DSS, and is taken.
		for range 3 {
			c.Write(d.now, make([]byte, 10_000))
			s.Write(d.now, make([]byte, 10_000))
			d.run()
			d.quiet()
			for _, x := range []*Conn{c, s} {
				for k := 0; k < 10_000; k += n {
					n, _ = x.Read(d.now, p[:])
					require.NotZero(t, n)
				}
			}
			d.run()
		}
		for i, e := range d.ep {
			require.Zero(t, e.stats.DataCsumErr+e.stats.DSSNotMatching+e.stats.NoDSSInWindow, "end %d", i)
			require.Zero(t, e.FlowStats().RetransSegs)
		}
		require.EqualValues(t, 1, d.ep[0].FlowStats().FastOpenActive)
		require.EqualValues(t, 1, d.ep[1].FlowStats().FastOpenPassive)
		c.Join(d.now, netip.MustParseAddrPort("10.0.9.9:0"), c.Remote(), false)
		d.each = func(seg *wire.Segment) {
			_, ok := seg.Options.Find(wire.KindFastOpen)
			require.False(t, ok, "a join does not use Fast Open")
		}
		d.run()
		require.Equal(t, 2, c.Info().SubflowsUp)
	}
}

// Appendix B.3, figures 20 and 21: what the SYN/ACK did not acknowledge is sent again
// within the data sequence space (RB-02), with MP_CAPABLE as the first mapping.
func TestFastOpenNotTaken(t *testing.T) { // RB-02
	for _, took := range []int{0, 5, 8} {
		b := newBench(t, true, withFastOpen)
		b.hasCookie(1, 2, 3, 4)
		b.redial("abcdefgh")
		b.want("data in the SYN", "S 0:8(8) <mp_capable v1 H>")
		b.inject(fmt.Sprintf("S. 0:0(0) ack %d <mss 1460, mp_capable v1 H key=KP>", 1+took))
		if took < 8 {
			b.want("the rest has a mapping, which starts the space", fmt.Sprintf("P. %d:9(%d) ack 1 <mp_capable v1 H key=KO+KP dll=%d>", 1+took, 8-took, 8-took))
		} else {
			b.want("third ACK", ". 9:9(0) ack 1 <mp_capable v1 H key=KO+KP>")
		}
		rest := 8 - took
		b.write("ij")
		next := "P. 9:11(2) ack 1 <dss dsn8=O+%d ssn=%d dll=2>"
		if took == 8 {
			next = "P. 9:11(2) ack 1 <mp_capable v1 H key=KO+KP dll=2>"
			b.want("the first mapping", next)
		} else {
			b.want("then DSS", fmt.Sprintf(next, rest, rest+1))
		}
		b.inject(fmt.Sprintf(". 1:1(0) ack 11 <dss dack8=O+%d>", rest+2))
		b.wantIdle("all is acknowledged")
		if i := b.conn.Info(); i.Acked != 10 {
			t.Error(took, i)
		}
		_, known := b.ep.fastCookies.m[b.remote.Addr()]
		if k := b.ep.fastCookies.m[b.remote.Addr()]; !known || k.size == 0 { // it may have been busy
			t.Error("cookie:", k)
		}
		b.now = b.now.Add(time.Hour)
	}
}

// A server that is plain TCP, and boxes: with Fast Open the stream goes on in subflow
// order.
func TestFastOpenFallback(t *testing.T) { // R3.1-39, R3.1-41, RB-01
	for _, took := range []int{0, 3, 8} {
		b := newBench(t, true, withFastOpen)
		b.hasCookie(1, 2, 3, 4)
		b.redial("abcdefgh")
		b.want("data in the SYN", "S 0:8(8) <mp_capable v1 H>")
		b.inject(fmt.Sprintf("S. 0:0(0) ack %d <mss 1460>", 1+took))
		if took < 8 {
			b.want("the rest", fmt.Sprintf("P. %d:9(%d) ack 1", 1+took, 8-took))
		} else {
			b.want("third ACK", ". 9:9(0) ack 1")
		}
		b.write("ij")
		b.want("plain", "P. 9:11(2) ack 1")
		b.inject("P. 1:4(3) ack 11")
		b.read("abc")
		if b.conn.Multipath() || b.conn.Info().Acked != 10 {
			t.Error(b.conn.Info())
		}
	}
	// The SYN with data is lost, as a box may see to: once without, then plain.
	b := newBench(t, true, withFastOpen)
	b.hasCookie(1, 2, 3, 4)
	b.redial("abcdefgh")
	b.want("data in the SYN", "S 0:8(8) <mp_capable v1 H>")
	b.wait(10 * time.Second)
	b.want("without", "S 0:0(0) <mp_capable v1 H>")
	b.inject("S. 0:0(0) ack 1 <mss 1460, mp_capable v1 H key=KP>")
	b.want("the data", "P. 1:9(8) ack 1 <mp_capable v1 H key=KO+KP dll=8>")
	if k := b.ep.fastCookies.m[b.remote.Addr()]; k.size != 0 {
		t.Error("the cookie is kept although such SYNs get lost")
	}
	b.redial("abc")
	for b.peek() {
		var s wire.Segment
		b.poll(&s)
		if _, ok := s.Options.Find(wire.KindFastOpen); ok || len(s.Payload) > 0 {
			t.Error("Fast Open was tried again at once")
		}
	}
}

// The listener: the third packet, not the SYN, decides, and data it sent before is as
// good after a fallback.
func TestFastOpenListener(t *testing.T) { // R3.1-41, RB-01
	for _, third := range []string{". 4:4(0) ack 6 <mp_capable v1 H key=KP+KO>", ". 4:4(0) ack 6", ". 4:4(0) ack 1"} {
		b := newBench(t, false, withFastOpen)
		syn := func() {
			seg := wire.Segment{Src: b.remote, Dst: b.local, Seq: b.peerISN, Flags: wire.SYN, Window: 65535, Payload: []byte("abc")}
			seg.Options, _ = wire.Options(nil).AppendMSS(1460)
			seg.Options, _ = seg.Options.AppendFastOpen(b.ep.fastCookie(b.remote.Addr()))
			seg.Options, _ = wire.MPCapable{Version: wire.V1, Flags: wire.CapableHMAC}.Append(seg.Options)
			b.ep.HandleSegment(b.now, &seg)
		}
		syn()
		b.conn, _ = b.listener.Accept()
		b.read("abc")
		b.write("hello")
		b.want("SYN/ACK", "S. 0:0(0) ack 4 <mp_capable v1 H key=KO>")
		b.want("early data", "P. 1:6(5) ack 4 <dss dsn8=O+0 ssn=1 dll=5>")
		b.inject("P. 7:10(3) ack 1 <dss dsn8=4 ssn=4 dll=3>")
		b.wantIdle("without the key this says nothing")
		syn()
		b.want("the SYN again", "S. 0:0(0) ack 4 <mp_capable v1 H key=KO>")
		b.inject(third)
		multi := third[len(third)-1] == '>'
		if b.conn.Multipath() != multi || b.listener.early != 0 || b.conn.State() != Established {
			t.Fatal(third, b.conn.State(), b.conn.Multipath(), b.listener.early)
		}
		if multi {
			b.inject(". 4:4(0) ack 6 <dss dack8=O+5>")
			b.wantIdle("all is said")
			b.inject("P. 4:7(3) ack 6 <dss dsn8=P+0 ssn=1 dll=3>")
			b.want("DATA_ACK", ". 6:6(0) ack 7 <dss dack8=P+3>")
			b.read("def")
		} else {
			b.inject("P. 4:7(3) ack 6")
			b.want("ACK", ". 6:6(0) ack 7")
			b.read("def")
			if b.conn.Info().Acked != 5 {
				t.Error(b.conn.Info())
			}
		}
	}
}

// What must not start a connection at once: a wrong cookie, which gets a new one;
// version 0; too many of them.
func TestFastOpenRefused(t *testing.T) { // RFC 7413 sections 4.1.2 and 5.1
	b := newBench(t, false, withFastOpen, func(c *Config) { c.MaxFastOpen = 2 })
	syn := func(port int, cookie []byte, m wire.MPCapable) (granted bool) {
		seg := wire.Segment{Src: addPort(b.remote, port), Dst: b.local, Seq: b.peerISN, Flags: wire.SYN, Window: 65535, Payload: []byte("abc")}
		seg.Options, _ = wire.Options(nil).AppendFastOpen(cookie)
		seg.Options, _ = m.Append(seg.Options)
		b.ep.HandleSegment(b.now, &seg)
		var out wire.Segment
		for !b.poll(&out) || out.Dst != seg.Src {
			t.Fatal("no answer")
		}
		if _, ok := b.listener.Accept(); ok != (out.Ack == seg.Seq+4) {
			t.Fatal("accepted, and acknowledged, or not")
		}
		_, granted = out.Options.Find(wire.KindFastOpen)
		return granted
	}
	v1 := wire.MPCapable{Version: wire.V1, Flags: wire.CapableHMAC}
	good := b.ep.fastCookie(b.remote.Addr())
	if !syn(1, []byte{1, 2, 3, 4, 5, 6}, v1) || b.ep.embryos.n != 1 {
		t.Error("a wrong cookie")
	}
	if syn(2, good, wire.MPCapable{Version: wire.V0, Flags: wire.CapableHMAC, HasSender: true, Sender: 7}) || b.ep.embryos.n != 2 {
		t.Error("version 0")
	}
	for i := range 3 {
		if syn(3+i, good, v1) {
			t.Error("a cookie is given to one who has it")
		}
	}
	if b.listener.early != 2 || b.ep.embryos.n != 3 {
		t.Error(b.listener.early, "early connections and", b.ep.embryos.n, "half-open")
	}
	// They do not live for ever.
	for range 30 {
		b.wait(time.Minute)
		b.drain()
	}
	if b.listener.early != 0 || b.ep.known() != 0 || b.ep.subflows.n != 0 {
		t.Error(b.listener.early, b.ep.known(), b.ep.subflows.n)
	}
}

// Fast Open through boxes and losses: whatever they do, the streams are whole.
func TestFastOpenThroughBoxes(t *testing.T) { // RB-01, RB-02
	var taken, left, multi uint64
	for i, boxes := range [][]string{
		{"link delay=5ms"},
		{"strip mp_capable on=syn", "link delay=5ms"}, {"strip mp_capable on=synack", "link delay=5ms"},
		{"strip mp_capable on=ack3", "link delay=5ms"}, {"strip mptcp", "link delay=5ms"},
		{"drop on=syn count=1", "link delay=5ms"}, {"drop on=synack count=1", "link delay=5ms"}, {"drop on=ack3 count=1", "link delay=5ms"},
		{"nat", "seq", "link delay=5ms"}, {"split 400", "link delay=5ms"}, {"coalesce 2", "link delay=5ms"},
		{"link delay=5ms loss=5%"}, {"link delay=5ms loss=5%", "seq", "split 300"},
	} {
		for k := range uint64(16) {
			set := func(c *Config) {
				c.FastOpen = true
				c.NoChecksum = k&1 != 0
				c.Plain = k&6 == 6
			}
			r := rand.New(rand.NewPCG(k, uint64(i)))
			w := newWorld(t, 40+k, testConfig(k, set), testConfig(k+100, set, func(c *Config) { c.FastOpen = k&8 == 0 }), boxes...)
			cookie := fastCookie{size: fastCookieSize}
			copy(cookie.octets[:], w.ep[1].fastCookie(clientAddr))
			w.ep[0].fastCookies.put(serverAddr, cookie)
			a := w.app[0]
			a.out, w.app[1].out = stream(1+r.IntN(40_000), 1), stream(r.IntN(40_000), 2)
			a.closing, w.app[1].closing = true, true
			w.dial()
			n, err := a.conn.Write(w.w.Now(), a.out[:1+r.IntN(min(2000, len(a.out)))])
			if err != nil {
				t.Fatal(err)
			}
			a.wrote = n
			w.finishTransfer(5 * time.Minute)
			w.idle()
			taken += w.ep[0].FlowStats().FastOpenActive
			left += w.ep[0].FlowStats().FastOpenActiveFail
			if a.conn.Multipath() && a.conn.fo.sent > 0 {
				multi++
			}
			if i == 0 && k&6 != 6 {
				w.clean()
			}
			if w.listen.early != 0 {
				t.Error(w.listen.early, "early connections are left")
			}
		}
	}
	if taken < 30 || left < 30 || multi < 30 {
		t.Errorf("Fast Open was taken %d times and not taken %d times, %d of them with Multipath TCP", taken, left, multi)
	}
}
