package fsm

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/wire"
)

// Rules that other packages' tests or ranges of ids touch, shown at an endpoint.

// R2-02: subtypes that nobody knows, and the experimental one, change nothing: the option
// beside them counts, the data is taken, and they are no reason for anything.
func TestUnknownSubtypesAreIgnored(t *testing.T) {
	for sub := byte(9); sub <= 15; sub++ {
		b := proven(t)
		before := b.ep.stats
		d := wire.DSS{Flags: wire.DSSMap | wire.DSSMap8, DSN: b.conn.peer.space.DSN(6), SSN: 7, DataLen: 3}
		o, _ := d.Append(wire.Options{wire.KindMPTCP, 4, sub << 4, 0xff})
		seg := wire.Segment{Src: b.remote, Dst: b.local, Seq: b.peerISN + 7, Ack: b.ourISN + 1, Flags: wire.ACK, Window: 65535, Options: o, Payload: []byte("ghi")}
		b.ep.HandleSegment(b.now, &seg)
		b.inOpts(wire.ACK, 10, 1, wire.Options{wire.KindMPTCP, 4, sub << 4, 0xff})
		b.drain()
		b.read("ghi")
		assert.Equal(t, before, b.ep.stats, "subtype %d", sub)
		assert.True(t, b.conn.Multipath())
	}
}

// R3.1-16, R3.1-33: who asks for checksums gets them from both, whoever it is; and the
// first data of the opener has MP_CAPABLE in place of a DSS, with the checksum if there is
// to be one.
func TestChecksumsIfEitherAsks(t *testing.T) {
	for _, ours := range []bool{false, true} {
		for _, theirs := range []string{"", "A"} {
			b := newBench(t, true, func(c *Config) { c.NoChecksum = !ours })
			b.drain()
			b.inject("S. 0:0(0) ack 1 <mss 1460, mp_capable v1 " + theirs + "H key=KP>")
			b.drain()
			b.write("hello")
			var seg wire.Segment
			require.True(t, b.poll(&seg))
			o, ok := seg.Options.Find(wire.KindMPTCP)
			require.True(t, ok)
			m, err := wire.ParseMPCapable(o)
			require.NoError(t, err)
			want := ours || theirs != ""
			assert.True(t, m.HasData)
			assert.Equal(t, want, m.HasSum, "ours %v, theirs %q", ours, theirs)
			assert.Equal(t, want, b.conn.Checksum())
			b.write("more")
			require.True(t, b.poll(&seg))
			o, _ = seg.Options.Find(wire.KindMPTCP)
			d, err := wire.ParseDSS(o)
			require.NoError(t, err)
			assert.Equal(t, want, d.HasSum)
		}
	}
}

// R3.3.1-02: of octets that come twice for the same place in the stream the first stand,
// whichever subflow brings the others, before they are read and after.
func TestFirstDataWins(t *testing.T) {
	for _, readFirst := range []bool{false, true} {
		b := proven(t)
		l := newLane("10.0.0.2:80", "10.7.7.7:5000")
		b.join(l, 7)
		at := func(off uint64, ssn uint32, n int) wire.DSS {
			return wire.DSS{Flags: wire.DSSMap | wire.DSSMap8, DSN: b.conn.peer.space.DSN(off), SSN: ssn, DataLen: uint16(n)}
		}
		b.inDSS(7, 1, at(6, 7, 4), []byte("AAAA"))
		b.inDSS(11, 1, at(14, 11, 4), []byte("CCCC")) // behind a hole
		if readFirst {
			b.read("AAAA")
		}
		b.on(l, func() { b.inDSS(1, 1, at(6, 1, 12), []byte("xxxxBBBBxxxx")) })
		b.drain()
		if readFirst {
			b.read("BBBBCCCC")
		} else {
			b.read("AAAABBBBCCCC")
		}
		assert.NotZero(t, b.ep.stats.DuplicateData)
	}
}

