package fuzz

import (
	"encoding/binary"
	"net/netip"

	"github.com/mptcp-go/mptcp/checksum"
	"github.com/mptcp-go/mptcp/pcap"
	"github.com/mptcp-go/mptcp/wire"
)

// script plays packets of Multipath TCP connections that never were: what both ends
// say is right unless the caller of a method wants it otherwise. It keeps nothing but
// counters, so that captures of any length can be made of it.
type script struct {
	out    func(*pcap.Frame)
	now    int64 // ns
	snap   int   // octets captured of each packet; 0: all
	number int
	pkt    []byte
	opts   [wire.MaxOptions]byte
}

// talk is a connection; side 0 opened it.
type talk struct {
	version wire.Version
	sums    bool // DSS checksums in use
	key     [2]wire.Key
	token   [2]wire.Token
	idsn    [2]uint64
	sent    [2]uint64 // octets of data declared so far
	flows   []*flow
}

// flow is a subflow; ends[0] opened it.
type flow struct {
	ends   [2]netip.AddrPort
	opener int // the side of the talk that ends[0] is
	isn    [2]uint32
	next   [2]uint32 // offset of the next octet; the SYN has 0
}

// endpoints returns the n-th pair of addresses and ports, all different.
func endpoints(n int) [2]netip.AddrPort {
	client := [4]byte{10, 1 + byte(n>>22)%100, byte(n >> 14), byte(n>>6)&0xff | 1}
	return [2]netip.AddrPort{
		netip.AddrPortFrom(netip.AddrFrom4(client), uint16(1024+n%60000)),
		netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 200, 0, 1}), 443),
	}
}

func newTalk(v wire.Version, n uint64, sums bool) *talk {
	c := &talk{version: v, sums: sums}
	for side := range c.key {
		c.key[side] = wire.Key((2*n + uint64(side) + 1) * 0x9e3779b97f4a7c15)
		c.token[side], c.idsn[side] = c.key[side].Derive(v)
	}
	return c
}

// add gives c another flow, between the n-th pair of endpoints.
func (c *talk) add(n, opener int) *flow {
	f := &flow{ends: endpoints(n), opener: opener, isn: [2]uint32{uint32(n) * 0x9e3779b9, uint32(n) * 0x85ebca6b}}
	c.flows = append(c.flows, f)
	return f
}

// dsn is the data sequence number of an offset of side's data.
func (c *talk) dsn(side int, off uint64) uint64 { return c.idsn[side] + 1 + off }

// send emits a segment of direction dir of f at offset off of its TCP stream. build
// appends the options; a failure to do so leaves them out.
func (s *script) send(f *flow, dir int, flags wire.Flags, off uint32, payload []byte, build func(wire.Options) (wire.Options, error)) {
	seg := wire.Segment{
		Src: f.ends[dir], Dst: f.ends[1-dir], Seq: f.isn[dir] + off, Flags: flags,
		Window: 0xffff, Payload: payload, Options: s.opts[:0],
	}
	if flags.Has(wire.ACK) {
		seg.Ack = f.isn[1-dir] + f.next[1-dir]
	}
	if build != nil {
		if o, err := build(seg.Options); err == nil {
			seg.Options = o
		}
	}
	pkt, err := wire.Append(s.pkt[:0], &seg)
	s.pkt = pkt
	if err != nil {
		return
	}
	f.next[dir] = max(f.next[dir], off+seg.SeqLen())
	s.frame(pkt)
}

// frame emits an IP packet.
func (s *script) frame(pkt []byte) {
	s.number++
	s.now += 1000
	fr := pcap.Frame{Number: s.number, Nanos: s.now, HasTime: true, Link: pcap.LinkRaw, Len: len(pkt), Data: pkt}
	if s.snap > 0 && s.snap < len(pkt) {
		fr.Data = pkt[:s.snap]
	}
	s.out(&fr)
}

// capable adds the option that the n-th segment of the handshake has.
func (c *talk) capable(n int) func(wire.Options) (wire.Options, error) {
	m := wire.MPCapable{Version: c.version, Flags: wire.CapableHMAC}
	if c.sums {
		m.Flags |= wire.CapableChecksum
	}
	switch n {
	case 0:
		m.HasSender, m.Sender = c.version == wire.V0, c.key[0]
	case 1:
		m.HasSender, m.Sender = true, c.key[1]
	case 2:
		m.HasSender, m.HasReceiver, m.Sender, m.Receiver = true, true, c.key[0], c.key[1]
	}
	return m.Append
}

// open plays the handshake of the first flow: as many of its three segments as told.
func (s *script) open(c *talk, f *flow, segments int) {
	for n := range segments {
		dir, flags := n&1, [...]wire.Flags{wire.SYN, wire.SYN | wire.ACK, wire.ACK}[n]
		off := f.next[dir]
		if n < 2 {
			off = 0
		}
		s.send(f, dir, flags, off, nil, c.capable(n))
	}
}

