package link

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// tun is a Link over a TUN device that is ours alone: closing its file removes it.
type tun struct {
	monitor
	name  string
	addrs []netip.Prefix
	plain bool
	file  *os.File
	raw   syscall.RawConn
	stats counters

	closed atomic.Bool

	// Of Recv.
	arena []byte
	in    []Packet
	got   int
	inErr error
	read  func(fd uintptr) bool

	// Of Send.
	header [vnetSize]byte
	iovecs [3][]byte
	out    []Packet
	outErr error
	write  func(fd uintptr) bool
}

const (
	maxIPPacket = 65535
	// A batch ends when the arena has no room for another packet of full size. Small
	// packets lie close together in it, which is kind to the cache.
	tunArena = 1 << 20
	// How many packets the kernel keeps for us. By default it is 500: of the FINs of 10,000
	// connections that a program closes at once most are lost, and the next try of all of
	// them is at the same moment again.
	tunQueue = 8192
)

func openTUN(s *spec) (_ Link, err error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, tunDenied(err)
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	req, err := unix.NewIfreq(s.name)
	if err != nil {
		return nil, err
	}
	req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR | unix.IFF_TUN_EXCL)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		if err == unix.EBUSY {
			return nil, fmt.Errorf("there is an interface %s already", s.name)
		}
		return nil, needs("making a TUN device", "CAP_NET_ADMIN", err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TUNSETVNETHDRSZ, vnetSize); err != nil {
		return nil, os.NewSyscallError("TUNSETVNETHDRSZ", err)
	}
	offload := 0
	if !s.plain {
		offload = unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO6 | unix.TUN_F_TSO_ECN
	}
	if err := unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, offload); err != nil {
		return nil, os.NewSyscallError("TUNSETOFFLOAD", err)
	}
	r, err := openRouter()
	if err != nil {
		return nil, err
	}
	defer r.close()
	t := &tun{name: req.Name(), addrs: s.addrs, plain: s.plain, arena: make([]byte, tunArena)}
	i, err := r.find(t.name)
	if err != nil {
		return nil, err
	}
	if err := s.configure(r, i.index); err != nil {
		return nil, err
	}
	if _, err := t.monitor.open(r, t.name); err != nil {
		return nil, err
	}
	t.file = os.NewFile(uintptr(fd), "/dev/net/tun")
	if t.raw, err = t.file.SyscallConn(); err != nil {
		t.socket.Close()
		return nil, err
	}
	t.read, t.write = t.readSome, t.writeAll
	t.run()
	return t, nil
}

// configure gives the kernel's side of the device its addresses and routes.
func (s *spec) configure(r *router, index int) error {
	if err := r.setUp(index, s.mtu, tunQueue); err != nil {
		return needs("configuring a TUN device", "CAP_NET_ADMIN", err)
	}
	given := map[netip.Addr]bool{}
	for _, ours := range s.addrs {
		k := s.kernelAddr(ours)
		switch {
		case !k.IsValid():
			if err := r.addRoute(index, ours); err != nil {
				return err
			}
		case !given[k]:
			given[k] = true
			if err := r.addAddr(index, netip.PrefixFrom(k, ours.Bits())); err != nil {
				return err
			}
		}
	}
	return r.settle(index)
}

func (t *tun) Name() string             { return t.name }
func (t *tun) Addrs() []netip.Prefix    { return t.addrs }
func (t *tun) Up() bool                 { return t.up.Load() }
func (t *tun) Changes() <-chan struct{} { return t.changes }
func (t *tun) Stats() Stats             { return t.stats.load() }

func (t *tun) MaxPayload() int {
	if t.plain {
		return 0
	}
	return maxOffload
}

func (t *tun) Recv(pkts []Packet) (int, error) {
	if len(pkts) == 0 {
		return 0, nil
	}
	t.in, t.got, t.inErr = pkts, 0, nil
	err := t.raw.Read(t.read)
	if err == nil {
		err = t.inErr
	}
	if t.got > 0 {
		return t.got, nil
	}
	return 0, t.ended(err)
}

// readSome reads until the device has no more, or there is no more room.
func (t *tun) readSome(fd uintptr) bool {
	used, octets := 0, 0
	for t.got < len(t.in) && len(t.arena)-used >= vnetSize+maxIPPacket {
		n, err := unix.Read(int(fd), t.arena[used:])
		t.stats.recvCalls.Add(1)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			t.stats.received(t.got, octets)
			return t.got > 0
		case err != nil:
			t.inErr = err
			t.stats.received(t.got, octets)
			return true
		case n <= vnetSize:
			continue
		}
		p := &t.in[t.got]
		*p = Packet{Data: t.arena[used+vnetSize : used+n : used+n]}
		readVnet(t.arena[used:], p)
		t.got++
		octets += n - vnetSize
		used += (n + 63) &^ 63 // a cache line of its own
	}
	t.stats.received(t.got, octets)
	return true
}