// R3.3.5-02, R3.3.4-01: the window is the largest edge that any subflow told of: a lower
// one on the other takes nothing back, a higher one on either counts.
func TestLargestWindowOfTwoSubflows(t *testing.T) {
	b := proven(t)
	b.inject(". 7:7(0) ack 1 win 65535 <dss dack8=O+0>")
	l := newLane("10.0.0.2:80", "10.7.7.7:5000")
	b.join(l, 7)
	base := b.conn.Info().PeerEdge
	tell := func(win uint16) {
		d := wire.DSS{Flags: wire.DSSAck | wire.DSSAck8, DataAck: b.conn.own.space.DSN(b.conn.snd.una)}
		o, _ := d.Append(nil)
		seg := wire.Segment{Src: b.remote, Dst: b.local, Seq: b.peerISN + 7, Ack: b.ourISN + 1, Flags: wire.ACK, Window: win, Options: o}
		if b.remote == l.remote {
			seg.Seq = b.peerISN + 1
		}
		b.ep.HandleSegment(b.now, &seg)
	}
	b.on(l, func() { tell(1000) })
	assert.Equal(t, base, b.conn.Info().PeerEdge)
	b.write("hello")
	b.drain()
	b.inject(". 7:7(0) ack 6 win 100 <dss dack8=O+5>")
	assert.Equal(t, base, b.conn.Info().PeerEdge, "5 + 100 is lower")
	b.on(l, func() { tell(65535) })
	assert.Equal(t, base+5, b.conn.Info().PeerEdge, "5 + 65535, told on the other subflow")
}

// R3.4.1-11: what the spare flags of an ADD_ADDR say is not asked; the echo has none.
func TestSpareFlagsOfAddAddr(t *testing.T) {
	b := provenClient(t)
	a := netip.MustParseAddr("10.9.9.9")
	o, _ := (&wire.AddAddr{Version: wire.V1, ID: 5, Addr: a, HasHMAC: true, HMAC: wire.AddAddrHMAC(b.peerKey, b.conn.own.key, 5, a, 0)}).Append(nil)
	o[2] |= 0x0e
	b.inOpts(wire.ACK, 1, 1, o)
	require.Len(t, b.conn.RemoteAddrs(nil), 1)
	var seg wire.Segment
	echoed := false
	for b.poll(&seg) {
		for opt := range seg.Options.MPTCP() {
			if opt.Subtype() == wire.SubAddAddr {
				echoed = true
				assert.Zero(t, opt[2]&0x0e)
			}
		}
	}
	assert.True(t, echoed)
}

// R3.6-02, R3.6-07, R3.6-08, R3.6-06: a RST says why; of one that comes, the spare flags
// say nothing, and a code that nobody knows is as good as none, its T flag all the same
// deciding whether the path is tried again.
func TestResetReasonsUnknown(t *testing.T) {
	for _, transient := range []bool{false, true} {
		for _, spare := range []byte{0, 0x0e} {
			b := opened(t)
			b.inject(". 1:1(0) ack 1 <dss dack8=O+0>")
			o, _ := wire.MPTCPRst{Reason: 77, Transient: transient}.Append(nil)
			o[2] |= spare
			b.inOpts(wire.RST|wire.ACK, 1, 1, o)
			assert.Equal(t, Established, b.conn.State())
			assert.EqualValues(t, 1, b.ep.stats.MPRstRx)
			assert.Equal(t, wire.ResetUnspecified, wire.ResetReason(77).Known())
			b.wait(30 * time.Second)
			var seg wire.Segment
			again := b.poll(&seg)
			assert.Equal(t, transient, again, "spare %x", spare)
		}
	}
}

// R3.7-01: either SYN without the option is regular TCP, at both ends: no option on any
// segment from then on.
func TestEitherSYNWithoutTheOption(t *testing.T) {
	client := newBench(t, true)
	client.drain()
	client.inject("S. 0:0(0) ack 1 <mss 1460>")
	server := newBench(t, false)
	server.inject("S 0:0(0) <mss 1460>")
	var seg wire.Segment
	require.True(t, server.poll(&seg))
	_, has := seg.Options.Find(wire.KindMPTCP)
	assert.False(t, has, "in the SYN/ACK")
	server.ourISN = seg.Seq
	server.inject(". 1:1(0) ack 1")
	for i, b := range []*bench{client, server} {
		require.NotNil(t, b.conn)
		require.False(t, b.conn.Multipath())
		b.write("hello")
		b.conn.CloseWrite(b.now)
		n := 0
		for ; b.poll(&seg); n++ {
			_, has := seg.Options.Find(wire.KindMPTCP)
			assert.False(t, has, "end %d", i)
		}
		assert.NotZero(t, n)
		b.inject("P. 1:4(3) ack 6")
		b.read("abc")
	}
}

