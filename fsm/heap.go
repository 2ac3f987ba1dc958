package fsm

// deadlines is a heap of the deadlines of connections. A connection is known here by a
// number, and the heap and the places in it lie close together: to move one deadline
// among 10^5 touches a few cache lines, and none of the other connections.
type deadlines struct {
	heap  []deadline // each has four below it
	place []int32    // of each number in the heap
	conns []*Conn    // of each number
	free  []int32    // numbers not in use
}

type deadline struct {
	due int64 // ns
	who int32
}

// len returns how many connections have a deadline.
func (h *deadlines) len() int { return len(h.heap) }

// next returns the first deadline, in ns; 0: there is none.
func (h *deadlines) next() int64 {
	if len(h.heap) == 0 {
		return 0
	}
	return h.heap[0].due
}

// first returns the connection whose deadline comes first; there is one.
func (h *deadlines) first() *Conn { return h.conns[h.heap[0].who] }

// set gives c the deadline at, in ns; 0 takes it out.
func (h *deadlines) set(c *Conn, at int64) {
	switch {
	case at == 0 && c.alarm == 0:
	case at == 0:
		h.remove(c)
	case c.alarm == 0:
		who := int32(len(h.conns))
		if n := len(h.free); n > 0 {
			who, h.free = h.free[n-1], h.free[:n-1]
			h.conns[who] = c
		} else {
			h.conns = append(h.conns, c)
			h.place = append(h.place, 0)
		}
		c.alarm = who + 1
		h.heap = append(h.heap, deadline{at, who})
		h.up(len(h.heap) - 1)
	default:
		i := int(h.place[c.alarm-1])
		if was := h.heap[i].due; at != was {
			h.heap[i].due = at
			if at < was {
				h.up(i)
			} else {
				h.down(i)
			}
		}
	}
}

func (h *deadlines) remove(c *Conn) {
	who := c.alarm - 1
	c.alarm = 0
	i, n := int(h.place[who]), len(h.heap)-1
	h.conns[who] = nil
	h.free = append(h.free, who)
	moved := h.heap[n]
	h.heap = h.heap[:n]
	if i == n {
		return
	}
	was := h.heap[i].due
	h.heap[i] = moved
	if moved.due < was {
		h.up(i)
	} else {
		h.down(i)
	}
}

func (h *deadlines) up(i int) {
	q, d := h.heap, h.heap[i]
	for i > 0 {
		p := (i - 1) / 4
		if q[p].due <= d.due {
			break
		}
		q[i] = q[p]
		h.place[q[i].who] = int32(i)
		i = p
	}
	q[i] = d
	h.place[d.who] = int32(i)
}

func (h *deadlines) down(i int) {
	q, d := h.heap, h.heap[i]
	for {
		k := 4*i + 1
		if k >= len(q) {
			break
		}
		for j := k + 1; j < min(k+4, len(q)); j++ {
			if q[j].due < q[k].due {
				k = j
			}
		}
		if d.due <= q[k].due {
			break
		}
		q[i] = q[k]
		h.place[q[i].who] = int32(i)
		i = k
	}
	q[i] = d
	h.place[d.who] = int32(i)
}
