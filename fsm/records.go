package fsm

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

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

// slot is what a record of a table needs for being in it. Other records are named by
// their number, from 1 on.
type slot struct {
	id                      shortID
	self, chain, next, prev uint32
	list                    uint8  // 0: none
	path                    uint16 // of a half-open handshake: by which the SYN came
}

func (p *slot) where() *slot { return p }

// record is a pointer to what a table holds.
type record[R any] interface {
	*R
	where() *slot
}

// records is a table of small records, found by address. They lie in chunks, so that
// many cost the collector no more than few, and none moves; and they are chained, so
// that none costs more than itself and two octets to four. No operation but growth looks
// at more than one chain.
type records[R any, P record[R]] struct {
	seed   *[4]uint64
	heads  []uint32 // of the chains; a power of two of them
	chunks [][]R
	free   uint32 // chained by next
	n      int
}

// chunkSize is how many records are allocated at once: of half-open joins as many as
// fill 8 KiB.
const chunkSize = 73

func (t *records[R, P]) at(i uint32) P { return P(&t.chunks[(i-1)/chunkSize][(i-1)%chunkSize]) }

func (t *records[R, P]) head(id *shortID) *uint32 {
	return &t.heads[id.hash(t.seed)&uint64(len(t.heads)-1)]
}

func (t *records[R, P]) find(id shortID) P {
	if t.n == 0 {
		return nil
	}
	for i := *t.head(&id); i != 0; {
		r := t.at(i)
		p := r.where()
		if p.id == id {
			return r
		}
		i = p.chain
	}
	return nil
}

// add makes a record, in no list; id is not in the table.
func (t *records[R, P]) add(id shortID) P {
	if t.n >= 2*len(t.heads) {
		t.grow()
	}
	if t.free == 0 {
		t.chunks = append(t.chunks, make([]R, chunkSize))
		base := uint32(len(t.chunks)-1) * chunkSize
		for k := base + chunkSize; k > base; k-- {
			p := t.at(k).where()
			p.self, p.next, t.free = k, t.free, k
		}
	}
	r := t.at(t.free)
	p := r.where()
	t.free = p.next
	head := t.head(&id)
	*p = slot{id: id, self: p.self, chain: *head}
	*head = p.self
	t.n++
	return r
}

func (t *records[R, P]) grow() {
	old := t.heads
	t.heads = make([]uint32, max(16, 2*len(old)))
	for _, i := range old {
		for i != 0 {
			p := t.at(i).where()
			i = p.chain
			head := t.head(&p.id)
			p.chain, *head = *head, p.self
		}
	}
}

// remove forgets r, which is in no list any more. When many records are all gone, so is
// their memory.
func (t *records[R, P]) remove(r P) {
	p := r.where()
	for i := t.head(&p.id); *i != 0; i = &t.at(*i).where().chain {
		if *i == p.self {
			*i = p.chain
			break
		}
	}
	self := p.self
	var none R
	*r = none
	p.self, p.next, t.free = self, t.free, self
	t.n--
	if t.n == 0 && len(t.chunks) > 1 {
		*t = records[R, P]{seed: t.seed}
	}
}

// queue is a list of records.
type queue struct{ first, last uint32 }

// push puts r, which is in no list, at the end of q, whose name is k.
func (t *records[R, P]) push(q *queue, r P, k uint8) {
	p := r.where()
	p.list, p.prev, p.next = k, q.last, 0
	if p.prev == 0 {
		q.first = p.self
	} else {
		t.at(p.prev).where().next = p.self
	}
	q.last = p.self
}

// pull takes r out of q, the list it is in.
func (t *records[R, P]) pull(q *queue, r P) {
	p := r.where()
	if p.prev == 0 {
		q.first = p.next
	} else {
		t.at(p.prev).where().next = p.next
	}
	if p.next == 0 {
		q.last = p.prev
	} else {
		t.at(p.next).where().prev = p.prev
	}
	p.list, p.next, p.prev = 0, 0, 0
}
