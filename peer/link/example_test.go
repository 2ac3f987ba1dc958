package link_test

import (
	"fmt"
	"net/netip"

	"github.com/mptcp-go/mptcp/peer/link"
	"github.com/mptcp-go/mptcp/wire"
)

// Two links in memory. link.Open("tun:mp0,10.9.0.2/24") would give one to the kernel.
func Example() {
	a, b := link.Pipe(link.PipeConfig{A: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")}})
	defer a.Close()

	syn := wire.Segment{Src: netip.MustParseAddrPort("10.0.0.1:1000"), Dst: netip.MustParseAddrPort("10.0.0.2:80"), Flags: wire.SYN}
	pkt, err := wire.Append(nil, &syn)
	if err != nil {
		panic(err)
	}
	if err := a.Send([]link.Packet{{Data: pkt}}); err != nil {
		panic(err)
	}

	batch := make([]link.Packet, 16)
	n, err := b.Recv(batch)
	if err != nil {
		panic(err)
	}
	var got wire.Segment
	if err := wire.Parse(&got, batch[0].Data); err != nil {
		panic(err)
	}
	fmt.Println(n, got.Src, "->", got.Dst, got.Sum)
	// Output: 1 10.0.0.1:1000 -> 10.0.0.2:80 good
}
