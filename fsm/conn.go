package fsm

import (
	"io"
	"net/netip"
	"time"

	"github.com/mptcp-go/mptcp/dataseq"
	"github.com/mptcp-go/mptcp/fsm/cong"
	"github.com/mptcp-go/mptcp/fsm/pathmgr"
	"github.com/mptcp-go/mptcp/fsm/sched"
	"github.com/mptcp-go/mptcp/wire"
)

// mode says what a connection is.
type mode uint8

const (
	asking mode = iota // MP_CAPABLE was sent, or will be, and is not agreed on
	multi              // Multipath TCP
	plain              // TCP: from the start, or after a fallback, which is never left (R3.7-17)
)

// side is what belongs to one of the two hosts.
type side struct {
	secret
	known bool
	space dataseq.Space
}

func (s *side) set(k secret) {
	s.secret, s.known, s.space = k, true, dataseq.Space{IDSN: k.idsn}
}

// Conn is one connection.
//
// Getters: State, Err, Local, Remote, Multipath, Version, Checksum, Token, Readable,
// Writable, Subflows, Info.
//
// Application calls: Write, Read, CloseWrite, Close, Abort, ResetSubflow.
//
// Segments, time and events go through its Endpoint.
type Conn struct {
	ep            *Endpoint
	listener      *Listener // of a passive connection
	local, remote netip.AddrPort
	opener        bool
	mode          mode
	version       wire.Version
	lastID        uint8 // given last
	own, peer     side
	checksum      bool
	peerNoJoin    bool
	prioTold      bool // of the first subflow
	hs            handshake
	subflows      []*subflow
	past          []PastSubflow
	halfJoins     []uint32 // places in Endpoint.joins
	nextIndex     int
	several       bool // there was another subflow than the first that data of the peer's could be on
	turn          int  // the subflow polled first
	signals       []signal
	remoteAddrs   []RemoteAddr
	rejoins       uint8      // tries since a subflow was up
	returned      uint8      // joins of that kind in all: whose turn it is among the ways
	farewells     []farewell // ends of subflows that the peer may not know of
	farewellAsks  uint8
	unheard       bool        // ...and there were too many
	awaitEnd      int64       // see awaits
	noReturn      bool        // ...and none between the two first addresses: the peer said so
	ways          []way       // other pairs of addresses that joins worked between
	mgr           *managed    // nil: passive, or not yet
	localAddrs    []localAddr // our addresses but the first, with their ids
	sched         sched.Scheduler
	group         cong.Group // what couples the subflows; nil before the first, and in plain TCP

	snd sendState
	rcv receiveState
	fb  fallback

	timers   timers
	err      error
	opened   bool
	ended    bool
	fast     fastclose
	deaf     bool // closed by the application: nobody reads any more
	finished bool // both directions are done

	runnable bool
	fo       fastOpen
	pending  Event
	alarm    int32 // number in Endpoint.timers, and one; 0: no deadline
}

func (e *Endpoint) newConn() *Conn {
	c := &Conn{ep: e, version: e.cfg.Versions.highest(), sched: e.cfg.Scheduler()}
	c.snd.buf.pool = &e.blocks
	if c.snd.limit = e.cfg.SendBuffer; e.cfg.Autotune {
		c.snd.limit = e.cfg.InitialBuffer
	}
	c.rcv.init(e)
	if e.cfg.Plain {
		c.mode = plain
	}
	return c
}

// wake puts c in the queue of those that may have something to send.
func (e *Endpoint) wake(c *Conn) {
	if !c.runnable {
		c.runnable = true
		e.run.push(c)
	}
}

// Err returns why the connection ended: nil when it ended in the regular way or has
// not ended, else a *PeerError or a *LocalError.
func (c *Conn) Err() error { return c.err }

// Local and Remote are the addresses of the first subflow, also after its end (RFC
// 8684 section 4, R4-07).
func (c *Conn) Local() netip.AddrPort { return c.local }

// Remote is the peer's address; see Local.
func (c *Conn) Remote() netip.AddrPort { return c.remote }

