package trace

import (
	"bytes"

	"github.com/mptcp-go/mptcp/dataseq"
	"github.com/mptcp-go/mptcp/wire"
)

// syn takes a SYN or SYN/ACK, before its options.
func (t *Tracker) syn(sf *Subflow, dir int, s *wire.Segment) {
	d, h := &sf.Dir[dir], &sf.Handshake
	if !d.hasISN { // copies change nothing
		d.isn, d.hasISN = s.Seq, true
		d.ssn1, d.hasSSN, d.guessed = s.Seq+1, true, false
		d.start(s.Seq + 1)
	}
	if s.Flags&wire.ACK == 0 {
		h.SYNs++
		if h.SYN == 0 {
			h.SYN, h.SYNTime = t.ref, t.now
		}
		if s.PayloadLen > 0 && d.synData == 0 {
			d.synData = uint32(s.PayloadLen)
			if t.stored+len(s.Payload) <= t.cfg.Limits.Total {
				d.synOctets = bytes.Clone(s.Payload)
				t.stored += len(d.synOctets)
			}
			d.Payload += uint64(s.PayloadLen)
			if t.cfg.Events {
				t.event(sf, Event{Kind: "syn_data", Len: s.PayloadLen})
			}
		}
		return
	}
	h.SYNACKs++
	if h.SYNACK == 0 {
		h.SYNACK, h.SYNACKTime = t.ref, t.now
	}
	// A SYN/ACK accepts SYN data by acknowledging it; it lies before SSN 1 and
	// outside the data sequence space (RFC 8684 appendix B, RB-01).
	peer := &sf.Dir[dir^1]
	if peer.hasISN && peer.synData > 0 && peer.next == baseOff {
		f := min(s.Ack-(peer.isn+1), peer.synData)
		if int32(f) > 0 {
			peer.ssn1 = peer.isn + 1 + f
			peer.next = baseOff + uint64(f)
			peer.accepted = f
			if sf.Conn != nil {
				t.fastOpen(sf)
			} else if t.cfg.OnData != nil {
				t.cfg.OnData(Piece{Subflow: sf, Side: dir ^ 1, Pos: baseOff, Len: int(f),
					Octets: peer.synOctets[:min(len(peer.synOctets), int(f))], Ref: h.SYN})
			}
		}
	}
}

// fastOpen accounts for accepted SYN data once the opener's IDSN is known.
func (t *Tracker) fastOpen(sf *Subflow) {
	c, fd := sf.Conn, &sf.Dir[0]
	side := sf.Side(0)
	d := &c.Dir[side]
	f := uint64(fd.accepted)
	if f == 0 || !d.HasStart || d.SynData > 0 || sf.Kind != Initial {
		return
	}
	d.SynData = f
	d.Start -= f
	fd.delta, fd.hasDelta = d.Start-baseOff, true
	have := fd.synOctets[:min(uint64(len(fd.synOctets)), f)]
	t.account(sf, 0, d.Start, f, have, uint64(len(have)) == f, true)
	t.stored -= len(fd.synOctets)
	fd.synOctets = nil
}

// thirdACK takes the opener's first ACK. The SYN/ACK may be missing, or come later
// where packets were captured out of order.
func (t *Tracker) thirdACK(sf *Subflow, s *wire.Segment) {
	h := &sf.Handshake
	if h.SYN == 0 && h.SYNACK == 0 || s.Flags&wire.RST != 0 {
		return
	}
	h.ACK, h.ACKTime = t.ref, t.now
	if o, ok := s.Options.FindMPTCP(wire.SubMPCapable); ok {
		m, err := wire.ParseMPCapable(o)
		h.ACKCapable = err == nil && m.HasReceiver
	}
	if o, ok := s.Options.FindMPTCP(wire.SubMPJoin); ok {
		m, err := wire.ParseMPJoin(o)
		h.ACKJoin = err == nil && m.Form == wire.JoinACK
	}
}

