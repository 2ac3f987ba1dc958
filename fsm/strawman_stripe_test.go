package fsm

import (
	"net/netip"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/fsm/netsim/mbox"
	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

// stripeHost is the simplest multipath TCP of the paper's section 3: the segments of
// one regular TCP, with one sequence space, are striped over two paths. Each path has
// seen a handshake with the same initial sequence numbers, a segment is repeated on the
// path that it was sent on, and acknowledgments go back the way the data came, or all by
// one path.
type stripeHost struct {
	t       testing.TB
	cfg     *tcp.Config
	conn    *tcp.Conn
	iss     uint32
	syn     wire.Segment // our SYN or SYN/ACK, and the ACK of the client, to be said again on path 2
	ack     wire.Segment
	extra   []wire.Segment // to be sent on path 2
	second  bool           // path 2 is open
	arrived uint16         // path of the last segment with data
	ackPath uint16         // path of all acknowledgments; 0: that of the data
	sent    [3]int         // data segments by path
}

const stripe = 1448 // octets of data in a segment

func (h *stripeHost) HandleSegment(now time.Time, seg *wire.Segment) {
	if h.conn == nil {
		c, ok, err := tcp.AcceptSYN(now, h.cfg, tcp.Params{ISS: h.iss}, seg, nil)
		if err != nil {
			h.t.Fatal(err)
		}
		if ok {
			h.conn = c
		}
		return
	}
	if seg.Path == 2 && seg.Flags.Has(wire.SYN) {
		// The handshake of path 2 is that of path 1, as seen there.
		answer := h.syn
		if h.second = true; seg.Flags.Has(wire.ACK) {
			answer = h.ack
		}
		answer.Ack = seg.Seq + 1
		h.extra = append(h.extra, answer)
		return
	}
	if len(seg.Payload) > 0 {
		h.arrived = seg.Path
	}
	h.conn.HandleSegment(now, seg)
}

func (h *stripeHost) HandleTimer(now time.Time) { h.conn.HandleTimer(now) }

func (h *stripeHost) Deadline() time.Time {
	if h.conn == nil {
		return time.Time{}
	}
	return h.conn.Deadline()
}

func (h *stripeHost) PollSegment(now time.Time, seg *wire.Segment) bool {
	if len(h.extra) > 0 {
		options := append(seg.Options[:0], h.extra[0].Options...)
		*seg = h.extra[0]
		seg.Options, seg.Path = options, 2
		h.extra = h.extra[1:]
		return true
	}
	if h.conn == nil || !h.conn.PollSegment(now, seg) {
		return false
	}
	clone := *seg
	clone.Options = append(wire.Options(nil), seg.Options...)
	seg.Path = 1
	switch {
	case seg.Flags.Has(wire.SYN):
		if h.syn = clone; !seg.Flags.Has(wire.ACK) {
			h.extra = append(h.extra, clone)
		}
	case len(seg.Payload) > 0:
		if off := seg.Seq - h.iss - 1; h.second && off/stripe%2 == 1 {
			seg.Path = 2
		}
		h.sent[seg.Path]++
	case h.ack.Flags == 0:
		h.ack = clone
	case h.ackPath != 0:
		seg.Path = h.ackPath
	case h.arrived != 0:
		seg.Path = h.arrived
	}
	return true
}

// striped is two such hosts, of which the client sends.
type striped struct {
	w      *netsim.World
	end    [2]*stripeHost
	out    []byte
	wrote  int
	got    []byte
	client error
}

func newStriped(t testing.TB, seed uint64, n int, ackPath uint16, paths ...[]string) *striped {
	t.Helper()
	x := &striped{w: netsim.New(seed), out: stream(n, 1)}
	for i := range x.end {
		x.end[i] = &stripeHost{t: t, cfg: strawConfig(uint64(i+1), 1<<20), iss: uint32(1000 * (i + 1)), ackPath: ackPath}
	}
	a, b := x.w.AddHost("client", x.end[0]), x.w.AddHost("server", x.end[1])
	addrs := [2][2]netip.Addr{{clientAddr, serverAddr}, {clientAddr2, serverAddr2}}
	for i, boxes := range paths {
		var els []netsim.Element
		for _, spec := range boxes {
			els = append(els, mbox.MustParse(spec))
		}
		x.w.Connect(a, addrs[i][0], b, addrs[i][1], els...)
	}
	a.App = func(now time.Time) {
		c := x.end[0].conn
		if x.client = c.Err(); !x.end[0].second || x.client != nil {
			return // path 2 opens first
		}
		k, _ := c.Write(now, x.out[x.wrote:])
		x.wrote += k
	}
	b.App = func(now time.Time) {
		var p [4096]byte
		for c := x.end[1].conn; c != nil; {
			k, _ := c.Read(now, p[:])
			x.got = append(x.got, p[:k]...)
			if k == 0 {
				break
			}
		}
	}
	c, err := tcp.Dial(x.w.Now(), x.end[0].cfg, tcp.Params{Local: netip.AddrPortFrom(clientAddr, 40000), Remote: serverPort, ISS: x.end[0].iss})
	if err != nil {
		t.Fatal(err)
	}
	x.end[0].conn = c
	return x
}

// run runs until everything was read and acknowledged, or the client gave up.
func (x *striped) run(limit time.Duration) (acked int, err error) {
	err = x.w.RunUntil(func() bool {
		return x.client != nil || x.end[0].conn.Flow().Acked() == uint64(len(x.out)) && len(x.got) == len(x.out)
	}, limit)
	if err == nil {
		err = x.client
	}
	return int(x.end[0].conn.Flow().Acked()), err
}
