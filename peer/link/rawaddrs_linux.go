package link

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// filter gives the socket a filter for the present addresses and held ports.
func (r *raw) filter(fd int) error {
	var addrs []netip.Addr
	for _, p := range *r.addrs.Load() {
		addrs = append(addrs, p.Addr())
	}
	addrs = append(addrs, *r.guests.Load()...)
	var held map[netip.AddrPort]bool
	if r.shared {
		held = r.holds.held
	}
	return os.NewSyscallError("SO_ATTACH_FILTER", attachFilter(fd, filterProgram(addrs, held)))
}

// kernelAddrs are the addresses that the kernel has on the interface, without those that
// are good for this link only.
func (r *raw) kernelAddrs() (list []netip.Prefix, err error) {
	all, err := r.router.addrsOf(r.index)
	for _, a := range all {
		if a.scope < unix.RT_SCOPE_LINK && a.flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DEPRECATED) == 0 {
			list = append(list, a.Prefix)
		}
	}
	return list, err
}

// changed is told that a route or an address has changed.
func (r *raw) changed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed.Load() {
		return
	}
	r.forget()
	if !r.shared {
		return
	}
	if list, err := r.kernelAddrs(); err == nil && !slices.Equal(list, *r.addrs.Load()) {
		r.addrs.Store(&list)
		r.holds.mu.Lock()
		defer r.holds.mu.Unlock()
		r.conn.Control(func(fd uintptr) { r.filter(int(fd)) })
	}
}

// wentDown forgets whom it knew: when the interface comes up again it may be on another
// network, where others have the addresses.
func (r *raw) wentDown() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget()
	r.neighbors.reset()
}

// TakeFor is as in Guesthouse.
func (r *raw) TakeFor(addrs []netip.Addr) error {
	r.holds.mu.Lock()
	defer r.holds.mu.Unlock()
	if r.closed.Load() {
		return r.ended(net.ErrClosed)
	}
	list := slices.Clone(*r.guests.Load())
	for _, a := range addrs {
		if slices.Contains(list, a) || r.ours(a) {
			continue
		}
		if !r.shared && r.holds.guard != nil {
			if err := r.holds.guard.keep(a); err != nil {
				return fmt.Errorf("link %s: %w", r.name, err)
			}
		}
		list = append(list, a)
	}
	r.guests.Store(&list)
	var err error
	if e := r.conn.Control(func(fd uintptr) { err = r.filter(int(fd)) }); e != nil {
		return r.ended(e)
	}
	return err
}

// guest reports whether a is an address of another link.
func (r *raw) guest(a netip.Addr) bool { return slices.Contains(*r.guests.Load(), a) }

// forget has every route looked up again.
func (r *raw) forget() {
	clear(r.routes)
	r.lastDst = netip.Addr{}
}
