package link

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// A classic BPF program on the packet socket (socket(7), SO_ATTACH_FILTER) keeps out what
// would only cost time: frames for other stations and VLANs, other addresses, fragments,
// other protocols, ports that are not held.

const (
	bpfAncillary   = 0xfffff000 // SKF_AD_OFF
	bpfPacketType  = bpfAncillary + 4
	bpfVLANPresent = bpfAncillary + 48
	bpfMaxPorts    = 500 // the kernel takes 4,096 instructions; more is sorted out in Recv
)

// program is one under construction. Its tests go on with the next instruction where
// they hold, and otherwise to the end of the block they are in.
type program []unix.SockFilter

func (p *program) load(size uint16, off uint32) {
	*p = append(*p, unix.SockFilter{Code: unix.BPF_LD | size | unix.BPF_ABS, K: off})
}

func (p *program) ret(accept bool) {
	k := uint32(0)
	if accept {
		k = 1 << 30
	}
	*p = append(*p, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k})
}

// when adds body, which is gone through only if the accumulator is v.
func (p *program) when(v uint32, body func()) {
	at := len(*p)
	// Conditional jumps reach 255 instructions only; the unconditional one goes anywhere.
	*p = append(*p,
		unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: v, Jt: 1},
		unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JA})
	body()
	(*p)[at+1].K = uint32(len(*p) - at - 2)
}

// whenWords is when for the octets of v at offset off, in words of 32 bits.
func (p *program) whenWords(off uint32, v []byte, body func()) {
	if len(v) == 0 {
		body()
		return
	}
	p.load(unix.BPF_W, off)
	p.when(binary.BigEndian.Uint32(v), func() { p.whenWords(off+4, v[4:], body) })
}

// filterProgram lets through ARP and ICMPv6, and for each address ICMP and TCP: all of
// TCP where held is nil, else the ports that are held.
func filterProgram(addrs []netip.Addr, held map[netip.AddrPort]bool) []unix.SockFilter {
	var p program
	if len(held) > bpfMaxPorts {
		held = nil
	}
	accept := func() { p.ret(true) }
	ports := func(a netip.Addr, load func()) {
		if held == nil {
			accept()
			return
		}
		load()
		for h := range held {
			if h.Addr() == a {
				p.when(uint32(h.Port()), accept)
			}
		}
		p.ret(false)
	}
	p.load(unix.BPF_W, bpfVLANPresent)
	p.when(1, func() { p.ret(false) })
	p.load(unix.BPF_W, bpfPacketType)
	p.when(unix.PACKET_OTHERHOST, func() { p.ret(false) })
	p.load(unix.BPF_H, 12)
	p.when(ethARP, accept)
	p.when(ethIPv4, func() {
		p.load(unix.BPF_H, ethSize+6)
		p = append(p, unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0x3fff}) // MF and the offset
		p.when(0, func() {
			for _, a := range addrs {
				if !a.Is4() {
					continue
				}
				p.whenWords(ethSize+16, a.AsSlice(), func() {
					p.load(unix.BPF_B, ethSize+9)
					p.when(protoICMP, accept)
					p.when(protoTCP, func() {
						ports(a, func() {
							p = append(p,
								unix.SockFilter{Code: unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH, K: ethSize}, // the header's size
								unix.SockFilter{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_IND, K: ethSize + 2})
						})
					})
					p.ret(false)
				})
			}
		})
		p.ret(false)
	})
	p.when(ethIPv6, func() {
		p.load(unix.BPF_B, ethSize+6)
		p.when(protoICMPv6, accept)
		p.when(protoTCP, func() {
			for _, a := range addrs {
				if !a.Is4() {
					p.whenWords(ethSize+24, a.AsSlice(), func() {
						ports(a, func() { p.load(unix.BPF_H, ethSize+ip6HeaderSize+2) })
					})
				}
			}
		})
	})
	p.ret(false)
	return p
}

// attachFilter puts the program in place of the socket's present one, if any.
func attachFilter(fd int, code []unix.SockFilter) error {
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]})
}
