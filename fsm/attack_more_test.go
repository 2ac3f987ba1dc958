package fsm

import (
	"net/netip"
	"testing"

	"github.com/mptcp-go/mptcp/dataseq"
	"github.com/mptcp-go/mptcp/wire"
)

// A DATA_FIN alone has a checksum like any mapping (R3.3.1-22, RFC 8684 section 3.3.1): with
// a wrong one it ends nothing and is not acknowledged; the right one that follows does.
func TestDataFinWithAWrongChecksum(t *testing.T) {
	b := newBench(t, false, func(c *Config) { c.NoChecksum = false })
	b.inject("S 0:0(0) <mss 1460, mp_capable v1 AH>")
	b.drain()
	b.inject(". 1:1(0) ack 1 <mp_capable v1 AH key=KP+KO>")
	b.drain()
	c := b.conn
	if !c.Checksum() {
		t.Fatal("no checksums")
	}
	dsn := c.peer.space.DSN(0)
	right := dataseq.PseudoSum(dsn, 0, 1).Checksum()
	for bit := range 17 {
		d := wire.DSS{Flags: wire.DSSMap | wire.DSSMap8 | wire.DSSFin, DSN: dsn, DataLen: 1, HasSum: true, Sum: right}
		if bit < 16 {
			d.Sum ^= 1 << bit
		}
		b.inDSS(1, 1, d, nil)
		b.drain()
		if bit < 16 && (c.State() != Established || b.ep.stats.DataCsumErr != uint64(bit+1) || b.ep.stats.DataFinRx != 0) {
			t.Fatalf("bit %d: %v, %d errors", bit, c.State(), b.ep.stats.DataCsumErr)
		}
	}
	if c.State() != CloseWait || b.ep.stats.DataFinRx != 1 {
		t.Error(c.State(), "behind the right one")
	}
}

// NOTES section 5: one address announced at port after port, faster than we speak: the
// echoes that wait are bounded, and what is not echoed is counted.
func TestEchoesAreBounded(t *testing.T) {
	b := provenClient(t)
	c := b.conn
	a := netip.MustParseAddr("10.9.9.9")
	const n = 100
	for port := range uint16(n) {
		add := wire.AddAddr{Version: wire.V1, ID: 5, Addr: a, HasPort: true, Port: 1000 + port, HasHMAC: true,
			HMAC: wire.AddAddrHMAC(b.peerKey, c.own.key, 5, a, 1000+port)}
		o, _ := add.Append(nil)
		b.inOpts(wire.ACK, 1, 1, o)
		if len(c.signals) > maxSignals {
			t.Fatal(len(c.signals), "signals wait")
		}
	}
	if waiting, dropped := len(c.signals), b.ep.stats.EchoAddTxDrop; waiting != maxSignals || dropped != n-maxSignals {
		t.Errorf("%d wait, %d were dropped", waiting, dropped)
	}
}

// R3.1-13: where the token of a key that would be given out without state is in use, the
// next alternative is given out, and recognised when it comes back.
func TestStatelessAlternatives(t *testing.T) {
	for taken := range keyTries {
		b := newBench(t, false, func(c *Config) { c.MaxHalfOpen = 1 })
		b.ep.HandleSegment(b.now, b.bareSYN(0, nil))
		b.flush()
		id := flowID{b.local, b.remote}.short()
		var out wire.Segment
		var offered wire.MPCapable
		for n := range taken + 1 {
			b.inject("S 0:0(0) <mss 1460, mp_capable v1 H>")
			if !b.poll(&out) {
				t.Fatal("no answer")
			}
			b.ourISN = out.Seq
			o, _ := out.Options.Find(wire.KindMPTCP)
			var err error
			if offered, err = wire.ParseMPCapable(o); err != nil {
				t.Fatal(err)
			}
			if s := b.ep.statelessSecret(&id, b.peerISN, out.Seq, wire.V1, n); s.key != offered.Sender {
				t.Fatalf("alternative %d is not what was offered", n)
			} else if n < taken {
				b.ep.tokens[s.token] = nil
			}
		}
		o, _ := wire.MPCapable{Version: wire.V1, Flags: wire.CapableHMAC, HasSender: true, Sender: b.peerKey, HasReceiver: true,
			Receiver: offered.Sender}.Append(nil)
		b.inOpts(wire.ACK, 1, 1, o)
		c, ok := b.listener.Accept()
		if !ok || !c.Multipath() || c.own.key != offered.Sender || b.ep.tokens[c.own.token] != c {
			t.Errorf("with %d taken: accepted %v", taken, ok)
		}
	}
}

