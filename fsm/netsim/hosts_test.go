package netsim

import (
	"net/netip"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

var (
	clientAddr = netip.MustParseAddrPort("10.0.0.1:40000")
	serverAddr = netip.MustParseAddrPort("10.0.0.2:80")
)

// blaster sends segments on schedule, heeding nothing.
type blaster struct {
	src, dst netip.AddrPort
	every    time.Duration // 0: all at once
	left     int
	size     int
	next     time.Time
	seq      uint32
	segSize  uint16
	summed   bool // the payload's sum comes with the segment
	flags    wire.Flags
	payload  []byte
	options  wire.Options
}

func newBlaster(n, size int, every time.Duration) *blaster {
	return &blaster{src: clientAddr, dst: serverAddr, every: every, left: n, size: size,
		payload: make([]byte, size), flags: wire.ACK, next: Epoch}
}

func (b *blaster) HandleSegment(time.Time, *wire.Segment) {}
func (b *blaster) HandleTimer(time.Time)                  {}
func (b *blaster) Deadline() time.Time {
	if b.left == 0 {
		return time.Time{}
	}
	return b.next
}

func (b *blaster) PollSegment(now time.Time, seg *wire.Segment) bool {
	if b.left == 0 || now.Before(b.next) {
		return false
	}
	b.left--
	b.next = b.next.Add(b.every)
	*seg = wire.Segment{Src: b.src, Dst: b.dst, Seq: b.seq, Ack: 1, Flags: b.flags, Window: 1000,
		Options: append(seg.Options[:0], b.options...), Payload: b.payload[:b.size], SegSize: b.segSize}
	if b.summed {
		var s wire.Segment
		pkt, _ := wire.Append(nil, seg)
		_ = wire.Parse(&s, pkt)
		seg.Sum, seg.PayloadSum = wire.SumGood, s.PayloadSum
	}
	b.seq += uint32(b.size)
	return true
}

// sink remembers what came, and answers nothing.
type sink struct {
	times []time.Duration
	seqs  []uint32
	bad   int
	flags []wire.Flags
	opts  []string
	sizes []int
	paths []PathInfo
	quiet bool // remember nothing
	n     int
}

func (s *sink) HandleSegment(now time.Time, seg *wire.Segment) {
	s.n++
	if s.quiet {
		return
	}
	if seg.Sum != wire.SumGood {
		s.bad++
		return
	}
	s.times = append(s.times, now.Sub(Epoch))
	s.seqs = append(s.seqs, seg.Seq)
	s.flags = append(s.flags, seg.Flags)
	s.opts = append(s.opts, string(seg.Options))
	s.sizes = append(s.sizes, len(seg.Payload))
}
func (s *sink) HandleTimer(time.Time)                     {}
func (s *sink) Deadline() time.Time                       { return time.Time{} }
func (s *sink) PollSegment(time.Time, *wire.Segment) bool { return false }
func (s *sink) HandlePath(_ time.Time, p PathInfo)        { s.paths = append(s.paths, p) }

// stopAndWait sends one segment at a time and repeats it until it is acknowledged;
// as a receiver it acknowledges what comes in order.
type stopAndWait struct {
	src, dst    netip.AddrPort
	send        int // segments to send
	rto         time.Duration
	seq         uint32 // next to be acknowledged
	rcv         uint32 // next to be received
	sendAt      time.Time
	ackDue      bool
	peer        netip.AddrPort
	sent        int
	giveUpAfter int // transmissions; 0: never
}

const sawSize = 100

func (h *stopAndWait) HandleSegment(now time.Time, seg *wire.Segment) {
	if seg.Sum == wire.SumBad {
		return
	}
	if len(seg.Payload) > 0 {
		if seg.Seq == h.rcv {
			h.rcv += uint32(len(seg.Payload))
		}
		h.ackDue, h.peer = true, seg.Src
		return
	}
	if h.send > 0 && seg.Ack == h.seq+sawSize {
		h.seq += sawSize
		h.send--
		h.sendAt = now
	}
}
func (h *stopAndWait) HandleTimer(time.Time) {}
func (h *stopAndWait) Deadline() time.Time {
	if h.send == 0 || h.giveUpAfter > 0 && h.sent >= h.giveUpAfter {
		return time.Time{}
	}
	if h.sendAt.IsZero() {
		return Epoch
	}
	return h.sendAt
}
func (h *stopAndWait) PollSegment(now time.Time, seg *wire.Segment) bool {
	if h.ackDue {
		h.ackDue = false
		*seg = wire.Segment{Src: h.src, Dst: h.peer, Ack: h.rcv, Flags: wire.ACK}
		return true
	}
	if d := h.Deadline(); d.IsZero() || now.Before(d) {
		return false
	}
	h.sent++
	h.sendAt = now.Add(h.rto)
	*seg = wire.Segment{Src: h.src, Dst: h.dst, Seq: h.seq, Flags: wire.ACK, Payload: make([]byte, sawSize)}
	return true
}

// pair is a world of two hosts and one path.
func pair(seed uint64, a, b Host, els ...Element) (*World, *Path) {
	w := New(seed)
	p := w.Connect(w.AddHost("client", a), clientAddr.Addr(), w.AddHost("server", b), serverAddr.Addr(), els...)
	return w, p
}
