package link

import (
	"encoding/binary"

	"github.com/mptcp-go/mptcp/checksum"
	"github.com/mptcp-go/mptcp/wire"
)

// FinishSum completes the TCP checksum of a packet with Partial, as the device would
// have, and clears it. It reports whether p is a TCP packet that this can be done for.
func FinishSum(p *Packet) bool {
	if !p.Partial {
		return true
	}
	at, _, ok := tcpHeader(p.Data)
	if !ok {
		return false
	}
	sum := checksum.Of(p.Data[at:]).AddAt(checksum.Of(p.Tail), uint64(len(p.Data)-at))
	binary.BigEndian.PutUint16(p.Data[at+tcpSumField:], sum.Checksum())
	p.Partial = false
	return true
}

// Split appends to out the packets that p stands for, each with its checksums whole: the
// segments that a device would have made of it, in room appended to buf. A packet
// without SegSize comes back as it is, with its checksum finished in place. What Split
// returns replaces the two; it lives as long as buf and p do.
func Split(out []Packet, buf []byte, p Packet) ([]Packet, []byte) {
	at, size, ok := tcpHeader(p.Data)
	if p.SegSize <= 0 || !ok || p.Len()-at-size <= p.SegSize {
		p.SegSize = 0
		if FinishSum(&p) {
			out = append(out, p)
		}
		return out, buf
	}
	total, header := p.Len()-at-size, at+size
	seq, flags := binary.BigEndian.Uint32(p.Data[at+4:]), wire.Flags(p.Data[at+13])
	for off := 0; off < total; off += p.SegSize {
		n := min(p.SegSize, total-off)
		start := len(buf)
		buf = append(buf, p.Data[:header]...)
		buf = appendPart(buf, p.Data[header:], p.Tail, off, n)
		k := buf[start:]
		f := flags
		if off > 0 {
			f &^= wire.CWR
		}
		if off+n < total {
			f &^= wire.FIN | wire.PSH
		}
		h := k[at:]
		binary.BigEndian.PutUint32(h[4:], seq+uint32(off))
		h[13] = byte(f)
		h[tcpSumField], h[tcpSumField+1] = 0, 0
		if k[0]>>4 == 4 {
			binary.BigEndian.PutUint16(k[2:], uint16(len(k)))
			binary.BigEndian.PutUint16(k[4:], binary.BigEndian.Uint16(k[4:])+uint16(off/p.SegSize))
			k[10], k[11] = 0, 0
			binary.BigEndian.PutUint16(k[10:], checksum.Of(k[:at]).Checksum())
		} else {
			binary.BigEndian.PutUint16(k[4:], uint16(len(k)-ip6HeaderSize))
		}
		binary.BigEndian.PutUint16(h[tcpSumField:], tcpSum(k, h).Checksum())
		out = append(out, Packet{Data: k[:len(k):len(k)], SumOK: true})
	}
	return out, buf
}

// appendPart appends n octets of a and b, taken as one, from off on.
func appendPart(buf, a, b []byte, off, n int) []byte {
	if off < len(a) {
		k := min(n, len(a)-off)
		buf = append(buf, a[off:off+k]...)
		off, n = off+k, n-k
	}
	if n > 0 {
		off -= len(a)
		buf = append(buf, b[off:off+n]...)
	}
	return buf
}

// tcpSum is the sum of the TCP segment h in the packet k, with its pseudo-header.
func tcpSum(k, h []byte) checksum.Sum {
	addrs := k[8:40]
	if k[0]>>4 == 4 {
		addrs = k[12:20]
	}
	return checksum.Of(addrs).AddUint32(uint32(len(h))).AddUint16(protoTCP).Add(checksum.Of(h))
}
