package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// message is one netlink message under construction (netlink(7)).
type message []byte

// newMessage begins a message of a type, with the fixed part of its family.
func newMessage(kind, flags uint16, seq uint32, fixed []byte) message {
	m := make(message, unix.SizeofNlMsghdr, 128)
	binary.NativeEndian.PutUint16(m[4:], kind)
	binary.NativeEndian.PutUint16(m[6:], flags|unix.NLM_F_REQUEST)
	binary.NativeEndian.PutUint32(m[8:], seq)
	return append(m, fixed...)
}

// attr appends one attribute.
func (m message) attr(kind uint16, value []byte) message {
	m = binary.NativeEndian.AppendUint16(m, uint16(4+len(value)))
	m = binary.NativeEndian.AppendUint16(m, kind)
	m = append(m, value...)
	for len(m)%4 != 0 {
		m = append(m, 0)
	}
	return m
}

func (m message) attr32(kind uint16, v uint32) message {
	return m.attr(kind, binary.NativeEndian.AppendUint32(nil, v))
}

// done closes the message: its length is known now.
func (m message) done() []byte {
	binary.NativeEndian.PutUint32(m, uint32(len(m)))
	return m
}

// attrs calls f for each attribute in b.
func attrs(b []byte, f func(kind uint16, value []byte)) {
	for len(b) >= 4 {
		n := int(binary.NativeEndian.Uint16(b))
		if n < 4 || n > len(b) {
			return
		}
		f(binary.NativeEndian.Uint16(b[2:])&^unix.NLA_F_NESTED, b[4:n])
		b = b[min(len(b), (n+3)&^3):]
	}
}

// messages calls f for each message in b, which a netlink socket returned.
func messages(b []byte, f func(kind uint16, seq uint32, body []byte)) {
	for len(b) >= unix.SizeofNlMsghdr {
		n := int(binary.NativeEndian.Uint32(b))
		if n < unix.SizeofNlMsghdr || n > len(b) {
			return
		}
		f(binary.NativeEndian.Uint16(b[4:]), binary.NativeEndian.Uint32(b[8:]), b[unix.SizeofNlMsghdr:n])
		b = b[min(len(b), (n+3)&^3):]
	}
}

// answerTo is what an NLMSG_ERROR message says; nil is an acknowledgment.
func answerTo(body []byte) error {
	if len(body) < 4 {
		return errors.New("netlink: a short answer")
	}
	if code := int32(binary.NativeEndian.Uint32(body)); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}

// router is a blocking netlink socket for questions to the kernel and changes of its
// interfaces (rtnetlink(7)). It belongs to the network namespace it was opened in, and
// to one goroutine at a time.
type router struct {
	fd  int
	seq uint32
	buf [16 << 10]byte
}

func openRouter() (*router, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, os.NewSyscallError("socket(NETLINK_ROUTE)", err)
	}
	return &router{fd: fd}, nil
}

func (r *router) close() { unix.Close(r.fd) }

