package pcap

import (
	"bytes"
	"io"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// gopacket's readers as the oracle. They see every capture as we do, but for what
// they cannot: link types above 255, and resolutions that are a power of two.
func TestPcapgoReadsTheSame(t *testing.T) {
	read := 0
	for _, name := range captures(t) {
		t.Run(name, func(t *testing.T) {
			compareWithPcapgo(t, readFile(t, name))
			read++
		})
	}
	t.Log(read, "captures")
}

// What we write, they read.
func TestPcapgoReadsOurs(t *testing.T) {
	frames := []Frame{
		{Link: LinkRaw, HasTime: true, Nanos: 1_700_000_000_123_456_789, Len: 1500, Data: []byte("E...")},
		{Link: LinkRaw, HasTime: true, Nanos: 1_700_000_000_123_456_790, Data: []byte("E")},
	}
	compareWithPcapgo(t, write(t, WriterOptions{Link: LinkRaw}, frames))
	compareWithPcapgo(t, write(t, WriterOptions{Link: LinkRaw, Nanos: true}, frames))
	frames[1].Link, frames[1].Comments = LinkEthernet, []string{"a", "b"}
	compareWithPcapgo(t, write(t, WriterOptions{Format: PCAPNG, Application: "a test"}, frames))
}

// What they write, we read.
func TestPcapgoWrites(t *testing.T) {
	var file bytes.Buffer
	w := pcapgo.NewWriterNanos(&file)
	require.NoError(t, w.WriteFileHeader(96, layers.LinkTypeIPv4))
	require.NoError(t, w.WritePacket(gopacket.CaptureInfo{CaptureLength: 2, Length: 60}, []byte("ab")))
	compareWithPcapgo(t, file.Bytes())

	file.Reset()
	ng, err := pcapgo.NewNgWriter(&file, layers.LinkTypeEthernet)
	require.NoError(t, err)
	id, err := ng.AddInterface(pcapgo.NgInterface{Name: "eth1", LinkType: layers.LinkTypeRaw, SnapLength: 96})
	require.NoError(t, err)
	require.NoError(t, ng.WritePacket(gopacket.CaptureInfo{CaptureLength: 3, Length: 3}, []byte("abc")))
	require.NoError(t, ng.WriteInterfaceStats(0, pcapgo.NgInterfaceStatistics{PacketsReceived: 1}))
	require.NoError(t, ng.WritePacket(gopacket.CaptureInfo{CaptureLength: 2, Length: 60, InterfaceIndex: id}, []byte("ab")))
	require.NoError(t, ng.Flush())
	compareWithPcapgo(t, file.Bytes())
}

func compareWithPcapgo(t *testing.T, file []byte) {
	t.Helper()
	ours, err := NewReader(bytes.NewReader(file))
	require.NoError(t, err)
	var theirs gopacket.ZeroCopyPacketDataSource
	var link func(gopacket.CaptureInfo) layers.LinkType
	if ours.Format() == PCAP {
		r, err := pcapgo.NewReader(bytes.NewReader(file))
		require.NoError(t, err)
		r.SetSnaplen(MaxPacket) // they refuse packets above the file's, which some files have
		theirs, link = r, func(gopacket.CaptureInfo) layers.LinkType { return r.LinkType() }
	} else {
		r, err := pcapgo.NewNgReader(bytes.NewReader(file), pcapgo.NgReaderOptions{WantMixedLinkType: true})
		require.NoError(t, err)
		theirs, link = r, func(ci gopacket.CaptureInfo) layers.LinkType { return ci.AncillaryData[0].(layers.LinkType) }
	}
	firstIface, section := 0, 0
	for n := 1; ; n++ {
		var f Frame
		errOurs := ours.Next(&f)
		data, ci, errTheirs := theirs.ZeroCopyReadPacketData()
		require.Equal(t, errTheirs, errOurs)
		if errOurs == io.EOF {
			return
		}
		if f.Section != section {
			section, firstIface = f.Section, ours.Interfaces()[0].Number
		}
		require.Equal(t, n, f.Number)
		require.True(t, bytes.Equal(data, f.Data), "octets of packet %d", n)
		require.Equal(t, ci.Length, f.Len)
		require.Equal(t, ci.InterfaceIndex+firstIface, f.Iface)
		if want := layers.LinkType(f.Link); f.Link <= 0xff {
			require.Equal(t, want, link(ci))
		}
		perSec := ours.Interfaces()[f.Iface-firstIface].TicksPerSec
		if decimal := perSec == 1e3 || perSec == 1e6 || perSec == 1e9; decimal && f.HasTime {
			require.Equal(t, ci.Timestamp, f.Time(), "packet %d", n)
		} else if f.HasTime {
			assert.Equal(t, ci.Timestamp.Unix(), f.Time().Unix(), "packet %d", n)
		}
	}
}
