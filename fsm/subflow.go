package fsm

import (
	"net/netip"
	"time"

	"github.com/mptcp-go/mptcp/dataseq"
	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

// subflow is one TCP flow of a connection and what the connection keeps of it.
type subflow struct {
	conn  *Conn
	flow  *tcp.Flow
	id    flowID
	index int // number in the connection, never reused: hint for the receive queue

	up     bool  // data may flow: behind the handshake and, of a join, the fourth ACK
	worked bool  // it was up
	joined bool  // another was up beside it
	shared bool  // data of the peer's may have been on another beside it, and be repeated here
	doomed bool  // reset by us; only the RST is still to be sent
	fin    bool  // our FIN was asked for
	closed bool  // the peer's FIN was dealt with
	rests  uint8 // doublings of its pauses, see Conn.slower
	stale  bool  // it delivers nothing: no new data until it does

	dataFin  bool // a DATA_FIN on an ACK of its own is to be sent
	sendFail bool // an MP_FAIL is to be sent
	fastOut  bool // an MP_FASTCLOSE is to be sent, on an ACK or a RST
	overdue  bool // the next keepalive is to carry an octet: see overdue.go

	anyMap  bool // a mapping was received
	ackWide bool // the last DSN had 8 octets (R3.3.2-02)
	gap     bool // a DATA_ACK told of octets without a mapping: the peer may repeat data
	dropped bool // octets without a mapping were acknowledged and given up; see owed

	reset  resetOption
	rst    heardReset
	ask    *ask // nil: nothing is asked
	missed int  // expiries of the data-level timer since it last delivered anything of what was missing

	// Sending.
	maps      mappings
	copied    uint64 // data offset: below it there is nothing more to repeat here, for redundancy or for a full window
	penalized int64  // when it was last made slower for holding up the window
	restEnd   int64  // when the last one ends
	signals   int    // ACKs in a row that carried a signal
	failDSN   uint64 // the DSN of an MP_FAIL to be sent
	heard     uint64 // the highest subflow acknowledgment of a pure ACK with a DATA_ACK
	bare      int64  // since when new data was acknowledged without any option; 0: not

	// Receiving.
	table   dataseq.Table
	held    held
	end     uint64 // end of the mapping that reaches farthest in the subflow
	endData uint64 // where the octets of that end in the stream
	good    goodEnd
	optAt   int64  // when an MPTCP option arrived last
	givenUp int    // octets without a mapping given up since a mapping came last; each time counts for some
	owed    uint64 // what was given up is all here again when the stream has come this far

	// What relative SSNs count from: the octets of a Fast Open SYN have none.
	relOut, relIn dataseq.Subflow

	join joinState
}

// resetOption is the MP_TCPRST for a RST of ours.
type resetOption struct {
	has    bool
	reason uint8
}

func (c *Conn) addSubflow(f *tcp.Flow) *subflow {
	s := &subflow{conn: c, flow: f, id: flowID{f.Local(), f.Remote()}, index: c.nextIndex}
	c.nextIndex++
	s.table.Data = c.peer.space
	s.table.Max = c.ep.cfg.MaxMappings
	c.subflows = append(c.subflows, s)
	c.couple(s)
	c.ep.subflows.add(s)
	if len(c.subflows) == 1 && c.nextIndex == 1 {
		c.local, c.remote = f.Local(), f.Remote()
	}
	return s
}

// goodEnd is where the last mapping ended whose checksum was right, in both spaces.
type goodEnd struct{ sub, data uint64 }

// Subflow describes a subflow to the application.
type Subflow struct {
	Local, Remote netip.AddrPort
	Path          uint16 // that it leaves by, see wire.Segment
	Up            bool   // data may be sent on it
	Backup        bool   // one of the two sides wants it used only when nothing else works
	Flow          *tcp.Flow
}

// Subflows appends a description of each living subflow to b; Flow is to be looked
// at only.
func (c *Conn) Subflows(b []Subflow) []Subflow {
	for _, s := range c.subflows {
		b = append(b, Subflow{Local: s.id.local, Remote: s.id.remote, Path: s.flow.Path(), Up: s.up, Backup: s.spare(), Flow: s.flow})
	}
	return b
}

// PastSubflow is what remains of a subflow that has ended.
type PastSubflow struct {
	Local, Remote         netip.AddrPort
	Path                  uint16 // that it left by, see wire.Segment
	Worked                bool   // data could be sent on it
	Backup                bool   // one of the two sides wanted it used only when nothing else works
	Sent, Acked, Received uint64 // octets
	RTT, MinRTT           time.Duration
	Cwnd                  int // octets
}

// maxPast bounds the subflows that a connection remembers; the last ones are kept.
const maxPast = 32

// remember keeps what a user may want to know of a subflow that has ended.
func (c *Conn) remember(s *subflow) {
	if len(c.past) == maxPast {
		c.past = append(c.past[:0], c.past[1:]...)
	}
	p := PastSubflow{Local: s.id.local, Remote: s.id.remote, Path: s.flow.Path(), Worked: s.worked, Backup: s.join.backup || s.join.ownBackup,
		Sent: s.flow.Sent(), Acked: s.flow.Acked(), Received: s.flow.Received()}
	p.RTT, p.MinRTT = s.flow.RTT()
	p.Cwnd, _ = s.flow.Cwnd()
	c.past = append(c.past, p)
}

// PastSubflows appends a description of each subflow that has ended to b, of the last 32, in
// the order of their ends.
func (c *Conn) PastSubflows(b []PastSubflow) []PastSubflow { return append(b, c.past...) }

// ResetSubflow ends one subflow with a RST that gives the reason why, such as
// wire.ResetUnacceptable for one that performs badly (RFC 8684 section 3.3.6). What it
// had not delivered goes over others, so it is an error where it is the only one that is
// up: a *LocalError, as it is when there is no such subflow.
func (c *Conn) ResetSubflow(now time.Time, local, remote netip.AddrPort, why wire.ResetReason) error {
	for _, s := range c.subflows {
		if s.id != (flowID{local, remote}) || s.doomed || c.ended {
			continue
		}
		if c.mode != multi || s.up && !c.elsewhere(s) {
			return &LocalError{Reason: NotOpen, What: "ResetSubflow: the only subflow"}
		}
		c.resetSubflow(now, s, why) // R3.3.6-05, R3.3.6-06
		c.settle(now)
		return nil
	}
	return &LocalError{Reason: NotOpen, What: "ResetSubflow: no such subflow"}
}