// capable takes an MP_CAPABLE option.
func (t *Tracker) capable(sf *Subflow, dir int, s *wire.Segment, opt wire.Option) {
	m, err := wire.ParseMPCapable(opt)
	if err != nil {
		t.malformed(sf, dir, opt)
		if sf.Conn != nil || sf.Kind == Join {
			return
		}
	}
	if sf.Kind == Plain {
		sf.Kind = Initial
	}
	if sf.Conn == nil {
		c := t.newConn(sf)
		if dir == 1 { // the opener's own option is not in the capture
			c.Version = m.Version
		}
	}
	c := sf.Conn
	if c.Subflows[0] != sf {
		return // a flow that also joined another connection
	}
	h := &sf.Handshake
	syn, ack := s.Flags&wire.SYN != 0, s.Flags&wire.ACK != 0
	switch {
	case err != nil && !syn:
	case syn && !ack:
		h.SYNCapable = true
		sf.SynWithOption++
		if err != nil {
			h.SYNFault = OfferLength
			m.Version = wire.Version(opt[2] & 15)
			if len(opt) > 3 {
				m.Flags = wire.CapableFlags(opt[3])
			}
			c.sentVersion = true
		} else {
			h.SYNFault = offerFault(m)
		}
		if !c.hasVersion {
			c.Version = m.Version
		}
		if err == nil || len(opt) > 3 { // of several, the last
			c.Flags[0], c.HasFlags[0] = m.Flags, true
		}
		if err == nil && m.Version == wire.V0 && m.HasSender && !m.HasReceiver {
			t.setKey(c, 0, m.Sender, false)
		}
	case syn:
		if err != nil {
			return
		}
		h.SYNACKCapable = true
		t.conformCapable(sf)
		if !c.hasVersion {
			old := c.Version
			c.Version, c.hasVersion = m.Version, true
			if c.HasKey[0] && old != m.Version {
				t.disown(c, 0)
				t.derive(c, 0)
			}
		}
		if !c.HasFlags[1] {
			c.Flags[1], c.HasFlags[1] = m.Flags, true
		}
		if m.HasSender && !m.HasReceiver {
			t.setKey(c, 1, m.Sender, false)
		}
	default:
		t.capableACK(sf, dir, s, &m)
	}
	c.Checksum = (c.Flags[0]|c.Flags[1])&wire.CapableChecksum != 0
}

// OfferFault is what in a SYN's MP_CAPABLE makes a listener of version 1 ignore it.
type OfferFault uint8

// The faults of an offer.
const (
	OfferSound OfferFault = iota
	OfferLength
	OfferFlagB
	OfferNoAlgorithm
	OfferVersion0
	OfferLength0
	OfferNoHMAC
)

func (f OfferFault) String() string {
	return [...]string{
		"", "its length fits no version", "its flag B is set (R3.1-24)",
		"it names no cryptographic algorithm (R3.1-28)", "it offers version 0 only",
		"its length is that of version 0", "it does not offer HMAC-SHA256",
	}[f%7]
}

// offerFault looks for what is odd in a SYN's MP_CAPABLE.
func offerFault(m wire.MPCapable) OfferFault {
	switch {
	case m.Flags&wire.CapableExtension != 0:
		return OfferFlagB
	case m.Flags&wire.CapableCryptoMask == 0:
		return OfferNoAlgorithm
	case m.Version == wire.V0:
		return OfferVersion0
	case m.Version >= wire.V1 && m.HasSender:
		return OfferLength0
	case m.Flags&wire.CapableHMAC == 0:
		return OfferNoHMAC
	}
	return OfferSound
}

// capableACK takes an MP_CAPABLE on a segment without SYN: the third ACK, its
// copies, and in version 1 the first data.
func (t *Tracker) capableACK(sf *Subflow, dir int, s *wire.Segment, m *wire.MPCapable) {
	c := sf.Conn
	if !m.HasReceiver {
		return
	}
	side := sf.Side(dir)
	if !c.hasVersion {
		c.Version, c.hasVersion = m.Version, true
	}
	if c.HasKey[side^1] && !c.Given[side^1] && c.Key[side^1] != m.Receiver {
		if c.Mismatch == 0 {
			c.Mismatch = t.ref
		}
	} else if !c.HasKey[side^1] {
		t.setKey(c, side^1, m.Receiver, false)
	}
	t.setKey(c, side, m.Sender, false)
	if !c.HasFlags[side] {
		c.Flags[side], c.HasFlags[side] = m.Flags, true
	}
	if dir == 0 {
		t.fastOpen(sf)
	}
	if !m.HasData {
		return
	}
	d, fd := &c.Dir[side], &sf.Dir[dir]
	d.Mappings++
	if m.HasSum {
		d.WithChecksum++
	}
	if m.DataLen == 0 {
		o := wire.DSS{DSN: d.DSN(d.Start), SSN: 1}
		t.infinite(sf, dir, &o, d.Start)
		return
	}
	if !fd.hasSSN {
		fd.guessSSN(s.Seq, 1)
	}
	// The option stands for a mapping of SSN 1 to IDSN+1 (R3.1-17).
	pos := c.IDSN[side] + 1 - d.origin
	t.declare(sf, dir, mapping{
		Mapping: dataseq.Mapping{
			Sub: fd.ssnOff(1), Data: pos, Len: uint64(m.DataLen), Sum: m.Sum, HasSum: m.HasSum,
		},
		ref: t.ref,
	}, c.IDSN[side]+1, 1)
}
