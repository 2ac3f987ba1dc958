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

// Rules of RFC 8684 that no other story tells, one test each.

// R3-01, R3.4.1-19, R4-02: duplicate ACKs with an MPTCP option other than the DSS say
// nothing about loss; those with a DSS alone do (NOTES 1.1).
func TestDuplicateAcksThatSignal(t *testing.T) {
	for _, k := range []struct {
		option string
		again  bool
	}{{"mp_prio", false}, {"dss dack8=O+0, mp_prio", false}, {"dss dack8=O+0", true}} {
		b := accepted(t)
		b.write(string(make([]byte, 6000)))
		b.drain()
		for range 5 {
			b.inject(". 4:4(0) ack 1 <" + k.option + ">")
		}
		var seg wire.Segment
		again := false
		for b.poll(&seg) {
			again = again || len(seg.Payload) > 0 && seg.Seq == b.ourISN+1
		}
		assert.Equal(t, k.again, again, "%s: the first segment was sent again", k.option)
	}
}

// R3-04: initial sequence numbers come from a keyed hash and a clock (RFC 6528): the
// same addresses move on with time, others lie elsewhere.
func TestInitialSequenceNumbers(t *testing.T) {
	b := newBench(t, true)
	isn := func(at time.Time, port uint16) uint32 {
		ep, err := NewEndpoint(Config{Rand: rand.NewPCG(7, 7)})
		require.NoError(t, err)
		_, err = ep.Dial(at, addPort(b.local, int(port)), b.remote)
		require.NoError(t, err)
		var seg wire.Segment
		require.True(t, ep.PollSegment(at, &seg))
		return seg.Seq
	}
	first := isn(b.now, 0)
	assert.Equal(t, first, isn(b.now, 0), "the hash has one secret")
	assert.InDelta(t, 250_000, isn(b.now.Add(time.Second), 0)-first, 1000, "250 a millisecond")
	assert.NotEqual(t, first, isn(b.now, 1))
}

// R3.1-06, R3.1-22, R3.3.1-04, R5-01, R3.1-38: by default the SYN offers version 1 and
// asks for checksums; nothing after the handshake and the first data shows a key.
func TestDefaults(t *testing.T) {
	b := newBench(t, true, func(c *Config) { c.NoChecksum = false })
	b.want("version 1, A set", "S 0:0(0) <mp_capable v1 AH>")
	b.inject("S. 0:0(0) ack 1 <mss 1460, mp_capable v1 H key=KP>")
	b.want("third ACK", ". 1:1(0) ack 1 <mp_capable v1 AH key=KO+KP>")
	require.True(t, b.conn.Checksum())
	b.write("abc")
	b.want("first data", "P. 1:4(3) ack 1 <mp_capable v1 AH key=KO+KP dll=3>")
	b.inject(". 1:1(0) ack 4 <dss dack8=O+3>")
	b.write("def")
	var seg wire.Segment
	require.True(t, b.poll(&seg))
	o, ok := seg.Options.Find(wire.KindMPTCP)
	require.True(t, ok)
	assert.Equal(t, wire.SubDSS, o.Subtype())
}

// R3.1-10, R5-01: keys are 64 random bits, and those of two endpoints have nothing in
// common.
func TestKeysAreRandom(t *testing.T) {
	var and, or wire.Key = 1<<64 - 1, 0
	seen := map[wire.Key]bool{}
	for seed := range uint64(64) {
		ep, err := NewEndpoint(Config{Rand: rand.NewPCG(seed, 1)})
		require.NoError(t, err)
		s, ok := ep.newSecret(wire.V1)
		require.True(t, ok)
		require.False(t, seen[s.key])
		seen[s.key] = true
		and, or = and&s.key, or|s.key
	}
	assert.Zero(t, and)
	assert.Equal(t, ^wire.Key(0), or)
}

// R3.1-34: a SYN without A, answered with A: checksums both ways, and A in the ACK.
func TestChecksumsAskedForBySYNACK(t *testing.T) {
	b := newBench(t, true)
	b.want("A is not set", "S 0:0(0) <mp_capable v1 H>")
	b.inject("S. 0:0(0) ack 1 <mss 1460, mp_capable v1 AH key=KP>")
	b.want("and now it is", ". 1:1(0) ack 1 <mp_capable v1 AH key=KO+KP>")
	assert.True(t, b.conn.Checksum())
}

