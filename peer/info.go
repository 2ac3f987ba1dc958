package peer

import (
	"net/netip"
	"slices"
	"time"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

// Info is a snapshot of a connection.
type Info struct {
	fsm.Info
	State     fsm.State
	Multipath bool
	Version   wire.Version // of a Multipath TCP connection
	Checksum  bool         // DSS checksums are in use
	Token     wire.Token   // what a join to us has to name; 0: there is none
	Readable  int          // octets that Read would find
	Unsent    uint64       // octets written and not sent yet
	Err       error        // why it ended
	Subflows  []SubflowInfo
	Past      []PastSubflow    // that have ended, the last 32 of them
	Announced []fsm.RemoteAddr // by the peer
}

// SubflowInfo is a snapshot of a subflow, or of the only flow of plain TCP.
type SubflowInfo struct {
	Local, Remote netip.AddrPort
	Link          string // the name of the link it leaves by
	Up            bool   // data may be sent on it
	Backup        bool   // one of the two sides wants it used only when nothing else works
	State         tcp.State
	RTT, MinRTT   time.Duration
	RTO           time.Duration
	Cwnd          int // octets
	InFlight      int // octets
	MSS           int // octets
	Sent, Acked   uint64
	Received      uint64 // octets
}

// PastSubflow is what remains of a subflow that has ended.
type PastSubflow struct {
	fsm.PastSubflow
	Link string // the name of the link it left by
}

// Info returns a snapshot of the connection, also after its end.
func (c *Conn) Info() Info {
	s := c.stack
	s.mu.Lock()
	defer s.mu.Unlock()
	fc := c.fc
	i := Info{Info: fc.Info(), State: fc.State(), Multipath: fc.Multipath(), Version: fc.Version(), Checksum: fc.Checksum(),
		Token: fc.Token(), Err: fc.Err(), Announced: fc.RemoteAddrs(nil)}
	i.Readable, _ = fc.Readable()
	i.Unsent = i.Written - i.Sent
	for _, f := range fc.Subflows(nil) {
		x := SubflowInfo{Local: f.Local, Remote: f.Remote, Up: f.Up, State: f.Flow.State(), RTO: f.Flow.RTO(), MSS: f.Flow.MSS(),
			InFlight: f.Flow.InFlight(), Sent: f.Flow.Sent(), Acked: f.Flow.Acked(), Received: f.Flow.Received()}
		x.RTT, x.MinRTT = f.Flow.RTT()
		x.Cwnd, _ = f.Flow.Cwnd()
		x.Backup = f.Backup
		if e := s.pathOf(&wire.Segment{Path: f.Path, Src: f.Local}); e != nil {
			x.Link = e.port.link.Name()
		}
		i.Subflows = append(i.Subflows, x)
	}
	for _, f := range fc.PastSubflows(nil) {
		x := PastSubflow{PastSubflow: f}
		if e := s.pathOf(&wire.Segment{Path: f.Path, Src: f.Local}); e != nil {
			x.Link = e.port.link.Name()
		}
		i.Past = append(i.Past, x)
	}
	return i
}

// Join opens one more subflow, from an address of ours to the peer's address; where
// remote is not valid, to the address and port of the first subflow. See fsm.Conn.Join.
func (c *Conn) Join(local netip.Addr, remote netip.AddrPort, backup bool) error {
	now := c.stack.lock()
	defer c.stack.unlock()
	at, err := c.stack.holdFor(local)
	if err == nil {
		err = c.fc.Join(now, at, remote, backup)
	}
	c.stack.turn(now)
	return c.opError("join", err)
}

// Announce tells the peer of one more address of ours (ADD_ADDR, RFC 8684 section
// 3.4.1). Port 0 stands for the port of the first subflow.
func (c *Conn) Announce(a netip.AddrPort) error {
	now := c.stack.lock()
	defer c.stack.unlock()
	err := c.stack.holdAnnounced(c, a)
	if err == nil {
		err = c.fc.Announce(now, a)
	}
	c.stack.turn(now)
	return c.opError("announce", err)
}

// RemoveAddr tells the peer that an address of ours is used no more, and closes the
// subflows from it (REMOVE_ADDR, RFC 8684 section 3.4.2).
func (c *Conn) RemoveAddr(a netip.Addr) error {
	now := c.stack.lock()
	defer c.stack.unlock()
	err := c.fc.RemoveAddr(now, a)
	c.announced = slices.DeleteFunc(c.announced, func(at netip.AddrPort) bool { return at.Addr() == a })
	c.stack.turn(now)
	return c.opError("remove", err)
}

// SetBackup asks the peer to use the subflows from one of our addresses only when
// nothing else works, or takes that back (MP_PRIO, RFC 8684 section 3.3.8).
func (c *Conn) SetBackup(a netip.Addr, backup bool) {
	now := c.stack.lock()
	defer c.stack.unlock()
	c.fc.SetBackup(now, a, backup)
	c.stack.turn(now)
}
