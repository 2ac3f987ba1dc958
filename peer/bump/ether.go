package bump

import (
	"encoding/binary"
	"net/netip"
	"sync"

	"github.com/mptcp-go/mptcp/peer/link"
)

const (
	etherSize = 14
	tagSize   = 4 // of an IEEE 802.1Q tag
	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd

	// struct virtio_net_hdr, in the byte order of this machine (VIRTIO 1.2 section
	// 5.1.6): flags, gso_type, hdr_len, gso_size, csum_start, csum_offset.
	vnetSize     = 10
	vnetNeedsSum = 1
	gsoECN       = 0x80
	gsoTCP4      = 1
	gsoTCP6      = 4
)

// hops remembers behind which Ethernet address, and in which VLAN, an IP address was
// seen, on whichever side: a bump changes neither. So a packet that an element made,
// kept or changed gets the header that its neighbours would have had.
type hops struct {
	mu   sync.Mutex
	by   map[netip.Addr]hop
	last [2]hop // destination and source of the last frame
}

type hop struct {
	mac  [6]byte
	tags string // whole tags, outermost first
}

const maxHops = 1 << 16

func newHops() *hops { return &hops{by: map[netip.Addr]hop{}} }

// parse fills in f from a frame behind its virtio header, and learns from it.
func (h *hops) parse(f *Frame, b []byte) {
	*f = Frame{Opaque: true}
	copy(f.vnet[:], b)
	b = b[vnetSize:]
	at := etherSize
	kind := binary.BigEndian.Uint16(b[12:])
	for isTag(kind) && len(b) >= at+tagSize {
		kind = binary.BigEndian.Uint16(b[at+2:])
		at += tagSize
	}
	f.Link, f.Data = b[:at:at], b[at:]
	src, dst, ok := addrs(kind, f.Data)
	if !ok {
		return
	}
	h.learn(src, dst, f.Link)
	// What a card was to do with it.
	gso := f.vnet[1] &^ gsoECN
	switch {
	case gso == gsoTCP4 || gso == gsoTCP6:
		f.SegSize = int(binary.NativeEndian.Uint16(f.vnet[4:]))
	case gso != 0:
		return // segments of another protocol: the next card may cut them
	case f.vnet[0]&vnetNeedsSum != 0:
		start := int(binary.NativeEndian.Uint16(f.vnet[6:])) - at
		if !complete(f.Data, start, int(binary.NativeEndian.Uint16(f.vnet[8:]))) {
			return
		}
	}
	f.Opaque = false
}

func isTag(kind uint16) bool { return kind == 0x8100 || kind == 0x88a8 }

// addrs are the addresses of an IP packet.
func addrs(kind uint16, b []byte) (src, dst netip.Addr, ok bool) {
	switch {
	case kind == etherIPv4 && len(b) >= 20 && b[0]>>4 == 4:
		return netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:])), true
	case kind == etherIPv6 && len(b) >= 40 && b[0]>>4 == 6:
		return netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:])), true
	}
	return src, dst, false
}

func (h *hops) learn(src, dst netip.Addr, header []byte) {
	d, s := hop{mac: [6]byte(header)}, hop{mac: [6]byte(header[6:])}
	if len(header) > etherSize {
		d.tags = string(header[12 : len(header)-2])
		s.tags = d.tags
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.by) >= maxHops {
		clear(h.by)
	}
	h.by[dst], h.by[src] = d, s
	h.last = [2]hop{d, s}
}

// header appends the link-layer header for an IP packet.
func (h *hops) header(b, pkt []byte) []byte {
	kind := uint16(etherIPv4)
	if len(pkt) > 0 && pkt[0]>>4 == 6 {
		kind = etherIPv6
	}
	src, dst, _ := addrs(kind, pkt)
	h.mu.Lock()
	defer h.mu.Unlock()
	d, ok := h.by[dst]
	if !ok {
		d = h.last[0]
	}
	s, ok := h.by[src]
	if !ok {
		s = h.last[1]
	}
	b = append(append(b, d.mac[:]...), s.mac[:]...)
	b = append(b, d.tags...)
	return binary.BigEndian.AppendUint16(b, kind)
}

// putTagBack makes a frame of one whose tag the kernel took out; b has room for a tag
// before the virtio header.
func putTagBack(b []byte, tag [tagSize]byte) []byte {
	const macs = 12
	copy(b, b[tagSize:tagSize+vnetSize+macs])
	copy(b[vnetSize+macs:], tag[:])
	if b[0]&vnetNeedsSum != 0 {
		binary.NativeEndian.PutUint16(b[6:], binary.NativeEndian.Uint16(b[6:])+tagSize)
	}
	if n := binary.NativeEndian.Uint16(b[2:]); n != 0 {
		binary.NativeEndian.PutUint16(b[2:], n+tagSize)
	}
	return b
}

// finish completes the checksum of a packet from a link, which says no more than that
// it is partial.
func finish(p *link.Packet) {
	at, proto := 0, byte(0)
	switch b := p.Data; {
	case len(b) >= 20 && b[0]>>4 == 4:
		at, proto = int(b[0]&15)*4, b[9]
	case len(b) >= 40 && b[0]>>4 == 6:
		at, proto = 40, b[6]
	}
	switch proto {
	case protoTCP:
		complete(p.Data, at, 16)
	case 17:
		complete(p.Data, at, udpSumField)
	}
	p.Partial = false
}
