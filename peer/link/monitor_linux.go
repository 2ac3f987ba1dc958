package link

import (
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// monitor follows an interface as the kernel tells of its changes (rtnetlink(7),
// RTNLGRP_LINK).
type monitor struct {
	index   int
	up      atomic.Bool
	gone    atomic.Bool
	mtu     atomic.Int64
	limit   int // of the MTU, 0: none
	changes chan struct{}
	routes  func() // called when a route or an address has changed; may be nil
	onDown  func() // called when the interface has gone down; may be nil
	onGone  func() // called once the interface has been removed
	socket  *os.File
	reader  sync.WaitGroup
}

// open subscribes first and then asks how things stand, so that no change is missed.
func (m *monitor) open(r *router, name string, groups ...uint32) (iface, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return iface{}, os.NewSyscallError("socket(NETLINK_ROUTE)", err)
	}
	mask := uint32(0)
	for _, g := range append(groups, unix.RTNLGRP_LINK) {
		mask |= 1 << (g - 1)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: mask}); err != nil {
		unix.Close(fd)
		return iface{}, os.NewSyscallError("bind(NETLINK_ROUTE)", err)
	}
	i, err := r.find(name)
	if err != nil {
		unix.Close(fd)
		return i, err
	}
	m.index, m.changes = i.index, make(chan struct{}, 1)
	m.up.Store(i.up)
	m.mtu.Store(int64(i.mtu))
	m.socket = os.NewFile(uintptr(fd), "netlink")
	return i, nil
}

// run reads the changes until close. What may be called is set by now.
func (m *monitor) run() {
	m.reader.Go(func() {
		buf := make([]byte, 32<<10)
		for {
			n, err := m.socket.Read(buf)
			if err != nil {
				if e, ok := err.(*os.PathError); ok && e.Err == syscall.ENOBUFS {
					continue // changes were lost; the next one of ours tells all
				}
				return
			}
			messages(buf[:n], m.take)
		}
	})
}

func (m *monitor) take(kind uint16, _ uint32, body []byte) {
	switch kind {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		var i iface
		if !i.read(body) || i.index != m.index {
			return
		}
		// A bridge tells of its ports with the same messages, in a family of its own.
		if kind == unix.RTM_DELLINK {
			if body[0] != unix.AF_UNSPEC {
				return
			}
			m.up.Store(false)
			if !m.gone.Swap(true) && m.onGone != nil {
				m.onGone()
			}
		} else {
			if was := m.up.Swap(i.up); was && !i.up && m.onDown != nil {
				m.onDown()
			}
			if i.mtu > 0 {
				m.mtu.Store(int64(i.mtu))
			}
		}
	default:
		if m.routes == nil {
			return
		}
		m.routes()
	}
	select {
	case m.changes <- struct{}{}:
	default:
	}
}

// close ends the reader and waits for it.
func (m *monitor) close() {
	m.socket.Close()
	m.reader.Wait()
}

// MTU is as in Link.
func (m *monitor) MTU() int {
	if n := int(m.mtu.Load()); m.limit == 0 || n < m.limit {
		return n
	}
	return m.limit
}
