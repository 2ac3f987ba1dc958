package bench

import (
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/mptcp-go/mptcp/wire"
)

// What an established connection sends most: an ACK with NOP, NOP, timestamps and a
// DSS with an 8-octet acknowledgment, an 8-octet mapping and a checksum. 40 octets.
func ackOptions(tb testing.TB) wire.Options {
	o, err := make(wire.Options, 0, wire.MaxOptions).AppendNOP(2)
	if err == nil {
		o, err = wire.Timestamps{Val: 1000, Ecr: 2000}.Append(o)
	}
	if err == nil {
		o, err = ackDSS.Append(o)
	}
	if err != nil || len(o) != wire.MaxOptions {
		tb.Fatal(len(o), err)
	}
	return o
}

var ackDSS = &wire.DSS{
	Flags:  wire.DSSAck | wire.DSSAck8 | wire.DSSMap | wire.DSSMap8,
	HasSum: true, DataAck: 1 << 40, DSN: 1 << 41, SSN: 7, DataLen: 1460, Sum: 0xabcd,
}

// decoded is what a stack wants to know of those options.
type decoded struct {
	ts  wire.Timestamps
	dss wire.DSS
}

// decodeAll is how a caller of package wire reads an option block.
func decodeAll(o wire.Options, d *decoded) (err error) {
	for opt := range o.All() {
		switch opt.Kind() {
		case wire.KindTimestamps:
			d.ts, err = wire.ParseTimestamps(opt)
		case wire.KindMPTCP:
			err = d.dss.Parse(opt)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// decodeNext is the same without range-over-func.
func decodeNext(o wire.Options, d *decoded) (err error) {
	for {
		opt, rest, ok := o.Next()
		if !ok {
			return nil
		}
		switch opt.Kind() {
		case wire.KindTimestamps:
			d.ts, err = wire.ParseTimestamps(opt)
		case wire.KindMPTCP:
			err = d.dss.Parse(opt)
		}
		if err != nil {
			return err
		}
		o = rest
	}
}

// BenchmarkDecodeOptions: gVisor reads the timestamps and skips the DSS, the fork of
// gopacket reads all of the header with both options, the DSS undone.
func BenchmarkDecodeOptions(b *testing.B) {
	o := ackOptions(b)
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(o)))
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
	var d decoded
	run("wire.All", func() {
		if decodeAll(o, &d) != nil {
			b.Fatal()
		}
	})
	run("wire.Next", func() {
		if decodeNext(o, &d) != nil {
			b.Fatal()
		}
	})
	run("gvisor.ParseTCPOptions", func() { gvisorOptions = header.ParseTCPOptions(o) })
	run("gvisor.ParseSynOptions", func() { gvisorSyn = header.ParseSynOptions(o, true) })
	h := append(make([]byte, 12, 60), 15<<4, 0x10, 0, 0, 0, 0, 0, 0)
	h = append(h, o...)
	var tcp layers.TCP
	run("gopacket.DecodeFromBytes", func() {
		if tcp.DecodeFromBytes(h, gopacket.NilDecodeFeedback) != nil {
			b.Fatal()
		}
	})
}

var (
	gvisorOptions header.TCPOptions
	gvisorSyn     header.TCPSynOptions
	sinkPacket    []byte
)

func BenchmarkEncodeOptions(b *testing.B) {
	buf := make(wire.Options, 0, wire.MaxOptions)
	b.SetBytes(38)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		o, err := wire.Timestamps{Val: 1000, Ecr: 2000}.Append(buf)
		if err == nil {
			o, err = ackDSS.Append(o)
		}
		if err != nil {
			b.Fatal(err)
		}
		n += len(o)
	}
	if n == 0 {
		b.Fatal("nothing appended")
	}
}

// BenchmarkSegment reads and writes whole packets with 1460 octets of payload less
// the options, checksums included.
func BenchmarkSegment(b *testing.B) {
	s := wire.Segment{
		Src: netip.MustParseAddrPort("10.0.0.1:5000"), Dst: netip.MustParseAddrPort("10.0.0.2:80"),
		Flags: wire.ACK, Options: ackOptions(b), Payload: make([]byte, 1460),
	}
	for i := range s.Payload {
		s.Payload[i] = byte(i * 7)
	}
	pkt, err := wire.Append(nil, &s)
	if err != nil {
		b.Fatal(err)
	}
	run := func(name string, f func() error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(pkt)))
			b.ReportAllocs()
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	var got wire.Segment
	run("Parse", func() error { return wire.Parse(&got, pkt) })
	run("ParseCaptured", func() error { return wire.ParseCaptured(&got, pkt, len(pkt)) })
	buf := make([]byte, 0, len(pkt))
	run("Append", func() (err error) {
		sinkPacket, err = wire.Append(buf, &s)
		return err
	})
	var ip layers.IPv4
	var tcp layers.TCP
	run("gopacket, no checksum", func() error {
		if err := ip.DecodeFromBytes(pkt, gopacket.NilDecodeFeedback); err != nil {
			return err
		}
		return tcp.DecodeFromBytes(ip.Payload, gopacket.NilDecodeFeedback)
	})
}
