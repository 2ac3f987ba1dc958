package netsim

// Packet is one IP packet under way. Whoever is handed one owns it: it must send,
// drop or keep it, and may edit, shorten, grow or replace Data until then. What is
// sent or dropped must not be touched again; the world panics when it comes back
// twice.
type Packet struct {
	Data []byte // from the IP header on
	gone bool   // in the pool
	next *Packet
}

// pool is a free list. Its buffers keep their size, so that in steady state no
// packet is allocated.
type pool struct {
	free   *Packet
	made   int // packets that exist
	unused int // of those, in the list
}

const newPacketSize = 2048

// New returns a packet with no octets and room for some.
func (p *pool) New() *Packet {
	if p.free == nil {
		p.made++
		return &Packet{Data: make([]byte, 0, newPacketSize)}
	}
	k := p.free
	p.free, k.next, k.gone = k.next, nil, false
	p.unused--
	return k
}

func (p *pool) release(k *Packet) {
	k.check()
	k.Data, k.gone, k.next = k.Data[:0], true, p.free
	p.free = k
	p.unused++
}

func (k *Packet) check() {
	if k.gone {
		panic("netsim: a packet was sent or dropped twice")
	}
}
