package fsm

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/fsm/netsim/mbox"
	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/reasm"
	"github.com/mptcp-go/mptcp/wire"
)

// This file is the other encoding that the paper's section 3.3.3 weighs: the payload of
// a subflow is a sequence of chunks, each with a header that gives its type and length.
// One subflow is enough to see what is wrong with it.
//
//	'D', DSN (8 octets), length (2), octets
//	'A', data acknowledgment (8)
type chunkDesign struct {
	ack    chunkAck
	recode bool // a retransmission carries the newest acknowledgment in an old chunk's place (footnote 5)
	agree  agreement
}

type chunkAck int

const (
	ackInOption   chunkAck = iota // not in the payload at all
	ackInPayload                  // a chunk like any other
	ackExempt                     // a chunk that may be sent beyond the receive window
	ackSlackSpace = 2000          // octets that a receiver takes beyond its window, for such chunks
)

// agreement is how two hosts find out that both want chunks (section 3.1).
type agreement int

const (
	agreed      agreement = iota // they know
	inTwoSteps                   // an option in the SYN and in the SYN/ACK
	byThirdAck                   // ...and in the third segment
	untilAcked                   // ...and in all segments of the client until data of it was acknowledged
	strawOption = strawMap
)

const chunkHeader, ackChunk = 11, 9

// chunkHost is one end.
type chunkHost struct {
	t      testing.TB
	d      chunkDesign
	cfg    *tcp.Config
	flow   *tcp.Flow
	opener bool
	size   int // receive buffer, octets
	room   int // send buffer, octets

	asked, multi, decided, told bool

	// Our stream. out[:wrote] was taken from the application.
	out              []byte
	wrote, una, next int
	chunks           []byte // what the subflow carries, from its first octet
	acks             []int  // where in chunks the acknowledgments are
	wake             time.Time
	tries            int
	err              error

	// The peer's.
	in      *reasm.Buffer
	raw     []byte // in order, but not a whole chunk yet
	got     []byte // in order; the application has read got[:read]
	headers int    // octets of the headers of what it has not read, which use buffer, too
	read    int
	ackSent int
	broken  bool // what came is no chunk
	reads   func() bool
	busy    int // octets that the application has to write for now; 0: all
}

func newChunkHost(t testing.TB, d chunkDesign, seed uint64, opener bool, size, room int) *chunkHost {
	return &chunkHost{t: t, d: d, opener: opener, size: size, room: room, multi: d.agree == agreed, decided: d.agree == agreed,
		cfg: strawConfig(seed, 1<<16-1), in: reasm.NewAllShortcuts(reasm.Config{Octets: 1 << 20})}
}

// slack is how much further than the window the peer's octets may reach.
func (h *chunkHost) slack() int {
	if h.d.ack == ackExempt {
		return ackSlackSpace
	}
	return 0
}

// Write takes what fits into the send buffer, which is freed by data acknowledgments.
func (h *chunkHost) Write() {
	h.wrote = max(h.wrote, min(len(h.out), h.una+h.room))
	if h.busy > 0 {
		h.wrote = min(h.wrote, h.busy)
	}
}

func (h *chunkHost) HandleSegment(now time.Time, seg *wire.Segment) {
	_, option := seg.Options.Find(strawOption)
	if h.flow == nil {
		e, ok := tcp.ParseSYN(seg)
		if !ok {
			return
		}
		f, err := tcp.Accept(now, h.cfg, tcp.Params{Local: seg.Dst, Remote: seg.Src, ISS: 5000}, e)
		if err != nil {
			h.t.Fatal(err)
		}
		h.flow, h.asked = f, option
		h.windows(now)
		return
	}
	switch {
	case h.decided || !h.opener && seg.Flags.Has(wire.SYN):
	case h.opener && seg.Flags.Has(wire.SYN), !h.opener && h.d.agree != inTwoSteps:
		h.multi, h.decided = option && (h.opener || h.asked), true
	default:
		h.multi, h.decided = h.asked, true
	}
	seg.Window = uint16(min(int(seg.Window)+h.slack(), 0xffff))
	in := h.flow.HandleSegment(now, seg, 0)
	if len(in.Data) > 0 {
		_, refused := h.in.Insert(0, in.Off, in.Data)
		h.flow.Keep(now, len(in.Data)-refused)
		h.parse()
	}
	if o, ok := seg.Options.Find(strawAck); ok && h.multi {
		h.takeAck(int(binary.BigEndian.Uint64(o.Data())))
	}
	h.windows(now)
}