// R3.1-35: a host that refuses checksums and meets one that demands them speaks TCP.
func TestChecksumsRefused(t *testing.T) {
	refuse := func(c *Config) { c.RefuseChecksum = true }
	b := newBench(t, true, refuse)
	b.want("SYN", "S 0:0(0) <mp_capable v1 H>")
	b.inject("S. 0:0(0) ack 1 <mss 1460, mp_capable v1 AH key=KP>")
	b.want("plain", ". 1:1(0) ack 1")
	assert.False(t, b.conn.Multipath())

	b = newBench(t, false, refuse)
	b.inject("S 0:0(0) <mss 1460, mp_capable v1 AH>")
	b.want("R3.1-37: no option in the answer", "S. 0:0(0) ack 1")
}

// R3.1-18: first data from both sides at once; one is in MP_CAPABLE, one in a DSS.
func TestFirstDataCrosses(t *testing.T) {
	b := opened(t)
	b.write("hello")
	b.inject("P. 1:4(3) ack 1 <dss dack8=O+0 dsn8=P+0 ssn=1 dll=3>")
	b.want("an ACK at once", ". 1:1(0) ack 4 <dss dack8=P+3>")
	b.want("the peer has our key, it said so: no MP_CAPABLE", "P. 1:6(5) ack 4 <dss dack8=P+3 dsn8=O+0 ssn=1 dll=5>")
	b.read("abc")
	b.inject(". 4:4(0) ack 6 <dss dack8=O+5>")
	assert.EqualValues(t, 5, b.conn.Info().Acked)

	b = newBench(t, false)
	b.inject("S 0:0(0) <mss 1460, mp_capable v1 H>")
	b.want("SYN/ACK", "S. 0:0(0) ack 1 <mp_capable v1 H key=KO>")
	b.inject(". 1:1(0) ack 1 <mp_capable v1 H key=KP+KO>")
	b.write("hello")
	b.want("a DSS from the listener", "P. 1:6(5) ack 1 <dss dsn8=O+0 ssn=1 dll=5>")
	b.inject("P. 1:4(3) ack 1 <mp_capable v1 H key=KP+KO dll=3>")
	b.want("DATA_ACK", ". 6:6(0) ack 4 <dss dack8=P+3>")
	b.read("abc")
	require.True(t, b.conn.Multipath())
}

// R3.3.1-08: urgent data is data: mapped, and delivered in its place.
func TestUrgentData(t *testing.T) {
	b := accepted(t)
	b.inject("P.U 4:7(3) ack 1 urg 2 <dss dsn8=P+3 ssn=4 dll=3>")
	b.want("DATA_ACK", ". 1:1(0) ack 7 <dss dack8=P+6>")
	b.read("def")
}

// R3.3.1-20, R3.3.2-01: one mapping for several segments, given on one of them.
func TestMappingOnOneSegment(t *testing.T) {
	b := accepted(t)
	b.inject(". 4:7(3) ack 1 <dss dsn8=P+3 ssn=4 dll=9>")
	b.inject(". 7:10(3) ack 1 <dss dack8=O+0>")
	b.want("DATA_ACK of six", ". 1:1(0) ack 10 <dss dack8=P+9>")
	b.inject("P. 10:13(3) ack 1 <dss dack8=O+0>")
	b.wait(time.Second)
	b.want("and of all: the next octet expected", ". 1:1(0) ack 13 <dss dack8=P+12>")
	b.read("defghijkl")
}