// ask sends m, whose sequence number it sets, and calls f, which may be nil, for each
// message of the answer. It returns when the kernel has acknowledged.
func (r *router) ask(m message, f func(kind uint16, body []byte)) error {
	r.seq++
	binary.NativeEndian.PutUint32(m[8:], r.seq)
	dump := binary.NativeEndian.Uint16(m[6:])&unix.NLM_F_DUMP == unix.NLM_F_DUMP
	if err := unix.Sendto(r.fd, m.done(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("netlink", err)
	}
	for {
		n, _, err := unix.Recvfrom(r.fd, r.buf[:], 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return os.NewSyscallError("netlink", err)
		}
		done := false
		messages(r.buf[:n], func(kind uint16, seq uint32, body []byte) {
			switch {
			case seq != r.seq || done:
			case kind == unix.NLMSG_ERROR:
				done, err = true, answerTo(body)
			case kind == unix.NLMSG_DONE:
				done = dump
			case f != nil:
				f(kind, body)
			}
		})
		if done {
			return err
		}
	}
}

// setUp brings the interface up, with an MTU and a length of its queue, in packets, where
// those are not 0.
func (r *router) setUp(index, mtu, queue int) error {
	fixed := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(fixed[4:], uint32(index))
	binary.NativeEndian.PutUint32(fixed[8:], unix.IFF_UP)
	binary.NativeEndian.PutUint32(fixed[12:], unix.IFF_UP)
	m := newMessage(unix.RTM_NEWLINK, unix.NLM_F_ACK, 0, fixed)
	if mtu > 0 {
		m = m.attr32(unix.IFLA_MTU, uint32(mtu))
	}
	if queue > 0 {
		m = m.attr32(unix.IFLA_TXQLEN, uint32(queue))
	}
	if err := r.ask(m, nil); err != nil {
		return fmt.Errorf("bringing the interface up: %w", err)
	}
	return nil
}

// addAddr gives the interface an address of the kernel's.
func (r *router) addAddr(index int, a netip.Prefix) error {
	fixed := make([]byte, unix.SizeofIfAddrmsg)
	fixed[0], fixed[1] = family(a.Addr()), uint8(a.Bits())
	fixed[2] = unix.IFA_F_PERMANENT | unix.IFA_F_NODAD // we are the only neighbour
	binary.NativeEndian.PutUint32(fixed[4:], uint32(index))
	b := a.Addr().AsSlice()
	m := newMessage(unix.RTM_NEWADDR, unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_EXCL, 0, fixed)
	if err := r.ask(m.attr(unix.IFA_LOCAL, b).attr(unix.IFA_ADDRESS, b), nil); err != nil {
		return fmt.Errorf("adding the kernel's address %v: %w", a, err)
	}
	return nil
}

// addRoute has the kernel reach a prefix through the interface.
func (r *router) addRoute(index int, to netip.Prefix) error {
	fixed := make([]byte, unix.SizeofRtMsg)
	fixed[0], fixed[1] = family(to.Addr()), uint8(to.Bits())
	fixed[4], fixed[5], fixed[6], fixed[7] = unix.RT_TABLE_MAIN, unix.RTPROT_STATIC, unix.RT_SCOPE_LINK, unix.RTN_UNICAST
	m := newMessage(unix.RTM_NEWROUTE, unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_EXCL, 0, fixed)
	m = m.attr(unix.RTA_DST, to.Addr().AsSlice()).attr32(unix.RTA_OIF, uint32(index))
	if err := r.ask(m, nil); err != nil {
		return fmt.Errorf("adding a route to %v: %w", to, err)
	}
	return nil
}

// iface is what the kernel says of an interface.
type iface struct {
	index int
	name  string
	mtu   int
	kind  uint16 // ARPHRD_*
	mac   [6]byte
	up    bool // with a carrier
}

// read takes in the body of an RTM_NEWLINK message.
func (i *iface) read(body []byte) bool {
	if len(body) < unix.SizeofIfInfomsg {
		return false
	}
	i.kind = binary.NativeEndian.Uint16(body[2:])
	i.index = int(binary.NativeEndian.Uint32(body[4:]))
	flags := binary.NativeEndian.Uint32(body[8:])
	i.up = flags&unix.IFF_UP != 0 && flags&unix.IFF_RUNNING != 0
	attrs(body[unix.SizeofIfInfomsg:], func(kind uint16, v []byte) {
		switch {
		case kind == unix.IFLA_MTU && len(v) == 4:
			i.mtu = int(binary.NativeEndian.Uint32(v))
		case kind == unix.IFLA_ADDRESS && len(v) == 6:
			i.mac = [6]byte(v)
		case kind == unix.IFLA_IFNAME && len(v) > 0:
			i.name = string(v[:len(v)-1])
		}
	})
	return true
}

// find asks for the interface of that name.
func (r *router) find(name string) (iface, error) {
	var i iface
	m := newMessage(unix.RTM_GETLINK, unix.NLM_F_ACK, 0, make([]byte, unix.SizeofIfInfomsg))
	err := r.ask(m.attr(unix.IFLA_IFNAME, append([]byte(name), 0)), func(kind uint16, body []byte) {
		if kind == unix.RTM_NEWLINK {
			i.read(body)
		}
	})
	if err == nil && i.index == 0 {
		err = unix.ENODEV
	}
	if errors.Is(err, unix.ENODEV) {
		return i, fmt.Errorf("there is no interface %s", name)
	}
	return i, err
}

func family(a netip.Addr) uint8 {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// ifAddr is an address that the kernel has on an interface.
type ifAddr struct {
	netip.Prefix
	scope uint8  // RT_SCOPE_*
	flags uint32 // IFA_F_*
}

// addrsOf lists the kernel's addresses on an interface.
func (r *router) addrsOf(index int) (list []ifAddr, err error) {
	m := newMessage(unix.RTM_GETADDR, unix.NLM_F_DUMP, 0, make([]byte, unix.SizeofIfAddrmsg))
	err = r.ask(m, func(kind uint16, body []byte) {
		if kind != unix.RTM_NEWADDR || len(body) < unix.SizeofIfAddrmsg || int(binary.NativeEndian.Uint32(body[4:])) != index {
			return
		}
		a := ifAddr{flags: uint32(body[2]), scope: body[3]}
		var local, remote netip.Addr
		attrs(body[unix.SizeofIfAddrmsg:], func(kind uint16, v []byte) {
			switch kind {
			case unix.IFA_LOCAL:
				local, _ = netip.AddrFromSlice(v)
			case unix.IFA_ADDRESS:
				remote, _ = netip.AddrFromSlice(v)
			case unix.IFA_FLAGS:
				a.flags = binary.NativeEndian.Uint32(v)
			}
		})
		if !local.IsValid() {
			local = remote // IPv6
		}
		if a.Prefix = netip.PrefixFrom(local, int(body[1])); a.IsValid() {
			list = append(list, a)
		}
	})
	return list, err
}

// settle waits until the kernel takes packets to all its addresses of an interface: even
// an IPv6 address that is not checked for duplicates is set up behind our back, its route
// last.
func (r *router) settle(index int) error {
	list, err := r.addrsOf(index)
	if err != nil {
		return err
	}
	for _, a := range list {
		for range 1000 {
			if a.flags&unix.IFA_F_NODAD == 0 || r.isLocal(a.Addr()) {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}
