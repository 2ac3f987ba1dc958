package peer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/peer/link"
	"github.com/mptcp-go/mptcp/wire"
)

// Stack is a host in user space. All methods may be called from any goroutine.
type Stack struct {
	now    func() time.Time // a clock that only goes forward, and does not jump with the system's
	done   chan struct{}
	kick   chan struct{} // the deadline came closer
	behind chan struct{} // a call has sent enough, and there is more
	wg     sync.WaitGroup

	mu        sync.Mutex
	cfg       Config
	ep        *fsm.Endpoint
	ports     []*port
	paths     []*pathEntry // by path id - 1
	conns     map[*fsm.Conn]*Conn
	listeners map[*Listener]bool
	ephemeral uint16
	holds     holds
	armed     time.Time // when the timer goroutine wakes; zero: it does not
	in, out   wire.Segment
	spares    []chan struct{} // empty, for those who will wait
	merger    merger
	handle    func(time.Time, *wire.Segment) // ep.HandleSegment
	dirty     []*port                        // with packets that nobody sends yet
	full      int                            // ports whose batch is full
	more      bool                           // the endpoint may have segments, which wait for a batch to leave
	closed    bool
	stats     Stats // those that the stack itself keeps
	echoes    limiter
	tapErr    error // the first of Config.Capture and KeyLog
	events    eventQueue
}

// New returns a stack without links.
func New(cfg Config) (*Stack, error) {
	if cfg.Endpoint.Rand == nil {
		cfg.Endpoint.Rand = &cryptoSource{}
	}
	if cfg.Endpoint.FirstPort == 0 {
		cfg.Endpoint.FirstPort = firstEphemeral + uint16(rand.IntN(ephemeralPorts))
	}
	ep, err := fsm.NewEndpoint(cfg.Endpoint)
	if err != nil {
		return nil, err
	}
	s := &Stack{now: cfg.clock, done: make(chan struct{}), kick: make(chan struct{}, 1), behind: make(chan struct{}, 1),
		cfg: cfg, ep: ep, conns: map[*fsm.Conn]*Conn{}, listeners: map[*Listener]bool{}}
	if s.now == nil {
		s.now = steadyClock()
	}
	s.handle = ep.HandleSegment
	s.ephemeral = uint16(s.cfg.Endpoint.Rand.Uint64())
	s.events.init(cfg.Events)
	s.wg.Add(2)
	go s.timers()
	go s.pump()
	if cfg.Events != nil {
		s.wg.Add(1)
		go s.deliver()
	}
	return s, nil
}

// steadyClock begins with the system's time and then only goes forward.
func steadyClock() func() time.Time {
	start := time.Now()
	return func() time.Time { return start.Add(time.Since(start)) }
}

// AddLink adds a link, which belongs to the stack from now on: Close closes it. Each
// address of the link is a path. The error is net.ErrClosed.
func (s *Stack) AddLink(l link.Link) error { return s.addLink(l, false) }

// AddBackupLink is AddLink for a link to be used only when nothing else works: subflows
// over it are backups (RFC 8684 section 3.3.8), and of links that reach a peer alike another
// one is chosen to open a connection over.
func (s *Stack) AddBackupLink(l link.Link) error { return s.addLink(l, true) }

func (s *Stack) addLink(l link.Link, backup bool) error {
	s.mu.Lock()
	defer s.unlock()
	if s.closed {
		return net.ErrClosed
	}
	p := &port{stack: s, link: l, number: len(s.ports), backup: backup}
	s.ports = append(s.ports, p)
	s.readPaths(p)
	s.turn(s.now())
	s.wg.Add(2)
	go s.receive(p)
	go s.watch(p)
	return nil
}

// Close ends everything at once: connections are reset, listeners and links closed. It
// returns when all goroutines of the stack have ended. The error is the first of
// Config.Capture, Config.KeyLog and the links. To end gracefully, close the connections
// and call Drain first.
func (s *Stack) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return net.ErrClosed
	}
	now := s.now()
	for l := range s.listeners {
		l.close(now)
	}
	for _, c := range s.conns {
		c.abort(now)
	}
	s.turn(now)
	s.closed = true
	for _, c := range s.conns { // what did not end, such as an MP_FASTCLOSE unanswered
		c.rd.wake()
		c.wr.wake()
		if c.ended != nil {
			close(c.ended)
			c.ended = nil
		}
	}
	clear(s.conns)
	s.unlock()
	close(s.done)
	s.events.close()
	s.mu.Lock()
	ports, holds := s.ports, s.holds.all()
	s.mu.Unlock()
	var errs []error
	for _, p := range ports {
		p.waitSent()
		if err := p.link.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	for _, h := range holds {
		_ = h.Close()
	}
	s.wg.Wait()
	return errors.Join(append(errs, s.tapErr)...)
}

// lock takes the mutex and tells the time. It is paired with unlock.
func (s *Stack) lock() time.Time {
	s.mu.Lock()
	return s.now()
}

// Addrs returns the addresses of the stack whose links are up, in the order of the
// links.
func (s *Stack) Addrs() []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []netip.Addr
	for _, p := range s.paths {
		if p.Up {
			all = append(all, p.Local)
		}
	}
	return all
}

// tapFailed keeps the first error of a tap.
func (s *Stack) tapFailed(err error) {
	if err != nil && s.tapErr == nil {
		s.tapErr = err
	}
}

// logKeys writes the keys of a connection.
func (s *Stack) logKeys(c *fsm.Conn) {
	own, peer, ok := c.Keys()
	if s.cfg.KeyLog == nil || !ok {
		return
	}
	_, err := fmt.Fprintf(s.cfg.KeyLog, "# %s %s\n%016x\n%016x\n", c.Local(), c.Remote(), uint64(own), uint64(peer))
	s.tapFailed(err)
}
