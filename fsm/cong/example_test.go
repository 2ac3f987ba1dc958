package cong_test

import (
	"fmt"
	"time"

	"github.com/mptcp-go/mptcp/fsm/cong"
)

// Two subflows of one connection, coupled: what one of them may add depends on both.
func Example() {
	group := cong.NewLIA()
	wifi, mobile := group.Add(1460), group.Add(1460)

	now := time.Unix(0, 0)
	wifi.OnSignal(now, cong.Loss, 100*1460) // slow start is over
	mobile.OnSignal(now, cong.Loss, 100*1460)
	for i := range 250 { // a window's worth of ACKs on the one, and five on the other
		now = now.Add(400 * time.Microsecond)
		wifi.OnAck(now, cong.Ack{Acked: 1460, SRTT: 20 * time.Millisecond, Limited: true})
		if i%5 == 4 {
			mobile.OnAck(now, cong.Ack{Acked: 1460, SRTT: 100 * time.Millisecond, Limited: true})
		}
	}
	for _, c := range []cong.Controller{wifi, mobile} {
		cwnd, _ := c.State()
		fmt.Printf("grown by %.2f segments\n", float64(cwnd-50*1460)/1460)
	}
	// Output:
	// grown by 3.44 segments
	// grown by 0.69 segments
}
