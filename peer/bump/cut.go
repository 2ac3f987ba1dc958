package bump

import (
	"encoding/binary"

	"github.com/mptcp-go/mptcp/checksum"
	"github.com/mptcp-go/mptcp/wire"
)

const (
	protoTCP  = 6
	tcpHeader = 20
)

// cutter does what the sender left to a network card, so that elements see the
// segments that would be on a wire.
type cutter struct{ buf []byte }

// cut calls emit with the segments of at most size octets of payload that pkt stands
// for: options on every piece, FIN and PSH on the last, CWR on the first, IPv4
// identifications in a row, as cards do it (paper section 3.3.4). It reports false
// where pkt is no whole TCP segment. What emit is given lives until it returns.
func (c *cutter) cut(pkt []byte, size int, emit func([]byte)) bool {
	at, end, ok := tcpAt(pkt)
	if !ok || size <= 0 {
		return false
	}
	flags := pkt[at+13]
	seq := binary.BigEndian.Uint32(pkt[at+4:])
	id := binary.BigEndian.Uint16(pkt[4:])
	payload := pkt[end:]
	for i, off := 0, 0; ; i++ {
		n := min(size, len(payload)-off)
		b := append(append(c.buf[:0], pkt[:end]...), payload[off:off+n]...)
		c.buf = b
		f := flags
		last := off+n == len(payload)
		if !last {
			f &^= uint8(wire.FIN | wire.PSH)
		}
		if off > 0 {
			f &^= uint8(wire.CWR)
		}
		b[at+13] = f
		binary.BigEndian.PutUint32(b[at+4:], seq+uint32(off))
		if b[0]>>4 == 4 {
			binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
			binary.BigEndian.PutUint16(b[4:], id+uint16(i))
			binary.BigEndian.PutUint16(b[10:], 0)
			binary.BigEndian.PutUint16(b[10:], checksum.Of(b[:at]).Checksum())
		} else {
			binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
		}
		sumTCP(b, at)
		emit(b)
		off += n
		if last {
			return true
		}
	}
}

// tcpAt is where the TCP header of an IP packet without extension headers begins, and
// where it ends.
func tcpAt(b []byte) (at, end int, ok bool) {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4 && b[9] == protoTCP && binary.BigEndian.Uint16(b[6:])&0x3fff == 0:
		at = int(b[0]&15) * 4
	case len(b) >= 40 && b[0]>>4 == 6 && b[6] == protoTCP:
		at = 40
	default:
		return 0, 0, false
	}
	if at < 20 || len(b) < at+tcpHeader {
		return 0, 0, false
	}
	end = at + int(b[at+12]>>4)*4
	return at, end, end >= at+tcpHeader && end <= len(b)
}

// sumTCP puts the checksum of the segment at octet at right.
func sumTCP(b []byte, at int) {
	t := b[at:]
	binary.BigEndian.PutUint16(t[16:], 0)
	sum := checksum.Of(t)
	if b[0]>>4 == 4 {
		sum = sum.Add(checksum.Of(b[12:20]))
	} else {
		sum = sum.Add(checksum.Of(b[8:40]))
	}
	sum = sum.AddUint32(protoTCP).AddUint32(uint32(len(t)))
	binary.BigEndian.PutUint16(t[16:], sum.Checksum())
}

// complete finishes a checksum of which the field at octet at+off has the sum of the
// pseudo-header: any protocol's, as a card does it.
func complete(b []byte, at, off int) bool {
	if at < 0 || off < 0 || at+off+2 > len(b) {
		return false
	}
	// The field itself is part of what is summed: that adds the pseudo-header.
	sum := checksum.Of(b[at:]).Checksum()
	if sum == 0 && off == udpSumField {
		sum = 0xffff // RFC 768: zero says that there is none
	}
	binary.BigEndian.PutUint16(b[at+off:], sum)
	return true
}

const udpSumField = 6
