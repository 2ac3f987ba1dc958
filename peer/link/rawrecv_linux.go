package link

import (
	"encoding/binary"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

func (r *raw) Recv(pkts []Packet) (int, error) {
	if len(pkts) == 0 {
		return 0, nil
	}
	r.in, r.got = pkts, 0
	for {
		if n := copy(pkts, r.ready); n > 0 {
			r.ready = r.ready[n:]
			return n, nil
		}
		r.inErr, r.inFirst = nil, true
		err := r.conn.Read(r.read)
		if err == nil {
			err = r.inErr
		}
		switch {
		case r.got > 0:
			return r.got, nil
		case err == unix.ENETDOWN && !r.gone.Load(): // told once; the socket works on when the interface is up again
		case err != nil:
			return 0, r.ended(err)
		}
	}
}

// readSome takes what is in the socket's queue, up to a batch.
func (r *raw) readSome(fd uintptr) bool {
	n, err := recvmmsg(int(fd), r.inMsgs[:min(len(r.in), r.inMax)])
	r.stats.recvCalls.Add(1)
	switch {
	case err == unix.EINTR:
		return true // again, by Recv
	case err == unix.EAGAIN:
		return false
	case err != nil:
		r.inErr = err
		return true
	}
	if r.inMax = rawBatch; n > 0 && r.inMsgs[0].Len > 1<<13 {
		r.inMax = rawLarge
	}
	octets := 0
	for i := range r.inMsgs[:n] {
		octets += r.take(r.inBufs[i*r.inSize:][:min(int(r.inMsgs[i].Len), r.inSize)])
	}
	r.stats.received(r.got, octets)
	return true
}

// readRing is readSome for a link with a ring: one that hands out no more than an MTU.
func (r *raw) readRing(uintptr) bool {
	octets, some := 0, false
	r.ready, r.pieces = r.ready[:0], r.pieces[:0]
	for used := 0; r.got < len(r.in) && len(r.ready) == 0 && len(r.inBufs)-used >= maxFrameRecv; {
		n, err := r.ring.next(r.inBufs[used:])
		if err != nil && err != unix.EAGAIN && err != unix.EINTR {
			r.inErr = err
			break
		}
		if n == 0 && err == nil {
			break
		}
		some = true
		octets += r.take(r.inBufs[used:][:n])
		used += (n + 63) &^ 63 // a cache line of its own
	}
	if k := copy(r.in[r.got:], r.ready); k > 0 {
		r.got += k
		r.ready = r.ready[k:]
	}
	switch {
	case some || r.inErr != nil:
	case r.inFirst:
		r.inFirst = false // a system call less before each wait
		return false
	default:
		// Woken for nothing: an error of the socket, such as that the interface is down, is not
		// in the ring. One from before the wait is found at the next wake-up; who has to know
		// that the interface is gone is told by netlink.
		if e, _ := unix.GetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_ERROR); e != 0 {
			r.inErr = unix.Errno(e)
		}
	}
	r.stats.recvCalls.Add(1)
	r.stats.received(r.got+len(r.ready), octets)
	return some || r.inErr != nil
}

// take looks at a frame with its virtio-net header: packets become part of the batch,
// questions about neighbours are answered. It returns the octets of the packet.
func (r *raw) take(buf []byte) int {
	if len(buf) <= rawHeader {
		return 0
	}
	data := buf[rawHeader:]
	switch binary.BigEndian.Uint16(buf[vnetSize+12:]) {
	case ethARP:
		if d, ok := parseARP(data); ok {
			r.discovered(&d)
		}
		return 0
	case ethIPv6:
		if d, ok, mine := parseND(data); mine {
			if ok {
				r.discovered(&d)
			}
			return 0
		}
	case ethIPv4:
	default:
		return 0
	}
	if r.shared && !r.holds.wants(data) {
		return 0
	}
	p := Packet{Data: trim(data)}
	readVnet(buf, &p)
	if r.plain && (p.SegSize > 0 || p.Partial) {
		r.ready, r.pieces = Split(r.ready, r.pieces, p)
	} else {
		r.in[r.got] = p
		r.got++
	}
	return len(p.Data)
}

// trim takes off what Ethernet adds to short frames.
func trim(b []byte) []byte {
	n := 0
	if len(b) < ip4HeaderSize {
		return b
	}
	if b[0]>>4 == 4 {
		n = int(binary.BigEndian.Uint16(b[2:]))
	} else if k := int(binary.BigEndian.Uint16(b[4:])); k > 0 {
		n = ip6HeaderSize + k
	}
	if n > 0 && n < len(b) {
		return b[:n:n]
	}
	return b
}

// discovered acts on an ARP packet or a neighbour message.
func (r *raw) discovered(d *discovery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// A host answers for any of its addresses on any of its networks, in IPv4.
	ours := r.ours(d.target) || d.target.Is4() && r.guest(d.target)
	switch {
	case r.conflict != nil && d.hasMAC && d.mac != r.mac && (ours && (!d.ask || d.from.IsUnspecified()) || r.ours(d.from)):
		// While we ask if somebody has our address: he has, or asks the same
		// (RFC 5227 section 2.1.1, RFC 4862 section 5.4).
		if !ours {
			d.target = d.from
		}
		r.conflict[d.target] = d.mac
	case r.shared && d.ask:
		return // the kernel answers
	case d.ask && ours:
		if d.hasMAC && !d.from.IsUnspecified() && !r.ours(d.from) {
			d.override = true
			r.neighbors.learn(time.Now(), d, d.from, true, d.target)
		}
		r.advertise(d)
	case !d.ask && !ours && d.hasMAC && d.mac[0]&1 == 0:
		r.neighbors.learn(time.Now(), d, d.target, false, netip.Addr{})
	}
}

// ours reports whether a is an address of this link.
func (r *raw) ours(a netip.Addr) bool {
	for _, p := range *r.addrs.Load() {
		if p.Addr() == a {
			return true
		}
	}
	return false
}
