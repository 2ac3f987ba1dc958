package pcap_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"

	"github.com/mptcp-go/mptcp/pcap"
)

// A pcap file with one packet: an IPv4 header without Ethernet around it.
var small = []byte("\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x04\x00\x65\x00\x00\x00" +
	"\x00\xf1\x53\x65\x40\xe2\x01\x00\x14\x00\x00\x00\x14\x00\x00\x00" +
	"E\x00\x00\x14\x00\x00\x00\x00\x40\x06\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02")

func Example() {
	r, err := pcap.NewReader(bytes.NewReader(small))
	if err != nil {
		log.Fatal(err)
	}
	var f pcap.Frame
	for {
		err := r.Next(&f)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			log.Fatal(err) // what came before was delivered
		}
		ip, miss := pcap.Network(f.Link, f.Data)
		if miss != pcap.Found {
			fmt.Println(f.Number, miss)
			continue
		}
		fmt.Printf("%d %s %s IPv%d, %d octets\n", f.Number, f.Time().Format("15:04:05.000000"), f.Link, ip[0]>>4, len(ip))
	}
	// Output: 1 22:13:20.123456 RAW IPv4, 20 octets
}

func ExampleWriter() {
	var file bytes.Buffer
	w, err := pcap.NewWriter(&file, pcap.WriterOptions{Format: pcap.PCAPNG, Application: "an example"})
	if err != nil {
		log.Fatal(err)
	}
	err = w.AddInterface(pcap.Interface{Number: 0, Link: pcap.LinkRaw, Name: "client"})
	if err != nil {
		log.Fatal(err)
	}
	err = w.WriteFrame(&pcap.Frame{
		Link:     pcap.LinkRaw,
		HasTime:  true,
		Nanos:    1_700_000_000_123_456_789,
		Data:     []byte("E\x00\x00\x14\x00\x00\x00\x00\x40\x06\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02"),
		Comments: []string{"the first packet"},
	})
	if err != nil {
		log.Fatal(err)
	}
	r, err := pcap.NewReader(&file)
	if err != nil {
		log.Fatal(err)
	}
	var f pcap.Frame
	for r.Next(&f) == nil {
		fmt.Println(r.Interfaces()[f.Iface].Name, f.Nanos, f.Comments)
	}
	// Output: client 1700000000123456789 [the first packet]
}

func ExampleInnermost() {
	inner := "E\x00\x00\x14\x00\x00\x00\x00\x40\x06\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02"
	outer := "E\x00\x00\x2c\x00\x00\x00\x00\x40\x2f\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02\x00\x00\x08\x00" + inner
	ip, opened := pcap.Innermost([]byte(outer))
	fmt.Println(len(ip), opened[0], opened[1])
	// Output: 20 GRE none
}
