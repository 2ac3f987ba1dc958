package mbox

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// goBackN is a crude but honest TCP: it accepts in order only, acknowledges
// everything, and goes back to the first octet that is not acknowledged, after a
// timeout or three duplicates. It is the oracle here for which boxes a TCP survives.
type goBackN struct {
	local, remote netip.AddrPort
	listens       bool
	iss, irs      uint32
	synSeen       bool // the peer's
	up            bool // handshake done
	dead          bool // reset

	out      []byte // to send; the FIN follows
	una, nxt int    // offsets into out; len(out)+1 is behind the FIN
	got      []byte
	finGot   bool

	window   int // the peer's, octets
	scales   bool
	peerMSS  int
	stamps   bool
	lastVal  uint32
	ackDue   bool
	synDue   bool
	dups     int
	rto      time.Duration
	resend   time.Time
	segments int // data segments sent
}

const (
	gbnMSS    = 1000
	gbnShift  = 2
	gbnWindow = 20000
	gbnRTO    = 300 * time.Millisecond
)

func newGBN(local, remote netip.AddrPort, listens bool, iss uint32, out []byte) *goBackN {
	return &goBackN{local: local, remote: remote, listens: listens, iss: iss, out: out, rto: gbnRTO,
		synDue: !listens, peerMSS: 536}
}

func (h *goBackN) done() bool { return h.finGot && h.una == len(h.out)+1 }

func (h *goBackN) HandleSegment(now time.Time, s *wire.Segment) {
	if s.Sum != wire.SumGood || h.dead || s.Dst.Port() != h.local.Port() {
		return
	}
	if s.Flags.Has(wire.RST) {
		h.dead = true
		return
	}
	for o := range s.Options.All() {
		switch o.Kind() {
		case wire.KindTimestamps:
			ts, _ := wire.ParseTimestamps(o)
			if s.Flags.Has(wire.SYN) || h.stamps {
				h.stamps, h.lastVal = true, ts.Val
			}
		case wire.KindWindowScale:
			h.scales = true
		case wire.KindMSS:
			v, _ := wire.ParseMSS(o)
			h.peerMSS = int(v)
		}
	}
	if s.Flags.Has(wire.SYN) {
		if h.listens && !h.synSeen {
			h.remote = s.Src
		}
		h.irs, h.synSeen = s.Seq, true
		h.window = int(s.Window)
		h.synDue = h.listens
		if !h.listens && s.Flags.Has(wire.ACK) && s.Ack == h.iss+1 {
			h.establish(now)
			h.ackDue = true
		}
		return
	}
	if !h.synSeen {
		return
	}
	if s.Flags.Has(wire.ACK) {
		h.acked(now, s)
	}
	if n := len(s.Payload); n > 0 || s.Flags.Has(wire.FIN) {
		h.ackDue = true
		off := int(int32(s.Seq - h.irs - 1))
		if k := len(h.got) - off; k >= 0 && k <= n && !h.finGot {
			h.got = append(h.got, s.Payload[k:]...)
			h.finGot = s.Flags.Has(wire.FIN)
		}
	}
}

func (h *goBackN) acked(now time.Time, s *wire.Segment) {
	off := int(int32(s.Ack - h.iss - 1))
	if off < 0 || off > len(h.out)+1 {
		return
	}
	if !h.up {
		h.establish(now)
	}
	h.window = int(s.Window)
	if h.scales {
		h.window <<= gbnShift
	}
	switch {
	case off > h.una:
		h.una, h.nxt, h.dups, h.rto = off, max(h.nxt, off), 0, gbnRTO
		h.resend = now.Add(h.rto)
	case off == h.una && len(s.Payload) == 0 && h.nxt > h.una:
		if h.dups++; h.dups == 3 {
			h.nxt = h.una
		}
	}
}

func (h *goBackN) establish(now time.Time) { h.up, h.resend = true, now.Add(h.rto) }

func (h *goBackN) HandleTimer(now time.Time) {
	if d := h.Deadline(); d.IsZero() || now.Before(d) {
		return
	}
	h.rto = min(2*h.rto, 5*time.Second)
	h.nxt, h.dups = h.una, 0
	h.synDue = !h.up
	h.window = max(h.window, 1)
	h.resend = now.Add(h.rto)
}

func (h *goBackN) Deadline() time.Time {
	if h.dead || h.up && h.una == len(h.out)+1 || h.listens && !h.synSeen {
		return time.Time{}
	}
	if h.resend.IsZero() {
		return netsim.Epoch.Add(h.rto)
	}
	return h.resend
}

func (h *goBackN) PollSegment(now time.Time, s *wire.Segment) bool {
	if h.dead {
		return false
	}
	*s = wire.Segment{Src: h.local, Dst: h.remote, Seq: h.iss + 1 + uint32(h.nxt), Flags: wire.ACK,
		Window: gbnWindow >> gbnShift, Options: s.Options[:0]}
	if !h.scales {
		s.Window = gbnWindow
	}
	s.Ack = h.irs + 1 + uint32(len(h.got))
	if h.finGot {
		s.Ack++
	}
	if h.stamps || h.synDue {
		s.Options, _ = s.Options.AppendNOP(2)
		s.Options, _ = wire.Timestamps{Val: uint32(now.Sub(netsim.Epoch).Milliseconds()) + 1, Ecr: h.lastVal}.Append(s.Options)
	}
	switch {
	case h.synDue:
		h.synDue = false
		s.Seq, s.Flags, s.Window = h.iss, wire.SYN, gbnWindow
		if h.synSeen {
			s.Flags |= wire.ACK
		} else {
			s.Ack = 0
		}
		s.Options, _ = s.Options.AppendMSS(gbnMSS)
		s.Options, _ = s.Options.AppendWindowScale(gbnShift)
		s.Options, _ = wire.MPCapable{Version: wire.V1, Flags: wire.CapableHMAC}.Append(s.Options)
		return true
	case h.up && h.nxt <= len(h.out) && h.nxt < h.una+max(h.window, 0):
		n := min(gbnMSS, h.peerMSS, len(h.out)-h.nxt, h.una+h.window-h.nxt)
		d := wire.DSS{Flags: wire.DSSMap, DSN: uint64(h.nxt), SSN: uint32(h.nxt + 1), DataLen: uint16(n)}
		s.Options, _ = d.Append(s.Options)
		s.Payload = h.out[h.nxt : h.nxt+n]
		h.nxt += n
		h.segments++
		if h.nxt == len(h.out) && h.nxt < h.una+h.window {
			s.Flags |= wire.FIN
			h.nxt++
		}
	case h.ackDue:
	default:
		return false
	}
	h.ackDue = false
	return true
}

// transfer runs both streams through the elements.
func transfer(seed uint64, els ...netsim.Element) (*netsim.World, *netsim.Path, *goBackN, *goBackN) {
	luck := netsim.NewLuck(seed, 99)
	pattern := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(luck.Uint64())
		}
		return b
	}
	a := newGBN(client, server, false, 0xffffc000, pattern(60000))
	b := newGBN(server, netip.AddrPort{}, true, 0x7fffe000, pattern(30000))
	w := netsim.New(seed)
	p := w.Connect(w.AddHost("client", a), client.Addr(), w.AddHost("server", b), server.Addr(), els...)
	return w, p, a, b
}

func intact(a, b *goBackN) bool { return bytes.Equal(a.out, b.got) && bytes.Equal(b.out, a.got) }
