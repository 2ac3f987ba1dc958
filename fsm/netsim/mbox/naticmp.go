package mbox

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// handleICMP translates errors about translated segments, in what they quote and in
// their own addresses (RFC 5508 section 4): path MTU discovery dies without it.
// Everything else that is no TCP passes untouched.
func (n *NAT) handleICMP(at *netsim.Slot, dir netsim.Dir, p *netsim.Packet) {
	var m wire.ICMP
	size, ok := packetSize(p.Data)
	if !ok || wire.ParseICMP(&m, p.Data[:size:size]) != nil || m.Sum != wire.SumGood || !headerSumGood(p.Data) {
		at.Send(dir, p)
		return
	}
	q, ok := quoteIn(p.Data[:size])
	if !ok {
		at.Send(dir, p)
		return
	}
	if dir == netsim.Reverse {
		// Someone outside quotes what this box sent.
		b := n.live(at, n.in[m.Src])
		if b == nil {
			at.Send(dir, p)
			return
		}
		q.translate(q.outerDst, q.innerSrc, q.tcp, b.private)
		if at.Logging() {
			at.Log(dir, fmt.Sprintf("translated %v about %v", m.Kind, b.private))
		}
	} else {
		// Someone inside quotes what this box let in.
		b := n.live(at, n.out[m.Dst])
		if b == nil {
			at.Send(dir, p)
			return
		}
		q.translate(q.outerSrc, q.innerDst, q.tcp+2, b.public)
		if at.Logging() {
			at.Log(dir, fmt.Sprintf("translated %v about %v", m.Kind, b.public))
		}
	}
	at.Send(dir, p)
}

// quote is where things lie in an ICMP error about a TCP segment.
type quote struct {
	d                                      []byte
	v6                                     bool
	icmp, inner, tcp                       int
	outerSrc, outerDst, innerSrc, innerDst int
}

// quoteIn finds them; headers with extensions, which hardly occur, are left alone.
func quoteIn(d []byte) (q quote, ok bool) {
	q.d = d
	if d[0]>>4 == 6 {
		q.v6, q.icmp, q.inner, q.tcp = true, 40, 48, 88
		q.outerSrc, q.outerDst, q.innerSrc, q.innerDst = 8, 24, q.inner+8, q.inner+24
		return q, d[6] == 58 && len(d) >= q.tcp+4 && d[q.inner+6] == 6
	}
	q.icmp = int(d[0]&15) * 4
	q.inner = q.icmp + 8
	if len(d) <= q.inner {
		return q, false
	}
	q.tcp = q.inner + int(d[q.inner]&15)*4
	q.outerSrc, q.outerDst, q.innerSrc, q.innerDst = 12, 16, q.inner+12, q.inner+16
	return q, len(d) >= q.tcp+4
}

// translate writes the address at both places and the port, and puts all the
// checksums right that cover them: two IP headers', the quoted TCP one where it is
// there, and that of ICMP.
func (q *quote) translate(outer, inner, port int, to netip.AddrPort) {
	a := to.Addr().AsSlice()
	old := addOctets(0, q.d[inner:inner+len(a)])
	now := addOctets(0, a)
	portWas := uint64(binary.BigEndian.Uint16(q.d[port:]))
	copy(q.d[outer:], a)
	copy(q.d[inner:], a)
	binary.BigEndian.PutUint16(q.d[port:], to.Port())
	if len(q.d) >= q.tcp+tcpHeader {
		bump(q.d[q.tcp+offSum:], old+portWas, now+uint64(to.Port()))
	}
	if !q.v6 {
		bump(q.d[q.inner+10:], old, now)
		h := q.d[:q.icmp]
		binary.BigEndian.PutUint16(h[10:], 0)
		binary.BigEndian.PutUint16(h[10:], ^fold(addOctets(0, h)))
	}
	sum := q.d[q.icmp+2:]
	binary.BigEndian.PutUint16(sum, 0)
	acc := addOctets(0, q.d[q.icmp:])
	if q.v6 {
		acc = addOctets(acc+58+uint64(len(q.d)-q.icmp), q.d[8:40])
	}
	binary.BigEndian.PutUint16(sum, ^fold(acc))
}

func bump(field []byte, before, after uint64) {
	binary.BigEndian.PutUint16(field, update(binary.BigEndian.Uint16(field), before, after))
}
