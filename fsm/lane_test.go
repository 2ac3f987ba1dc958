package fsm

import (
	"net/netip"
	"testing"

	"github.com/mptcp-go/mptcp/wire"
)

// lane is a further subflow of a bench's connection, of which the test plays the peer.
type lane struct {
	local, remote   netip.AddrPort
	ourISN, peerISN uint32
}

func newLane(local, remote string) *lane {
	return &lane{local: netip.MustParseAddrPort(local), remote: netip.MustParseAddrPort(remote), peerISN: 0x1234_5678}
}

// on has f play on l: inject, want and the rest speak of that subflow meanwhile.
func (b *bench) on(l *lane, f func()) {
	saved := lane{b.local, b.remote, b.ourISN, b.peerISN}
	b.local, b.remote, b.ourISN, b.peerISN = l.local, l.remote, l.ourISN, l.peerISN
	f()
	l.ourISN = b.ourISN
	b.local, b.remote, b.ourISN, b.peerISN = saved.local, saved.remote, saved.ourISN, saved.peerISN
}

// inOpts hands the endpoint a segment of the current lane with this option block.
func (b *bench) inOpts(flags wire.Flags, seq, ack uint32, o wire.Options) {
	seg := wire.Segment{Src: b.remote, Dst: b.local, Seq: b.peerISN + seq, Ack: b.ourISN + ack, Flags: flags, Window: 65535, Options: o}
	if !flags.Has(wire.ACK) {
		seg.Ack = 0
	}
	b.ep.HandleSegment(b.now, &seg)
}

// synJoin has the peer send a SYN with MP_JOIN on l and returns our answer.
func (b *bench) synJoin(l *lane, id uint8, nonce uint32) (m wire.MPJoin, ok bool) {
	b.t.Helper()
	b.on(l, func() {
		o, _ := wire.MPJoin{Form: wire.JoinSYN, ID: id, Token: b.conn.own.token, Nonce: nonce}.Append(nil)
		b.inOpts(wire.SYN, 0, 0, o)
		var seg wire.Segment
		if !b.poll(&seg) {
			return
		}
		b.ourISN = seg.Seq
		m, ok = joinOf(&seg)
	})
	return m, ok
}

func joinOf(seg *wire.Segment) (wire.MPJoin, bool) {
	for o := range seg.Options.All() {
		if o.Kind() == wire.KindMPTCP && o.Subtype() == wire.SubMPJoin {
			m, err := wire.ParseMPJoin(o)
			return m, err == nil
		}
	}
	return wire.MPJoin{}, false
}

// join has the peer join on l, with address id, all the way.
func (b *bench) join(l *lane, id uint8) {
	b.t.Helper()
	const nonce = 0xfeed_beef
	m, ok := b.synJoin(l, id, nonce)
	if !ok || m.Form != wire.JoinSYNACK || m.HMAC64 != wire.JoinHMAC64(b.version, b.conn.own.key, b.peerKey, m.Nonce, nonce) {
		b.t.Fatalf("the answer to a join: %v %+v", ok, m)
	}
	b.on(l, func() {
		o, _ := wire.MPJoin{Form: wire.JoinACK, HMAC: wire.JoinHMAC160(b.version, b.peerKey, b.conn.own.key, nonce, m.Nonce)}.Append(nil)
		b.inOpts(wire.ACK, 1, 1, o)
		for { // a new subflow may have others closed
			var seg wire.Segment
			if !b.poll(&seg) {
				b.t.Fatal("no fourth ACK")
			}
			if seg.Src == l.local && seg.Dst == l.remote && seg.Flags == wire.ACK {
				break
			}
		}
	})
}

// proven is a server that takes joins: a DSS came on its first subflow.
func proven(t testing.TB, change ...func(*Config)) *bench {
	return accepted(t, change...).firstDSS()
}

func (b *bench) firstDSS() *bench {
	b.t.Helper()
	b.inject("P. 4:7(3) ack 1 <dss dsn8=P+3 ssn=4 dll=3>")
	b.want("DATA_ACK", ". 1:1(0) ack 7 <dss dack8=P+6>")
	b.read("def")
	return b
}
