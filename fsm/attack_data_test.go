package fsm

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// inDSS hands the endpoint a segment with this DSS, relative numbers and payload.
func (b *bench) inDSS(seq, ack uint32, d wire.DSS, payload []byte) {
	seg := wire.Segment{Src: b.remote, Dst: b.local, Seq: b.peerISN + seq, Ack: b.ourISN + ack, Flags: wire.ACK, Window: 65535, Payload: payload}
	seg.Options, _ = d.Append(floodOptions[:0])
	b.ep.HandleSegment(b.now, &seg)
}

// NOTES section 5: DATA_ACKs that lie. Beyond what was sent: counted, no more (R3.3.2-09,
// CVE-2024-36889). Going back: nothing. Optimistic, ahead of the subflow: octets are kept
// until the subflow has them, too (R3.3.2-05, R3.3.6-03), so a repetition is the same.
func TestLyingDataAcks(t *testing.T) {
	b := proven(t)
	data := make([]byte, 3000)
	for i := range data {
		data[i] = byte(i)
	}
	b.conn.Write(b.now, data)
	b.drain()
	own := b.conn.own.space
	r := rand.New(rand.NewPCG(9, 9))
	for n := range attacks(200_000) {
		d := wire.DSS{Flags: wire.DSSAck | wire.DSSAck8, DataAck: own.DSN(3001 + r.Uint64()>>(1+r.IntN(62)))}
		if n%3 == 0 {
			d = wire.DSS{Flags: wire.DSSAck, DataAck: uint64(uint32(own.DSN(3001 + uint64(r.Uint32()>>1))))}
		}
		b.inDSS(7, 1, d, nil)
		if i := b.conn.Info(); i.Acked != 0 {
			t.Fatalf("%d acknowledged by %d", i.Acked, d.DataAck-own.DSN(0))
		}
	}
	if b.ep.stats.DataAckBeyond == 0 || b.conn.State() != Established {
		t.Error(b.ep.stats.DataAckBeyond, b.conn.State())
	}
	ack := func(n uint64) wire.DSS { return wire.DSS{Flags: wire.DSSAck | wire.DSSAck8, DataAck: own.DSN(n)} }
	b.inDSS(7, 1, ack(3000), nil) // all of it, of which the subflow has nothing
	if i := b.conn.Info(); i.Acked != 3000 || b.conn.snd.buf.start != 0 {
		t.Fatalf("acknowledged %d, freed %d", i.Acked, b.conn.snd.buf.start)
	}
	b.inDSS(7, 1, ack(10), nil)
	if b.conn.Info().Acked != 3000 {
		t.Error("it went back")
	}
	repeated := 0
	for range 100 {
		if b.wait(time.Minute); !b.peek() {
			break
		}
		var seg wire.Segment
		b.poll(&seg)
		for i, c := range seg.Payload {
			if off := int(seg.Seq-b.ourISN-1) + i; c != data[off] {
				t.Fatalf("octet %d is %d, was %d", off, c, data[off])
			}
		}
		if repeated += len(seg.Payload); repeated > 2000 {
			break
		}
	}
	if repeated == 0 {
		t.Error("the subflow did not repeat what it lacks")
	}
	b.inDSS(7, 3001, ack(3000), nil)
	if b.conn.snd.buf.start != 3000 {
		t.Error("freed", b.conn.snd.buf.start)
	}
}

// NOTES section 5 and 1.15, R3.3.1-02, R3.8-02, CVE-2024-50185: mappings that overlap,
// move, shrink, lie far ahead or span 65535 octets of which one comes. Whatever they say,
// nothing is read that was not mapped there first, tables and buffers stay within their
// limits, and one subflow is the most that is lost.
func TestLyingMappings(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 10))
		b := proven(t)
		space := b.conn.peer.space
		// The stream that is told first, octet k being k mod 251 at data offset k.
		next := uint32(7)
		payload := make([]byte, 1400)
		for range 2000 {
			n := 1 + r.IntN(1400)
			sub, data, length := next, uint64(6)+uint64(next-7), n
			switch r.IntN(8) {
			case 0:
				data += uint64(r.IntN(5000)) // moves
			case 1:
				length = 65535 - r.IntN(2)
			case 2:
				data += 1 << (16 + r.IntN(40)) // far ahead
			case 3:
				sub += uint32(r.IntN(30000)) // a hole, or beyond the window
			case 4:
				length = 1 + r.IntN(n) // shrinks
			case 5:
				n = 1
			}
			d := wire.DSS{Flags: wire.DSSMap | wire.DSSMap8 | wire.DSSAck | wire.DSSAck8, DSN: space.DSN(data), SSN: sub + uint32(r.IntN(2)*r.IntN(100)),
				DataLen: uint16(length), DataAck: b.conn.own.space.DSN(0)}
			b.inDSS(sub, 1, d, payload[:n])
			if sub == next && r.IntN(3) > 0 {
				next += uint32(n)
			}
			b.flush()
			b.conn.Read(b.now, make([]byte, 65535))
			b.now = b.now.Add(time.Duration(r.IntN(50)) * time.Millisecond)
			b.ep.HandleTimer(b.now)
			for _, s := range b.conn.subflows {
				if s.table.Len() > b.ep.cfg.MaxMappings || s.held.octets > b.ep.cfg.MaxUnmapped {
					t.Fatalf("seed %d: %d mappings, %d octets held", seed, s.table.Len(), s.held.octets)
				}
			}
			if n := b.conn.rcv.buf.Buffered(); n > 65535+1<<14+1 {
				t.Fatalf("seed %d: %d octets buffered", seed, n)
			}
			if b.conn.Info().SubflowsUp == 0 {
				break
			}
		}
		if s := b.conn.State(); s != Established && s != CloseWait {
			t.Errorf("seed %d: %v", seed, s)
		}
	}
}

