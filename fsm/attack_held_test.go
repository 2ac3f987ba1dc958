package fsm

import (
	"testing"

	"github.com/mptcp-go/mptcp/wire"
)

// NOTES section 5: octets without a mapping in the smallest segments, every other one
// missing, so that no two of them are one piece. What is held of them is bounded in pieces
// as in octets, since each costs more than its octet: memory, and a look with every segment
// that comes. What found no room is not acknowledged, and the stream goes on when it
// comes again with its mapping.
func TestTinySegmentsWithoutMappings(t *testing.T) {
	b := proven(t)
	c := b.conn
	space := c.peer.space
	ack := wire.DSS{Flags: wire.DSSAck | wire.DSSAck8, DataAck: c.own.space.DSN(0)}
	one := []byte{1}
	most := 0
	for n := range uint32(20_000) {
		b.inDSS(8+2*n, 1, ack, one)
		b.flush()
		most = max(most, len(c.subflows[0].held.pieces))
	}
	b.inDSS(8, 1, ack, make([]byte, 40_000))
	if most > maxPieces {
		t.Error(most, "pieces held")
	}
	if c.Info().FellBack || c.Info().Received != 6 {
		t.Fatalf("%+v", c.Info())
	}
	for off := uint32(0); off < 40_002; off += 1000 {
		b.inDSS(7+off, 1, wire.DSS{Flags: wire.DSSMap | wire.DSSMap8, DSN: space.DSN(6 + uint64(off)), SSN: 7 + off, DataLen: 1000}, make([]byte, 1000))
		b.flush()
		c.Read(b.now, make([]byte, 2000))
	}
	if got := c.Info().Received; got != 6+41_000 {
		t.Error("the stream came to", got)
	}
}
