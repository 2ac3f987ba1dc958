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
		r.inErr = nil
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
	r.ready, r.pieces = r.ready[:0], r.pieces[:0]
	for i := range r.inMsgs[:n] {
		buf := r.inBufs[i*r.inSize:][:min(int(r.inMsgs[i].Len), r.inSize)]
		if len(buf) <= rawHeader {
			continue
		}
		data := buf[rawHeader:]
		switch binary.BigEndian.Uint16(buf[vnetSize+12:]) {
		case ethARP:
			if d, ok := parseARP(data); ok {
				r.discovered(&d)
			}
			continue
		case ethIPv6:
			if d, ok, mine := parseND(data); mine {
				if ok {
					r.discovered(&d)
				}
				continue
			}
		case ethIPv4:
		default:
			continue
		}
		if r.shared && !r.holds.wants(data) {
			continue
		}
		p := Packet{Data: trim(data)}
		readVnet(buf, &p)
		octets += len(p.Data)
		if r.plain && (p.SegSize > 0 || p.Partial) {
			r.ready, r.pieces = Split(r.ready, r.pieces, p)
			continue
		}
		if r.plain && len(r.ready) > 0 {
			r.ready = append(r.ready, p) // keep the order
			continue
		}
		r.in[r.got] = p
		r.got++
	}
	if k := copy(r.in[r.got:], r.ready); k > 0 {
		r.got += k
		r.ready = r.ready[k:]
	}
	r.stats.received(r.got+len(r.ready), octets)
	return true
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
	ours := r.ours(d.target)
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