// NOTES section 4 and 5: the smallest segments and the most holes: 200,000 segments of one
// octet, every other one missing. Ranges and mappings stay within their bounds, the
// memory with them, and the stream goes on when the holes are filled.
func TestTinySegmentsAndHoles(t *testing.T) {
	b := proven(t)
	c := b.conn
	space := c.peer.space
	dss := func(data uint64, ssn uint32, n int) wire.DSS {
		return wire.DSS{Flags: wire.DSSMap | wire.DSSMap8, DSN: space.DSN(data), SSN: ssn, DataLen: uint16(n)}
	}
	one := []byte{1}
	before := 0
	for n := range uint32(attacks(200_000)) {
		off := 2*n + 1 // from the edge
		b.inDSS(7+off%60_000, 1, dss(6+uint64(off%60_000), 7+off%60_000, 1), one)
		b.flush()
		if n == 5000 {
			before = heapInUse()
		}
		if nodes := c.rcv.buf.Ranges().Nodes(); nodes > 256 {
			t.Fatal(nodes, "ranges at the data level")
		}
		if m := c.subflows[0].table.Len(); m > b.ep.cfg.MaxMappings {
			t.Fatal(m, "mappings")
		}
	}
	if !testing.Short() {
		if grown := heapInUse() - before; grown > 256<<10 {
			t.Errorf("%d octets more", grown)
		}
	}
	for off := range uint32(60_000) {
		b.inDSS(7+off, 1, dss(6+uint64(off), 7+off, 1), one)
		b.flush()
		if off%50 == 0 {
			b.now = b.now.Add(time.Millisecond)
			c.Read(b.now, make([]byte, 100))
		}
	}
	if got := c.Info().Received; got != 6+60_000 {
		t.Error("the stream came to", got)
	}

	// At the data level alone: each segment in order on its subflow, its octet far from
	// the last.
	b = proven(t)
	c = b.conn
	for n := range uint32(attacks(200_000)) {
		b.inDSS(7+n, 1, dss(7+uint64(2*n)%65_000, 7+n, 1), one)
		b.flush()
		if nodes := c.rcv.buf.Ranges().Nodes(); nodes > 256 {
			t.Fatal(nodes, "ranges at the data level")
		}
		if m := c.subflows[0].table.Len(); m > b.ep.cfg.MaxMappings {
			t.Fatal(m, "mappings")
		}
		if n := c.rcv.buf.Buffered(); n > 1<<17 {
			t.Fatal(n, "octets buffered")
		}
	}
}

// A peer that keeps to the rules and sends octet by octet: the first is lost, and more
// follow than the table of mappings holds. The first still finds room when it is repeated,
// and what was refused meanwhile was not acknowledged.
func TestManySmallMappingsBehindAHole(t *testing.T) {
	b := proven(t)
	c := b.conn
	octet := func(off uint32) {
		b.inDSS(7+off, 1, wire.DSS{Flags: wire.DSSMap | wire.DSSMap8, DSN: c.peer.space.DSN(6 + uint64(off)), SSN: 7 + off, DataLen: 1}, []byte{byte(off)})
		b.flush()
	}
	for off := uint32(1); off < 3000; off++ {
		octet(off)
	}
	if b.ep.stats.MappingsFull == 0 || c.subflows[0].table.Len() > b.ep.cfg.MaxMappings {
		t.Error(b.ep.stats.MappingsFull, "refused,", c.subflows[0].table.Len(), "kept")
	}
	octet(0)
	first := c.Info().Received
	if first <= 6 || first > 6+uint64(b.ep.cfg.MaxMappings) {
		t.Fatal("after the repetition", first, "octets are here")
	}
	for off := uint32(first - 6); off < 3000; off++ {
		octet(off)
	}
	if got := c.Info().Received; got != 3006 {
		t.Error(got, "octets are here")
	}
}
