package fsm

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/wire"
)

// Octets that left without the DATA_FIN, which followed on an ACK, are repeated without it:
// Linux 6.18 takes note of a DATA_FIN on a mapping whose octets it has, but neither acts on it
// nor heeds another, so that the connection never ends. Where they had it they keep it.
// R3.3.3-02.
func TestRepetitionAndDataFin(t *testing.T) {
	for _, together := range []bool{false, true} {
		b := proven(t)
		l := newLane("10.0.0.2:80", "10.7.7.7:5000")
		b.join(l, 7)
		sent := func() (with *wire.Segment, fin bool) {
			var seg wire.Segment
			for b.poll(&seg) {
				for o := range seg.Options.All() {
					if d, err := wire.ParseDSS(o); err == nil && len(seg.Payload) > 0 {
						with, fin = &wire.Segment{Dst: seg.Dst}, d.Flags.Has(wire.DSSFin)
					}
				}
			}
			return with, fin
		}
		_, err := b.conn.Write(b.now, []byte("hello"))
		require.NoError(t, err)
		if together {
			b.conn.CloseWrite(b.now)
		}
		seg, fin := sent()
		require.NotNil(t, seg, "the octets")
		require.Equal(t, together, fin)
		if !together {
			b.conn.CloseWrite(b.now)
			seg2, _ := sent()
			require.Nil(t, seg2, "the DATA_FIN is alone")
		}
		if seg.Dst == l.remote {
			b.on(l, func() { b.inject("R 1:1(0)") })
		} else {
			b.inject("R 7:7(0)")
		}
		again, fin := sent()
		require.NotNil(t, again, "the octets, on the other subflow")
		assert.NotEqual(t, seg.Dst, again.Dst)
		assert.Equal(t, together, fin)
	}
}
