package trace

import (
	"slices"

	"github.com/mptcp-go/mptcp/wire"
)

// How what ended is settled: judged, stripped of what it no longer needs, and
// forgotten where the limits say so.

// fifo is a queue.
type fifo[T any] struct {
	at   []T
	head int
}

func (q *fifo[T]) len() int { return len(q.at) - q.head }

func (q *fifo[T]) put(v T) {
	if q.head > 32 && q.head > len(q.at)/2 {
		n := copy(q.at, q.at[q.head:])
		clear(q.at[n:])
		q.at, q.head = q.at[:n], 0
	}
	q.at = append(q.at, v)
}

func (q *fifo[T]) take() T {
	v := q.at[q.head]
	q.head++
	return v
}

// ends takes a segment with FIN or RST. What ended is settled some time later, when
// the last stragglers are in.
func (t *Tracker) ends(sf *Subflow, dir int, s *wire.Segment, sg *signals) {
	was := sf.Closed()
	if s.Flags&wire.RST != 0 {
		t.reset(sf, dir, sg)
	}
	if d := &sf.Dir[dir]; s.Flags&wire.FIN != 0 && d.FIN == 0 {
		d.FIN = t.ref
	}
	if was || !sf.Closed() {
		return
	}
	c := sf.Conn
	if c == nil || c.Compacted {
		if t.closedFlows.put(sf); t.closedFlows.len() > t.cfg.Limits.Linger {
			if old := t.closedFlows.take(); old.Conn == nil || old.Conn.Compacted {
				t.settle(old)
			}
		}
		return
	}
	if sf.counted {
		c.open--
	}
	if c.open > 0 || c.closing {
		return
	}
	c.closing = true
	if t.closed.put(c); t.closed.len() > t.cfg.Limits.Linger {
		if old := t.closed.take(); old.closing {
			t.compact(old)
		}
	}
}

// settle drops what only a living flow needs. A join to a connection that had been
// settled before is judged here.
func (t *Tracker) settle(sf *Subflow) {
	if sf.settled() {
		return
	}
	t.stored -= len(sf.Dir[0].synOctets) + len(sf.Dir[1].synOctets)
	sf.Dir[0].flowState, sf.Dir[1].flowState = nil, nil
	if c := sf.Conn; c != nil && c.Compacted && sf.join != nil {
		judgeJoin(sf, judgment{c, t.cfg.Limits.Findings}.of(sf))
	}
}

// compact settles what is open in c and drops its heavy state.
func (t *Tracker) compact(c *Conn) {
	if c.Compacted {
		return
	}
	for _, sf := range c.Subflows {
		for dir := range sf.Dir {
			sf.Dir[dir].maps.settle(c, sf.Side(dir))
		}
		t.settle(sf)
	}
	c.Compacted = true
	for side := range c.Dir {
		d := &c.Dir[side]
		t.stored -= d.store.drop()
		if t.cfg.Streams && d.HasStart {
			if d.stream == nil {
				d.stream = newStream(d.Start)
			}
			d.Hash, d.HashedLen = d.stream.sum()
			t.pending -= d.stream.held
		}
		if d.HasStart {
			d.StreamGap = d.end > d.ledger.contiguous(d.Start)
			if d.end > d.Start {
				d.Crosses32 = d.DSN(d.Start)>>32 != d.DSN(d.end-1)>>32
			}
			d.prefix = d.ledger.prefix(d.Start)
		}
		d.dataState = nil
	}
	t.judge(c)
}

// Finish settles all connections. Call it once, after the last packet.
func (t *Tracker) Finish() {
	for _, c := range t.conns {
		t.compact(c)
		for _, sf := range c.Subflows {
			t.settle(sf) // those that joined after the end
		}
	}
	t.judgeFlows()
	t.closed, t.closedFlows, t.inferable = fifo[*Conn]{}, fifo[*Subflow]{}, nil
	// Connections known by their handshake come first, whatever was inferred between.
	slices.SortStableFunc(t.conns, func(a, b *Conn) int {
		switch {
		case a.Inferred == b.Inferred:
			return 0
		case b.Inferred:
			return -1
		}
		return 1
	})
	for _, c := range t.conns {
		if c.Inferred {
			c.ID = t.realConns
			t.realConns++
		}
	}
}

// forgetOldest drops the oldest flow, and its connection with it, to keep memory
// bounded however long the capture is.
func (t *Tracker) forgetOldest() {
	for t.subflows[t.oldest].dropped {
		t.oldest++
	}
	sf := t.subflows[t.oldest]
	if c := sf.Conn; c != nil {
		t.compact(c)
		c.dropped = true
		t.Totals.ForgottenConns++
		for _, f := range c.Findings {
			t.Totals.ForgottenFindings[f.Severity]++
		}
		for side := range c.Token {
			t.disown(c, side)
		}
		for _, sf := range c.Subflows {
			t.forgetFlow(sf)
		}
		if t.droppedConns++; t.droppedConns > len(t.conns)/2 {
			t.conns = slices.DeleteFunc(t.conns, func(c *Conn) bool { return c.dropped })
			t.droppedConns = 0
		}
	} else {
		t.forgetFlow(sf)
	}
	if t.oldest > len(t.subflows)/2 {
		t.subflows = slices.DeleteFunc(t.subflows, func(sf *Subflow) bool { return sf.dropped })
		t.oldest = 0
	}
}

func (t *Tracker) forgetFlow(sf *Subflow) {
	if sf.dropped {
		return
	}
	t.settle(sf)
	sf.dropped = true
	t.flows.drop(sf)
	t.alive--
	t.Totals.ForgottenFlows++
}
