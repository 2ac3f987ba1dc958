package link

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

func (r *raw) Send(pkts []Packet) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for i := range pkts {
		r.queue(now, &pkts[i])
	}
	return r.ended(r.drain())
}

// queue finds the next hop of p and puts the frame in the batch, or has it wait.
func (r *raw) queue(now time.Time, p *Packet) {
	if !r.up.Load() {
		r.stats.dropDown.Add(1)
		return
	}
	if len(p.Data) < ip4HeaderSize || r.plain && (p.SegSize > 0 || p.Partial) || p.SegSize == 0 && p.Len() > r.MTU() {
		r.stats.dropBad.Add(1)
		return
	}
	var dst, src netip.Addr
	switch p.Data[0] >> 4 {
	case 4:
		dst, src = netip.AddrFrom4([4]byte(p.Data[16:20])), netip.AddrFrom4([4]byte(p.Data[12:16]))
	case 6:
		if len(p.Data) >= ip6HeaderSize {
			dst, src = netip.AddrFrom16([16]byte(p.Data[24:40])), netip.AddrFrom16([16]byte(p.Data[8:24]))
		}
	}
	if !dst.IsValid() {
		r.stats.dropBad.Add(1)
		return
	}
	if dst != r.lastDst || !r.last.good(now) {
		r.last, r.lastDst = r.find(now, dst, src), dst
	}
	n := r.last.hop
	if n == nil {
		r.stats.dropUnreachable.Add(1)
		return
	}
	send, wait := r.neighbors.reach(now, n)
	switch {
	case send:
		r.add(p, n.mac)
	case wait:
		r.neighbors.enqueue(n, p)
	default:
		r.stats.dropUnreachable.Add(1)
	}
}

// find gives the way to dst; its hop is nil where there is none.
func (r *raw) find(now time.Time, dst, src netip.Addr) route {
	if w, ok := r.routes[dst]; ok && w.good(now) {
		return w
	}
	if len(r.routes) >= rawRoutes {
		clear(r.routes)
	}
	w := route{until: now.Add(routeFresh)}
	if hop, ok := r.nextHop(dst, src); ok {
		w.hop = r.neighbors.hop(now, hop, src)
	}
	if w.hop == nil {
		w.until = now.Add(time.Second)
	}
	r.routes[dst] = w
	return w
}

// nextHop decides as a host does (RFC 1122 section 3.3.1): what is in a prefix of ours is
// a neighbour, other hosts are behind the router that was named, or that the kernel knows.
func (r *raw) nextHop(dst, src netip.Addr) (netip.Addr, bool) {
	if dst.IsMulticast() || dst.IsUnspecified() || r.ours(dst) {
		return dst, false
	}
	if !r.shared {
		for _, p := range *r.addrs.Load() {
			if p.Contains(dst) {
				return dst, true
			}
		}
		src = netip.Addr{}
	}
	for _, v := range r.via {
		if v.Is4() == dst.Is4() {
			return v, true
		}
	}
	return r.router.nextHop(r.index, dst, src)
}

// add puts a frame in the batch.
func (r *raw) add(p *Packet, mac hwAddr) {
	if r.outN == len(r.outMsgs) {
		if err := r.drain(); err != nil {
			r.outErr = err
		}
	}
	h := &r.headers[r.outN]
	if !putVnet((*[vnetSize]byte)(h[:vnetSize]), p, ethSize) {
		r.stats.dropBad.Add(1)
		return
	}
	kind := uint16(ethIPv4)
	if p.Data[0]>>4 == 6 {
		kind = ethIPv6
	}
	putEthernet(h[vnetSize:], mac, r.mac, kind)
	v := r.outIovecs[3*r.outN:][:3]
	setIovec(&v[0], h[r.skip:])
	setIovec(&v[1], p.Data)
	n := 2
	if len(p.Tail) > 0 {
		setIovec(&v[2], p.Tail)
		n = 3
	}
	m := &r.outMsgs[r.outN].Hdr
	m.Iov = &v[0]
	m.SetIovlen(n)
	r.outLens[r.outN] = p.Len()
	r.outN++
}

// drain sends the batch, without waiting for room.
func (r *raw) drain() error {
	if r.closed.Load() {
		return net.ErrClosed
	}
	sent, octets, calls := 0, 0, 0
	for at := 0; at < r.outN; {
		n, err := sendmmsg(r.out, r.outMsgs[at:r.outN], r.plain)
		calls++
		if err == nil {
			for _, k := range r.outLens[at : at+n] {
				octets += k
			}
			sent += n
			at += n
			continue
		}
		skip := 1
		switch err {
		case unix.EINTR:
			skip = 0
		case unix.EAGAIN:
			skip = r.outN - at // the queue is full for all of them
			r.stats.dropFull.Add(uint64(skip))
		case unix.ENOBUFS, unix.ENOMEM:
			r.stats.dropFull.Add(1)
		case unix.ENETDOWN:
			r.stats.dropDown.Add(1)
		case unix.ENXIO, unix.ENODEV:
			r.outErr = err
			at = r.outN
		default:
			r.stats.dropBad.Add(1)
		}
		at += skip
	}
	r.stats.sent(sent, octets, calls)
	err := r.outErr
	r.outN, r.outErr = 0, nil
	return err
}

