package fsm

import (
	"net/netip"
	"slices"
	"time"

	"github.com/mptcp-go/mptcp/fsm/sched"
	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/reasm"
	"github.com/mptcp-go/mptcp/wire"
)

// Endpoint is a host: its connections, its listeners and what it answers to
// segments that belong to neither.
//
// Getters: Stats, FlowStats, Deadline. They change nothing.
//
// Handle: HandleSegment, HandleTimer, HandlePath and HandleICMP take what comes from
// outside.
//
// Application calls: Listen, Dial, Prepare, and those of Listener and Conn.
//
// Poll: PollSegment until it reports false, after each call of the two groups
// above; then PollEvent, likewise. Deadline is right once PollSegment has reported
// false.
type Endpoint struct {
	cfg     Config
	tcp     *tcp.Config
	slowTCP *tcp.Config // the same without Fast Open
	joinTCP *tcp.Config // the same, but for the patience of the handshake
	flows   tcp.Stats
	stats   Stats
	isn     tcp.ISN
	seed    [4]uint64 // of hash tables

	cookies     tcp.SYNCookies
	cookieKey   [32]byte // of the keys given out without state
	fast        tcp.FastOpener
	fastCookies fastCookies
	cookieUntil int64 // until when answers given without state may come back, ns

	subflows  flowTable
	tokens    map[wire.Token]*Conn // nil: reserved
	listeners map[netip.AddrPort]*Listener
	embryos   halves[embryo]
	joins     halves[halfJoin]
	waits     timeWaits
	paths     []Path
	port      uint16 // the ephemeral port tried next

	pool    keyPool
	blocks  blockPool
	pages   reasm.Pool
	run     connQueue // those with something to send, perhaps
	events  connQueue
	timers  deadlines
	replies replies

	farewells map[flowID]*Conn // see farewell.go
	opts      options          // of the segment being handled
	offered   []sched.Path     // scratch of Conn.candidates
}

// flowID names a flow by its addresses, from this host's point of view.
type flowID struct{ local, remote netip.AddrPort }

// Path is a way out of this host: an interface, or a tunnel.
type Path struct {
	ID     uint16     // what Segment.Path names; not 0
	Local  netip.Addr // the address of this host there
	MTU    int        // octets of an IP packet; 0: 1500
	Max    int        // octets of payload in a segment that the link will cut; 0: it does not
	Backup bool       // to be used only when nothing else works
	Up     bool       // false: the path is gone
}

// NewEndpoint returns a host. The error is a *LocalError, or a *tcp.LocalError for a
// field of Config.TCP.
func NewEndpoint(cfg Config) (*Endpoint, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	e := &Endpoint{cfg: cfg, tokens: map[wire.Token]*Conn{},
		listeners: map[netip.AddrPort]*Listener{}, port: cfg.FirstPort}
	var err error
	if e.tcp, err = e.cfg.flowConfig(); err != nil {
		return nil, err
	}
	if e.tcp.Stats == nil {
		e.tcp.Stats = &e.flows
	}
	slow := *e.tcp
	slow.FastOpen = false
	e.slowTCP = &slow
	joins := slow
	joins.SYNTimeout = e.cfg.JoinTimeout
	e.joinTCP = &joins
	for i := 0; i < len(e.isn.Secret); i += 8 {
		v := e.cfg.Rand.Uint64()
		for j := range 8 {
			e.isn.Secret[i+j] = byte(v >> (8 * j))
		}
	}
	e.derive()
	// What one busy connection uses: its buffer fills and empties many times a second.
	e.pages.Max = max(256, e.cfg.ReceiveBuffer/4096)
	if !cfg.Plain {
		e.Prepare(e.cfg.KeyPool)
	}
	return e, nil
}

// Stats returns the counters of Multipath TCP.
func (e *Endpoint) Stats() *Stats { return &e.stats }

// FlowStats returns the counters of TCP, over all subflows.
func (e *Endpoint) FlowStats() *tcp.Stats { return e.tcp.Stats }

// HandlePath tells of a path that came, changed or, without Up, went. Connections
// withdraw the address of one that went if they have another subflow to say so on; a
// subflow that is the only one waits for its path to come back. Path managers hear of
// it.
func (e *Endpoint) HandlePath(now time.Time, p Path) {
	var old Path
	i := slices.IndexFunc(e.paths, func(x Path) bool { return x.ID == p.ID })
	if i < 0 {
		e.paths = append(e.paths, p)
	} else {
		old, e.paths[i] = e.paths[i], p
	}
	if old.Up && (!p.Up || p.Local != old.Local) {
		if p.Up { // another address: the old one went
			e.paths[i] = old
			e.paths[i].Up = false
			e.pathWent(now, e.paths[i])
			e.paths[i] = p
		} else {
			e.pathWent(now, p)
		}
	}
	if p.Up && (!old.Up || p.Local != old.Local) {
		e.pathCame(now, p)
	}
}

// pathOf returns the path with the address local, and a default where there is none.
func (e *Endpoint) pathOf(local netip.Addr) Path {
	for _, p := range e.paths {
		if p.Up && p.Local == local {
			return p
		}
	}
	return Path{Local: local}
}

// pathDown reports whether a is the address of a path that went, and of no other.
func (e *Endpoint) pathDown(a netip.Addr) bool {
	down := false
	for _, p := range e.paths {
		if p.Local == a {
			if p.Up {
				return false
			}
			down = true
		}
	}
	return down
}

// HandleICMP takes an ICMP error, which is believed only if it quotes what is in
// flight (RFC 5927 section 4.1).
func (e *Endpoint) HandleICMP(now time.Time, m *wire.ICMP) {
	s := e.subflows.find(flowID{m.Src, m.Dst})
	if s == nil || m.Sum == wire.SumBad {
		return
	}
	switch m.Kind {
	case wire.ICMPTooBig:
		s.flow.HandleMTU(now, int(m.MTU), m.Seq)
	case wire.ICMPUnreachable:
		s.flow.HandleUnreachable(now, m.Seq)
	}
	s.conn.settle(now)
}

// HandleTimer does what is due. Early and repeated calls do nothing.
func (e *Endpoint) HandleTimer(now time.Time) {
	t := nanos(now)
	for e.timers.len() > 0 && e.timers.next() <= t {
		c := e.timers.first()
		e.timers.set(c, 0)
		c.handleTimer(now)
		c.settle(now)
	}
	e.expireHalves(now)
	e.waits.expire(t)
}

// Deadline returns when HandleTimer is due; zero: never.
func (e *Endpoint) Deadline() time.Time {
	at := sooner(e.waits.next(), sooner(e.embryos.next(), e.joins.next()))
	return instant(sooner(at, e.timers.next()))
}

// PollSegment fills in the segment to be sent next and reports whether there is one.
// Options are appended to seg.Options[:0]; seg.Payload is valid until the next Handle
// or application call. Where seg.Sum is SumGood, seg.PayloadSum is the payload's sum.
func (e *Endpoint) PollSegment(now time.Time, seg *wire.Segment) bool {
	if e.replies.poll(seg) || e.pollEmbryo(now, seg) || e.pollHalfJoin(now, seg) {
		return true
	}
	for c := e.run.front(); c != nil; c = e.run.front() {
		if c.poll(now, seg) {
			return true
		}
		e.run.pop()
		c.runnable = false
		c.rest(now)
	}
	return false
}

func (e *Endpoint) trace(now time.Time, c *Conn, what string) {
	if e.cfg.Trace != nil {
		e.cfg.Trace(now, c, what)
	}
}
