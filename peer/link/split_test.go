package link

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/wire"
)

func TestSplitMakesWholeSegments(t *testing.T) {
	for _, addrs := range [][2]string{{"10.0.0.1:1", "10.0.0.2:2"}, {"[2001:db8::1]:1", "[2001:db8::2]:2"}} {
		for tail := range 2 {
			p := segment(t, addrs[0], addrs[1], 3001, wire.SumPartial)
			at, size, _ := tcpHeader(p.Data)
			payload := p.Data[at+size:]
			for i := range payload {
				payload[i] = byte(i * 7)
			}
			p.Data[at+13] |= byte(wire.FIN | wire.PSH | wire.CWR)
			p.SegSize = 1000
			whole := bytes.Clone(payload)
			if tail == 1 {
				p.Tail, p.Data = bytes.Clone(payload[500:]), p.Data[:at+size+500]
			}
			out, _ := Split(nil, nil, p)
			require.Len(t, out, 4)
			var got []byte
			for i, k := range out {
				var s wire.Segment
				require.NoError(t, wire.Parse(&s, k.Data))
				require.Equal(t, wire.SumGood, s.Sum)
				require.EqualValues(t, len(got), s.Seq)
				require.Equal(t, i == 0, s.Flags.Has(wire.CWR))
				require.Equal(t, i == 3, s.Flags.Has(wire.FIN|wire.PSH))
				require.False(t, k.Partial)
				got = append(got, s.Payload...)
			}
			require.Equal(t, whole, got)
		}
	}
}

func TestSplitFinishesOnePacket(t *testing.T) {
	p := segment(t, "10.0.0.1:1", "10.0.0.2:2", 999, wire.SumPartial)
	p.Data, p.Tail = p.Data[:100], p.Data[100:]
	p.SegSize = 1000
	out, _ := Split(nil, nil, p)
	require.Len(t, out, 1)
	var s wire.Segment
	require.NoError(t, wire.Parse(&s, append(out[0].Data, out[0].Tail...)))
	require.Equal(t, wire.SumGood, s.Sum)
	require.Zero(t, out[0].SegSize)

	odd := packet(50, 0)
	odd.Partial = true
	out, _ = Split(nil, nil, odd)
	require.Empty(t, out, "no TCP packet")
}
