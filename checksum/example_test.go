package checksum_test

import (
	"fmt"

	"github.com/mptcp-go/mptcp/checksum"
)

// A mapping's payload arrives in two segments, the second at an odd offset. Each is
// summed while it is copied; the DSS checksum of RFC 8684 section 3.3.1 then needs
// no further look at the data.
func Example() {
	var mapping [9]byte
	first := checksum.Copy(mapping[0:], []byte("multi"))
	second := checksum.Copy(mapping[5:], []byte("path"))
	payload := first.AddAt(second, 5)
	fmt.Println(payload == checksum.Of([]byte("multipath")))

	pseudo := checksum.Sum(0).
		AddUint64(0x6842b501b1712fb6). // data sequence number
		AddUint32(1).                  // subflow sequence number
		AddUint16(9).                  // data-level length
		AddUint16(0)                   // the checksum itself
	fmt.Printf("%04x\n", pseudo.Add(payload).Checksum())
	// Output:
	// true
	// f4ba
}

// A router patches the checksum of a header whose TTL it lowers, without adding up
// the header again.
func ExampleSum_Update16() {
	header := []byte{
		0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
		0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7,
	}
	fmt.Println(checksum.Of(header).Valid())

	field := checksum.FromChecksum(0xb861).Update16(0x4011, 0x3f11).Checksum()
	fmt.Printf("%04x\n", field)
	// Output:
	// true
	// b961
}