// Multipath reports whether the connection is Multipath TCP now.
func (c *Conn) Multipath() bool { return c.mode == multi }

// Keys returns the keys of a Multipath TCP connection, ours and the peer's, for a log
// that an analyser reads. Whoever has them can join the connection.
func (c *Conn) Keys() (own, peer wire.Key, ok bool) {
	return c.own.key, c.peer.key, c.own.known && c.peer.known
}

// Version returns the protocol version of a Multipath TCP connection.
func (c *Conn) Version() wire.Version { return c.version }

// Checksum reports whether DSS checksums are in use.
func (c *Conn) Checksum() bool { return c.mode == multi && c.checksum }

// Token returns the token that joins to this host have to name; 0: there is none.
func (c *Conn) Token() wire.Token {
	if !c.own.known {
		return 0
	}
	return c.own.token
}

// Readable returns how many octets Read would find at once, and whether the stream
// ends behind them.
func (c *Conn) Readable() (n int, eof bool) {
	return int(c.rcv.next - c.rcv.buf.Offset()), c.rcv.finDone
}

// Writable returns how many octets Write would take now.
func (c *Conn) Writable() int {
	if c.snd.closed || c.ended || c.fast.waiting {
		return 0
	}
	// What is DATA_ACKed and kept for a slow subflow alone does not count: its own window
	// bounds that.
	return max(c.snd.limit-int(c.snd.buf.end-c.snd.una), 0)
}

// Write copies octets into the send buffer and returns how many found room: fewer
// than len(p), perhaps none, when it is full, which is no error. After CloseWrite or
// the end of the connection the error is that of the connection, or a *LocalError.
func (c *Conn) Write(now time.Time, p []byte) (int, error) {
	if c.snd.closed || c.ended || c.fast.waiting {
		if c.err != nil {
			return 0, c.err
		}
		return 0, &LocalError{Reason: NotOpen, What: "Write"}
	}
	c.snd.buf.unit = c.blockUnit()
	n := c.snd.buf.write(p[:min(len(p), c.Writable())])
	c.snd.full = n < len(p)
	if n > 0 {
		c.ep.wake(c)
	}
	return n, nil
}

// Read copies octets in order to p and returns how many: none when there are none
// yet. The error is io.EOF behind the last, or why the connection ended.
func (c *Conn) Read(now time.Time, p []byte) (n int, err error) {
	ready := int(c.rcv.next - c.rcv.buf.Offset())
	for n < len(p) && n < ready {
		b := c.rcv.buf.Next()
		k := copy(p[n:], b[:min(len(b), ready-n)])
		c.rcv.buf.Discard(k)
		n += k
	}
	switch {
	case n > 0:
		c.openWindow(now)
		c.ep.wake(c) // to tell the peer, where the window is worth it
		return n, nil
	case c.rcv.finDone:
		return 0, io.EOF
	case c.err != nil:
		return 0, c.err
	case c.ended:
		return 0, io.EOF
	}
	return 0, nil
}

// CloseWrite ends our stream behind what was written: with a DATA_FIN, or the FIN of
// plain TCP. Reading goes on.
func (c *Conn) CloseWrite(now time.Time) {
	if c.snd.closed || c.ended || c.fast.waiting {
		return
	}
	c.snd.closed = true
	if !c.opened && c.snd.buf.end == 0 && c.opener {
		// Nothing was ever asked of the peer.
		c.abandon(now, nil)
	}
	c.settle(now)
}

// Close ends our stream as CloseWrite does, and gives up reading. Octets that were not
// read, or that come later, would be lost unseen: the connection is aborted then, so
// that the peer knows (RFC 9293 section 3.6.1, MUST-12 there). When the peer has acknowledged everything
// but does not end its own stream, the connection waits for Config.CloseWait.
func (c *Conn) Close(now time.Time) {
	if c.ended || c.deaf {
		return
	}
	c.deaf = true
	if n, _ := c.Readable(); n > 0 {
		c.Abort(now)
		return
	}
	c.CloseWrite(now)
	c.settle(now)
}

