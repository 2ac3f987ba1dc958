package link

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	rawBatch     = 64
	rawLarge     = 16       // packets of a batch where they are large: no more than a cache holds
	rawRoom      = 16 << 20 // of the socket's queues, octets
	rawHeader    = vnetSize + ethSize
	rawRoutes    = 4096 // destinations whose next hop is remembered
	routeFresh   = 10 * time.Second
	probeTime    = 150 * time.Millisecond // for a station to say that it has our address
	probes       = 2
	maxFrameRecv = vnetSize + ethSize + maxIPPacket
)

// raw is a Link over a packet socket (packet(7)) on an Ethernet interface, with the
// virtio-net header in front of each frame.
type raw struct {
	monitor
	name   string
	mac    hwAddr
	plain  bool // no offload
	shared bool // our addresses are the kernel's too
	via    []netip.Addr
	addrs  atomic.Pointer[[]netip.Prefix]
	guests atomic.Pointer[[]netip.Addr] // addresses of other links
	file   *os.File
	conn   syscall.RawConn
	out    int // a socket for sending
	stats  counters
	closed atomic.Bool
	holds  holds

	// Of Recv.
	in       []Packet
	got      int
	inErr    error
	inFirst  bool // Recv looks for the first time, and has not waited
	read     func(fd uintptr) bool
	inMsgs   []unix.Mmsghdr
	inIovecs []unix.Iovec
	inBufs   []byte
	inSize   int
	inMax    int // messages in the next batch
	fd       int
	ring     *ring    // plain only
	ready    []Packet // plain: pieces of what came in one
	pieces   []byte

	// Of Send, under mu as is all that follows.
	mu        sync.Mutex
	outErr    error
	outMsgs   []unix.Mmsghdr
	outIovecs []unix.Iovec
	headers   [][rawHeader]byte
	outN      int
	outLens   []int
	skip      int // octets of the headers that are not sent: plain has no virtio-net header

	router    *router
	routes    map[netip.Addr]route
	last      route // of lastDst
	lastDst   netip.Addr
	neighbors neighbors
	timer     *time.Timer
	frame     []byte
	conflict  map[netip.Addr]hwAddr // stations that claim our addresses, while probing
}

// route is the way to a destination.
type route struct {
	hop   *neighbor
	until time.Time
}

func (w *route) good(now time.Time) bool { return now.Before(w.until) && (w.hop == nil || !w.hop.gone) }

func openRaw(s *spec) (_ Link, err error) {
	r := &raw{name: s.name, plain: s.plain, via: s.gateway, shared: len(s.addrs) == 0}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, needs("opening a packet socket", "CAP_NET_RAW", err)
	}
	closers := []func(){func() { unix.Close(fd) }}
	// What is sent goes by a socket that the runtime does not poll: every packet that
	// leaves it would wake the poller, to say that there is room.
	if r.out, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("socket(AF_PACKET)", err)
	}
	closers = append(closers, func() { unix.Close(r.out) })
	defer func() {
		if err != nil {
			for _, f := range slices.Backward(closers) {
				f()
			}
		}
	}()
	if r.router, err = openRouter(); err != nil {
		return nil, err
	}
	closers = append(closers, r.router.close)
	i, err := r.monitor.open(r.router, s.name, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR,
		unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE)
	if err != nil {
		return nil, err
	}
	closers = append(closers, func() { r.socket.Close() })
	if i.kind != unix.ARPHRD_ETHER {
		return nil, fmt.Errorf("%s is no Ethernet interface: where there is none, tun:NAME,ADDR/LEN leads to the kernel", s.name)
	}
	r.mac = i.mac
	if s.mtu > 0 {
		if s.mtu > i.mtu {
			return nil, fmt.Errorf("the MTU of %s is %d", s.name, i.mtu)
		}
		r.limit = s.mtu
	}
	addrs := s.addrs
	if r.shared {
		if addrs, err = r.kernelAddrs(); err != nil {
			return nil, err
		}
	}
	r.addrs.Store(&addrs)
	r.guests.Store(&[]netip.Addr{})
	if err := r.holds.open(r, s); err != nil {
		return nil, err
	}
	closers = append(closers, r.holds.close)
	if err := r.setUpSocket(fd); err != nil {
		return nil, err
	}
	r.file = os.NewFile(uintptr(fd), "packet socket")
	closers[0] = func() { r.file.Close() }
	if r.fd = fd; r.ring != nil {
		closers = append(closers, func() { r.ring.close() })
	}
	if r.conn, err = r.file.SyscallConn(); err != nil {
		return nil, err
	}
	r.prepare()
	if !r.shared {
		if err := r.announce(); err != nil {
			return nil, err
		}
	}
	r.monitor.routes, r.monitor.onDown = r.changed, r.wentDown
	r.onGone = func() { r.file.SetReadDeadline(time.Unix(1, 0)) } // Recv looks at gone then
	r.run()
	return r, nil
}

