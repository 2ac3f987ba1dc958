package fsm

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

// shortID is a flowID in 36 octets and without pointers, for tables that a stranger can
// fill. Zones are not kept: packets have none. IPv4 addresses are mapped to IPv6, where
// no packet has them: see mapped.
type shortID struct {
	local, remote         [16]byte
	localPort, remotePort uint16
}

// mapped reports whether seg claims to be of IPv6 and has an address that stands for
// one of IPv4: such packets are forged.
func mapped(seg *wire.Segment) bool { return seg.Src.Addr().Is4In6() || seg.Dst.Addr().Is4In6() }

func (id flowID) short() shortID {
	return shortID{id.local.Addr().As16(), id.remote.Addr().As16(), id.local.Port(), id.remote.Port()}
}

func (s *shortID) long() flowID {
	l, r := netip.AddrFrom16(s.local).Unmap(), netip.AddrFrom16(s.remote).Unmap()
	return flowID{netip.AddrPortFrom(l, s.localPort), netip.AddrPortFrom(r, s.remotePort)}
}

// hash is keyed: who chooses addresses must not choose where they collide. Nothing
// that can be seen depends on it.
func (s *shortID) hash(seed *[4]uint64) uint64 {
	mix := func(a, b uint64) uint64 {
		hi, lo := bits.Mul64(a, b)
		return hi ^ lo
	}
	le := binary.LittleEndian
	h := mix(le.Uint64(s.local[:])^seed[0], le.Uint64(s.local[8:])^seed[1])
	h = mix(le.Uint64(s.remote[:])^seed[1]^h, le.Uint64(s.remote[8:])^seed[2])
	return mix(uint64(s.localPort)<<32|uint64(s.remotePort)<<16^seed[2]^h, seed[3])
}

// half is a handshake that has begun at this side, as its responder: a first subflow
// or a join.
type half[T any] struct {
	tcp.HalfOpen
	id                      shortID
	self, chain, next, prev uint32
	list                    uint8  // 0: none; 1: to be answered; from 2 on: by backoff
	path                    uint16 // by which the SYN came
	x                       T
}

const (
	halfChunk  = 73 // places allocated at once: of half-open joins, as many as fill 8 KiB
	toAnswer   = 1
	waiting    = 2
	halfLists  = 32
	lastBucket = halfLists - 1
)

// halves is a table of half-open handshakes: small records in chunks, found by address
// through chains, and in one list each. The lists are queues in the order of deadlines,
// as all in one waited equally long. No operation but growth looks at more than one
// chain.
type halves[T any] struct {
	seed   *[4]uint64
	heads  []uint32 // of the chains; a power of two of them
	chunks [][]half[T]
	free   uint32 // chained by next
	n      int
	filled uint32 // bit k: list k has members
	first  [halfLists]uint32
	last   [halfLists]uint32
}

func (t *halves[T]) at(i uint32) *half[T] { return &t.chunks[(i-1)/halfChunk][(i-1)%halfChunk] }

func (t *halves[T]) head(id *shortID) *uint32 {
	return &t.heads[id.hash(t.seed)&uint64(len(t.heads)-1)]
}

func (t *halves[T]) find(id shortID) *half[T] {
	if t.n == 0 {
		return nil
	}
	for i := *t.head(&id); i != 0; {
		h := t.at(i)
		if h.id == id {
			return h
		}
		i = h.chain
	}
	return nil
}

// add makes an entry, in no list; id is not in the table.
func (t *halves[T]) add(id shortID) *half[T] {
	if t.n >= 2*len(t.heads) {
		t.grow()
	}
	if t.free == 0 {
		c := make([]half[T], halfChunk)
		base := uint32(len(t.chunks)) * halfChunk
		t.chunks = append(t.chunks, c)
		for k := range c {
			c[k].self = base + uint32(k) + 1
			if k > 0 {
				c[k-1].next = c[k].self
			}
		}
		t.free = base + 1
	}
	h := t.at(t.free)
	t.free = h.next
	head := t.head(&id)
	*h = half[T]{id: id, self: h.self, chain: *head}
	*head = h.self
	t.n++
	return h
}

func (t *halves[T]) grow() {
	t.heads = make([]uint32, max(16, 2*len(t.heads)))
	t.all(func(h *half[T]) {
		head := t.head(&h.id)
		h.chain, *head = *head, h.self
	})
}

// all calls f with every entry; f may remove it.
func (t *halves[T]) all(f func(*half[T])) {
	for k := range t.first {
		for i := t.first[k]; i != 0; {
			h := t.at(i)
			i = h.next
			f(h)
		}
	}
}

func (t *halves[T]) remove(h *half[T]) {
	t.take(h)
	for p := t.head(&h.id); *p != 0; p = &t.at(*p).chain {
		if *p == h.self {
			*p = h.chain
			break
		}
	}
	*h = half[T]{self: h.self, next: t.free}
	t.free = h.self
	t.n--
	if t.n == 0 && len(t.chunks) > 1 { // the flood is over
		*t = halves[T]{seed: t.seed}
	}
}

// put puts h at the end of a list, and takes it out of the one it is in.
func (t *halves[T]) put(h *half[T], list int) {
	t.take(h)
	h.list, h.prev, h.next = uint8(list), t.last[list], 0
	if h.prev == 0 {
		t.first[list] = h.self
		t.filled |= 1 << list
	} else {
		t.at(h.prev).next = h.self
	}
	t.last[list] = h.self
}

func (t *halves[T]) take(h *half[T]) {
	k := h.list
	if k == 0 {
		return
	}
	if h.prev == 0 {
		t.first[k] = h.next
	} else {
		t.at(h.prev).next = h.next
	}
	if h.next == 0 {
		t.last[k] = h.prev
	} else {
		t.at(h.next).prev = h.prev
	}
	if t.first[k] == 0 {
		t.filled &^= 1 << k
	}
	h.list, h.next, h.prev = 0, 0, 0
}

// unanswered returns the handshake that waits longest for its SYN/ACK, or nil.
func (t *halves[T]) unanswered() *half[T] {
	if t.filled&(1<<toAnswer) == 0 {
		return nil
	}
	return t.at(t.first[toAnswer])
}

// answered puts h among those that are due as late as itself.
func (t *halves[T]) answered(h *half[T]) { t.put(h, min(waiting+h.Backoff(), lastBucket)) }

// next returns the first deadline, in ns; 0: there is none.
func (t *halves[T]) next() int64 {
	at := int64(0)
	for m := t.filled >> waiting << waiting; m != 0; m &= m - 1 {
		at = sooner(at, t.at(t.first[bits.TrailingZeros32(m)]).Due())
	}
	return at
}

// due returns one whose deadline has come, or nil.
func (t *halves[T]) due(now int64) *half[T] {
	for m := t.filled >> waiting << waiting; m != 0; m &= m - 1 {
		if h := t.at(t.first[bits.TrailingZeros32(m)]); h.Due() <= now {
			return h
		}
	}
	return nil
}

// pick returns an entry by the number r, drawn by the caller; there is one.
func (t *halves[T]) pick(r uint64) *half[T] {
	for n := uint64(len(t.chunks) * halfChunk); ; r++ {
		if h := t.at(uint32(r%n) + 1); h.list != 0 {
			return h
		}
	}
}
