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
