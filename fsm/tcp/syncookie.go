package tcp

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// SYNCookies lets a listener answer SYNs without remembering them (RFC 4987
// section 3.6, T4987-01): the initial sequence number is a keyed hash of the SYN,
// and what its options settled is rebuilt from that number and from the timestamp
// that the third ACK echoes. A SYN/ACK made from a cookie is never repeated.
type SYNCookies struct{ Secret [32]byte }

// cookieMSS are the segment sizes a cookie can express: the smaller next to the
// one offered is used.
var cookieMSS = [8]uint16{216, 536, 1024, 1220, 1360, 1440, 1460, 8960}

const (
	// cookiePeriod is how long a counter value lasts; a cookie is good in the
	// period it was made in and in the next.
	cookiePeriod = 64 * int64(time.Second)
	// Low bits of the timestamp: the scale, or noScale, and whether SACK was
	// offered.
	cookieScaleMask = 0x0f
	cookieNoScale   = 0x0f
	cookieSACK      = 0x10
	cookieTSMask    = 0x1f
)

// Answer fills in out, the SYN/ACK for syn, and reports whether syn is a SYN. The
// embryo is what the flow of the third ACK will be made from, for an owner who
// wants to add options. window is in octets; out's option block is reused.
func (g *SYNCookies) Answer(now time.Time, cfg *Config, p Params, syn, out *wire.Segment) (Embryo, bool) {
	e, ok := ParseSYN(syn)
	if !ok {
		return e, false
	}
	e.limit(cfg)
	p.Local, p.Remote = syn.Dst, syn.Src
	if p.validate() != nil {
		return e, false
	}
	index := 0
	for i, m := range cookieMSS {
		if m <= e.MSS {
			index = i
		}
	}
	e.MSS = cookieMSS[index]
	if !e.TS { // nowhere to keep the rest
		e.SACK, e.Scale, e.SndScale = false, false, 0
	}
	t := nanos(now)
	*out = wire.Segment{Src: syn.Dst, Dst: syn.Src, Path: syn.Path, Options: out.Options[:0], Flags: wire.SYN | wire.ACK,
		Seq: g.iss(syn.Src, syn.Dst, e.IRS, t/cookiePeriod, index), Ack: e.IRS + 1, Window: uint16(min(cfg.ReceiveBuffer, 0xffff))}
	s := synOptions{mss: p.MTU - p.headers(), sack: e.SACK, ts: e.TS, ecr: e.TSVal, wscale: e.Scale, shift: cfg.windowScale()}
	s.val = uint32(t/int64(time.Millisecond))&^cookieTSMask | cookieNoScale
	if e.Scale {
		s.val = s.val&^cookieScaleMask | uint32(e.SndScale)
	}
	if e.SACK {
		s.val |= cookieSACK
	}
	out.Options = s.append(out.Options)
	return e, true
}

// Promote rebuilds the flow that ack, a third ACK, completes, if it acknowledges
// a cookie of ours that is not too old. The flow awaits that very segment: pass it
// to HandleSegment next. The error is that of Accept.
func (g *SYNCookies) Promote(now time.Time, cfg *Config, p Params, ack *wire.Segment) (f *Flow, ok bool, err error) {
	if ack.Flags&(wire.SYN|wire.ACK|wire.RST) != wire.ACK {
		return nil, false, nil
	}
	irs, iss := ack.Seq-1, ack.Ack-1
	period := nanos(now) / cookiePeriod
	index := int(iss & 7)
	if iss != g.iss(ack.Src, ack.Dst, irs, period, index) && iss != g.iss(ack.Src, ack.Dst, irs, period-1, index) {
		return nil, false, nil
	}
	e := Embryo{IRS: irs, MSS: cookieMSS[index], Window: ack.Window}
	var o optionSet
	o.parse(ack.Options)
	if o.hasTS {
		e.TS, e.TSVal = true, o.tsVal
		e.SACK = o.tsEcr&cookieSACK != 0
		if s := uint8(o.tsEcr & cookieScaleMask); s != cookieNoScale {
			e.Scale, e.SndScale = true, s
		}
	}
	p.Local, p.Remote = ack.Dst, ack.Src
	p.ISS, p.TSOffset, p.Promoted = iss, cookieTSMask+1, true // no timestamp goes back
	f, err = Accept(now, cfg, p, e)
	return f, true, err
}

// iss is the cookie: 29 bits of a keyed hash and the index of the MSS. What is hashed
// has one length, so that a secret in front of it is key enough.
func (g *SYNCookies) iss(peer, own netip.AddrPort, irs uint32, period int64, index int) uint32 {
	var b [32 + 16 + 2 + 16 + 2 + 4 + 8 + 1]byte
	copy(b[:], g.Secret[:])
	l, r := peer.Addr().As16(), own.Addr().As16()
	copy(b[32:], l[:])
	binary.BigEndian.PutUint16(b[48:], peer.Port())
	copy(b[50:], r[:])
	binary.BigEndian.PutUint16(b[66:], own.Port())
	binary.BigEndian.PutUint32(b[68:], irs)
	binary.BigEndian.PutUint64(b[72:], uint64(period))
	b[80] = byte(index)
	sum := sha256.Sum256(b[:])
	return binary.BigEndian.Uint32(sum[:])&^7 | uint32(index)
}
