package fsm

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/wire"
)

// Rules of RFC 8684 about several subflows that no other story tells, one test each.

// R3.2-04, R3.2-05, R3.2-06, R3.2-09, R3.2-12, R3.2-22, R3.2-23, R3.4.1-04: a join is found by its
// token, though nobody listens at its port, and answered with our proof; the third ACK is
// acknowledged at once. From then on addresses and ports name the subflow, and ids the
// addresses: 0 for those of the first, and the one that the join gave.
func TestListenerIsJoined(t *testing.T) {
	b := proven(t)
	l := newLane("10.7.7.7:4444", "10.66.0.1:1000")
	b.join(l, 9) // it looks at the HMAC and for the fourth ACK
	require.Len(t, b.conn.subflows, 2)
	assert.EqualValues(t, 0, b.conn.subflows[0].join.peerID)
	assert.EqualValues(t, 9, b.conn.subflows[1].join.peerID)
	id, ok := b.conn.idOf(b.local.Addr())
	assert.True(t, ok)
	assert.EqualValues(t, 0, id)
	b.on(l, func() {
		b.inject("P. 1:4(3) ack 1 <dss dack8=O+0 dsn8=P+6 ssn=1 dll=3>")
		b.want("mapped by the connection it belongs to", ". 1:1(0) ack 4 <dss dack8=P+9>")
	})
	b.read("abc")
}

// R3.4-01, R3.9.1-01, R3.9.1-02, R3.1-38: a join goes to the port of the first subflow,
// from the same port as it, and carries MP_JOIN in place of MP_CAPABLE.
func TestJoinUsesTheSamePorts(t *testing.T) {
	b := opened(t)
	b.inject(". 1:1(0) ack 1 <dss dack8=O+0>")
	require.NoError(t, b.conn.Join(b.now, netip.MustParseAddrPort("10.9.9.9:0"), netip.AddrPort{}, false))
	var seg wire.Segment
	require.True(t, b.poll(&seg))
	assert.Equal(t, b.remote, seg.Dst)
	assert.Equal(t, netip.AddrPortFrom(netip.MustParseAddr("10.9.9.9"), b.local.Port()), seg.Src)
	m, ok := joinOf(&seg)
	require.True(t, ok)
	assert.Equal(t, wire.JoinSYN, m.Form)

	require.NoError(t, b.conn.Join(b.now, netip.AddrPortFrom(b.local.Addr(), 0), netip.AddrPort{}, false))
	require.True(t, b.poll(&seg))
	assert.NotEqual(t, b.local, seg.Src, "taken already")
}

// R3.3.3-07: once both streams are at their end every subflow is closed, and one that is
// reset meanwhile keeps none of the others from it.
func TestFINsOnAllSubflows(t *testing.T) {
	b := proven(t)
	lanes := []*lane{newLane("10.7.7.7:80", "10.66.0.1:1000"), newLane("10.7.7.8:80", "10.66.0.2:1000")}
	for i, l := range lanes {
		b.join(l, uint8(9+i))
	}
	b.conn.CloseWrite(b.now)
	b.drain()
	b.on(lanes[0], func() { b.inject("R. 1:1(0) ack 1") })
	b.inject(". 7:7(0) ack 1 <dss dack8=O+1 dsn8=P+6 ssn=0 dll=1 fin>")
	fins := map[netip.AddrPort]bool{}
	var seg wire.Segment
	for b.poll(&seg) {
		if seg.Flags.Has(wire.FIN) {
			fins[seg.Src] = true
		}
	}
	assert.Equal(t, map[netip.AddrPort]bool{b.local: true, lanes[1].local: true}, fins)
}

// R3.7-03: data acknowledged on a subflow that was joined, and never a DATA_ACK there:
// something removes the options, and the subflow is reset.
func TestJoinWithoutDataAck(t *testing.T) {
	b := proven(t)
	l := newLane("10.7.7.7:80", "10.66.0.1:1000")
	b.join(l, 9)
	b.inject("R. 7:7(0) ack 1")
	b.write("hello")
	b.on(l, func() {
		b.want("over what is left", "P. 1:6(5) ack 1 <dss dsn8=O+0 ssn=1 dll=5>")
		b.inject(". 1:1(0) ack 6")
		b.want("reset", "R. <mp_tcprst reason=6>")
	})
	assert.Equal(t, Established, b.conn.State())
}

// R3.7-07, R3.7-12: a checksum fails on the only subflow while the stream before it has a
// hole: a RST with MP_FAIL, and nothing from there on is kept.
func TestChecksumFailsBehindAHole(t *testing.T) {
	b := newBench(t, false, func(c *Config) { c.NoChecksum = false })
	b.inject("S 0:0(0) <mss 1460, mp_capable v1 AH>")
	b.want("SYN/ACK", "S. 0:0(0) ack 1 <mp_capable v1 AH key=KO>")
	b.inject(". 1:1(0) ack 1 <mp_capable v1 AH key=KP+KO>")
	b.inject("P. 1:4(3) ack 1 <dss dsn8=P+100 ssn=1 dll=3 sum=1234>")
	b.want("it names the octet", "R. <mp_fail dsn=P+100, mp_tcprst reason=6>")
	assert.Zero(t, b.conn.rcv.buf.Buffered())
	assert.EqualValues(t, 0, b.conn.Info().Received)
	assert.True(t, b.conn.Multipath(), "it waits for another subflow")
}

// R4-06: addresses belong to a connection: one that another connection was told of is
// not used.
func TestAddressesBelongToAConnection(t *testing.T) {
	b := proven(t)
	first, l := b.conn, newLane(b.local.String(), "10.66.0.1:1000")
	var second *Conn
	b.on(l, func() {
		b.inject("S 0:0(0) <mss 1460, mp_capable v1 H>")
		var seg wire.Segment
		require.True(t, b.poll(&seg))
		b.ourISN = seg.Seq
		var m wire.MPCapable
		for o := range seg.Options.All() {
			if o.Kind() == wire.KindMPTCP {
				m, _ = wire.ParseMPCapable(o)
			}
		}
		o, _ := wire.MPCapable{Version: wire.V1, Flags: wire.CapableHMAC, HasSender: true, Sender: 77, HasReceiver: true, Receiver: m.Sender}.Append(nil)
		b.inOpts(wire.ACK, 1, 1, o)
		second, _ = b.listener.Accept()
	})
	require.NotNil(t, second)
	require.True(t, second.Multipath())
	addr := netip.MustParseAddr("10.5.5.5")
	add := wire.AddAddr{Version: wire.V1, ID: 4, Addr: addr, HasHMAC: true, HMAC: wire.AddAddrHMAC(b.peerKey, first.own.key, 4, addr, 0)}
	o, _ := add.Append(nil)
	b.inOpts(wire.ACK, 7, 1, o)
	b.drain()
	assert.Len(t, first.RemoteAddrs(nil), 1)
	assert.Empty(t, second.RemoteAddrs(nil))
}
