package pcap

import (
	"bytes"
	"io"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// benchPackets is how many packets the file of the benchmarks has.
const benchPackets = 20000

// benchFile returns a capture of packets cut to 128 octets, as "tcpdump -s 128" of
// bulk data leaves them.
func benchFile(tb testing.TB, opts WriterOptions) []byte {
	tb.Helper()
	var file bytes.Buffer
	w, err := NewWriter(&file, opts)
	if err != nil {
		tb.Fatal(err)
	}
	data := make([]byte, 128)
	copy(data[12:], "\x08\x00\x45\x00\x05\xdc")
	data[23] = protoTCP
	for i := range benchPackets {
		data[40], data[41] = byte(i>>8), byte(i)
		f := Frame{Link: LinkEthernet, HasTime: true, Nanos: 1.7e18 + int64(i)*1000, Len: 1514, Data: data}
		if err := w.WriteFrame(&f); err != nil {
			tb.Fatal(err)
		}
	}
	return file.Bytes()
}

// perPacket reports the figure that matters.
func perPacket(b *testing.B, file []byte) {
	b.SetBytes(int64(len(file)))
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchPackets, "ns/packet")
}

func benchmarkReader(b *testing.B, file []byte, look bool) {
	b.ReportAllocs()
	for b.Loop() {
		r, err := NewReader(bytes.NewReader(file))
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		var f Frame
		for err = r.Next(&f); err == nil; err = r.Next(&f) {
			if look {
				ip, miss := Network(f.Link, f.Data)
				if _, kind := Tunnel(ip); miss == Found && kind == NoTunnel {
					n++
				}
			} else {
				n++
			}
		}
		if err != io.EOF || n != benchPackets {
			b.Fatal(n, err)
		}
	}
	perPacket(b, file)
}

func BenchmarkReader(b *testing.B) {
	plain := benchFile(b, WriterOptions{Link: LinkEthernet})
	ng := benchFile(b, WriterOptions{Format: PCAPNG})
	var gz, zs bytes.Buffer
	gw := gzip.NewWriter(&gz)
	gw.Write(plain)
	gw.Close()
	zw, _ := zstd.NewWriter(&zs)
	zw.Write(plain)
	zw.Close()

	b.Run("pcap", func(b *testing.B) { benchmarkReader(b, plain, false) })
	b.Run("pcap+Network+Tunnel", func(b *testing.B) { benchmarkReader(b, plain, true) })
	b.Run("pcapng", func(b *testing.B) { benchmarkReader(b, ng, false) })
	b.Run("pcap.gz", func(b *testing.B) { benchmarkReader(b, gz.Bytes(), false) })
	b.Run("pcap.zst", func(b *testing.B) { benchmarkReader(b, zs.Bytes(), false) })
	for name, run := range rivals {
		b.Run(name, func(b *testing.B) { run(b, plain, ng) })
	}
}

// rivals are readers to compare with in the same run.
var rivals = map[string]func(b *testing.B, plain, ng []byte){}

// BenchmarkWriter writes to nowhere.
func BenchmarkWriter(b *testing.B) {
	f := Frame{Link: LinkEthernet, HasTime: true, Nanos: 1.7e18, Len: 1514, Data: make([]byte, 128)}
	for _, format := range []Format{PCAP, PCAPNG} {
		b.Run(format.String(), func(b *testing.B) {
			b.ReportAllocs()
			w, _ := NewWriter(io.Discard, WriterOptions{Format: format, Link: LinkEthernet})
			for b.Loop() {
				if err := w.WriteFrame(&f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
