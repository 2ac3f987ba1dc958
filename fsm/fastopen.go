package fsm

import (
	"crypto/subtle"
	"net/netip"
	"time"

	"github.com/mptcp-go/mptcp/dataseq"
	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

// Fast Open under Multipath TCP (RFC 8684 appendix B). The octets of a SYN that the
// SYN/ACK acknowledges belong to the stream, but not to the data sequence space: no
// checksum could cover them. What follows them has IDSN+1 and relative SSN 1 (RB-01).
// Here all offsets count from the first octet of the stream; it is the sequence numbers
// that are converted from another origin.

// fastOpen is what a connection keeps of it.
type fastOpen struct {
	early bool   // listener: data flows, and the third packet is awaited
	sent  uint16 // opener: octets in the SYN
	got   uint16 // listener: octets taken from the SYN
}

// fastCookieSize is the size of the cookies we give: beside MP_CAPABLE, timestamps and
// window scale a SYN/ACK has room for no more (appendix B.1, NOTES 1.24).
const fastCookieSize = 6

// maxSYNCookie is the largest cookie for which a SYN has room beside MP_CAPABLE.
const maxSYNCookie = 14

// fastCookies are the cookies that servers gave us, and the servers that a SYN with the
// option does not reach (RFC 7413 section 4.1.3).
type fastCookies struct {
	m     map[netip.Addr]fastCookie
	order []netip.Addr // the oldest first
}

type fastCookie struct {
	size   uint8 // 0: do not even ask
	octets [maxSYNCookie]byte
}

const maxFastCookies = 256

func (f *fastCookies) put(a netip.Addr, c fastCookie) {
	if f.m == nil {
		f.m = map[netip.Addr]fastCookie{}
	}
	if _, known := f.m[a]; !known {
		if len(f.order) == maxFastCookies {
			delete(f.m, f.order[0])
			f.order = append(f.order[:0], f.order[1:]...)
		}
		f.order = append(f.order, a)
	}
	f.m[a] = c
}

// dialFast chooses what the SYN to p.Remote does about Fast Open.
func (e *Endpoint) dialFast(p *tcp.Params) *tcp.Config {
	c, known := e.fastCookies.m[p.Remote.Addr()]
	if !e.tcp.FastOpen || known && c.size == 0 {
		return e.slowTCP
	}
	if known {
		p.Cookie = append([]byte(nil), c.octets[:c.size]...)
	}
	return e.tcp
}

// fillSYN gives the SYN that is sent next what was written so far, if it may have data.
func (c *Conn) fillSYN(s *subflow) {
	if !c.opener || s.index != 0 || s.flow.SYNs() > 0 || !s.flow.FastOpenReady() || c.fo.sent > 0 {
		return
	}
	// Of a segment of the least size everyone takes, options left out.
	n := min(uint64(s.flow.MSS()-wire.MaxOptions), c.snd.buf.end)
	if n == 0 || s.flow.Extend(int(n)) != nil {
		return
	}
	c.fo.sent = uint16(n)
	c.snd.next = n
}

// synAnswered is called at the opener when the handshake is done: what the SYN/ACK
// acknowledged lies outside the data sequence space, and the rest of the SYN's octets is
// declared like any data, as it will be sent again (RB-02).
func (c *Conn) synAnswered(now time.Time, s *subflow) {
	e, a := c.ep, c.remote.Addr()
	cookie := s.flow.FastOpenCookie()
	n := uint64(c.fo.sent)
	took := min(s.flow.Acked(), n)
	switch {
	case !e.tcp.FastOpen:
	case s.flow.SYNs() > 1:
		e.fastCookies.put(a, fastCookie{}) // something may drop such SYNs
	case len(cookie) > 0 && len(cookie) <= maxSYNCookie:
		k := fastCookie{size: uint8(len(cookie))}
		copy(k.octets[:], cookie)
		e.fastCookies.put(a, k)
	}
	if n == 0 {
		return
	}
	if took > 0 {
		c.own.space.IDSN -= took
		s.relOut.ISN = -uint32(took)
		c.snd.una = took
	}
	if took < n {
		// The flow has these octets, and only lacks their mapping.
		m := sent{sub: took, data: took, len: int(n - took)}
		switch {
		case c.mode == plain:
			m.flags |= sentPlain
		case c.version == wire.V1 && !c.hs.proven:
			m.flags |= sentCapable
		}
		c.sum(s, &m)
		s.maps.push(m)
	}
	c.release()
	c.armResend(now)
}

// acceptFast takes a SYN with a valid cookie and data: the connection is there at once.
// It reports false when the SYN is to be treated like any other.
func (e *Endpoint) acceptFast(now time.Time, l *Listener, seg *wire.Segment, syn tcp.Embryo, iss uint32) bool {
	if !e.tcp.FastOpen || len(seg.Payload) == 0 || l.early >= e.cfg.MaxFastOpen {
		return false
	}
	cookie, _ := tcp.FastOpenRequest(seg)
	if o := &e.opts; o.hasCapable && o.capable.Version == wire.V0 || !e.validCookie(seg.Src.Addr(), cookie) {
		return false // version 0 says nothing of data in a SYN
	}
	x := embryo{l: l}
	e.judgeSYN(&x, seg, &e.opts)
	c := e.hatch(&x)
	p := e.params(now, seg.Dst, seg.Src, iss)
	p.FastOpen = true
	f, err := tcp.Accept(now, e.tcp, p, syn)
	if err != nil {
		c.forget()
		return true
	}
	s := c.addSubflow(f)
	c.fo.early = true
	l.early++
	l.ready = append(l.ready, c)
	if in := f.SYNData(seg); len(in.Data) > 0 {
		n := c.insert(s, 0, in.Data)
		f.Keep(now, n)
		c.fo.got = uint16(n)
		c.rcv.top, s.end = uint64(n), uint64(n)
		s.relIn.ISN = -uint32(n)
		s.table.Rel = s.relIn
	}
	c.openWindow(now)
	c.advance(now)
	c.happened(Writable)
	c.settle(now)
	return true
}

// fastCookie returns the cookie of a client.
func (e *Endpoint) fastCookie(a netip.Addr) []byte {
	c := e.fast.Cookie(a)
	return c[:fastCookieSize]
}

func (e *Endpoint) validCookie(a netip.Addr, cookie []byte) bool {
	return subtle.ConstantTimeCompare(cookie, e.fastCookie(a)) == 1
}

// asksForCookie reports whether a SYN asks for a cookie, or has one that is not good any
// more: it gets a new one (RFC 7413 section 4.1.2).
func (e *Endpoint) asksForCookie(seg *wire.Segment) bool {
	if !e.tcp.FastOpen {
		return false
	}
	cookie, asked := tcp.FastOpenRequest(seg)
	if !asked {
		return false
	}
	if len(cookie) > 0 && !e.validCookie(seg.Src.Addr(), cookie) {
		e.tcp.Stats.FastOpenPassiveFail++
		return true
	}
	return len(cookie) == 0
}

// sum computes the checksum of m, on s, where there is one.
func (c *Conn) sum(s *subflow, m *sent) {
	if c.mode != plain && c.checksum {
		m.payload = c.snd.buf.sum(m.data, m.len)
		m.sum = dataseq.PseudoSum(c.own.space.DSN(m.data), s.relOut.SSN(m.sub), m.wireLen()).Add(m.payload).Checksum()
	}
}

// late ends the time in which c flows before its handshake is done.
func (c *Conn) late() {
	if c.fo.early {
		c.fo.early = false
		c.listener.early--
	}
}
