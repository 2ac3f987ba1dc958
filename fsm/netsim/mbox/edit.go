package mbox

import (
	"encoding/binary"
	"net/netip"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// edit is one TCP segment under a box's hands. It patches the packet it was read
// from: what a box does not mean to change (IP id, TTL, flow label, extension
// headers, options) stays as it was, and checksums are kept right after every
// method. seg always tells what the packet says now.
type edit struct {
	p   *netsim.Packet
	seg wire.Segment
	tcp int    // offset of the TCP header
	tmp []byte // what rebuild writes to
}

const (
	tcpHeader  = 20
	offSeq     = 4
	offAck     = 8
	offFlags   = 12
	offWindow  = 14
	offSum     = 16
	offOptions = 20
)

// open reads p. It reports false for what a box passes on untouched: no TCP, a
// fragment, something malformed, or a packet whose checksum was wrong when it
// came, which no box may make look right. A checksum left to the network card is
// filled in, since the box stands in for the card.
func (e *edit) open(p *netsim.Packet) bool {
	n, ok := packetSize(p.Data)
	if !ok {
		return false
	}
	d := p.Data[:n:n]
	if wire.Parse(&e.seg, d) != nil || !headerSumGood(d) {
		return false
	}
	e.p = p
	e.tcp = n - len(e.seg.Payload) - len(e.seg.Options) - tcpHeader
	switch e.seg.Sum {
	case wire.SumGood:
		p.Data = p.Data[:n]
		return true
	case wire.SumPartial:
		p.Data = p.Data[:n]
		e.sum()
		e.seg.Sum = wire.SumGood
		return true
	}
	return false
}

// packetSize is what the IP header says the packet's size is, without padding
// behind it. Jumbograms and the zero lengths of offload are not for a box.
func packetSize(d []byte) (int, bool) {
	n := 0
	switch {
	case len(d) >= 40 && d[0]>>4 == 6:
		if n = int(binary.BigEndian.Uint16(d[4:])); n == 0 {
			return 0, false
		}
		n += 40
	case len(d) >= 20 && d[0]>>4 == 4:
		n = int(binary.BigEndian.Uint16(d[2:]))
	}
	return n, n > 0 && n <= len(d)
}

func headerSumGood(d []byte) bool {
	if d[0]>>4 == 6 {
		return true
	}
	return fold(addOctets(0, d[:int(d[0]&15)*4])) == 0xffff
}

func (e *edit) v6() bool { return e.p.Data[0]>>4 == 6 }

// dataSeq is the sequence number of the first octet of payload.
func (e *edit) dataSeq() uint32 {
	if e.seg.Flags.Has(wire.SYN) {
		return e.seg.Seq + 1
	}
	return e.seg.Seq
}

// endSeq is the sequence number after the segment, SYN and FIN counted.
func (e *edit) endSeq() uint32 { return e.seg.Seq + e.seg.SeqLen() }

// patch overwrites octets of the TCP header or payload, off counting from the
// header, and updates the checksum. Any offset will do, odd ones too.
func (e *edit) patch(off int, b []byte) {
	t := e.p.Data[e.tcp:]
	from, to := off&^1, min((off+len(b)+1)&^1, len(t))
	before := addOctets(0, t[from:to])
	copy(t[off:], b)
	e.bump(before, addOctets(0, t[from:to]))
}

func (e *edit) bump(before, after uint64) {
	if before != after {
		t := e.p.Data[e.tcp+offSum:]
		binary.BigEndian.PutUint16(t, update(binary.BigEndian.Uint16(t), before, after))
	}
}

func (e *edit) patch16(off int, v uint16) {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	e.patch(off, b[:])
}

func (e *edit) patch32(off int, v uint32) {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], v)
	e.patch(off, b[:])
}

func (e *edit) setSeq(v uint32) { e.patch32(offSeq, v); e.seg.Seq = v }
func (e *edit) setAck(v uint32) { e.patch32(offAck, v); e.seg.Ack = v }

func (e *edit) setWindow(v uint16) { e.patch16(offWindow, v); e.seg.Window = v }

func (e *edit) setFlags(f wire.Flags) {
	size := uint16(e.p.Data[e.tcp+offFlags]&0xf0) << 8
	e.patch16(offFlags, size|uint16(f&0xfff))
	e.seg.Flags = f & 0xfff
}

// setSrc and setDst replace an address by one of the same family, and the port.
func (e *edit) setSrc(a netip.AddrPort) {
	e.setAddr(12, 8, a.Addr())
	e.patch16(0, a.Port())
	e.seg.Src = a
}

