package netsim

// what says what an event does when its time comes.
type what uint8

const (
	packetDue what = iota // a packet reaches a slot after a delay
	slotDue               // an element asked to be woken
	nodeDue               // a host's deadline
	callDue               // a script's call
)

// event is one thing to come. Events at one instant happen in the order in which
// they were asked for.
type event struct {
	at   int64 // nanoseconds since the world began
	seq  uint64
	what what
	dir  Dir
	slot *Slot
	pkt  *Packet
	node *Node
	call func()
}

func (e *event) before(f *event) bool {
	return e.at < f.at || e.at == f.at && e.seq < f.seq
}

// queue is a heap of events with four children to a node: half as deep as a binary
// one, and the children share a cache line or two. Values move, nothing is boxed.
type queue []event

func (q *queue) push(e event) {
	h := append(*q, event{})
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / 4
		if h[parent].before(&e) {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = e
	*q = h
}

func (q *queue) pop() event {
	h := *q
	top := h[0]
	last := h[len(h)-1]
	h[len(h)-1] = event{} // let go of what it points to
	h = h[:len(h)-1]
	*q = h
	if len(h) == 0 {
		return top
	}
	i := 0
	for {
		child := 4*i + 1
		if child >= len(h) {
			break
		}
		least := child
		for c := child + 1; c < min(child+4, len(h)); c++ {
			if h[c].before(&h[least]) {
				least = c
			}
		}
		if !h[least].before(&last) {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = last
	return top
}

// hop is a packet on its way to the next slot at this very instant.
type hop struct {
	slot *Slot
	pkt  *Packet
	dir  Dir
}

// hops is a ring of what happens now, in order. Elements never call one another:
// a world with no delay in it would otherwise recurse without end.
type hops struct {
	ring    []hop // a power of two long
	head, n int
}

func (r *hops) push(h hop) {
	if r.n == len(r.ring) {
		bigger := make([]hop, max(64, 2*len(r.ring)))
		for i := range r.n {
			bigger[i] = r.ring[(r.head+i)&(len(r.ring)-1)]
		}
		r.ring, r.head = bigger, 0
	}
	r.ring[(r.head+r.n)&(len(r.ring)-1)] = h
	r.n++
}

func (r *hops) pop() hop {
	h := r.ring[r.head]
	r.ring[r.head] = hop{}
	r.head = (r.head + 1) & (len(r.ring) - 1)
	r.n--
	return h
}
