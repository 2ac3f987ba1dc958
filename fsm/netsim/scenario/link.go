package scenario

import (
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
)

// Link describes a link as the paper does.
type Link struct {
	Rate   uint64        // bit/s, each way
	RTT    time.Duration // round-trip time of the empty link
	Buffer time.Duration // what may wait, as the time it takes to send; at least three packets
	Loss   float64       // chance to lose a packet of the sender's
	Jitter time.Duration // up to that much more delay for the sender's packets, which breaks the rhythm of drop-tail queues
}

// The links of the paper's sections 4.2 and 5.1.
var (
	WiFi     = Link{Rate: 8e6, RTT: 20 * time.Millisecond, Buffer: 80 * time.Millisecond}
	Mobile   = Link{Rate: 2e6, RTT: 150 * time.Millisecond, Buffer: 2 * time.Second}
	Weak     = Link{Rate: 50e3, RTT: 150 * time.Millisecond, Buffer: 2 * time.Second}
	SlowWiFi = Link{Rate: 2e6, RTT: 20 * time.Millisecond, Buffer: 80 * time.Millisecond}
)

const packet = 1500

// New returns the element. It may stand on several paths, which then share its queue.
func (l Link) New() *netsim.Link {
	c := netsim.LinkConfig{Rate: l.Rate, Delay: l.RTT / 2, Buffer: max(3*packet, int(float64(l.Rate)*l.Buffer.Seconds()/8))}
	back := c
	c.Loss, c.Jitter = l.Loss, l.Jitter
	return netsim.NewLinkPair(c, back)
}