// R3.3.1-11, R3.3.1-12, R3.7-05: octets without a mapping use none of the connection's
// window, and a subflow that brings ever more of them is reset, with reason 6.
func TestUnmappedWithoutEnd(t *testing.T) {
	b := proven(t, func(c *Config) { c.MaxUnmapped, c.ReceiveBuffer = 8000, 70_000 })
	b.join(newLane("10.0.0.1:80", "10.0.9.9:999"), 7)
	edge := b.conn.Info().Edge
	reset := false
	var seg wire.Segment
	for i := 0; i < 100 && !reset; i++ {
		b.inject(fmt.Sprintf(". %d:%d(1000) ack 1 <dss dack8=O+0>", 7+1000*i, 1007+1000*i))
		assert.LessOrEqual(t, b.conn.subflows[0].held.octets, 8000)
		for b.poll(&seg) {
			if reset = reset || seg.Flags.Has(wire.RST); reset {
				o, _ := seg.Options.Find(wire.KindMPTCP)
				m, err := wire.ParseMPTCPRst(o)
				assert.NoError(t, err)
				assert.Equal(t, wire.ResetMiddlebox, m.Reason)
				break
			}
		}
	}
	assert.True(t, reset, "after a receive window of them")
	assert.LessOrEqual(t, edge, b.conn.Info().Edge)
	assert.EqualValues(t, 6, b.conn.Info().Received, "nothing of it was delivered")
}

// R3.3.1-16: 4-octet DSNs only where 2^31 octets take longer than a segment may live.
func TestShortNumbersNeedSlowPaths(t *testing.T) {
	b := opened(t, func(c *Config) { c.ShortDSN = true })
	b.write("hello")
	b.drain()
	b.now = b.now.Add(10 * time.Millisecond)
	b.inject(". 1:1(0) ack 6 <dss dack8=O+5>")
	b.write("slow")
	b.want("10 ms and a small window: 4 octets", "P. 6:10(4) ack 1 <dss dsn4=O+5 ssn=6 dll=4>")

	fast := opened(t, func(c *Config) { c.ShortDSN = true })
	fast.write("hello")
	fast.drain()
	fast.now = fast.now.Add(50 * time.Nanosecond)
	fast.inject(". 1:1(0) ack 6 <dss dack8=O+5>")
	fast.write("fast")
	fast.want("50 ns: 8 octets", "P. 6:10(4) ack 1 <dss dsn8=O+5 ssn=6 dll=4>")
}

// R3.3.2-05, R3.3.6-03: octets leave the send buffer when both levels have
// acknowledged them, whichever comes first; R3.3.2-08: DATA_ACK missing, they are sent
// again though TCP delivered them (R3.3.6-02); R4-01: a subflow ACK acknowledges no data.
func TestBothLevelsMustAcknowledge(t *testing.T) {
	b := accepted(t)
	b.write("hello")
	b.want("data", "P. 1:6(5) ack 4 <dss dsn8=O+0 ssn=1 dll=5>")
	b.inject(". 4:4(0) ack 6 <dss dack8=O+0>")
	assert.EqualValues(t, 0, b.conn.Info().Acked)
	assert.Equal(t, 5, b.conn.snd.buf.len(), "acknowledged by the subflow only")
	for range repeatAfter - 1 {
		b.wait(time.Minute)
		b.want("a question: is that so?", ". 5:5(0) ack 4 <dss dack8=P+3>")
		b.now = b.now.Add(time.Millisecond)
		b.inject(". 4:4(0) ack 6 <dss dack8=O+0>")
	}
	b.wait(time.Minute)
	b.want("the receiver dropped it: again, on another mapping", "P. 6:11(5) ack 4 <dss dsn8=O+0 ssn=6 dll=5>")
	b.inject(". 4:4(0) ack 11 <dss dack8=O+5>")
	assert.Equal(t, 0, b.conn.snd.buf.len())

	b.write("world")
	b.want("data", "P. 11:16(5) ack 4 <dss dsn8=O+5 ssn=11 dll=5>")
	b.inject(". 4:4(0) ack 11 <dss dack8=O+10>")
	assert.EqualValues(t, 10, b.conn.Info().Acked)
	assert.Equal(t, 5, b.conn.snd.buf.len(), "acknowledged by the data level only")
	b.wait(3 * time.Second)
	b.want("TCP repeats the same octets", "P. 11:16(5) ack 4 <dss dsn8=O+5 ssn=11 dll=5>")
	b.inject(". 4:4(0) ack 16 <dss dack8=O+10>")
	assert.Equal(t, 0, b.conn.snd.buf.len())
}

