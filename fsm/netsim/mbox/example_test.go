package mbox_test

import (
	"fmt"
	"net/netip"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/fsm/netsim/mbox"
	"github.com/mptcp-go/mptcp/wire"
)

func Example() {
	show := func(dir netsim.Dir, pkt []byte) {
		var s wire.Segment
		if err := wire.Parse(&s, pkt); err != nil {
			panic(err)
		}
		fmt.Printf("%v %s\n", dir, wire.AppendText(nil, &s, wire.TextBase{}))
	}
	line := netsim.NewLine(7, show, mbox.MustParse("strip mptcp how=remove on=data"), mbox.MustParse("split 600"))
	line.SetLog(func(e netsim.Entry) { fmt.Println("  ", e.Element+":", e.Text) })

	p, err := wire.ParseText("P. 1:1001(1000) ack 1 win 256 <dss dack4=1 dsn8=1 ssn=1 dll=1000>")
	if err != nil {
		panic(err)
	}
	s := p.Segment
	s.Src, s.Dst = netip.MustParseAddrPort("10.0.0.1:7"), netip.MustParseAddrPort("10.0.0.2:80")
	s.Payload = make([]byte, 1000)
	pkt, err := wire.Append(nil, &s)
	if err != nil {
		panic(err)
	}
	if err := line.Input(0, netsim.Forward, pkt); err != nil {
		panic(err)
	}
	// Output:
	//    strip mptcp how=remove on=data: removed dss: P. 1:1001(1000) ack 1 win 256 <dss dack4=1 dsn8=1 ssn=1 dll=1000, nop, nop>
	//    split 600: cut into 2: P. 1:1001(1000) ack 1 win 256
	// c2s . 1:601(600) ack 1 win 256
	// c2s P. 601:1001(400) ack 1 win 256
}
