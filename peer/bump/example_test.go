package bump_test

import (
	"context"
	"log"
	"os"
	"os/signal"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/fsm/netsim/mbox"
	"github.com/mptcp-go/mptcp/peer/bump"
)

// A middlebox in the cable between two interfaces, until Ctrl-C.
func Example() {
	left, right, err := bump.Taps("eth0", "eth1")
	if err != nil {
		log.Fatal(err) // rights are missing, or an interface
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err = bump.Run(ctx, left, right, bump.Config{
		Elements: []netsim.Element{mbox.MustParse("strip mptcp after=3whs"), mbox.MustParse("split 500")},
		Log:      func(e netsim.Entry) { log.Print(e) },
	})
	if err != nil {
		log.Fatal(err)
	}
}
