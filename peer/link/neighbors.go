package link

import (
	"net/netip"
	"time"
)

// Neighbours are remembered as RFC 1122 section 2.3.2 asks and in the manner of RFC 4861
// section 7.3: what was confirmed a while ago is used on, while it is asked for again.
const (
	neighborFresh   = 30 * time.Second // REACHABLE_TIME
	neighborRetry   = time.Second      // RETRANS_TIMER; RFC 1122 allows one request a second
	neighborTries   = 3                // MAX_MULTICAST_SOLICIT
	neighborFailed  = 3 * time.Second  // how long nobody is asked for again in vain
	neighborQueue   = 64               // packets that wait for one neighbour
	neighborRoom    = 4 << 20          // octets of packets that wait, for all together
	neighborLimit   = 4096             // entries
	neighborPending = 512              // entries without an answer: a flood of sources has them
)

// neighbor is an entry of the cache.
type neighbor struct {
	addr  netip.Addr
	from  netip.Addr // our address that asks
	mac   hwAddr
	known bool      // mac is right, or was
	asked int       // questions without an answer
	due   time.Time // of the next question, or of the end of a failure; zero: not asking
	fresh time.Time // the end of it
	used  time.Time
	queue []Packet // copies; sent when mac is known
	gone  bool     // from the cache
}

// neighbors is the cache of one interface. It does nothing by itself: who calls it sends
// the questions that ask is called for, and calls tick at next.
type neighbors struct {
	table   map[netip.Addr]*neighbor
	pending int // entries of the table that are not known
	waiting int // octets of the packets that wait
	ask     func(n *neighbor)
	flush   func(n *neighbor) // sends what waits in n.queue, now that n.mac is known
	drop    func(packets int)
}

// hop returns the entry for a next hop that is asked for from our address from; nil where
// there is no room, since too many do not answer.
func (c *neighbors) hop(now time.Time, addr, from netip.Addr) *neighbor {
	n := c.table[addr]
	if n == nil {
		if c.pending >= neighborPending || len(c.table) >= neighborLimit && !c.evict() {
			return nil
		}
		n = &neighbor{addr: addr, from: from}
		if c.table == nil {
			c.table = map[netip.Addr]*neighbor{}
		}
		c.table[addr] = n
		c.pending++
	}
	n.used = now
	return n
}

// evict removes the entry that was used least recently.
func (c *neighbors) evict() bool {
	var oldest *neighbor
	for _, n := range c.table {
		if oldest == nil || n.used.Before(oldest.used) {
			oldest = n
		}
	}
	if oldest == nil {
		return false
	}
	c.remove(oldest)
	return true
}

func (c *neighbors) remove(n *neighbor) {
	if c.table[n.addr] != n {
		return
	}
	delete(c.table, n.addr)
	n.gone = true
	if !n.known {
		c.pending--
	}
	c.discard(n, len(n.queue))
}

// discard drops the first packets that wait for n.
func (c *neighbors) discard(n *neighbor, packets int) {
	if packets > 0 {
		c.drop(packets)
		c.taken(n, packets)
	}
}

// taken has the first packets that wait for n wait no more.
func (c *neighbors) taken(n *neighbor, packets int) {
	for i := range packets {
		c.waiting -= len(n.queue[i].Data)
		n.queue[i] = Packet{}
	}
	if n.queue = n.queue[packets:]; len(n.queue) == 0 {
		n.queue = nil
	}
}

// reach reports whether a packet can be sent to n.mac now. Where not, it may wait in
// n.queue, by enqueue, unless the neighbour has failed to answer.
func (c *neighbors) reach(now time.Time, n *neighbor) (send, wait bool) {
	n.used = now
	switch {
	case n.known && (!n.due.IsZero() || now.Before(n.fresh)):
		return true, false
	case n.known: // stale: used on, while it is asked for
		n.asked = 1
		n.due = now.Add(neighborRetry)
		c.ask(n)
		return true, false
	case n.asked > neighborTries:
		if now.Before(n.due) {
			return false, false
		}
		n.asked = 0
		fallthrough
	case n.asked == 0:
		n.asked = 1
		n.due = now.Add(neighborRetry)
		c.ask(n)
	}
	return false, true
}

// enqueue keeps a copy of p until the neighbour is known; the oldest of those that wait for
// it gives way.
func (c *neighbors) enqueue(n *neighbor, p *Packet) {
	for len(n.queue) > 0 && (len(n.queue) >= neighborQueue || c.waiting+p.Len() > neighborRoom) {
		c.discard(n, 1)
	}
	if c.waiting+p.Len() > neighborRoom {
		c.drop(1)
		return
	}
	k := *p
	k.Data = append(append(make([]byte, 0, p.Len()), p.Data...), p.Tail...)
	k.Tail = nil
	n.queue = append(n.queue, k)
	c.waiting += len(k.Data)
}

// learn takes in that addr is at mac. Only what somebody asks for is remembered, unless
// create is set: a question for us tells who will want an answer (RFC 826, the merge
// flag and what follows it).
func (c *neighbors) learn(now time.Time, d *discovery, addr netip.Addr, create bool, from netip.Addr) {
	n := c.table[addr]
	if n == nil && create {
		n = c.hop(now, addr, from)
	}
	if n == nil || n.known && !d.override && n.mac != d.mac {
		return
	}
	if !n.known {
		c.pending--
		n.known = true
	}
	n.mac, n.asked, n.due = d.mac, 0, time.Time{}
	n.fresh = now.Add(neighborFresh)
	if len(n.queue) > 0 {
		c.flush(n)
		c.taken(n, len(n.queue))
	}
}

// tick asks again what has not been answered, and gives up after neighborTries.
func (c *neighbors) tick(now time.Time) {
	for _, n := range c.table {
		switch {
		case n.due.IsZero() || now.Before(n.due):
		case n.asked < neighborTries:
			n.asked++
			n.due = now.Add(neighborRetry)
			c.ask(n)
		case n.asked == neighborTries:
			n.asked++
			n.due = now.Add(neighborFailed)
			if n.known {
				n.known = false
				c.pending++
			}
			c.discard(n, len(n.queue))
		default:
			c.remove(n)
		}
	}
}

// next is when tick has something to do; zero: nothing is asked.
func (c *neighbors) next() (at time.Time) {
	for _, n := range c.table {
		if !n.due.IsZero() && (at.IsZero() || n.due.Before(at)) {
			at = n.due
		}
	}
	return at
}

// reset forgets everyone.
func (c *neighbors) reset() {
	for _, n := range c.table {
		c.remove(n)
	}
}