// R3.3.2-07: a DATA_ACK on every segment, or only where it advances.
func TestSparseDataAcks(t *testing.T) {
	b := accepted(t)
	for i := range 3 {
		b.write("hello")
		b.drain()
		b.inject(fmt.Sprintf(". %d:%d(0) ack %d <dss dack8=O+%d>", 4+3*i, 4+3*i, 6+5*i, 5+5*i))
		b.inject(fmt.Sprintf("P. %d:%d(3) ack %d <dss dsn8=P+%d ssn=%d dll=3>", 4+3*i, 7+3*i, 6+5*i, 3+3*i, 4+3*i))
		b.drain()
	}
	i := b.conn.Info()
	assert.EqualValues(t, 15, i.Acked)
	assert.EqualValues(t, 12, i.Received)
	assert.True(t, b.conn.Multipath())
}

// R3.3.4-01, R3.3.4-03: the right edge of the data window stays while the buffer fills,
// out of order or in, and moves only forward; R3.8-02: what lies beyond it is dropped
// and not DATA_ACKed.
func TestDataWindow(t *testing.T) {
	b := accepted(t, func(c *Config) { c.ReceiveBuffer = 3000 })
	edge := b.conn.Info().Edge
	b.inject(". 4:1004(1000) ack 1 <dss dsn8=P+1003 ssn=4 dll=1000>") // in order at the subflow, a hole before it at the data level
	b.want("kept", ". 1:1(0) ack 1004 <dss dack8=P+3>")
	assert.Equal(t, edge, b.conn.Info().Edge)
	b.inject(". 1004:2004(1000) ack 1 <dss dsn8=P+90000 ssn=1004 dll=1000>")
	b.drain()
	assert.EqualValues(t, 3, b.conn.Info().Received)
	assert.LessOrEqual(t, b.conn.rcv.buf.Buffered(), 1000)
	assert.GreaterOrEqual(t, b.conn.Info().Edge, edge)
}

// R3.3.5-02, R4-04: the window is the largest right edge heard; R3.3.4-02: beside it
// each flow keeps the one it was told itself. That of the handshake, R3.3.2-04, counts only
// until there is a DATA_ACK: Linux tells of less beside its first one, and drops what lies
// beyond.
func TestLargestWindow(t *testing.T) {
	b := accepted(t)
	assert.EqualValues(t, 65535, b.conn.Info().PeerEdge)
	b.inject(". 4:4(0) ack 1 win 50000 <dss dack8=O+0>")
	b.inject(". 4:4(0) ack 1 win 100 <dss dack8=O+0>")
	assert.EqualValues(t, 50000, b.conn.Info().PeerEdge)
	b.write(string(make([]byte, 2000)))
	var seg wire.Segment
	require.True(t, b.poll(&seg))
	assert.LessOrEqual(t, len(seg.Payload), 100, "the flow's own window holds it back")
}

// R3.3.5-04: a send buffer of the default size covers a receive buffer of the default
// size.
func TestBuffersMatch(t *testing.T) {
	c := Config{Rand: rand.NewPCG(1, 1)}
	require.NoError(t, c.validate())
	assert.GreaterOrEqual(t, c.SendBuffer, c.ReceiveBuffer)
}

// R3.7-02, R3.1-19: until the first DATA_ACK each segment has a mapping, also where one
// mapping fills several.
func TestEachSegmentIsMapped(t *testing.T) {
	b := accepted(t)
	b.write(string(make([]byte, 5000)))
	var seg wire.Segment
	n := 0
	for ; b.poll(&seg); n++ {
		o, ok := seg.Options.Find(wire.KindMPTCP)
		require.True(t, ok)
		d, err := wire.ParseDSS(o)
		require.NoError(t, err)
		assert.True(t, d.Flags.Has(wire.DSSMap))
	}
	assert.Greater(t, n, 2)
}

