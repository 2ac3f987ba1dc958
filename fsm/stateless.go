package fsm

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// cookieLife is how long an answer without state may take to come back, at most: see
// tcp.SYNCookies.
const cookieLife = 128 * time.Second

// derive makes the secrets that are not drawn on their own from one that was.
func (e *Endpoint) derive() {
	derived := func(what string) [32]byte {
		return sha256.Sum256(append(e.isn.Secret[:len(e.isn.Secret):len(e.isn.Secret)], what...))
	}
	e.cookies.Secret = derived("cookie")
	e.cookieKey = derived("key")
	e.fast.Key = derived("fast open")
	t := derived("table")
	for i := range e.seed {
		e.seed[i] = binary.LittleEndian.Uint64(t[8*i:]) | 1
	}
	e.subflows.seed, e.embryos.seed, e.joins.seed, e.waits.seed = &e.seed, &e.seed, &e.seed, &e.seed
}

// statelessSecret is the key we give out where nothing is kept: a keyed hash of what
// the third packet will bring back (RFC 8684 section 3.1, R3.1-13). Of the
// alternatives, numbered by n, the first is used whose token is unique.
func (e *Endpoint) statelessSecret(id *shortID, irs, iss uint32, v wire.Version, n int) secret {
	var b [32 + 36 + 8 + 2]byte
	copy(b[:], e.cookieKey[:])
	copy(b[32:], id.local[:])
	copy(b[48:], id.remote[:])
	be := binary.BigEndian
	be.PutUint16(b[64:], id.localPort)
	be.PutUint16(b[66:], id.remotePort)
	be.PutUint32(b[68:], irs)
	be.PutUint32(b[72:], iss)
	b[76], b[77] = byte(v), byte(n)
	h := sha256.Sum256(b[:])
	return newSecret(wire.Key(be.Uint64(h[:])), v)
}

// answerStateless answers a SYN and keeps nothing. The SYN/ACK is never repeated.
func (e *Endpoint) answerStateless(now time.Time, seg *wire.Segment) {
	out := e.replies.next()
	if out == nil {
		return
	}
	if _, ok := e.cookies.Answer(now, e.tcp, e.answerTo(seg), seg, out); !ok {
		return
	}
	out.Path = e.pathOf(seg.Dst.Addr()).ID
	if o := &e.opts; e.wants(seg, o) {
		id := flowID{seg.Dst, seg.Src}.short()
		for n := range keyTries {
			s := e.statelessSecret(&id, seg.Seq, out.Seq, o.capable.Version, n)
			if _, taken := e.tokens[s.token]; taken {
				continue // with none to spare there is no option (R3.1-13)
			}
			m := e.capable(o.capable.Version, !e.cfg.NoChecksum || o.capable.Flags&wire.CapableChecksum != 0)
			m.HasSender, m.Sender = true, s.key
			out.Options, _ = m.Append(out.Options)
			break
		}
	}
	e.stats.SyncookiesSent++
	e.cookieUntil = nanos(now) + int64(cookieLife)
	e.replies.commit()
}

// redeem makes a connection of a third packet whose SYN was answered without state. It
// reports false when seg is none.
func (e *Endpoint) redeem(now time.Time, seg *wire.Segment) bool {
	if nanos(now) >= e.cookieUntil || seg.Flags&(wire.SYN|wire.ACK|wire.RST) != wire.ACK {
		return false
	}
	l := e.listenerFor(seg.Dst)
	if l == nil {
		return false
	}
	f, ok, err := e.cookies.Promote(now, e.tcp, e.answerTo(seg), seg)
	if !ok || err != nil {
		e.stats.SyncookiesFailed++
		// Data that overtook the third packet is passed over: a RST would end what
		// the repetition can begin.
		return len(seg.Payload) > 0
	}
	if len(l.ready) >= e.cfg.Backlog {
		e.stats.ListenOverflows++
		f.Withdraw()
		return true
	}
	e.stats.SyncookiesRecv++
	e.opts.parse(seg.Options, wire.V1)
	x := embryo{l: l}
	e.recognise(&x, seg)
	e.born(now, e.hatch(&x), f, seg)
	return true
}

// recognise finds out from the keys and flags in a third packet what its SYN asked for
// and what it was answered.
func (e *Endpoint) recognise(x *embryo, seg *wire.Segment) {
	m := &e.opts.capable
	if e.cfg.Plain || !e.opts.hasCapable || !m.HasReceiver || !sane(m, seg) || !e.cfg.Versions.has(m.Version) {
		return
	}
	id := flowID{seg.Dst, seg.Src}.short()
	for n := range keyTries {
		s := e.statelessSecret(&id, seg.Seq-1, seg.Ack-1, m.Version, n)
		if s.key != m.Receiver {
			continue
		}
		if _, taken := e.tokens[s.token]; taken { // by now
			e.stats.MPFallbackTokenInit++
			return
		}
		*x = embryo{l: x.l, own: s, peerKey: m.Sender, version: m.Version, asked: true, option: true,
			checksum: !e.cfg.NoChecksum || m.Flags&wire.CapableChecksum != 0}
		return
	}
}
