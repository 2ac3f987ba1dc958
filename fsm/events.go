package fsm

// Event is a set of things that happened to a connection since it was polled last.
type Event uint16

// The events.
const (
	Opened       Event = 1 << iota // the handshake is done
	Readable                       // Read finds octets, or the end of the stream
	Writable                       // Write takes octets again
	FellBack                       // the connection is plain TCP from now on
	SubflowUp                      // a subflow was added
	SubflowDown                    // a subflow ended
	AddrsChanged                   // the peer announced or withdrew an address
	Ended                          // the connection is closed; Conn.Err says why
)

var eventNames = [...]string{"opened", "readable", "writable", "fell back", "subflow up", "subflow down", "addresses changed", "ended"}

func (ev Event) String() string {
	s := ""
	for i, name := range eventNames {
		if ev&(1<<i) != 0 {
			if s != "" {
				s += ", "
			}
			s += name
		}
	}
	return s
}

// connQueue is a queue of connections, each in it once at the most.
type connQueue struct {
	q    []*Conn
	head int
}

func (q *connQueue) push(c *Conn) {
	if len(q.q) == cap(q.q) && q.head > len(q.q)/2 {
		n := copy(q.q, q.q[q.head:])
		clear(q.q[n:])
		q.q, q.head = q.q[:n], 0
	}
	q.q = append(q.q, c)
}

func (q *connQueue) front() *Conn {
	if q.head == len(q.q) {
		return nil
	}
	return q.q[q.head]
}

func (q *connQueue) pop() {
	q.q[q.head] = nil
	q.head++
	if q.head == len(q.q) {
		q.q, q.head = q.q[:0], 0
	}
}

// PollEvent returns a connection to which something happened, and what. It reports
// false when there is none. No connection is looked at to which nothing happened.
func (e *Endpoint) PollEvent() (*Conn, Event, bool) {
	c := e.events.front()
	if c == nil {
		return nil, 0, false
	}
	e.events.pop()
	ev := c.pending
	c.pending = 0
	return c, ev, true
}

// happened queues events of c.
func (c *Conn) happened(ev Event) {
	if c.pending == 0 && ev != 0 {
		c.ep.events.push(c)
	}
	c.pending |= ev
}
