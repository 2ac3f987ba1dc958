package dataseq_test

import (
	"fmt"

	"github.com/mptcp-go/mptcp/checksum"
	"github.com/mptcp-go/mptcp/dataseq"
)

// A segment arrives with a DSS option whose DSN has 32 bits. The mapping is put
// into the table, its payload found its place in the data stream and verified.
func Example() {
	data := dataseq.Space{IDSN: 0x6842b501_ffffffff} // the first DSN wraps 32 bits
	tab := dataseq.Table{Data: data}

	payload := []byte("hello")
	const ssn, length = 1, 5
	sum := dataseq.PseudoSum(data.DSN(0), ssn, length).Add(checksum.Of(payload)).Checksum()

	off, _ := data.Off32(0, 0x00000000) // the DSN of the option, near what is expected
	sub, _ := dataseq.Subflow{}.Off(0, ssn)
	m, _ := dataseq.NewMapping(sub, off, length, false)
	m.Sum, m.HasSum = sum, true
	if err := tab.Add(m); err != nil {
		fmt.Println(err)
	}

	got, _ := tab.Lookup(2)
	fmt.Println("subflow octet 2 is data octet", got.Shift(2))
	tab.Feed(0, payload[:3])
	fmt.Println(tab.Verdict(0))
	tab.Feed(3, payload[3:])
	fmt.Println(tab.Verdict(0))
	fmt.Println(tab.Add(dataseq.Mapping{Sub: 3, Data: 9, Len: 2}))
	// Output:
	// subflow octet 2 is data octet 2
	// incomplete
	// good
	// dataseq: mapping contradicts an earlier one
}