// R3.5-07: two MP_FASTCLOSE cross: a RST, and both are closed.
func TestFastclosesCross(t *testing.T) {
	b := accepted(t, func(c *Config) { c.FastcloseByAck = true })
	b.conn.Abort(b.now)
	b.want("ours", ". 1:1(0) ack 4 <mp_fastclose key=KP>")
	b.inject(". 4:4(0) ack 1 <mp_fastclose key=KO>")
	b.want("RST", "R. <mp_tcprst reason=0>")
	assert.Equal(t, Closed, b.conn.State())
	e, ok := b.conn.Err().(*LocalError)
	require.True(t, ok)
	assert.Equal(t, Aborted, e.Reason)
}

// R3.7-18: without checksums nothing tells that a box changed the payload; there is no
// MP_FAIL.
func TestNoChecksumNoFail(t *testing.T) {
	b := accepted(t)
	b.inject("P. 4:7(3) ack 1 <dss dsn8=P+3 ssn=4 dll=3>")
	b.want("DATA_ACK", ". 1:1(0) ack 7 <dss dack8=P+6>")
	assert.Zero(t, b.ep.stats.DataCsumErr)
}

// V0-07: B in an MP_CAPABLE of version 0 is not understood either, and the option is
// passed over as the one of version 1 is.
func TestExtensibilityBitVersion0(t *testing.T) {
	b := newBench(t, false, func(c *Config) { c.Versions = OnlyV0 })
	b.inject("S 0:0(0) <mss 1460, mp_capable v0 BH key=KP>")
	b.wantIdle("the whole SYN is ignored")
	assert.Zero(t, b.ep.subflows.n)
}

// V0-09: version 0 has no MP_TCPRST; MP_FASTCLOSE is there.
func TestNoResetReasonInVersion0(t *testing.T) {
	b := newBench(t, false, func(c *Config) { c.Versions = OnlyV0 })
	b.inject("S 0:0(0) <mss 1460, mp_capable v0 H key=KP>")
	b.want("SYN/ACK", "S. 0:0(0) ack 1 <mp_capable v0 H key=KO>")
	b.inject(". 1:1(0) ack 1 <mp_capable v0 H key=KP+KO>")
	b.inject("P. 1:4(3) ack 1 <dss dsn8=P+0 ssn=1 dll=3>")
	b.drain()
	b.read("abc")
	b.conn.Abort(b.now)
	var seg wire.Segment
	require.True(t, b.poll(&seg))
	assert.True(t, seg.Flags.Has(wire.RST))
	for o := range seg.Options.All() {
		if o.Kind() == wire.KindMPTCP {
			assert.Equal(t, wire.SubMPFastclose, o.Subtype())
		}
	}
}

// NOTES 1.18: while octets without a mapping are held on the only subflow, no segment has
// a DATA_ACK. A proxy may put its own acknowledgment number on it, and the sender would
// repeat into what may be a TCP stream by then.
func TestNoDataAckWhileInDoubt(t *testing.T) {
	b := accepted(t)
	b.inject("P. 4:7(3) ack 1")
	b.inject(". 7:7(0) ack 1 <dss dack8=O+0>") // options pass
	b.inject("P. 4:7(3) ack 1")                // again, as TCP would: it has to be answered
	n := 0
	var seg wire.Segment
	for ; b.poll(&seg); n++ {
		_, has := seg.Options.Find(wire.KindMPTCP)
		assert.False(t, has, "%x", []byte(seg.Options))
	}
	assert.Positive(t, n, "the repetition was answered")
	assert.True(t, b.conn.Multipath())
}

// RFC 6056: the search for a free port begins where the driver says, among the ephemeral.
func TestFirstPort(t *testing.T) {
	cfg := Config{Rand: rand.NewPCG(1, 1), FirstPort: 60_000}
	ep, err := NewEndpoint(cfg)
	require.NoError(t, err)
	c, err := ep.Dial(time.Unix(1_000_000, 0), netip.AddrPortFrom(clientAddr, 0), serverPort)
	require.NoError(t, err)
	assert.EqualValues(t, 60_000, c.Local().Port())
	cfg.FirstPort = 1000
	_, err = NewEndpoint(cfg)
	assert.Error(t, err)
}
