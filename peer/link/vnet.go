package link

import (
	"encoding/binary"

	"github.com/mptcp-go/mptcp/wire"
)

// The header that comes before a packet where offload is on: struct virtio_net_hdr of
// VIRTIO 1.2 section 5.1.6, without num_buffers and in the byte order of this machine,
// as TUN devices and packet sockets have it.
const vnetSize = 10

const (
	vnetNeedsSum  = 1 // flags: the checksum from start on is to be completed
	vnetSumOK     = 2 // flags: it has been verified
	gsoNone       = 0
	gsoTCP4       = 1
	gsoTCP6       = 4
	gsoECN        = 0x80
	tcpSumField   = 16 // offset of the checksum in a TCP header
	ip4HeaderSize = 20
	ip6HeaderSize = 40
	tcpHeaderSize = 20
	protoTCP      = 6
	protoICMP     = 1
)

// maxOffload is MaxPayload of an offloading link: with the largest headers the packet
// still has less than 64 KiB, the most that a device takes that was not asked for more.
const maxOffload = 65535 - ip6HeaderSize - tcpHeaderSize - wire.MaxOptions

// putVnet fills in h for packet p, whose IP header begins skip octets behind h. It
// reports whether p is fit to be sent: a whole TCP header is needed to offload anything.
func putVnet(h *[vnetSize]byte, p *Packet, skip int) bool {
	*h = [vnetSize]byte{}
	if p.SegSize == 0 && !p.Partial {
		return true
	}
	at, size, ok := tcpHeader(p.Data)
	if !ok {
		return false
	}
	end := at + size
	if p.Partial {
		h[0] = vnetNeedsSum
		binary.NativeEndian.PutUint16(h[6:], uint16(skip+at))
		binary.NativeEndian.PutUint16(h[8:], tcpSumField)
	}
	binary.NativeEndian.PutUint16(h[2:], uint16(skip+end))
	if p.SegSize > 0 && p.Len()-end > p.SegSize {
		if !p.Partial {
			return false // each piece needs a checksum of its own
		}
		h[1] = gsoTCP4
		if p.Data[0]>>4 == 6 {
			h[1] = gsoTCP6
		}
		if p.Data[at+13]&0x80 != 0 { // CWR
			h[1] |= gsoECN
		}
		binary.NativeEndian.PutUint16(h[4:], uint16(p.SegSize))
	}
	return true
}

// readVnet sets what header h says of p.
func readVnet(h []byte, p *Packet) {
	p.Partial = h[0]&vnetNeedsSum != 0
	p.SumOK = h[0]&vnetSumOK != 0
	p.SegSize = 0
	if t := h[1] &^ gsoECN; t == gsoTCP4 || t == gsoTCP6 {
		p.SegSize = int(binary.NativeEndian.Uint16(h[4:]))
	}
}

// tcpHeader finds the TCP header of an IP packet that has no extension headers, all in
// b: its offset and its size in octets.
func tcpHeader(b []byte) (at, size int, ok bool) {
	if len(b) < ip4HeaderSize {
		return 0, 0, false
	}
	switch {
	case b[0]>>4 == 4 && b[9] == protoTCP:
		at = int(b[0]&15) * 4
	case b[0]>>4 == 6 && b[6] == protoTCP:
		at = ip6HeaderSize
	default:
		return 0, 0, false
	}
	if len(b) < at+tcpHeaderSize {
		return 0, 0, false
	}
	size = int(b[at+12]>>4) * 4
	return at, size, size >= tcpHeaderSize && len(b) >= at+size
}
