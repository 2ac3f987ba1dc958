package tcp_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

// Two connections exchange segments without a network in between. Numbers are
// printed as they are.
func Example() {
	cfg, err := tcp.Config{Rand: rand.NewPCG(1, 2), NoTimestamps: true}.Validate()
	if err != nil {
		panic(err)
	}
	now := time.Unix(0, 0)
	client, err := tcp.Dial(now, cfg, tcp.Params{
		Local: netip.MustParseAddrPort("192.0.2.1:1000"), Remote: netip.MustParseAddrPort("192.0.2.2:80"), ISS: 100})
	if err != nil {
		panic(err)
	}
	var seg wire.Segment
	client.PollSegment(now, &seg)
	fmt.Printf("> %s\n", wire.AppendText(nil, &seg, wire.TextBase{}))
	server, _, err := tcp.AcceptSYN(now, cfg, tcp.Params{ISS: 500}, &seg, nil)
	if err != nil {
		panic(err)
	}
	exchange := func() {
		for range 3 {
			for server.PollSegment(now, &seg) {
				fmt.Printf("< %s\n", wire.AppendText(nil, &seg, wire.TextBase{}))
				client.HandleSegment(now, &seg)
			}
			for client.PollSegment(now, &seg) {
				fmt.Printf("> %s\n", wire.AppendText(nil, &seg, wire.TextBase{}))
				server.HandleSegment(now, &seg)
			}
		}
	}
	exchange()
	_, _ = client.Write(now, []byte("hello"))
	client.CloseWrite(now)
	exchange()
	buf := make([]byte, 16)
	n, _ := server.Read(now, buf)
	fmt.Printf("%q %v %v\n", buf[:n], client.State(), server.State())
	// Output:
	// > S 100:100(0) win 65535 <mss 1460, nop, nop, sackOK, nop, wscale 5>
	// < S. 500:500(0) ack 101 win 65535 <mss 1460, nop, nop, sackOK, nop, wscale 5>
	// > . 101:101(0) ack 501 win 32768
	// > FP. 101:106(5) ack 501 win 32768
	// < . 501:501(0) ack 107 win 32768
	// "hello" FIN-WAIT-2 CLOSE-WAIT
}
