package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/peer"
)

// sessions are the connections of a command and how they end: the first interrupt
// closes them gracefully, the second by MP_FASTCLOSE, the third leaves at once.
type sessions struct {
	app     *app
	host    *host
	listen  []io.Closer     // closed by the first interrupt
	ctx     context.Context // ends with the first
	ending  context.CancelFunc
	leaving chan struct{} // closed by the third

	dialling atomic.Pointer[string] // who is to answer

	mu       sync.Mutex
	open     map[*peer.Conn]bool
	graceful bool // the first interrupt came
	aborted  bool // the second
	ticker   chan struct{}
}

const statusEvery = 250 * time.Millisecond

// newSessions begins to heed interrupts and to draw the status.
func (a *app) newSessions(h *host) *sessions {
	s := &sessions{app: a, host: h, open: map[*peer.Conn]bool{}, leaving: make(chan struct{}), ticker: make(chan struct{})}
	s.ctx, s.ending = context.WithCancel(context.Background())
	a.interrupted = s.ctx.Done()
	a.track.Store(&tracker{drawn: time.Now(), total: totals{causes: map[string]int{}}})
	go s.heed()
	go s.draw()
	return s
}

// heed follows interrupts.
func (s *sessions) heed() {
	for n := 0; n < 3; n++ {
		select {
		case <-s.app.stop:
		case <-s.ticker:
			return
		}
		switch n {
		case 0:
			s.close()
		case 1:
			s.abort()
		default:
			close(s.leaving)
		}
	}
}

// close ends listeners, and our side of every connection.
func (s *sessions) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.graceful = true
	if len(s.open) > 0 {
		s.app.say("closing; once more sends MP_FASTCLOSE")
	}
	for _, l := range s.listen {
		_ = l.Close()
	}
	for c := range s.open {
		_ = c.CloseWrite()
	}
	s.ending()
}

// abort ends every connection at once.
func (s *sessions) abort() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aborted = true
	for c := range s.open {
		_ = c.Abort()
	}
}

// draw keeps what is known of connections fresh, and shows it.
func (s *sessions) draw() {
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			t := s.app.track.Load()
			t.poll()
			s.host.flush()
			if s.app.live {
				line := t.status(now)
				if to := s.dialling.Load(); to != nil {
					line = "waiting for " + *to
				}
				s.app.setStatus(line)
			}
		case <-s.ticker:
			s.app.setStatus("")
			return
		}
	}
}

// serve runs one connection to its end: work is the application, which returns when it
// is done with it. The error is why it ended before its time.
func (s *sessions) serve(c *peer.Conn, opener bool, work func(net.Conn) error) error {
	t := s.app.track.Load()
	k := t.add(c, opener)
	s.mu.Lock()
	s.open[c] = true
	if s.aborted {
		_ = c.Abort()
	} else if s.graceful {
		_ = c.CloseWrite()
	}
	s.mu.Unlock()
	s.app.record("open", record{"local": c.LocalAddr().String(), "remote": c.RemoteAddr().String(), "opener": opener, "mptcp": c.Info().Multipath}, "")
	err := work(c)
	if errors.Is(err, io.EOF) || s.closing() && c.Info().Err == nil {
		err = nil // on request our direction was closed under the application
	}
	if err == nil {
		err = s.settle(c)
	}
	s.mu.Lock()
	delete(s.open, c)
	if s.aborted {
		err = errors.New("closed at once on request")
	}
	s.mu.Unlock()
	t.finish(k, err)
	s.app.record("summary", k.record(err), k.summary(err))
	if err != nil {
		_ = c.Abort()
	} else {
		_ = c.Close()
	}
	return err
}

// closing reports whether the first interrupt came.
func (s *sessions) closing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.graceful
}

// settle waits until the peer has all that was written, so that the summary is about
// the whole connection.
func (s *sessions) settle(c *peer.Conn) error {
	for {
		i := c.Info()
		switch {
		case i.Err != nil:
			return i.Err
		case i.Acked >= i.Written || i.State == fsm.Closed: // in order: with all acknowledged
			return nil
		}
		select {
		case <-s.leaving:
			return errors.New("left before the peer had everything")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// end waits for connections to be gone, and closes the stack.
func (s *sessions) end() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	go func() {
		select {
		case <-s.leaving:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := s.host.Drain(ctx); err != nil && !errors.Is(err, context.Canceled) {
		s.app.complain("the peer did not close its side in %v", drainTime)
	}
	close(s.ticker)
	s.ending()
	if len(s.app.opt.lies) > 0 {
		n := s.host.lies.value()
		s.app.record("lies", record{"count": n}, fmt.Sprintf("lies told: %d", n))
	}
	err := s.host.shut()
	if s.app.opt.json { // last, since closing the stack tells of what was still open
		s.app.print("final", s.host.final(s.app.track.Load()))
	}
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("closing: %w", err)
	}
	return nil
}

// drainTime is how long the end of closed connections is waited for.
const drainTime = 10 * time.Second
