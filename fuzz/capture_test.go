package fuzz

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/mptcp-go/mptcp/pcap"
)

// FuzzCapture starts from small files of every format and link type: a few packets
// each, so that mutations hit headers, and the first octets of real captures.
func FuzzCapture(f *testing.F) {
	for _, seed := range captureSeeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, data []byte) { Capture(data) })
}

// TestCaptureSeeds makes sure that the seeds reach what they are meant to.
func TestCaptureSeeds(t *testing.T) {
	for i, seed := range captureSeeds(t) {
		if Capture(seed) != 1 {
			t.Errorf("seed %d has no packet", i)
		}
	}
	if Capture([]byte("not a capture")) != 0 {
		t.Error("what is no capture is of interest")
	}
}

func captureSeeds(tb testing.TB) (seeds [][]byte) {
	ip := []byte("E\x00\x00\x28\x00\x00\x40\x00\x40\x06\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02" +
		"\x1f\x90\x00\x50\x00\x00\x00\x01\x00\x00\x00\x00\x50\x02\xff\xff\x00\x00\x00\x00")
	ether := "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02"
	udp := "E\x00\x00\x00\x00\x00\x40\x00\x40\x11\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02"
	for _, head := range []struct {
		link pcap.LinkType
		head string
	}{
		{pcap.LinkRaw, ""},
		{pcap.LinkEthernet, ether + "\x08\x00"},
		{pcap.LinkEthernet, ether + "\x88\xa8\x00\x01\x81\x00\x00\x02\x08\x00"},
		{pcap.LinkEthernet, ether + "\x88\x64\x11\x00\x00\x01\x00\x2a\x00\x21"},
		{pcap.LinkNull, "\x02\x00\x00\x00"},
		{pcap.LinkPPP, "\xff\x03\x00\x21"},
		{pcap.LinkLinuxSLL, "\x00\x04\x00\x01\x00\x06\x02\x00\x00\x00\x00\x01\x00\x00\x08\x00"},
		{pcap.LinkLinuxSLL2, "\x08\x00\x00\x00\x00\x00\x00\x03\x00\x01\x04\x06\x02\x00\x00\x00\x00\x01\x00\x00"},
		{pcap.LinkRaw, "E\x00\x00\x00\x00\x00\x40\x00\x40\x2f\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02\x30\x00\x08\x00\x00\x00\x00\x01\x00\x00\x00\x02"},
		{pcap.LinkRaw, udp + "\x9c\x40\x12\xb5\x00\x3e\x00\x00\x08\x00\x00\x00\x00\x01\x00\x00" + ether + "\x08\x00"},
		{pcap.LinkRaw, udp + "\x08\x68\x08\x68\x00\x44\x00\x00\x34\xff\x00\x34\x00\x00\x00\x01\x00\x00\x00\x85\x01\x00\x09\x85\x01\x00\x00\x00"},
	} {
		frame := pcap.Frame{Link: head.link, HasTime: true, Nanos: 1.7e18, Data: append([]byte(head.head), ip...)}
		for _, opts := range []pcap.WriterOptions{{Link: head.link}, {Format: pcap.PCAPNG}} {
			var out bytes.Buffer
			w, err := pcap.NewWriter(&out, opts)
			if err != nil {
				tb.Fatal(err)
			}
			for i := range 3 {
				if frame.Iface = i; i == 2 {
					frame.Comments, frame.Flags = []string{"a comment"}, 2
				}
				if err := w.WriteFrame(&frame); err != nil {
					tb.Fatal(err)
				}
			}
			seeds = append(seeds, out.Bytes())
		}
	}
	var zipped bytes.Buffer
	gz := gzip.NewWriter(&zipped)
	gz.Write(seeds[0])
	gz.Close()
	zs, err := zstd.NewWriter(nil)
	if err != nil {
		tb.Fatal(err)
	}
	seeds = append(seeds, zipped.Bytes(), zs.EncodeAll(seeds[1], nil))
	for _, name := range []string{"comments.pcapng", "sll2-any.pcap", "malformed-flows.pcap"} {
		b, err := os.ReadFile(filepath.Join("..", "testdata", name))
		if err != nil {
			tb.Fatal(err)
		}
		seeds = append(seeds, b[:min(len(b), 4000)])
	}
	return seeds
}
