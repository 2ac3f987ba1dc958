package fsm

import (
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// joinState is what a subflow that joined keeps of MP_JOIN (RFC 8684 section 3.2).
type joinState struct {
	active  bool // the subflow was opened by MP_JOIN
	proven  bool // a DATA_ACK came on it
	refused wire.ResetReason
}

// handleJoinSYN takes a SYN with MP_JOIN, whose token names the connection.
func (e *Endpoint) handleJoinSYN(now time.Time, seg *wire.Segment) bool {
	e.stats.MPJoinSynRx++
	c := e.tokens[e.opts.join.Token]
	if c == nil {
		e.stats.MPJoinNoTokenFound++
		e.reset(seg, wire.ResetMPTCPError) // R3.2-10, R3.2-16, R3.2-18
		return true
	}
	e.stats.MPJoinRejected++
	e.reset(seg, wire.ResetProhibited)
	return true
}

func (c *Conn) shakeJoin(now time.Time, s *subflow, seg *wire.Segment, o *options, ok bool) bool {
	return true
}
func (c *Conn) dressJoinSYN(s *subflow, seg *wire.Segment)      {}
func (c *Conn) dressJoinACK(s *subflow, seg *wire.Segment) bool { return true }

func (c *Conn) prefer() []*subflow { return c.subflows }