// parse takes whole chunks out of what has come in order.
func (h *chunkHost) parse() {
	for b := h.in.Next(); len(b) > 0; b = h.in.Next() {
		h.raw = append(h.raw, b...)
		h.in.Discard(len(b))
	}
	if !h.multi {
		h.got, h.raw = append(h.got, h.raw...), nil
		return
	}
	for len(h.raw) > 0 && !h.broken {
		b := h.raw
		switch {
		case b[0] == 'A' && len(b) >= ackChunk:
			h.takeAck(int(binary.BigEndian.Uint64(b[1:])))
			h.raw = b[ackChunk:]
		case b[0] == 'D' && len(b) >= chunkHeader:
			at, n := int(binary.BigEndian.Uint64(b[1:])), int(binary.BigEndian.Uint16(b[9:]))
			if len(b) < chunkHeader+n {
				return
			}
			if at == len(h.got) {
				h.got = append(h.got, b[chunkHeader:][:n]...)
				h.headers += chunkHeader
			} else {
				h.ackSent = -1 // a repetition: acknowledge again
			}
			h.raw = b[chunkHeader+n:]
		case b[0] == 'A', b[0] == 'D':
			return
		default:
			h.broken = true
		}
	}
}

func (h *chunkHost) takeAck(n int) {
	if n > h.una && n <= h.next {
		h.una, h.tries, h.wake = n, 0, time.Time{}
	}
}

// Read is the application's: it takes all there is.
func (h *chunkHost) Read(now time.Time) {
	h.read, h.headers = len(h.got), 0
	if h.flow != nil {
		h.windows(now)
	}
}

func (h *chunkHost) windows(now time.Time) {
	used := len(h.got) - h.read + h.headers + len(h.raw)
	h.flow.SetWindow(now, max(h.size+h.slack()-used, 0))
}

func (h *chunkHost) HandleTimer(now time.Time) {
	if h.flow != nil {
		h.flow.HandleTimer(now)
	}
	if !h.wake.IsZero() && !now.Before(h.wake) {
		h.wake = time.Time{}
		if h.tries++; h.tries > 10 {
			// "after many retransmits the whole connection will time out"
			h.err = errors.New("no data acknowledgment")
			h.flow.Abort(now)
			return
		}
		if h.flow.Sent() == h.flow.Available() {
			h.chunk(h.una, min(h.next-h.una, strawPacket))
		}
	}
}

func (h *chunkHost) Deadline() time.Time {
	if h.flow == nil {
		return time.Time{}
	}
	at := h.flow.Deadline()
	if !h.wake.IsZero() && (at.IsZero() || h.wake.Before(at)) {
		at = h.wake
	}
	return at
}

func (h *chunkHost) PollSegment(now time.Time, seg *wire.Segment) bool {
	for h.flow != nil {
		out, ok := h.flow.Poll(now, seg)
		if !ok {
			if !h.assign() {
				break
			}
			continue
		}
		var data []byte
		if out.Kind != tcp.KindSYN && out.Max > 0 {
			if h.d.recode && out.Resend {
				h.renew(int(out.Off), int(out.Off)+out.Max)
			}
			data = h.chunks[out.Off:][:out.Max]
		}
		h.dress(&out, seg)
		if h.flow.Commit(now, &out, seg, data) {
			seg.Window = uint16(max(int(seg.Window)-h.slack(), 0))
			return true
		}
		break
	}
	if h.una < h.next && h.wake.IsZero() && h.multi && h.err == nil {
		h.wake = now.Add(min(max(time.Second, 2*h.flow.RTO())<<h.tries, time.Minute))
	}
	return false
}

