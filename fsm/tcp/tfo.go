package tcp

import (
	"crypto/hmac"
	"crypto/sha256"
	"net/netip"

	"github.com/mptcp-go/mptcp/wire"
)

// tryFastOpen reports whether the next SYN uses Fast Open: the first one only,
// since a box that drops such SYNs must not keep us from connecting (RFC 7413
// section 4.1.3.1).
func (f *Flow) tryFastOpen() bool {
	return f.state == SynSent && f.syn.tries == 0 && (f.cfg.FastOpen || f.p.Cookie != nil)
}

// fastOpenData is how many octets of data the SYN may carry.
func (f *Flow) fastOpenData() int64 {
	if !f.tryFastOpen() || len(f.p.Cookie) == 0 {
		return 0
	}
	return f.snd.end
}

// FastOpenReady reports whether the SYN that is sent next may carry data: what is
// declared by then.
func (f *Flow) FastOpenReady() bool { return f.tryFastOpen() && len(f.p.Cookie) > 0 }

// fastOpenResult looks at what the SYN/ACK acknowledged. Data that it left out is
// repeated at once (RFC 7413 section 4.2.1).
func (f *Flow) fastOpenResult(ack int64) {
	if !f.syn.tfoSent {
		return
	}
	if ack > 0 {
		f.stats.FastOpenActive++
	} else {
		f.stats.FastOpenActiveFail++
	}
	b := &f.snd.board
	for i := range b.live() {
		if b.at(i).end > ack {
			b.markLost(i)
		}
	}
}

// SYNData takes the data of the SYN that made this passive flow. Keep must follow
// when there is any. Without Params.FastOpen it returns none: the peer repeats it.
func (f *Flow) SYNData(seg *wire.Segment) In {
	if !f.fastOpen || f.state != SynReceived || len(seg.Payload) == 0 || f.rcv.nxt != 0 {
		return In{}
	}
	n := min(len(seg.Payload), int(f.edge()))
	if n == 0 {
		return In{}
	}
	f.stats.FastOpenPassive++
	f.rcv.pending, f.rcv.handed = 0, n
	return In{Data: seg.Payload[:n]}
}

// FastOpener makes and checks cookies, for a listener (RFC 7413 section 4.1.2).
// Its key is the caller's randomness; changing it withdraws all cookies.
type FastOpener struct{ Key [32]byte }

// CookieSize is the number of octets of the cookies this package makes.
const CookieSize = 8

// Cookie returns the cookie of the client at addr.
func (g *FastOpener) Cookie(addr netip.Addr) (c [CookieSize]byte) {
	a := addr.Unmap().As16()
	m := hmac.New(sha256.New, g.Key[:])
	m.Write(a[:])
	copy(c[:], m.Sum(nil))
	return c
}

// Valid reports, in constant time, whether cookie is that of addr.
func (g *FastOpener) Valid(addr netip.Addr, cookie []byte) bool {
	c := g.Cookie(addr)
	return hmac.Equal(c[:], cookie)
}

// FastOpenRequest reports what a SYN says about Fast Open: whether it has the
// option, and the cookie in it, which aliases the segment; empty asks for one.
func FastOpenRequest(seg *wire.Segment) (cookie []byte, ok bool) {
	opt, ok := seg.Options.Find(wire.KindFastOpen)
	if !ok {
		return nil, false
	}
	cookie, err := wire.ParseFastOpen(opt)
	return cookie, err == nil
}
