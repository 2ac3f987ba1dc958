package fields_test

import (
	"testing"

	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/pcap/fields"
	"github.com/mptcp-go/mptcp/wire"
)

// BenchmarkTenFields reads a segment with timestamps and DSS and prints ten columns.
func BenchmarkTenFields(b *testing.B) {
	var columns []fields.ID
	for _, name := range []string{
		"frame.number", "frame.time_relative", "ip.src", "ip.dst", "tcp.stream", "tcp.srcport", "tcp.dstport",
		"tcp.len", "tcp.options.mptcp.subtype", "tcp.options.mptcp.rawdataseqno",
	} {
		columns = append(columns, id(b, name))
	}
	frame := benchFrame()
	x := fields.NewExtractor()
	var line []byte
	b.ReportAllocs()
	for b.Loop() {
		r := x.Frame(&frame)
		line = line[:0]
		for _, c := range columns {
			line = r.Append(line, c, ",")
			line = append(line, '\t')
		}
	}
}

func BenchmarkFrame(b *testing.B) {
	frame := benchFrame()
	x := fields.NewExtractor()
	b.ReportAllocs()
	for b.Loop() {
		x.Frame(&frame)
	}
}

func BenchmarkFilter(b *testing.B) {
	frame := benchFrame()
	r := fields.NewExtractor().Frame(&frame)
	f, err := fields.Compile("ip.addr == 10.0.0.0/24 && tcp.port == 5001 && tcp.options.mptcp.subtype in {1, 2}")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		f.Match(r)
	}
}

func benchFrame() pcap.Frame {
	data := ethernetFrame(1000, 5001, wire.ACK|wire.PSH, sampleOptions, make([]byte, 1400))
	return pcap.Frame{Number: 1, HasTime: true, Nanos: 1_700_000_000_000_000_000, Link: pcap.LinkEthernet, Data: data, Len: len(data)}
}
