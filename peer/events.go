package peer

import (
	"sync"
	"time"

	"github.com/mptcp-go/mptcp/fsm"
)

// Event is something that happened to a connection.
type Event struct {
	Time time.Time
	Conn *Conn
	What fsm.Event // a set: what happened in one go
	Err  error     // with fsm.Ended: why, nil where the end was regular
}

// eventQueue lies between the stack and Config.Events.
type eventQueue struct {
	wanted bool
	mu     sync.Mutex
	cond   sync.Cond
	q      []Event
	closed bool
}

func (q *eventQueue) init(f func(Event)) {
	q.wanted = f != nil
	q.cond.L = &q.mu
}

func (q *eventQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.cond.Signal()
}

// note queues an event.
func (s *Stack) note(now time.Time, c *Conn, ev fsm.Event) {
	e := Event{Time: now, Conn: c, What: ev}
	if ev&fsm.Ended != 0 {
		e.Err = c.fc.Err()
	}
	q := &s.events
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.q) >= maxEvents {
		s.stats.EventsLost++
		return
	}
	q.q = append(q.q, e)
	q.cond.Signal()
}

// deliver is the goroutine that calls Config.Events. What is queued when the stack is
// closed is delivered.
func (s *Stack) deliver() {
	defer s.wg.Done()
	q := &s.events
	for {
		q.mu.Lock()
		for len(q.q) == 0 && !q.closed {
			q.cond.Wait()
		}
		list, closed := q.q, q.closed
		q.q = nil
		q.mu.Unlock()
		for _, e := range list {
			s.cfg.Events(e)
		}
		if closed && len(list) == 0 {
			return
		}
	}
}
