package packetsource_test

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/klauspost/compress/zstd"
	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/packetsource"
	"github.com/mptcp-go/mptcp/wire"
	"github.com/stretchr/testify/require"
)

// capture writes frames of these link types, each with a TCP segment to port 80.
func capture(t testing.TB, format pcap.Format, links ...pcap.LinkType) *bytes.Buffer {
	var file bytes.Buffer
	w, err := pcap.NewWriter(&file, pcap.WriterOptions{Format: format, Nanos: true, Link: links[0]})
	require.NoError(t, err)
	pkt, err := wire.Append(nil, &wire.Segment{
		Src: netip.MustParseAddrPort("192.0.2.1:8080"), Dst: netip.MustParseAddrPort("192.0.2.2:80"), Flags: wire.SYN,
	})
	require.NoError(t, err)
	for i, link := range links {
		f := pcap.Frame{Nanos: int64(i) * 1e9, HasTime: true, Link: link, Iface: i, Len: len(pkt) + i, Data: pkt}
		require.NoError(t, w.WriteFrame(&f))
	}
	return &file
}

func open(t testing.TB, r io.Reader) *packetsource.Source {
	reader, err := pcap.NewReader(r)
	require.NoError(t, err)
	return packetsource.New(reader)
}

func TestSource(t *testing.T) {
	var packed bytes.Buffer // gopacket's own readers do not know zstd
	z, err := zstd.NewWriter(&packed)
	require.NoError(t, err)
	_, err = capture(t, pcap.PCAP, pcap.LinkRaw, pcap.LinkRaw).WriteTo(z)
	require.NoError(t, err)
	require.NoError(t, z.Close())

	src := open(t, &packed)
	for range 2 { // looking does not consume
		link, err := src.LinkType()
		require.NoError(t, err)
		require.Equal(t, layers.LinkTypeRaw, link)
	}
	n := 0
	for p := range gopacket.NewPacketSource(src, layers.LinkTypeRaw).Packets() {
		tcp, ok := p.TransportLayer().(*layers.TCP)
		require.True(t, ok)
		require.Equal(t, layers.TCPPort(8080), tcp.SrcPort)
		require.Equal(t, 40, p.Metadata().CaptureLength)
		require.Equal(t, 40+n, p.Metadata().Length)
		n++
	}
	require.Equal(t, 2, n)
	_, err = src.LinkType()
	require.Equal(t, io.EOF, err)
	_, _, err = src.ReadPacketData()
	require.Equal(t, io.EOF, err)
}

// gopacket cannot hold LINUX_SLL2; packets of other interfaces can still be read.
func TestLinkTypesAbove8Bits(t *testing.T) {
	src := open(t, capture(t, pcap.PCAPNG, pcap.LinkRaw, pcap.LinkLinuxSLL2, pcap.LinkRaw))
	first, ci, err := src.ReadPacketData()
	require.NoError(t, err)
	require.Equal(t, []any{layers.LinkTypeRaw}, ci.AncillaryData)

	var wide *packetsource.LinkTypeError
	_, err = src.LinkType()
	require.ErrorAs(t, err, &wide)
	_, _, err = src.ZeroCopyReadPacketData()
	require.ErrorAs(t, err, &wide)
	require.Equal(t, packetsource.LinkTypeError{Link: pcap.LinkLinuxSLL2, Number: 2}, *wide)
	require.Contains(t, err.Error(), "LINUX_SLL2")

	third, _, err := src.ZeroCopyReadPacketData()
	require.NoError(t, err)
	require.Equal(t, first, third)
	_, err = src.LinkType()
	require.ErrorIs(t, err, io.EOF)
	_, ok := packetsource.Link(pcap.LinkLinuxSLL2)
	require.False(t, ok)
}

func Example() {
	r, err := pcap.NewReader(capture(nil, pcap.PCAP, pcap.LinkRaw))
	if err != nil {
		panic(err)
	}
	src := packetsource.New(r)
	link, err := src.LinkType()
	if err != nil {
		panic(err)
	}
	for p := range gopacket.NewPacketSource(src, link).Packets() {
		fmt.Println(p.TransportLayer().TransportFlow())
	}
	// Output:
	// 8080->80
}
