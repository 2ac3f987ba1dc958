package pcap

import (
	"bytes"
	"io"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/pcapgo"
)

func init() {
	rivals["gopacket-pcap"] = func(b *testing.B, plain, _ []byte) {
		benchmarkRival(b, plain, func() (gopacket.ZeroCopyPacketDataSource, error) {
			return pcapgo.NewReader(bytes.NewReader(plain))
		})
	}
	rivals["gopacket-pcapng"] = func(b *testing.B, _, ng []byte) {
		benchmarkRival(b, ng, func() (gopacket.ZeroCopyPacketDataSource, error) {
			return pcapgo.NewNgReader(bytes.NewReader(ng), pcapgo.DefaultNgReaderOptions)
		})
	}
}

func benchmarkRival(b *testing.B, file []byte, open func() (gopacket.ZeroCopyPacketDataSource, error)) {
	b.ReportAllocs()
	for b.Loop() {
		r, err := open()
		n := -1
		for ; err == nil; n++ {
			_, _, err = r.ZeroCopyReadPacketData()
		}
		if err != io.EOF || n != benchPackets {
			b.Fatal(n, err)
		}
	}
	perPacket(b, file)
}