// R3.5-03: MP_FASTCLOSE by option R goes on a RST of every subflow, and nothing is left.
func TestFastcloseOnEverySubflow(t *testing.T) {
	b := proven(t)
	lanes := []*lane{newLane("10.0.0.2:80", "10.7.7.7:5000"), newLane("10.0.0.3:80", "10.7.7.8:5000")}
	for i, l := range lanes {
		b.join(l, uint8(7+i))
	}
	b.conn.Abort(b.now)
	got := map[netip.AddrPort]wire.Key{}
	var seg wire.Segment
	for b.poll(&seg) {
		require.True(t, seg.Flags.Has(wire.RST), "%v", seg.Flags)
		for o := range seg.Options.MPTCP() {
			if m, err := wire.ParseMPFastclose(o); err == nil && o.Subtype() == wire.SubMPFastclose {
				got[seg.Dst] = m.Key
			}
		}
	}
	assert.Equal(t, map[netip.AddrPort]wire.Key{b.remote: b.peerKey, lanes[0].remote: b.peerKey, lanes[1].remote: b.peerKey}, got)
	assert.Equal(t, Closed, b.conn.State())
	assert.Zero(t, b.ep.subflows.n)
	assert.Zero(t, b.ep.known())
	assert.True(t, b.ep.Deadline().IsZero(), "nothing is armed")
}

// V0-12: in version 0 every ACK of the opener has MP_CAPABLE with both keys until a DSS
// came, and none behind it; data has a DSS at once.
func TestVersion0RepeatsTheKeys(t *testing.T) {
	b := newBench(t, true, func(c *Config) { c.Versions = OnlyV0 })
	b.want("SYN", "S 0:0(0) <mp_capable v0 H key=KO>")
	const synack = "S. 0:0(0) ack 1 <mss 1460, mp_capable v0 H key=KP>"
	b.inject(synack)
	b.want("third ACK", ". 1:1(0) ack 1 <mp_capable v0 H key=KO+KP>")
	for range 3 {
		b.inject(synack) // it was lost
		b.want("again", ". 1:1(0) ack 1 <mp_capable v0 H key=KO+KP>")
		b.now = b.now.Add(time.Second)
	}
	b.inject(". 1:1(0) ack 1 <dss dack8=O+0>")
	b.write("hello")
	b.want("data has a DSS", "P. 1:6(5) ack 1 <dss dsn8=O+0 ssn=1 dll=5>")
	b.inject("P. 1:4(3) ack 6 <dss dack8=O+5 dsn8=P+0 ssn=1 dll=3>")
	var seg wire.Segment
	b.wait(time.Second)
	require.True(t, b.poll(&seg))
	for o := range seg.Options.MPTCP() {
		assert.Equal(t, wire.SubDSS, o.Subtype())
	}
}

// V0-05, R3.3.8-01: MP_PRIO of version 0 may name an address, and then means the subflows
// to that; version 1 has no such form.
func TestPrioOfAnAddress(t *testing.T) {
	for _, v := range []Versions{OnlyV0, OnlyV1} {
		b := provenIn(t, v, func(c *Config) { c.Versions = v })
		l := newLane("10.0.0.2:80", "10.7.7.7:5000")
		b.join(l, 7)
		o, _ := wire.MPPrio{Backup: true, HasID: true, ID: 7}.Append(nil)
		b.inOpts(wire.ACK, 7, 1, o) // told on the first subflow
		for _, s := range b.conn.subflows {
			assert.Equal(t, v == OnlyV0 && s.join.peerID == 7, s.join.backup, "version %v, id %d", v, s.join.peerID)
		}
		o, _ = wire.MPPrio{Backup: true}.Append(nil)
		b.inOpts(wire.ACK, 7, 1, o)
		for _, s := range b.conn.subflows {
			assert.Equal(t, v == OnlyV0 || s.join.peerID == 0, s.join.backup, "version %v, id %d", v, s.join.peerID)
		}
		o, _ = wire.MPPrio{}.Append(nil)
		b.inOpts(wire.ACK, 7, 1, o)
		assert.False(t, b.conn.subflows[0].join.backup, "taken back")
	}
}

