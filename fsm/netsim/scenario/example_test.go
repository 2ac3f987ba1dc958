package scenario_test

import (
	"fmt"
	"time"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/fsm/netsim/scenario"
)

// WiFi and 3G with 200 KB of buffer at each end, with and without the mechanisms that
// make the most of it.
func Example() {
	for _, regular := range []bool{true, false} {
		w, err := scenario.Alone(1, 200_000, func(c *fsm.Config) {
			c.NoOpportunistic, c.NoPenalty = regular, regular
		}, scenario.WiFi, scenario.Mobile)
		if err != nil {
			panic(err)
		}
		r, err := w.Run(5*time.Second, 20*time.Second)
		if err != nil {
			panic(err)
		}
		fmt.Printf("regular %v: more than WiFi alone %v\n", regular, r[0].Goodput > 8e6)
	}
	// Output:
	// regular true: more than WiFi alone false
	// regular false: more than WiFi alone true
}
