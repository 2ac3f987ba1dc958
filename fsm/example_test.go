package fsm_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/wire"
)

// Two hosts, a client and a server, joined by a wire that loses nothing.
func Example() {
	now := time.Unix(0, 0)
	client := host(1, "192.0.2.1")
	server := host(2, "192.0.2.2")

	listener, err := server.Listen(netip.MustParseAddrPort("192.0.2.2:80"))
	check(err)
	conn, err := client.Dial(now, netip.MustParseAddrPort("192.0.2.1:0"), netip.MustParseAddrPort("192.0.2.2:80"))
	check(err)
	carry(now, client, server)

	_, err = conn.Write(now, []byte("hello"))
	check(err)
	carry(now, client, server)

	accepted, ok := listener.Accept()
	var p [16]byte
	n, err := accepted.Read(now, p[:])
	check(err)
	fmt.Println(ok, string(p[:n]), accepted.Multipath(), accepted.Version())
	// Output:
	// true hello true 1
}

func host(seed uint64, addr string) *fsm.Endpoint {
	e, err := fsm.NewEndpoint(fsm.Config{Rand: rand.NewPCG(seed, 0)}) // a real host needs a cryptographic source
	check(err)
	e.HandlePath(time.Unix(0, 0), fsm.Path{ID: 1, Local: netip.MustParseAddr(addr), Up: true})
	return e
}

// carry takes segments from each host to the other until both are silent.
func carry(now time.Time, a, b *fsm.Endpoint) {
	for moved := true; moved; {
		moved = false
		var seg wire.Segment
		for a.PollSegment(now, &seg) {
			b.HandleSegment(now, &seg)
			moved = true
		}
		for b.PollSegment(now, &seg) {
			a.HandleSegment(now, &seg)
			moved = true
		}
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