// V0-06: in version 0 the bits that are C and D to H of version 1 name algorithms: the bit
// that is C there does not forbid joins.
func TestVersion0HasNoFlagC(t *testing.T) {
	for _, v := range []wire.Version{wire.V0, wire.V1} {
		b := newBench(t, true, func(c *Config) { c.Versions = map[wire.Version]Versions{wire.V0: OnlyV0, wire.V1: OnlyV1}[v] })
		b.drain()
		o, _ := wire.MPCapable{Version: v, Flags: wire.CapableHMAC | wire.CapableNoJoin, HasSender: true, Sender: b.peerKey}.Append(nil)
		b.inOpts(wire.SYN|wire.ACK, 0, 1, o)
		b.drain()
		b.inject(". 1:1(0) ack 1 <dss dack8=O+0>")
		require.True(t, b.conn.Multipath())
		err := b.conn.Join(b.now, addPort(b.local, 1), b.remote, false)
		assert.Equal(t, v == wire.V0, err == nil, "version %v: %v", v, err)
	}
}

// R3.3.6-07: whatever is repeated, and however it is cut then, a sequence number of a
// subflow has one octet for ever, also where the stream went elsewhere meanwhile.
func TestRepeatedOctetsAreTheSame(t *testing.T) {
	b := proven(t)
	l := newLane("10.0.0.2:80", "10.7.7.7:5000")
	b.join(l, 7)
	b.write(string(stream(40_000, 5)))
	sent := map[netip.AddrPort][]byte{}
	repeated := 0
	for range 60 {
		var seg wire.Segment
		for b.poll(&seg) {
			isn := b.ourISN
			if seg.Dst == l.remote {
				isn = l.ourISN
			}
			if len(seg.Payload) == 0 || seg.Flags.Has(wire.RST) {
				continue
			}
			off, old := int(seg.Seq-isn-1), sent[seg.Dst]
			n := min(len(old)-off, len(seg.Payload))
			require.GreaterOrEqual(t, n, 0)
			require.True(t, bytes.Equal(old[off:off+n], seg.Payload[:n]), "other octets at %d", off)
			repeated += n
			sent[seg.Dst] = append(old, seg.Payload[n:]...)
		}
		d := b.ep.Deadline()
		if d.IsZero() {
			break
		}
		b.now = d
		b.ep.HandleTimer(b.now)
		if n := len(sent[l.remote]); n > 0 && repeated > 5_000 { // the other subflow goes on, and tells of data it did not have
			b.on(l, func() {
				b.inDSS(1, 1+uint32(n), wire.DSS{Flags: wire.DSSAck | wire.DSSAck8, DataAck: b.conn.own.space.DSN(b.conn.snd.next)}, nil)
			})
			b.write(string(stream(3000, 6)))
		}
	}
	assert.Greater(t, repeated, 10_000)
	assert.Len(t, sent, 2)
}

// R3-03: a keepalive begins below what the peer has, who may take nothing from it. What is
// said once, as that the stream ends, waits for an ACK.
func TestKeepaliveSaysNothingOnce(t *testing.T) {
	b := accepted(t)
	s := b.conn.subflows[0]
	b.conn.signals = []signal{{kind: wire.SubRemoveAddr, id: 7}}
	s.dataFin = true
	s.flow.AskPeer()
	b.ep.wake(b.conn)
	b.want("the DATA_ACK alone", ". 0:0(0) ack 4 <dss dack8=P+3>")
	s.flow.RequestAck()
	b.ep.wake(b.conn)
	b.want("the DATA_FIN", ". 1:1(0) ack 4 <dss dack8=P+3 dsn8=O+0 ssn=0 dll=1 fin>")
	s.flow.RequestAck()
	b.ep.wake(b.conn)
	b.want("the signal", ". 1:1(0) ack 4 <remove_addr id=7, dss dack8=P+3>")
}
