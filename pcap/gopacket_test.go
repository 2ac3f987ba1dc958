package pcap

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGopacketSource(t *testing.T) {
	ip := packet4(protoTCP, octets("1f90 0050 00000001 00000000 5002 ffff 0000 0000"))
	o := little
	file := cat(o.header(magicNano, 0, uint32(LinkEthernet)),
		o.record(5, 6, string(cat(octets(macs+"0800"), ip)), 60), o.record(7, 8, string(cat(octets(macs+"0800"), ip)), 61))
	r, err := NewReader(bytes.NewReader(compress(t, Zstd, file)))
	require.NoError(t, err)
	src := NewGopacketSource(r)
	for range 2 { // looking does not consume
		link, err := src.LinkType()
		require.NoError(t, err)
		assert.Equal(t, layers.LinkTypeEthernet, link)
	}
	n := 0
	for p := range gopacket.NewPacketSource(src, layers.LinkTypeEthernet).Packets() {
		n++
		tcp, ok := p.TransportLayer().(*layers.TCP)
		require.True(t, ok)
		assert.Equal(t, layers.TCPPort(8080), tcp.SrcPort)
		assert.Equal(t, 59+n, p.Metadata().Length)
		assert.Equal(t, 54, p.Metadata().CaptureLength)
	}
	assert.Equal(t, 2, n)
	_, err = src.LinkType()
	assert.Equal(t, io.EOF, err)
	_, _, err = src.ReadPacketData()
	assert.Equal(t, io.EOF, err)
}

// gopacket cannot hold LINUX_SLL2; packets of other interfaces can still be read.
func TestGopacketLinkTypes(t *testing.T) {
	o := big
	r, err := NewReader(bytes.NewReader(cat(o.shb(), o.idb(LinkRaw, 0), o.idb(LinkLinuxSLL2, 0),
		o.epb(0, 1, "ab", 2), o.epb(1, 2, "cd", 2), o.epb(0, 3, "ef", 2))))
	require.NoError(t, err)
	src := NewGopacketSource(r)
	first, ci, err := src.ReadPacketData()
	require.NoError(t, err)
	assert.Equal(t, []any{layers.LinkTypeRaw}, ci.AncillaryData)

	var lte *LinkTypeError
	_, err = src.LinkType()
	require.ErrorAs(t, err, &lte)
	_, _, err = src.ZeroCopyReadPacketData()
	require.ErrorAs(t, err, &lte)
	assert.Equal(t, LinkTypeError{Link: LinkLinuxSLL2, Number: 2}, *lte)
	assert.Contains(t, err.Error(), "LINUX_SLL2")

	third, _, err := src.ZeroCopyReadPacketData()
	require.NoError(t, err)
	assert.Equal(t, "abef", string(first)+string(third))
	_, err = src.LinkType()
	assert.True(t, errors.Is(err, io.EOF))
	_, ok := GopacketLink(LinkLinuxSLL2)
	assert.False(t, ok)
}