// flush sends what waited for n. It is called under mu.
func (r *raw) flush(n *neighbor) {
	for i := range n.queue {
		r.add(&n.queue[i], n.mac)
	}
	r.drain()
}

// solicit asks for n: everyone, or n alone where it was known.
func (r *raw) solicit(n *neighbor) {
	to, mac := n.addr, broadcast
	if !n.addr.Is4() {
		to, mac = solicitedNode(n.addr)
	}
	if n.known && n.asked == 1 {
		to, mac = n.addr, n.mac
	}
	from := r.source(n)
	if n.addr.Is4() {
		r.frame = appendARP(r.frame[:0], r.mac, mac, true, from, n.addr, netip.Addr{})
	} else {
		r.frame = appendND(r.frame[:0], r.mac, mac, true, from, n.addr, to)
	}
	r.sendFrame(r.frame)
	if at := r.neighbors.next(); !at.IsZero() {
		r.timer.Reset(max(0, time.Until(at)))
	}
}

// source is the address that asks for n: the one whose packet wants it, where it is of
// the same family.
func (r *raw) source(n *neighbor) netip.Addr {
	if n.from.Is4() == n.addr.Is4() && n.from.IsValid() {
		return n.from
	}
	for _, p := range *r.addrs.Load() {
		if p.Addr().Is4() == n.addr.Is4() {
			return p.Addr()
		}
	}
	if n.addr.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// advertise answers a question for an address of ours.
func (r *raw) advertise(d *discovery) {
	if d.target.Is4() {
		r.frame = appendARP(r.frame[:0], r.mac, d.mac, false, d.target, d.target, d.from)
		r.sendFrame(r.frame)
		return
	}
	to, mac := d.from, d.mac
	if d.from.IsUnspecified() { // a probe is answered to all (RFC 4861 section 7.2.4)
		to, mac = netip.IPv6LinkLocalAllNodes(), hwAddr{0x33, 0x33, 0, 0, 0, 1}
	} else if !d.hasMAC {
		n := r.neighbors.table[d.from]
		if n == nil || !n.known {
			return
		}
		mac = n.mac
	}
	r.frame = appendND(r.frame[:0], r.mac, mac, false, d.target, d.target, to)
	r.sendFrame(r.frame)
}

// sendFrame sends one Ethernet frame of our own.
func (r *raw) sendFrame(frame []byte) {
	if r.closed.Load() {
		return
	}
	var h [vnetSize]byte
	unix.SendmsgBuffers(r.out, [][]byte{h[r.skip:], frame}, nil, nil, unix.MSG_DONTWAIT)
}

// tick is called when a question has gone without an answer for long enough.
func (r *raw) tick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed.Load() {
		return
	}
	r.neighbors.tick(time.Now())
	if at := r.neighbors.next(); !at.IsZero() {
		r.timer.Reset(max(0, time.Until(at)))
	}
}

// announce asks whether somebody has our addresses, and if not tells everyone that we do
// (RFC 5227 section 2, RFC 4862 section 5.4), in less time than those allow.
func (r *raw) announce() error {
	r.conflict = map[netip.Addr]hwAddr{}
	buf := make([]Packet, rawBatch)
	for range probes {
		for _, p := range *r.addrs.Load() {
			r.ask(p.Addr(), true)
		}
		r.file.SetReadDeadline(time.Now().Add(probeTime / probes))
		for {
			if _, err := r.Recv(buf); err != nil {
				break
			}
		}
	}
	r.file.SetReadDeadline(time.Time{})
	for a, mac := range r.conflict {
		return fmt.Errorf("%v is in use by %x", a, mac)
	}
	r.conflict = nil
	for _, p := range *r.addrs.Load() {
		r.ask(p.Addr(), false)
	}
	return nil
}

// ask is a probe for an address of ours, or else its announcement.
func (r *raw) ask(a netip.Addr, probe bool) {
	switch {
	case a.Is4() && probe:
		r.sendFrame(appendARP(nil, r.mac, broadcast, true, netip.IPv4Unspecified(), a, netip.Addr{}))
	case a.Is4():
		r.sendFrame(appendARP(nil, r.mac, broadcast, true, a, a, netip.Addr{}))
	case probe:
		group, mac := solicitedNode(a)
		r.sendFrame(appendND(nil, r.mac, mac, true, netip.IPv6Unspecified(), a, group))
	default:
		r.sendFrame(appendND(nil, r.mac, hwAddr{0x33, 0x33, 0, 0, 0, 1}, false, a, a, netip.IPv6LinkLocalAllNodes()))
	}
}
