package link

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// holds is what a raw link does to be left alone by the kernel.
type holds struct {
	link  *raw
	guard *guard
	space int // the network namespace, as a file

	mu    sync.Mutex
	held  map[netip.AddrPort]bool
	list  map[*hold]bool              // of those that are open
	ports [1 << 16 / 64]atomic.Uint64 // held at any address
}

// hold is one port that is held.
type hold struct {
	holds *holds
	at    netip.AddrPort
	fd    int    // -1: bound elsewhere
	table string // of nftables
	once  sync.Once
	err   error
}

// open makes the guard. With addresses of our own the link works without it, where the
// kernel forwards nothing.
func (h *holds) open(r *raw, s *spec) error {
	h.link, h.held, h.list, h.space = r, map[netip.AddrPort]bool{}, map[*hold]bool{}, -1
	var own []netip.Addr
	for _, p := range s.addrs {
		own = append(own, p.Addr())
	}
	var err error
	h.guard, err = openGuard(r.name, r.index, own)
	if !r.shared {
		return nil
	}
	if err != nil {
		return needs("keeping the kernel from resetting our connections (an nftables table)", "CAP_NET_ADMIN", err)
	}
	h.space, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	return err
}

func (h *holds) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.guard != nil {
		h.guard.close()
		h.guard = nil
	}
	clear(h.held)
	for k := range h.list {
		k.once.Do(k.release)
	}
	clear(h.list)
	if h.space >= 0 {
		unix.Close(h.space)
		h.space = -1
	}
}

// wants reports whether an IP packet is one for a held port, or no TCP.
func (h *holds) wants(b []byte) bool {
	at, _, ok := tcpHeader(b)
	if !ok {
		return true
	}
	port := binary.BigEndian.Uint16(b[at+2:])
	return h.ports[port/64].Load()>>(port%64)&1 != 0
}

// HoldPort is as in PortHolder. On a link with addresses of its own there is nothing to
// be done: any port but 0 is held already.
func (r *raw) HoldPort(at netip.AddrPort) (Hold, error) {
	h := &r.holds
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case r.closed.Load():
		return nil, fmt.Errorf("link %s: %w", r.name, net.ErrClosed)
	case !r.ours(at.Addr()) && (at.Port() == 0 || !r.guest(at.Addr())):
		return nil, fmt.Errorf("link %s: %v is not an address of it", r.name, at.Addr())
	case !r.shared && at.Port() == 0:
		return nil, fmt.Errorf("link %s: its ports are not the kernel's to choose", r.name)
	case !r.shared:
		return ownPort(at), nil
	}
	k := &hold{holds: h, at: at, fd: -1, table: h.guard.table}
	if r.ours(at.Addr()) {
		err := h.inside(func() (err error) {
			k, err = h.bind(at)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("link %s: holding %v: %w", r.name, at, err)
		}
	}
	if err := h.guard.hold(k.at, true); err != nil {
		k.release()
		return nil, fmt.Errorf("link %s: holding %v: %w", r.name, k.at, err)
	}
	h.set(k.at, true)
	h.list[k] = true
	return k, nil
}

// bind takes the port by a socket that is never used.
func (h *holds) bind(at netip.AddrPort) (*hold, error) {
	fd, err := unix.Socket(int(family(at.Addr())), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	var sa unix.Sockaddr
	if at.Addr().Is4() {
		sa = &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}
	} else {
		sa = &unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}
	}
	if err := unix.Bind(fd, sa); err != nil {
		unix.Close(fd)
		return nil, err
	}
	sa, err = unix.Getsockname(fd)
	if err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("getsockname", err)
	}
	port := at.Port()
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		port = uint16(sa.Port)
	case *unix.SockaddrInet6:
		port = uint16(sa.Port)
	}
	return &hold{holds: h, at: netip.AddrPortFrom(at.Addr(), port), fd: fd, table: h.guard.table}, nil
}

// set has the socket's filter pass the port, or not.
func (h *holds) set(at netip.AddrPort, held bool) {
	p := at.Port()
	if held {
		h.held[at] = true
		h.ports[p/64].Or(1 << (p % 64))
	} else {
		delete(h.held, at)
		other := false
		for k := range h.held {
			other = other || k.Port() == p
		}
		if !other {
			h.ports[p/64].And(^(uint64(1) << (p % 64)))
		}
	}
	h.link.conn.Control(func(fd uintptr) { h.link.filter(int(fd)) })
}

func (k *hold) Addr() netip.AddrPort { return k.at }

// String tells what has been done to the kernel.
func (k *hold) String() string {
	return fmt.Sprintf("%v is held from the kernel: by a bound socket, and by the nftables table netdev %s, which goes away with this process", k.at, k.table)
}

func (k *hold) Close() error {
	h := k.holds
	h.mu.Lock()
	defer h.mu.Unlock()
	k.once.Do(func() {
		if h.guard != nil {
			h.set(k.at, false)
			k.err = h.guard.hold(k.at, false)
		}
		delete(h.list, k)
		k.release()
	})
	return k.err
}

// release gives the bound socket up.
func (k *hold) release() {
	if k.fd >= 0 {
		unix.Close(k.fd)
	}
}

// inside runs f in the network namespace of the link, on a thread that is there only for
// that time.
func (h *holds) inside(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	here, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(here)
	var a, b unix.Stat_t
	if unix.Fstat(here, &a) == nil && unix.Fstat(h.space, &b) == nil && a.Ino == b.Ino {
		return f()
	}
	if err := unix.Setns(h.space, unix.CLONE_NEWNET); err != nil {
		return os.NewSyscallError("setns", err)
	}
	err = f()
	if back := unix.Setns(here, unix.CLONE_NEWNET); back != nil {
		panic("link: a thread is lost in another network namespace: " + back.Error())
	}
	return err
}

// ownPort is a port of an address that the kernel does not have.
type ownPort netip.AddrPort

func (p ownPort) Addr() netip.AddrPort { return netip.AddrPort(p) }
func (p ownPort) Close() error         { return nil }
func (p ownPort) String() string       { return netip.AddrPort(p).String() + " is ours alone" }
