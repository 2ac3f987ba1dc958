package trace

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/mptcp-go/mptcp/pcap"
)

// A host with several interfaces gives one capture, or one interface of a capture,
// for each, and a packet that crosses two of them is seen twice. It is the same
// packet if all octets agree that no router changes.

// dupWindow is how long after its first copy another may come, ns: longer than any
// path delays a packet, shorter than sequence numbers take to come round.
const dupWindow = 5e9

// dupMax bounds the packets remembered per window.
const dupMax = 1 << 16

// dups drops packets that another place of capture has shown already. Two
// generations of packets are kept, each at most a window long.
type dups struct {
	seed     maphash.Seed
	now, old map[uint64]copies
	since    int64
}

// copies counts a packet's copies by place. The i-th copy at any place is the i-th
// copy that there is: a retransmission where no place has shown as many yet, a
// duplicate otherwise.
type copies struct {
	taken uint16 // copies that counted
	at    [maxPlaces]struct {
		place uint32
		n     uint16
	}
}

// maxPlaces is how many places may show one packet; at further ones it is a duplicate.
const maxPlaces = 6

func newDups() *dups {
	return &dups{seed: maphash.MakeSeed(), now: map[uint64]copies{}}
}

// duplicate reports whether another file or interface showed this packet already.
func (t *Tracker) duplicate(file int, f *pcap.Frame, ip []byte) bool {
	at, several := place(file, f)
	if !several && t.dups == nil {
		return false
	}
	if t.dups == nil {
		t.dups = newDups()
	}
	return t.dups.seen(at, ip, t.now)
}

// place names where a packet was captured: the file, and what of it tells
// interfaces apart.
func place(file int, f *pcap.Frame) (id uint32, several bool) {
	id = uint32(file)<<24 | uint32(f.Iface&0xfff)<<12
	switch f.Link {
	case pcap.LinkLinuxSLL2:
		if len(f.Data) >= 12 {
			id |= binary.BigEndian.Uint32(f.Data[4:])&0xff<<4 | uint32(f.Data[10]&7)
		}
		return id, true
	case pcap.LinkLinuxSLL:
		if len(f.Data) >= 2 {
			id |= uint32(f.Data[1] & 7) // packet type: sent or received
		}
		return id, true
	}
	return id, file > 0 || f.Iface > 0
}

// seen reports whether ip is a copy of a packet from another place.
func (d *dups) seen(at uint32, ip []byte, now int64) bool {
	if now-d.since > dupWindow || now < d.since || len(d.now) >= dupMax {
		d.old, d.now, d.since = d.now, map[uint64]copies{}, now
	}
	key := d.hash(ip)
	c, ok := d.now[key]
	if !ok {
		c = d.old[key]
	}
	dup := true
	for i := range c.at {
		p := &c.at[i]
		if p.n > 0 && p.place != at {
			continue
		}
		p.place = at
		if p.n++; p.n > c.taken {
			c.taken, dup = p.n, false
		}
		break
	}
	d.now[key] = c
	return dup
}

// hash covers the packet but TTL, hop limit and header checksum, which routers
// change, and the class of traffic, which they may.
func (d *dups) hash(ip []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(d.seed)
	switch {
	case len(ip) >= 20 && ip[0]>>4 == 4:
		h.Write(ip[2:8])
		h.WriteByte(ip[9])
		h.Write(ip[12:])
	case len(ip) >= 40 && ip[0]>>4 == 6:
		h.Write(ip[4:7])
		h.Write(ip[8:])
	default:
		h.Write(ip)
	}
	return h.Sum64()
}