// setUpSocket binds the socket only when its filter is in place: nothing unwanted is in
// its queue.
func (r *raw) setUpSocket(fd int) error {
	for _, s := range []int{fd, r.out} {
		if r.plain && s == r.out {
			continue // a header less to be read for each packet
		}
		if err := unix.SetsockoptInt(s, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1); err != nil {
			return os.NewSyscallError("PACKET_VNET_HDR", err)
		}
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		return os.NewSyscallError("PACKET_IGNORE_OUTGOING", err)
	}
	for _, o := range []struct{ fd, force, other int }{{fd, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF}, {r.out, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF}} {
		if unix.SetsockoptInt(o.fd, unix.SOL_SOCKET, o.force, rawRoom) != nil { // needs CAP_NET_ADMIN
			if err := unix.SetsockoptInt(o.fd, unix.SOL_SOCKET, o.other, rawRoom); err != nil {
				return os.NewSyscallError("SO_RCVBUF", err)
			}
		}
	}
	if err := r.filter(fd); err != nil {
		return err
	}
	for _, p := range *r.addrs.Load() {
		if p.Addr().Is4() {
			continue
		}
		_, mac := solicitedNode(p.Addr())
		m := unix.PacketMreq{Ifindex: int32(r.index), Type: unix.PACKET_MR_MULTICAST, Alen: 6}
		copy(m.Address[:], mac[:])
		if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m); err != nil {
			return os.NewSyscallError("PACKET_ADD_MEMBERSHIP", err)
		}
	}
	if err := unix.Bind(r.out, &unix.SockaddrLinklayer{Ifindex: r.index}); err != nil { // protocol 0: it receives nothing
		return os.NewSyscallError("bind", err)
	}
	if r.plain {
		ring, err := openRing(fd, r.MTU())
		if err != nil {
			return err
		}
		r.ring = ring
	}
	all := uint16(unix.ETH_P_ALL)
	return os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all<<8 | all>>8, Ifindex: r.index}))
}

// Shared is as in PortHolder.
func (r *raw) Shared() bool { return r.shared }

func (r *raw) Name() string             { return r.name }
func (r *raw) Addrs() []netip.Prefix    { return *r.addrs.Load() }
func (r *raw) Up() bool                 { return r.up.Load() }
func (r *raw) Changes() <-chan struct{} { return r.changes }

func (r *raw) MaxPayload() int {
	if r.plain {
		return 0
	}
	return maxOffload
}

func (r *raw) Stats() Stats {
	r.conn.Control(func(fd uintptr) {
		if s, err := unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
			r.stats.dropLost.Add(uint64(s.Drops)) // the kernel's count begins anew
		}
	})
	return r.stats.load()
}

// ended says in this package's terms why a call failed.
func (r *raw) ended(err error) error {
	switch {
	case err == nil:
		return nil
	case r.closed.Load():
		err = net.ErrClosed
	case r.gone.Load() || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENODEV):
		err = ErrGone
	}
	return fmt.Errorf("link %s: %w", r.name, err)
}

func (r *raw) Close() error {
	if r.closed.Swap(true) {
		return r.ended(net.ErrClosed)
	}
	r.Stats()             // takes over what the kernel has counted
	err := r.file.Close() // when it returns nobody is in readRing
	if r.ring != nil {
		r.ring.close()
	}
	r.monitor.close()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.timer.Stop()
	unix.Close(r.out)
	r.holds.close()
	r.router.close()
	return err
}

// prepare makes the buffers.
func (r *raw) prepare() {
	r.inMax = rawBatch
	r.inSize = (maxFrameRecv + 63) &^ 63
	r.inBufs = make([]byte, rawBatch*r.inSize)
	r.inMsgs, r.inIovecs = make([]unix.Mmsghdr, rawBatch), make([]unix.Iovec, rawBatch)
	for i := range r.inMsgs {
		setIovec(&r.inIovecs[i], r.inBufs[i*r.inSize:(i+1)*r.inSize])
		r.inMsgs[i].Hdr.Iov = &r.inIovecs[i]
		r.inMsgs[i].Hdr.SetIovlen(1)
	}
	r.outMsgs, r.outIovecs = make([]unix.Mmsghdr, rawBatch), make([]unix.Iovec, 3*rawBatch)
	r.headers, r.outLens = make([][rawHeader]byte, rawBatch), make([]int, rawBatch)
	if r.plain {
		r.skip = vnetSize
	}
	r.read = r.readSome
	if r.ring != nil {
		r.read = r.readRing
	}
	r.routes = map[netip.Addr]route{}
	r.neighbors.ask, r.neighbors.flush = r.solicit, r.flush
	r.neighbors.drop = func(n int) { r.stats.dropUnreachable.Add(uint64(n)) }
	r.timer = time.AfterFunc(time.Hour, r.tick)
	r.timer.Stop()
}