// join plays the handshake of a further flow. wrong is xored into token or HMACs.
func (s *script) join(c *talk, f *flow, segments int, wrong uint32) {
	opener, nonce := f.opener, [2]uint32{f.isn[0] ^ 0x5555, f.isn[1] ^ 0xaaaa}
	for n := range segments {
		m := wire.MPJoin{Form: wire.JoinForm(n + 1), ID: uint8(len(c.flows) - 1)}
		switch m.Form {
		case wire.JoinSYN:
			m.Token, m.Nonce = c.token[1-opener]^wire.Token(wrong), nonce[0]
		case wire.JoinSYNACK:
			m.ID, m.Nonce = 0, nonce[1]
			m.HMAC64 = wire.JoinHMAC64(c.version, c.key[1-opener], c.key[opener], nonce[1], nonce[0]) ^ uint64(wrong)
		case wire.JoinACK:
			m.HMAC = wire.JoinHMAC160(c.version, c.key[opener], c.key[1-opener], nonce[0], nonce[1])
			m.HMAC[0] ^= byte(wrong)
		}
		flags := [...]wire.Flags{wire.SYN, wire.SYN | wire.ACK, wire.ACK}[n]
		off := f.next[n&1]
		if n < 2 {
			off = 0
		}
		s.send(f, n&1, flags, off, nil, m.Append)
	}
}

// octets returns n octets of side's data at an offset: always the same ones.
func octets(side int, off uint64, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		at := off + uint64(i)
		b[i] = byte(at) ^ byte(at>>8)*31 ^ byte(side)<<7
	}
	return b
}

// dataStyle says how data is sent.
type dataStyle struct {
	wide    bool // 8 octets of DSN
	fin     bool // DATA_FIN at the end
	badSum  bool
	ack     bool // a DATA_ACK as well
	ackLen8 bool
	noMap   bool   // no mapping at all
	garble  byte   // xored into the payload
	mapLen  uint16 // another data-level length, if not 0
}

// data sends n octets of side's data from offset off on, on f, at its next sequence
// number or back octets before.
func (s *script) data(c *talk, f *flow, dir int, off uint64, n int, back uint32, st dataStyle) {
	side := f.opener ^ dir
	payload := octets(side, off, n)
	if len(payload) > 0 {
		payload[0] ^= st.garble
	}
	at := f.next[dir] - min(back, f.next[dir])
	s.send(f, dir, wire.ACK|wire.PSH, at, payload, c.dss(side, off, payload, at, st))
	c.sent[side] = max(c.sent[side], off+uint64(n))
}

// dss adds the option that maps payload, sent at offset at of its flow.
func (c *talk) dss(side int, off uint64, payload []byte, at uint32, st dataStyle) func(wire.Options) (wire.Options, error) {
	d := wire.DSS{DSN: c.dsn(side, off), SSN: at, DataLen: uint16(len(payload))}
	if !st.noMap {
		d.Flags |= wire.DSSMap
	}
	if st.fin {
		d.Flags |= wire.DSSFin
		d.DataLen++
		if len(payload) == 0 {
			d.SSN = 0
		}
	}
	if st.mapLen != 0 {
		d.DataLen = st.mapLen
	}
	if d.HasSum = c.sums && !st.noMap; d.HasSum {
		var pseudo [16]byte
		binary.BigEndian.PutUint64(pseudo[:], d.DSN)
		binary.BigEndian.PutUint32(pseudo[8:], d.SSN)
		binary.BigEndian.PutUint16(pseudo[12:], d.DataLen)
		d.Sum = checksum.Of(pseudo[:]).Add(checksum.Of(payload)).Checksum()
		if st.badSum {
			d.Sum ^= 0x0101
		}
	}
	if st.wide {
		d.Flags |= wire.DSSMap8
	} else {
		d.DSN = uint64(uint32(d.DSN))
	}
	if st.ack || st.noMap {
		c.dataAck(&d, side, c.sent[1-side], st.ackLen8)
	}
	return d.Append
}

// dataAck puts into d that side acknowledges its peer's data up to off.
func (c *talk) dataAck(d *wire.DSS, side int, off uint64, wide bool) {
	d.Flags |= wire.DSSAck
	if d.DataAck = c.dsn(1-side, off); wide {
		d.Flags |= wire.DSSAck8
	} else {
		d.DataAck = uint64(uint32(d.DataAck))
	}
}

// ack sends a pure ACK with a DATA_ACK of the peer's data up to off.
func (s *script) ack(c *talk, f *flow, dir int, off uint64, wide bool) {
	var d wire.DSS
	c.dataAck(&d, f.opener^dir, off, wide)
	s.send(f, dir, wire.ACK, f.next[dir], nil, d.Append)
}

// short plays a whole connection of one request and one answer.
func (s *script) short(c *talk, f *flow) {
	s.open(c, f, 3)
	s.data(c, f, 0, 0, 100, 0, dataStyle{wide: true})
	s.data(c, f, 1, 0, 200, 0, dataStyle{wide: true, ack: true, ackLen8: true})
	s.ack(c, f, 0, 200, false)
	s.data(c, f, 0, 100, 0, 0, dataStyle{wide: true, fin: true})
	s.data(c, f, 1, 200, 0, 0, dataStyle{wide: true, fin: true, ack: true})
	s.ack(c, f, 0, 201, false)
	s.ack(c, f, 1, 101, false)
	for dir := range 2 {
		s.send(f, dir, wire.FIN|wire.ACK, f.next[dir], nil, nil)
	}
	s.send(f, 0, wire.ACK, f.next[0], nil, nil)
}
