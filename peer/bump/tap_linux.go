package bump

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/mptcp-go/mptcp/peer/link"
)

// tap is an Ethernet interface with a packet socket that sees every frame, whoever it
// is addressed to.
type tap struct {
	name string
	mtu  int
	file *os.File
	raw  syscall.RawConn
	hops *hops
	in   []byte // of Recv
	oob  [64]byte
	out  []byte // of Send
}

const (
	maxFrame = 1<<16 + 64 // a packet of full size, its headers and tags
	tapArena = 4 * maxFrame
)

// Taps opens two interfaces as the ends of a bump that hosts do not see. Neither needs
// an address; what their host's own kernel sends there is not carried. The error is a
// *link.PrivilegeError where rights are missing.
func Taps(left, right string) (End, End, error) {
	h := newHops()
	l, err := openTap(left, h)
	if err != nil {
		return nil, nil, err
	}
	r, err := openTap(right, h)
	if err != nil {
		l.Close()
		return nil, nil, err
	}
	return l, r, nil
}

func openTap(name string, h *hops) (*tap, error) {
	iface, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("interface %s: %w", name, err)
	}
	all := int(htons(unix.ETH_P_ALL))
	// Bound before it is told of any protocol: else it would see other interfaces.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		if errors.Is(err, unix.EPERM) {
			return nil, &link.PrivilegeError{What: "opening a packet socket", Need: "CAP_NET_RAW", Err: err}
		}
		return nil, os.NewSyscallError("socket", err)
	}
	steps := []struct {
		name string
		do   func() error
	}{
		{"PACKET_VNET_HDR", func() error { return unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1) }},
		{"PACKET_AUXDATA", func() error { return unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1) }},
		{"PACKET_IGNORE_OUTGOING", func() error { return unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1) }},
		{"bind", func() error {
			return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: uint16(all), Ifindex: iface.Index})
		}},
		{"PACKET_ADD_MEMBERSHIP", func() error {
			return unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP,
				&unix.PacketMreq{Ifindex: int32(iface.Index), Type: unix.PACKET_MR_PROMISC})
		}},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			unix.Close(fd)
			return nil, fmt.Errorf("interface %s: %w", name, os.NewSyscallError(s.name, err))
		}
	}
	// Room for a burst; root may exceed the system's limit.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 8<<20)
	}
	t := &tap{name: name, mtu: iface.MTU, file: os.NewFile(uintptr(fd), name), hops: h, in: make([]byte, tapArena)}
	if t.raw, err = t.file.SyscallConn(); err != nil {
		t.file.Close()
		return nil, err
	}
	return t, nil
}

func htons(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}

func (t *tap) Name() string { return t.name }

// MTU is that of the interface when it was opened.
func (t *tap) MTU() int { return t.mtu }

func (t *tap) Close() error { return t.file.Close() }

func (t *tap) Recv(frames []Frame) (n int, err error) {
	err2 := t.raw.Read(func(fd uintptr) bool {
		used := 0
		for n < len(frames) && len(t.in)-used >= vnetSize+maxFrame {
			room := t.in[used : used+vnetSize+maxFrame]
			// Two tags are put back in front of what was read.
			k, oobn, _, _, e := unix.Recvmsg(int(fd), room[2*tagSize:], t.oob[:], 0)
			switch {
			case e == unix.EINTR:
				continue
			case e == unix.EAGAIN:
				return n > 0
			case e == unix.ENETDOWN: // told once; it may come up again
				continue
			case e != nil:
				err = os.NewSyscallError("recvmsg", e)
				return true
			case k < vnetSize+etherSize:
				continue
			}
			b := room[2*tagSize : 2*tagSize+k]
			if tag, ok := strippedTag(t.oob[:oobn]); ok {
				b = putTagBack(room[tagSize:2*tagSize+k], tag)
			}
			t.hops.parse(&frames[n], b)
			n++
			used += 2*tagSize + k
		}
		return true
	})
	if n > 0 {
		return n, nil
	}
	if err2 != nil {
		err = err2
	}
	if errors.Is(err, os.ErrClosed) {
		err = net.ErrClosed
	}
	return 0, err
}

// strippedTag finds the VLAN tag that the kernel took out of a frame.
func strippedTag(oob []byte) (tag [tagSize]byte, ok bool) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return tag, false
	}
	for _, m := range msgs {
		if m.Header.Level != unix.SOL_PACKET || m.Header.Type != unix.PACKET_AUXDATA ||
			len(m.Data) < int(unsafe.Sizeof(unix.TpacketAuxdata{})) {
			continue
		}
		aux := (*unix.TpacketAuxdata)(unsafe.Pointer(&m.Data[0]))
		if aux.Status&unix.TP_STATUS_VLAN_VALID == 0 {
			return tag, false
		}
		tpid := uint16(unix.ETH_P_8021Q)
		if aux.Status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
			tpid = aux.Vlan_tpid
		}
		binary.BigEndian.PutUint16(tag[:], tpid)
		binary.BigEndian.PutUint16(tag[2:], aux.Vlan_tci)
		return tag, true
	}
	return tag, false
}

func (t *tap) Send(f *Frame) error {
	b := t.out[:0]
	if f.Opaque {
		b = append(append(append(b, f.vnet[:]...), f.Link...), f.Data...)
	} else {
		var none [vnetSize]byte
		b = append(b, none[:]...)
		b = t.hops.header(b, f.Data)
		b = append(b, f.Data...)
	}
	t.out = b
	var err error
	if err2 := t.raw.Write(func(fd uintptr) bool {
		err = unix.Send(int(fd), b, 0)
		for err == unix.EINTR {
			err = unix.Send(int(fd), b, 0)
		}
		return true // where there is no room, the frame is lost, as in a cable
	}); err2 != nil {
		if errors.Is(err2, os.ErrClosed) {
			err2 = net.ErrClosed
		}
		return fmt.Errorf("%s: %w", t.name, err2)
	}
	if err == unix.ENXIO || err == unix.ENODEV {
		return fmt.Errorf("%s: %w", t.name, link.ErrGone)
	}
	return nil
}