func (t *tun) Send(pkts []Packet) error {
	if len(pkts) == 0 {
		return nil
	}
	t.out, t.outErr = pkts, nil
	err := t.raw.Write(t.write)
	t.out = nil
	if err == nil {
		err = t.outErr
	}
	return t.ended(err)
}

// writeAll writes every packet; a TUN device never has one wait.
func (t *tun) writeAll(fd uintptr) bool {
	sent, octets := 0, 0
	for i := range t.out {
		p := &t.out[i]
		if len(p.Data) == 0 || t.plain && (p.SegSize > 0 || p.Partial) || !putVnet(&t.header, p, 0) {
			t.stats.dropBad.Add(1)
			continue
		}
		t.iovecs = [3][]byte{t.header[:], p.Data, p.Tail}
		v := t.iovecs[:]
		if len(p.Tail) == 0 {
			v = v[:2]
		}
		_, err := unix.Writev(int(fd), v)
		for err == unix.EINTR {
			_, err = unix.Writev(int(fd), v)
		}
		switch {
		case err == nil:
			sent++
			octets += p.Len()
		case err == unix.EIO || err == unix.ENETDOWN:
			t.stats.dropDown.Add(1)
		case err == unix.EINVAL || err == unix.EMSGSIZE:
			t.stats.dropBad.Add(1)
		case err == unix.EBADFD:
			t.outErr = err
			return true
		default:
			t.stats.dropFull.Add(1)
		}
	}
	t.stats.sent(sent, octets, len(t.out))
	return true
}

// ended says in this package's terms why a call failed.
func (t *tun) ended(err error) error {
	switch {
	case err == nil:
		return nil
	case t.closed.Load():
		return fmt.Errorf("link %s: %w", t.name, net.ErrClosed)
	case errors.Is(err, unix.EBADFD) || t.detached():
		t.up.Store(false)
		return fmt.Errorf("link %s: %w", t.name, ErrGone)
	}
	return fmt.Errorf("link %s: %w", t.name, err)
}

// detached reports whether the device has been removed under us, which the runtime's
// poller has a name of its own for.
func (t *tun) detached() bool {
	req, err := unix.NewIfreq("")
	if err == nil {
		_ = t.raw.Control(func(fd uintptr) { err = unix.IoctlIfreq(int(fd), unix.TUNGETIFF, req) })
	}
	return err == unix.EBADFD
}

func (t *tun) Close() error {
	if t.closed.Swap(true) {
		return t.ended(net.ErrClosed)
	}
	err := t.file.Close()
	t.monitor.close()
	return err
}

// counters are Stats that several goroutines count in.
type counters struct {
	recv, recvOctets, sentN, sentOctets, recvCalls, sendCalls atomic.Uint64
	dropFull, dropUnreachable, dropDown, dropBad, dropLost    atomic.Uint64
}

func (c *counters) received(n, octets int) {
	c.recv.Add(uint64(n))
	c.recvOctets.Add(uint64(octets))
}

func (c *counters) sent(n, octets, calls int) {
	c.sentN.Add(uint64(n))
	c.sentOctets.Add(uint64(octets))
	c.sendCalls.Add(uint64(calls))
}

func (c *counters) load() Stats {
	return Stats{
		Received: c.recv.Load(), ReceivedOctets: c.recvOctets.Load(),
		Sent: c.sentN.Load(), SentOctets: c.sentOctets.Load(),
		RecvCalls: c.recvCalls.Load(), SendCalls: c.sendCalls.Load(),
		DropFull: c.dropFull.Load(), DropUnreachable: c.dropUnreachable.Load(),
		DropDown: c.dropDown.Load(), DropBad: c.dropBad.Load(), DropLost: c.dropLost.Load(),
	}
}

// tunDenied says why /dev/net/tun cannot be opened: it is a file with permissions, which
// no namespace changes.
func tunDenied(err error) error {
	if errors.Is(err, unix.EACCES) {
		return &PrivilegeError{What: "opening /dev/net/tun", Need: "permission for the file", Err: err,
			Help: "run it as root, or have root open it to all with `chmod 666 /dev/net/tun`, as most systems do"}
	}
	return needs("opening /dev/net/tun", "CAP_NET_ADMIN", err)
}

// needs makes a refusal a *PrivilegeError.
func needs(what, capability string, err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return &PrivilegeError{What: what, Need: capability, Err: err}
	}
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("%s: %w (is the tun module loaded? modprobe tun)", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
