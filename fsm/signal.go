package fsm

import (
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// takeSignals acts on the options that are about addresses and priorities.
func (c *Conn) takeSignals(now time.Time, s *subflow, o *options) {
	if o.hasPrio {
		c.ep.stats.MPPrioRx++
	}
	if o.hasAdd {
		c.ep.stats.AddAddr++
	}
	if o.hasRemove {
		c.ep.stats.RmAddr++
	}
}

// dressSignals completes an ACK with what there is to tell.
func (c *Conn) dressSignals(s *subflow, seg *wire.Segment, d *wire.DSS, w *carriage) {
	c.appendDSS(seg, d)
}

func (c *Conn) signalSent(s *subflow) {}