// R3.1-17, RFC 8684 section 3.1: behind the handshake a mapping in MP_CAPABLE counts with
// the keys of the connection only; the octets of another wait for a mapping.
func TestMappingWithOtherKeys(t *testing.T) {
	for _, wrong := range []string{"KP+KP", "KO+KO", "KO+KP"} {
		b := newBench(t, false)
		b.inject("S 0:0(0) <mss 1460, mp_capable v1 H>")
		b.want("SYN/ACK", "S. 0:0(0) ack 1 <mp_capable v1 key=KO>")
		b.inject(". 1:1(0) ack 1 <mp_capable v1 H key=KP+KO>")
		b.drain()
		b.inject("P. 1:4(3) ack 1 <mp_capable v1 H key=" + wrong + " dll=3>")
		b.drain()
		if i := b.conn.Info(); i.Received != 0 || i.FellBack {
			t.Errorf("%s: %d octets received, fell back %v", wrong, i.Received, i.FellBack)
		}
		b.inject("P. 1:4(3) ack 1 <mp_capable v1 H key=KP+KO dll=3>")
		b.drain()
		b.read("abc")
	}
}

// R3.3.1-12: one segment that alone brings more octets without a mapping than may be held,
// where they would be acknowledged: none of it is kept.
func TestUnmappedSegmentBeyondTheBound(t *testing.T) {
	b := proven(t, func(c *Config) { c.MaxUnmapped = 1000 })
	c := b.conn
	c.subflows[0].dropped = true // something was given up: octets are not withheld any more
	ack := wire.DSS{Flags: wire.DSSAck | wire.DSSAck8, DataAck: c.own.space.DSN(0)}
	for range 3 {
		b.inDSS(7, 1, ack, make([]byte, 1400))
		b.flush()
		s := c.subflows[0]
		if s.held.octets > 1000 || s.flow.Received() != 6 {
			t.Fatalf("%d octets held, the subflow came to %d", s.held.octets, s.flow.Received())
		}
	}
}

// RFC 8684 section 3.7: the stream can go on in subflow order where the subflow itself will
// bring what is missing, but not where the peer was told of a gap, since it may have
// repeated data elsewhere in the subflow, which a fallback would take for new.
func TestNoFallbackWhereAGapWasTold(t *testing.T) {
	b := proven(t)
	s := b.conn.subflows[0]
	b.inject("P. 10:13(3) ack 1 <dss dsn8=P+9 ssn=10 dll=3>")
	b.drain()
	if !b.conn.contiguous(s) {
		t.Error("a hole in the subflow alone")
	}
	s.gap = true
	if b.conn.contiguous(s) {
		t.Error("a gap was told, and data is missing")
	}
	b.inject("P. 7:10(3) ack 1 <dss dsn8=P+6 ssn=7 dll=3>")
	b.drain()
	if !b.conn.contiguous(s) {
		t.Error("nothing is missing any more")
	}
}

// RFC 8684 section 3.7: whoever sees that options are lost does not fall back where its own
// octets are on the subflow twice: a TCP would take the repetition for new data.
func TestNoFallbackBehindARepetition(t *testing.T) {
	for _, twice := range []bool{false, true} {
		b := proven(t)
		c := b.conn
		s := c.subflows[0]
		c.Write(b.now, make([]byte, 3000))
		b.drain()
		if twice {
			c.bind(b.now, s, c.snd.una, 1000, sentAgain)
			b.drain()
		}
		if !c.fallBackSender(b.now, s) || c.Info().FellBack == twice || s.doomed != twice {
			t.Errorf("repeated %v: fell back %v, reset %v", twice, c.Info().FellBack, s.doomed)
		}
	}
}
