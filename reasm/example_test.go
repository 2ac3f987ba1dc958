package reasm_test

import (
	"fmt"

	"github.com/mptcp-go/mptcp/reasm"
)

// Two subflows deliver a stream: 0 has the beginning of it but is slow.
func Example() {
	q := reasm.NewAllShortcuts(reasm.Config{Octets: 1 << 20})
	q.Insert(1, 6, []byte("path "))
	q.Insert(1, 11, []byte("TCP"))
	fmt.Printf("%q, %d octets wait\n", q.Next(), q.Buffered())
	q.Insert(0, 0, []byte("Multi-"))

	p := q.Next()
	fmt.Printf("%q\n", p)
	q.Discard(len(p))
	fmt.Println("next is octet", q.Offset())
	fmt.Printf("%.0f %% found by shortcut\n", 100*q.Ranges().Stats().HitRate())
	// Output:
	// "", 8 octets wait
	// "Multi-path TCP"
	// next is octet 14
	// 50 % found by shortcut
}

// Ranges alone tell what to acknowledge.
func ExampleRanges() {
	r := reasm.NewRanges(reasm.AllShortcuts, reasm.Config{})
	r.Insert(0, 0, 1000)
	r.Insert(0, 2000, 3000)
	r.Insert(0, 5000, 6000)
	fmt.Println("ack", r.Edge())
	for lo, hi := range r.Beyond() {
		fmt.Println("sack", lo, hi)
	}
	// Output:
	// ack 1000
	// sack 2000 3000
	// sack 5000 6000
}