func (h *chunkHost) dress(out *tcp.Out, seg *wire.Segment) {
	option := []byte{strawOption, 2}
	switch {
	case h.d.agree == agreed:
	case out.Kind == tcp.KindSYN:
		if h.opener || h.asked {
			seg.Options = append(seg.Options, option...)
		}
		return
	case h.opener && h.multi && (h.d.agree == byThirdAck && !h.told || h.d.agree == untilAcked && h.flow.Acked() == 0):
		seg.Options = append(seg.Options, option...)
		h.told = true
	}
	if h.d.ack == ackInOption && h.multi && h.decided {
		seg.Options = binary.BigEndian.AppendUint64(append(seg.Options, strawAck, 10), uint64(len(h.got)))
	}
}

// assign puts one more chunk on the subflow.
func (h *chunkHost) assign() bool {
	f := h.flow
	if !canSend(f) || f.Sent() != f.Available() || !h.decided {
		return false
	}
	if h.multi && h.d.ack != ackInOption && h.ackSent < len(h.got) && (f.Window() >= ackChunk || f.InFlight() == 0) {
		// Where the window is closed the flow probes it with the chunk.
		h.acks = append(h.acks, len(h.chunks))
		h.chunks = binary.BigEndian.AppendUint64(append(h.chunks, 'A'), uint64(len(h.got)))
		h.ackSent = len(h.got)
		return f.Extend(ackChunk) == nil
	}
	n := min(h.wrote-h.next, strawPacket)
	if left := f.PeerWindow() - h.slack() - int(f.Sent()-f.Acked()) - chunkHeader; left < n {
		n = left // like TCP, fill the window to the last octet
	}
	if n <= 0 || f.Window() < n+chunkHeader {
		return false
	}
	if h.multi {
		h.chunk(h.next, n)
	} else {
		h.chunks = append(h.chunks, h.out[h.next:][:n]...)
		_ = f.Extend(n)
		h.una = h.next + n // TCP's own acknowledgment frees it
	}
	h.next += n
	return true
}

// chunk appends n octets of our stream, from off on.
func (h *chunkHost) chunk(off, n int) {
	h.chunks = binary.BigEndian.AppendUint64(append(h.chunks, 'D'), uint64(off))
	h.chunks = binary.BigEndian.AppendUint16(h.chunks, uint16(n))
	h.chunks = append(h.chunks, h.out[off:][:n]...)
	_ = h.flow.Extend(chunkHeader + n)
}

// renew puts the newest acknowledgment into the chunks that lie between two octets.
func (h *chunkHost) renew(from, to int) {
	for _, at := range h.acks {
		if from <= at && at+ackChunk <= to {
			binary.BigEndian.PutUint64(h.chunks[at+1:], uint64(len(h.got)))
		}
	}
}

// chunkPair is a client and a server with chunks, and a path between them.
type chunkPair struct {
	t   testing.TB
	w   *netsim.World
	end [2]*chunkHost
	log []string // what boxes said, from logBoxes on
}

func (x *chunkPair) logBoxes() {
	x.w.Log = func(e netsim.Entry) { x.log = append(x.log, e.String()) }
}

func newChunkPair(t testing.TB, seed uint64, d chunkDesign, size, room int, boxes ...string) *chunkPair {
	t.Helper()
	x := &chunkPair{t: t, w: netsim.New(seed)}
	for i := range x.end {
		x.end[i] = newChunkHost(t, d, uint64(i+1), i == 0, size, room)
	}
	a, b := x.w.AddHost("client", x.end[0]), x.w.AddHost("server", x.end[1])
	var els []netsim.Element
	for _, spec := range boxes {
		els = append(els, mbox.MustParse(spec))
	}
	x.w.Connect(a, clientAddr, b, serverAddr, els...)
	for i, n := range []*netsim.Node{a, b} {
		n.App = func(now time.Time) {
			h := x.end[i]
			h.Write()
			if h.reads == nil || h.reads() {
				h.Read(now)
			}
		}
	}
	f, err := tcp.Open(x.w.Now(), x.end[0].cfg, tcp.Params{Local: netip.AddrPortFrom(clientAddr, 40000), Remote: serverPort, ISS: 9000})
	if err != nil {
		t.Fatal(err)
	}
	x.end[0].flow = f
	return x
}

// done reports whether both streams were read to the end, or cannot be.
func (x *chunkPair) done() bool {
	a, b := x.end[0], x.end[1]
	return a.read >= len(b.out) && b.read >= len(a.out) || a.err != nil || b.err != nil || a.broken || b.broken || a.flow.State() == tcp.Closed
}