func (e *edit) setDst(a netip.AddrPort) {
	e.setAddr(16, 24, a.Addr())
	e.patch16(2, a.Port())
	e.seg.Dst = a
}

func (e *edit) setAddr(off4, off6 int, a netip.Addr) {
	d := e.p.Data
	var field, octets []byte
	if a4 := a.Unmap(); a4.Is4() {
		v := a4.As4()
		field, octets = d[off4:off4+4], v[:]
	} else {
		v := a.As16()
		field, octets = d[off6:off6+16], v[:]
	}
	before, after := addOctets(0, field), addOctets(0, octets)
	copy(field, octets)
	e.bump(before, after) // the pseudo-header
	if !e.v6() {
		binary.BigEndian.PutUint16(d[10:], update(binary.BigEndian.Uint16(d[10:]), before, after))
	}
}

// eachOption calls f with each option and its offset in the option block.
func (e *edit) eachOption(f func(off int, o wire.Option)) {
	all := e.seg.Options
	for rest := all; ; {
		o, more, ok := rest.Next()
		if !ok {
			return
		}
		f(len(all)-len(more)-len(o), o)
		rest = more
	}
}

// mapSACK puts every edge of every SACK block through f.
func (e *edit) mapSACK(f func(uint32) uint32) {
	e.eachOption(func(off int, o wire.Option) {
		if o.Kind() != wire.KindSACK {
			return
		}
		for i := 2; i+4 <= len(o); i += 4 {
			e.patch32(offOptions+off+i, f(binary.BigEndian.Uint32(o[i:])))
		}
	})
}

// rebuild gives the segment another option block and payload, either of which may
// be a part of the old one. Options are padded with NOPs. It reports false, and
// changes nothing, where they do not fit.
func (e *edit) rebuild(options, payload []byte) bool {
	padded := (len(options) + 3) &^ 3
	n := e.tcp + tcpHeader + padded + len(payload)
	if padded > wire.MaxOptions || n > 0xffff {
		return false
	}
	b := append(e.tmp[:0], e.p.Data[:e.tcp+tcpHeader]...)
	b = append(b, options...)
	for len(b) < e.tcp+tcpHeader+padded {
		b = append(b, wire.KindNOP)
	}
	b = append(b, payload...)
	e.p.Data, e.tmp = b, e.p.Data[:0]
	b[e.tcp+offFlags] = uint8(tcpHeader+padded)<<2 | b[e.tcp+offFlags]&15
	e.resized()
	return true
}

// resized puts lengths and checksums right after the packet's size changed.
func (e *edit) resized() {
	d := e.p.Data
	if e.v6() {
		binary.BigEndian.PutUint16(d[4:], uint16(len(d)-40))
	} else {
		binary.BigEndian.PutUint16(d[2:], uint16(len(d)))
		e.sumHeader()
	}
	e.sum()
	if !e.open(e.p) {
		panic("mbox: a box broke its packet")
	}
}

// sumHeader computes the IPv4 header checksum.
func (e *edit) sumHeader() {
	h := e.p.Data[:int(e.p.Data[0]&15)*4]
	binary.BigEndian.PutUint16(h[10:], 0)
	binary.BigEndian.PutUint16(h[10:], ^fold(addOctets(0, h)))
}

// sum computes the TCP checksum. The addresses are those in the IP header: routing
// headers, whose last hop counts, do not occur behind wire.Parse's verdict.
func (e *edit) sum() {
	d, t := e.p.Data, e.p.Data[e.tcp:]
	acc := uint64(6 + len(t))
	if e.v6() {
		acc = addOctets(acc, d[8:40])
	} else {
		acc = addOctets(acc, d[12:20])
	}
	binary.BigEndian.PutUint16(t[offSum:], 0)
	binary.BigEndian.PutUint16(t[offSum:], ^fold(addOctets(acc, t)))
}

// bumpID adds k to the IPv4 id, for pieces of one packet (RFC 6864 section 4.1 lets
// a host leave it 0 where DF is set, and then it stays 0).
func (e *edit) bumpID(k int) {
	d := e.p.Data
	if e.v6() {
		return
	}
	if id := binary.BigEndian.Uint16(d[4:]); id != 0 {
		binary.BigEndian.PutUint16(d[4:], id+uint16(k))
		e.sumHeader()
	}
}

// text is the segment as logs show it.
func (e *edit) text() string { return string(wire.AppendText(nil, &e.seg, wire.TextBase{})) }
