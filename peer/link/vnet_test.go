package link

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/wire"
)

// segment is a TCP packet with n octets of payload and 12 of options.
func segment(t testing.TB, src, dst string, n int, sum wire.SumState) Packet {
	s := wire.Segment{Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst), Flags: wire.ACK,
		Options: make([]byte, 12), Payload: make([]byte, n), Sum: sum}
	b, err := wire.Append(nil, &s)
	require.NoError(t, err)
	return Packet{Data: b, Partial: sum == wire.SumPartial}
}

func TestVnetHeader(t *testing.T) {
	v4 := segment(t, "10.0.0.1:1", "10.0.0.2:2", 3000, wire.SumPartial)
	v6 := segment(t, "[2001:db8::1]:1", "[2001:db8::2]:2", 3000, wire.SumPartial)
	cwr := segment(t, "10.0.0.1:1", "10.0.0.2:2", 3000, wire.SumPartial)
	cwr.Data[20+13] |= 0x80
	for _, c := range []struct {
		name    string
		p       Packet
		segSize int
		skip    int
		want    [vnetSize]byte // as a little-endian machine has it
	}{
		{"whole", segment(t, "10.0.0.1:1", "10.0.0.2:2", 10, 0), 0, 14, [vnetSize]byte{}},
		{"sum", v4, 0, 0, [vnetSize]byte{1, 0, 52, 0, 0, 0, 20, 0, 16, 0}},
		{"one piece", v4, 3000, 0, [vnetSize]byte{1, 0, 52, 0, 0, 0, 20, 0, 16, 0}},
		{"pieces", v4, 1448, 14, [vnetSize]byte{1, 1, 66, 0, 0xa8, 5, 34, 0, 16, 0}},
		{"IPv6", v6, 1448, 0, [vnetSize]byte{1, 4, 72, 0, 0xa8, 5, 40, 0, 16, 0}},
		{"CWR", cwr, 1448, 0, [vnetSize]byte{1, 0x81, 52, 0, 0xa8, 5, 20, 0, 16, 0}},
	} {
		var h [vnetSize]byte
		c.p.SegSize = c.segSize
		require.True(t, putVnet(&h, &c.p, c.skip), c.name)
		if nativeLittle {
			require.Equal(t, c.want, h, c.name)
		}
		var back Packet
		readVnet(h[:], &back)
		require.Equal(t, c.p.Partial, back.Partial, c.name)
		if c.name != "one piece" {
			require.Equal(t, c.segSize, back.SegSize, c.name)
		}
	}
	var h [vnetSize]byte
	require.False(t, putVnet(&h, &Packet{Data: v4.Data, SegSize: 100}, 0), "pieces without their checksums")
	require.False(t, putVnet(&h, &Packet{Data: v4.Data[:30], Partial: true}, 0), "no TCP header")
	var p Packet
	readVnet([]byte{2, 0, 0, 0, 0, 0, 0, 0, 0, 0}, &p)
	require.True(t, p.SumOK)
}

var nativeLittle = binary.NativeEndian.Uint16([]byte{1, 0}) == 1
