package netsim_test

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// greeter sends one SYN and prints what it hears.
type greeter struct {
	name     string
	src, dst netip.AddrPort
	due      bool
}

func (g *greeter) HandleSegment(now time.Time, s *wire.Segment) {
	fmt.Printf("%v %s got %s\n", now.Sub(netsim.Epoch), g.name, wire.AppendText(nil, s, wire.TextBase{}))
	if s.Flags == wire.SYN {
		g.due, g.dst = true, s.Src
	}
}
func (g *greeter) HandleTimer(time.Time)   {}
func (g *greeter) Deadline() (t time.Time) { return t }
func (g *greeter) PollSegment(_ time.Time, s *wire.Segment) bool {
	if !g.due {
		return false
	}
	g.due = false
	s.Src, s.Dst, s.Flags = g.src, g.dst, wire.SYN
	if g.name == "server" {
		s.Flags |= wire.ACK
	}
	return true
}

func Example() {
	a, b := netip.MustParseAddrPort("10.0.0.1:7"), netip.MustParseAddrPort("10.0.0.2:80")
	link, err := netsim.ParseLink("link rate=1Mbit delay=10ms")
	if err != nil {
		panic(err)
	}
	w := netsim.New(1)
	client := w.AddHost("client", &greeter{name: "client", src: a, dst: b, due: true})
	server := w.AddHost("server", &greeter{name: "server", src: b})
	w.Connect(client, a.Addr(), server, b.Addr(), link)
	fmt.Println(w.RunIdle(time.Minute))
	// Output:
	// 10.32ms server got S 0:0(0) win 0
	// 20.64ms client got S. 0:0(0) ack 0 win 0
	// <nil>
}
