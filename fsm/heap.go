package fsm

// deadlines is a heap of connections by their deadline. Each knows its place.
type deadlines []*Conn

// set gives c the deadline at, in ns; 0 takes it out.
func (h *deadlines) set(c *Conn, at int64) {
	q := *h
	switch {
	case at == 0 && c.place < 0:
		return
	case at == 0:
		i, n := c.place, len(q)-1
		c.place = -1
		c.due = 0
		if i != n {
			q[i] = q[n]
			q[i].place = i
		}
		q[n] = nil
		*h = q[:n]
		if i != n {
			h.fix(i)
		}
	case c.place < 0:
		c.due, c.place = at, len(q)
		*h = append(q, c)
		h.up(c.place)
	case c.due != at:
		c.due = at
		h.fix(c.place)
	}
}

func (h deadlines) fix(i int) {
	if !h.up(i) {
		h.down(i)
	}
}

func (h deadlines) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h deadlines) up(i int) (moved bool) {
	for i > 0 {
		p := (i - 1) / 2
		if h[p].due <= h[i].due {
			break
		}
		h.swap(i, p)
		i, moved = p, true
	}
	return moved
}

func (h deadlines) down(i int) {
	for {
		k := 2*i + 1
		if k >= len(h) {
			return
		}
		if k+1 < len(h) && h[k+1].due < h[k].due {
			k++
		}
		if h[i].due <= h[k].due {
			return
		}
		h.swap(i, k)
		i = k
	}
}
