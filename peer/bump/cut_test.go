package bump

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mptcp-go/mptcp/peer/link"
	"github.com/mptcp-go/mptcp/wire"
)

var ends = map[bool][2]netip.AddrPort{
	false: {netip.MustParseAddrPort("10.0.0.1:40000"), netip.MustParseAddrPort("10.0.0.2:80")},
	true:  {netip.MustParseAddrPort("[fd00::1]:40000"), netip.MustParseAddrPort("[fd00::2]:80")},
}

// segment makes a packet with a mapping of all its payload.
func segment(t require.TestingT, v6 bool, flags wire.Flags, n int) []byte {
	s := wire.Segment{Src: ends[v6][0], Dst: ends[v6][1], Seq: 0xfffffff0, Ack: 77, Flags: flags, Window: 5,
		Payload: bytes.Repeat([]byte("0123456789"), n/10+1)[:n]}
	var err error
	d := wire.DSS{Flags: wire.DSSAck | wire.DSSMap, DataAck: 1, DSN: 2, SSN: 3, DataLen: uint16(n)}
	s.Options, err = d.Append(nil)
	require.NoError(t, err)
	pkt, err := wire.Append(nil, &s)
	require.NoError(t, err)
	return pkt
}

// TestCut compares the pieces with the whole.
func TestCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v6 := rapid.Bool().Draw(t, "v6")
		n, size := rapid.IntRange(0, 5000).Draw(t, "octets"), rapid.IntRange(1, 1500).Draw(t, "size")
		flags := wire.ACK | wire.PSH | wire.FIN | wire.CWR
		pkt := segment(t, v6, flags, n)
		var whole wire.Segment
		require.NoError(t, wire.Parse(&whole, pkt))
		if !v6 {
			pkt[4], pkt[5] = 0xff, 0xff // the identification wraps
		}
		var c cutter
		var got []byte
		i := 0
		require.True(t, c.cut(pkt, size, func(b []byte) {
			var s wire.Segment
			require.NoError(t, wire.Parse(&s, b))
			require.Equal(t, wire.SumGood, s.Sum)
			require.Equal(t, whole.Seq+uint32(len(got)), s.Seq)
			require.LessOrEqual(t, len(s.Payload), size)
			got = append(got, s.Payload...)
			last := len(got) == n
			require.Equal(t, last, s.Flags.Has(wire.PSH|wire.FIN))
			require.Equal(t, i == 0, s.Flags.Has(wire.CWR))
			require.Equal(t, whole.Options, s.Options)
			require.Equal(t, whole.Ack, s.Ack)
			if !v6 {
				require.Equal(t, uint16(i-1), binary.BigEndian.Uint16(b[4:]))
			}
			i++
		}))
		require.True(t, bytes.Equal(whole.Payload, got))
		require.Equal(t, max(1, (n+size-1)/size), i)
	})
}

func TestCutLeavesOthersAlone(t *testing.T) {
	var c cutter
	good := segment(t, false, wire.ACK, 100)
	for name, change := range map[string]func(b []byte) []byte{
		"UDP":         func(b []byte) []byte { b[9] = 17; return b },
		"fragment":    func(b []byte) []byte { b[6] = 0x20; return b },
		"cut off":     func(b []byte) []byte { return b[:39] },
		"no version":  func(b []byte) []byte { b[0] = 0x15; return b },
		"data offset": func(b []byte) []byte { b[32] = 0x40; return b },
		"nothing":     func([]byte) []byte { return nil },
	} {
		assert.False(t, c.cut(change(append([]byte(nil), good...)), 10, func([]byte) { t.Error(name) }), name)
	}
	assert.False(t, c.cut(good, 0, nil))
}

// TestPartialSums has the checksum of each protocol completed from the sum of the
// pseudo-header.
func TestPartialSums(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		pkt := segment(t, v6, wire.ACK, 33)
		s := wire.Segment{}
		require.NoError(t, wire.Parse(&s, pkt))
		s.Sum = wire.SumPartial
		partial, err := wire.Append(nil, &s)
		require.NoError(t, err)
		require.NotEqual(t, pkt, partial)
		p := link.Packet{Data: partial, Partial: true}
		var out []byte
		onWire(&cutter{}, &p, func(b []byte) { out = append(out, b...) })
		assert.Equal(t, pkt, out)
	}
	// RFC 768: a checksum that comes out as zero is sent as all ones.
	b := []byte{0, 0, 0, 0, 0, 0, 0xff, 0xff}
	require.True(t, complete(b, 0, 6))
	assert.Equal(t, []byte{0xff, 0xff}, b[6:])
	assert.False(t, complete(b, 0, 7))
	assert.False(t, complete(b, -1, 6))
}

func TestHops(t *testing.T) {
	h := newHops()
	pkt := segment(t, false, wire.ACK, 10)
	frame := append(make([]byte, vnetSize), 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x81, 0, 0, 7, 0x08, 0)
	frame = append(frame, pkt...)
	var f Frame
	h.parse(&f, frame)
	require.False(t, f.Opaque)
	assert.Equal(t, pkt, f.Data)
	assert.Equal(t, frame[vnetSize:vnetSize+18], f.Link)

	// The other way the two change places, and the tag stays.
	var s wire.Segment
	require.NoError(t, wire.Parse(&s, pkt))
	s.Src, s.Dst = s.Dst, s.Src
	answer, err := wire.Append(nil, &s)
	require.NoError(t, err)
	assert.Equal(t, []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0, 7, 8, 0}, h.header(nil, answer))

	// Whom nobody has seen gets the header of the last frame.
	assert.Equal(t, []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x81, 0, 0, 7, 0x86, 0xdd}, h.header(nil, segment(t, true, wire.ACK, 1)))

	// No IP, and segments of another protocol, pass as they are.
	arp := append(append(make([]byte, vnetSize), frame[vnetSize:vnetSize+12]...), 0x08, 0x06, 0, 1)
	h.parse(&f, arp)
	assert.True(t, f.Opaque)
	frame[1] = 5 // UDP
	h.parse(&f, frame)
	assert.True(t, f.Opaque)
	frame[1] = gsoTCP4 | gsoECN
	binary.NativeEndian.PutUint16(frame[4:], 1448)
	h.parse(&f, frame)
	assert.False(t, f.Opaque)
	assert.Equal(t, 1448, f.SegSize)
}

func TestTagIsPutBack(t *testing.T) {
	b := append([]byte{9, 9, 9, 9, vnetNeedsSum, 0}, make([]byte, 8)...)
	binary.NativeEndian.PutUint16(b[6:], 54)
	binary.NativeEndian.PutUint16(b[10:], 34)
	b = append(b, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x08, 0, 'x')
	b = putTagBack(b, [tagSize]byte{0x81, 0, 0, 5})
	assert.EqualValues(t, 58, binary.NativeEndian.Uint16(b[2:]))
	assert.EqualValues(t, 38, binary.NativeEndian.Uint16(b[6:]))
	assert.Equal(t, []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x81, 0, 0, 5, 0x08, 0, 'x'}, b[vnetSize:])
}