// Trim gives back the memory that a connection without data holds for later.
func (c *Conn) Trim() {
	c.snd.buf.trim()
	c.rcv.buf.Trim()
	for _, s := range c.subflows {
		s.flow.Trim()
		s.table.Trim()
		if s.maps.len() == 0 {
			s.maps = mappings{}
		}
	}
}

// settle is called after everything that may have changed the connection: it looks
// at subflows that ended, and puts the connection in the queue for polling.
func (c *Conn) settle(now time.Time) {
	if c.ended && len(c.subflows) == 0 {
		return
	}
	c.startManager(now)
	c.tellPriority(now)
	c.closeSubflows(now)
	c.reap(now)
	c.ep.wake(c)
}

// rest is called when the connection has nothing more to send: its deadline is
// known.
func (c *Conn) rest(now time.Time) {
	c.reap(now)
	c.watchOverdue(now)
	at := c.timers.next()
	for _, s := range c.subflows {
		at = sooner(at, nanos(s.flow.Deadline()))
	}
	c.ep.timers.set(c, at)
}

func (c *Conn) handleTimer(now time.Time) {
	t := nanos(now)
	for _, s := range c.subflows {
		before := s.flow.Timeouts()
		if s.flow.HandleTimer(now); s.flow.Timeouts() > before {
			c.timedOut(now, s)
		}
	}
	if c.timers.expired(timerResend, t) {
		c.onResend(now)
	}
	if c.timers.expired(timerPersist, t) {
		c.onPersist(now)
	}
	if c.timers.expired(timerUnmapped, t) {
		c.onUnmapped(now)
	}
	if c.timers.expired(timerFastclose, t) {
		c.onFastclose(now)
	}
	if c.timers.expired(timerSignal, t) {
		c.onSignal(now)
	}
	if c.timers.expired(timerJoin, t) {
		c.onJoin(now)
	}
	if c.timers.expired(timerAsk, t) {
		c.onAsk(now)
	}
	if c.timers.expired(timerRejoin, t) {
		c.onRejoin(now)
	}
	if c.timers.expired(timerManage, t) {
		c.manage(now, pathmgr.Event{Kind: pathmgr.Woken})
	}
	if c.timers.expired(timerFarewell, t) {
		c.onFarewell(now)
	}
	if c.timers.expired(timerShort, t) {
		c.onShort(now)
	}
	if c.timers.expired(timerOverdue, t) {
		c.onOverdue(now)
	}
	if c.timers.expired(timerLonely, t) {
		c.abandon(now, &LocalError{Reason: NoSubflow})
	}
	if c.timers.expired(timerLinger, t) {
		c.abandon(now, nil)
	}
}

// Info is a snapshot of a connection.
type Info struct {
	Sent, Acked   uint64 // octets of our stream bound to a subflow; DATA_ACKed
	Written       uint64 // octets of our stream, sent or not
	Received      uint64 // octets of the peer's stream in order and verified
	PeerEdge      uint64 // the right edge of the peer's window, as an offset of our stream
	Edge          uint64 // and that of ours, as an offset of the peer's
	FellBack      bool
	Cause         string // of the fallback: the counter that tells of it, by its name in Stats
	SubflowsUp    int
	SubflowsTotal int // since the connection began
	SendMemory    int // octets kept to be sent, or sent again
	ReceiveMemory int // octets kept for the application, in order or not
}

// Info returns a snapshot.
func (c *Conn) Info() Info {
	i := Info{Sent: c.snd.next, Acked: c.snd.una, Written: c.snd.buf.end, Received: c.rcv.next, PeerEdge: c.snd.edge,
		Edge: c.rcv.edge, FellBack: c.fb.done, Cause: c.fb.cause, SubflowsTotal: c.nextIndex,
		SendMemory: c.snd.buf.len(), ReceiveMemory: c.rcv.buf.Buffered()}
	for _, s := range c.subflows {
		if s.up {
			i.SubflowsUp++
		}
	}
	return i
}
