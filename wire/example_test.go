package wire_test

import (
	"encoding/hex"
	"fmt"
	"net/netip"

	"github.com/mptcp-go/mptcp/wire"
)

// Read a packet and say what its MPTCP options are.
func Example() {
	pkt, _ := hex.DecodeString("4500004900004000400626ad0a0000010a000002" + // IPv4
		"138800500000000100000001d0100100f6a70000" + // TCP
		"0101080a0000000900000008" + // NOP, NOP, timestamps
		"1e142005c9dc1c61b1712fb60000000100019e91" + // DSS
		"63")
	var s wire.Segment
	if err := wire.Parse(&s, pkt); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Src, ">", s.Dst, "checksum", s.Sum)
	for opt := range s.Options.MPTCP() {
		fmt.Println(opt.Subtype(), len(opt), "octets")
		if opt.Subtype() == wire.SubDSS {
			d, err := wire.ParseDSS(opt)
			fmt.Println("DSN", d.DSN, "SSN", d.SSN, "length", d.DataLen, "checksum", d.HasSum, err)
		}
	}
	// Output:
	// 10.0.0.1:5000 > 10.0.0.2:80 checksum good
	// DSS 20 octets
	// DSN 2976985014 SSN 1 length 1 checksum true <nil>
}

// Append a segment that carries data, a mapping and an acknowledgment.
func ExampleDSS_Append() {
	d := wire.DSS{
		Flags:   wire.DSSAck | wire.DSSMap | wire.DSSMap8,
		DataAck: 1, DSN: 1 << 33, SSN: 1, DataLen: 5,
	}
	options, err := d.Append(nil)
	if err != nil {
		fmt.Println(err) // it wraps ErrOptionSpace where 40 octets do not suffice
		return
	}
	pkt, err := wire.Append(nil, &wire.Segment{
		Src:   netip.MustParseAddrPort("10.0.0.1:5000"),
		Dst:   netip.MustParseAddrPort("10.0.0.2:80"),
		Flags: wire.ACK | wire.PSH, Seq: 1, Ack: 1, Window: 256,
		Options: options, Payload: []byte("hello"),
	})
	fmt.Println(hex.EncodeToString(options), len(pkt), err)
	// Output: 1e16200d000000010000000200000000000000010005 69 <nil>
}

// The text form of a segment, and a pattern of which only what is written counts.
func ExampleParseText() {
	p, _ := wire.ParseText("P. 1:6(5) ack 1 win 256 <nop, nop, TS val 9 ecr 8, dss dack4=1 dsn8=17 ssn=1 dll=5>")
	fmt.Println(hex.EncodeToString(p.Options), p.Complete())
	fmt.Println(string(wire.AppendText(nil, &p.Segment, wire.TextBase{})))

	any5, _ := wire.ParseText("P. 1:6(5) <dss ssn=1>")
	fmt.Println(any5.Match(&p.Segment, wire.TextBase{}))
	other, _ := wire.ParseText("P. <mp_capable v1>")
	fmt.Println(other.Match(&p.Segment, wire.TextBase{}) != nil)
	// Output:
	// 0101080a00000009000000081e16200d000000010000000000000011000000010005 true
	// P. 1:6(5) ack 1 win 256 <nop, nop, TS val 9 ecr 8, dss dack4=1 dsn8=17 ssn=1 dll=5>
	// <nil>
	// true
}

// Say what every octet of an option is.
func ExampleExplain() {
	option := wire.Option{30, 3, 0x51}
	for _, p := range wire.Explain(option, wire.V1) {
		fmt.Printf("%x  %s: %s\n", []byte(option[p.Offset:p.Offset+p.Len]), p.Name, p.Value)
	}
	// Output:
	// 1e  kind: 30 (Multipath TCP)
	// 03  length: 3
	// 51  subtype: 5 (MP_PRIO), flags: B (backup)
}
