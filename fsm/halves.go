package fsm

import (
	"math/bits"

	"github.com/mptcp-go/mptcp/fsm/tcp"
)

// half is a handshake that has begun at this side, as its responder: a first subflow
// or a join. list is 1 for those to be answered, and from 2 on goes by backoff.
type half[T any] struct {
	tcp.HalfOpen
	slot
	x T
}

const (
	toAnswer  = 1
	waiting   = 2
	halfLists = 32
)

// halves is a table of half-open handshakes, each of which is in one list. The lists are
// queues in the order of deadlines, as all in one waited equally long.
type halves[T any] struct {
	records[half[T], *half[T]]
	filled uint32 // bit k: list k has members
	lists  [halfLists]queue
}

// all calls f with every one; f may remove it.
func (t *halves[T]) all(f func(*half[T])) {
	for k := range t.lists {
		for i := t.lists[k].first; i != 0; {
			h := t.at(i)
			i = h.next
			f(h)
		}
	}
}

func (t *halves[T]) remove(h *half[T]) {
	t.take(h)
	t.records.remove(h)
}

// put puts h at the end of a list, and takes it out of the one it is in.
func (t *halves[T]) put(h *half[T], list int) {
	t.take(h)
	t.push(&t.lists[list], h, uint8(list))
	t.filled |= 1 << list
}

func (t *halves[T]) take(h *half[T]) {
	k := h.list
	if k == 0 {
		return
	}
	t.pull(&t.lists[k], h)
	if t.lists[k].first == 0 {
		t.filled &^= 1 << k
	}
}

// unanswered returns the handshake that waits longest for its SYN/ACK, or nil.
func (t *halves[T]) unanswered() *half[T] {
	if t.filled&(1<<toAnswer) == 0 {
		return nil
	}
	return t.at(t.lists[toAnswer].first)
}

// answered puts h among those that are due as late as itself.
func (t *halves[T]) answered(h *half[T]) { t.put(h, min(waiting+h.Backoff(), halfLists-1)) }

// next returns the first deadline, in ns; 0: there is none.
func (t *halves[T]) next() int64 {
	at := int64(0)
	for m := t.filled >> waiting << waiting; m != 0; m &= m - 1 {
		at = sooner(at, t.at(t.lists[bits.TrailingZeros32(m)].first).Due())
	}
	return at
}

// due returns one whose deadline has come, or nil.
func (t *halves[T]) due(now int64) *half[T] {
	for m := t.filled >> waiting << waiting; m != 0; m &= m - 1 {
		if h := t.at(t.lists[bits.TrailingZeros32(m)].first); h.Due() <= now {
			return h
		}
	}
	return nil
}

// pick returns one by the number r, drawn by the caller; there is one.
func (t *halves[T]) pick(r uint64) *half[T] {
	for n := uint64(len(t.chunks) * chunkSize); ; r++ {
		if h := t.at(uint32(r%n) + 1); h.list != 0 {
			return h
		}
	}
}
