package link

import (
	"encoding/binary"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ring is the queue of a packet socket in memory that the kernel shares with us
// (PACKET_MMAP, TPACKET_V2): where packets are small and many, a call for each costs more
// than its octets. What does not fit in a frame comes by the socket's own queue.
type ring struct {
	fd    int
	mem   []byte
	frame int // octets of a frame
	at    int // offset of the frame that is next
}

const (
	ringSize  = 8 << 20
	ringBlock = 64 << 10 // frames do not cross one
	ringAlign = 16       // TPACKET_ALIGNMENT
	// Offsets in struct tpacket2_hdr.
	ringStatus  = 0
	ringSnaplen = 8
	ringMAC     = 12
)

// openRing gives the socket a ring for packets of up to mtu octets. The virtio-net header
// must have been asked for before.
func openRing(fd, mtu int) (*ring, error) {
	frame := 2048
	for frame < unix.SizeofTpacket2Hdr+unix.SizeofSockaddrLinklayer+2*ringAlign+rawHeader+mtu && frame < ringBlock {
		frame *= 2
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V2); err != nil {
		return nil, os.NewSyscallError("PACKET_VERSION", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_COPY_THRESH, 1); err != nil {
		return nil, os.NewSyscallError("PACKET_COPY_THRESH", err)
	}
	req := unix.TpacketReq{Block_size: ringBlock, Block_nr: ringSize / ringBlock, Frame_size: uint32(frame), Frame_nr: uint32(ringSize / frame)}
	if err := unix.SetsockoptTpacketReq(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req); err != nil {
		return nil, os.NewSyscallError("PACKET_RX_RING", err)
	}
	mem, err := unix.Mmap(fd, 0, ringSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return &ring{fd: fd, mem: mem, frame: frame}, nil
}

// next copies the next packet to buf, its virtio-net header first, and returns how many
// octets it has; 0 where none has arrived. It copies, so that the ring can be unmapped when
// the link is closed, whatever its user still looks at.
func (g *ring) next(buf []byte) (int, error) {
	f := g.mem[g.at:][:g.frame]
	status := (*uint32)(unsafe.Pointer(&f[ringStatus]))
	s := atomic.LoadUint32(status)
	if s&unix.TP_STATUS_USER == 0 {
		return 0, nil
	}
	var n int
	var err error
	if s&unix.TP_STATUS_COPY != 0 {
		n, _, err = unix.Recvfrom(g.fd, buf, unix.MSG_DONTWAIT)
	} else {
		mac := int(binary.NativeEndian.Uint16(f[ringMAC:]))
		n = copy(buf, f[mac-vnetSize:mac+int(binary.NativeEndian.Uint32(f[ringSnaplen:]))])
	}
	atomic.StoreUint32(status, unix.TP_STATUS_KERNEL)
	if g.at += g.frame; g.at == len(g.mem) {
		g.at = 0
	}
	return n, err
}

func (g *ring) close() error { return unix.Munmap(g.mem) }
