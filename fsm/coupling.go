package fsm

import "github.com/mptcp-go/mptcp/fsm/cong"

// couple gives s a congestion controller of the connection's group (RFC 8684 section
// 3.3.7): all subflows share one, so that together they are as fast as TCP on the best
// path and no more of a burden to others.
func (c *Conn) couple(s *subflow) {
	if c.mode == plain {
		return
	}
	if c.group == nil {
		c.group = c.ep.cfg.Congestion()
		if c.ep.cfg.CapWindow {
			c.group = cong.NewCapped(c.group)
		}
	}
	s.flow.Couple(c.group)
}

// uncouple makes what is plain TCP now behave like any TCP of this host.
func (c *Conn) uncouple() {
	if c.group == nil {
		return
	}
	for _, s := range c.subflows {
		s.flow.Couple(nil)
	}
	c.group = nil
}
