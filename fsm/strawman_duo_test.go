package fsm

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/dataseq"
	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/fsm/netsim/mbox"
	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

// This file is a toy of a multipath transport: one stream in one direction over
// subflows that are real TCP flows, with every choice that the paper's sections 3.3.1
// to 3.3.5 discuss as a switch. With all switches at their zero value it is what the
// paper settles for, and must get through wherever the paper says that this does; a
// strawman is the same code with one switch moved, so that what fails is the design
// and nothing else.
type design struct {
	window  windowDesign
	ack     ackDesign
	mapping mappingDesign
	// finWithData has a FIN in the data sequence space: it goes out on the subflow that
	// carries the last data, and tells the receiver that this was the end (section 3.4).
	finWithData bool
	// freeEarly frees the send buffer when the subflow acknowledges, like TCP
	// (section 3.3.5 has it wait for the DATA_ACK).
	freeEarly bool
}

type windowDesign int

const (
	sharedWindow windowDesign = iota
	// perSubflowWindow: each subflow has its own half of the receive buffer, and its
	// window is TCP's (section 3.3.1).
	perSubflowWindow
	// borrowWindow: ...and a subflow that is stuck gets what the other does not use.
	borrowWindow
)

type ackDesign int

const (
	explicitAck ackDesign = iota
	// inferredAck: the sender computes the data acknowledgment from those of the
	// subflows (section 3.3.2).
	inferredAck
)

type mappingDesign int

const (
	fullMapping mappingDesign = iota // offset from the ISN, DSN, length
	// dsnOnly: the option names the DSN of the segment's first octet (section 3.3.4).
	dsnOnly
	// absoluteMapping: the option names the sequence number, not the offset from the
	// ISN (section 3.3.4).
	absoluteMapping
)

// The options of the toy: kinds for experiments (RFC 4727).
const (
	strawMap = wire.KindExperiment1
	strawAck = wire.KindExperiment2
)

const strawPacket = 1000 // octets of data in a segment of the toy

// strawFlow is one subflow of the toy, at either end.
type strawFlow struct {
	flow  *tcp.Flow
	maps  []strawMapping
	dead  bool   // given up by the sender
	noted uint64 // sender: what was acknowledged below it is in strawSender.acked
	used  int    // receiver: octets that came here and were not read
	pool  int    // receiver, per-subflow windows: this subflow's part of the buffer
	any   bool   // receiver: data came here
}

type strawMapping struct {
	sub, data uint64
	len       int
}

func (s *strawFlow) find(off uint64) *strawMapping {
	for i := len(s.maps) - 1; i >= 0; i-- { // the latest is the likeliest
		if m := &s.maps[i]; m.has(off) {
			return m
		}
	}
	return nil
}

func (m *strawMapping) has(off uint64) bool { return m.sub <= off && off < m.sub+uint64(m.len) }

// strawSender has a stream to send.
type strawSender struct {
	t     testing.TB
	d     design
	cfg   *tcp.Config
	subs  []*strawFlow
	out   []byte
	limit int // octets that the application has written so far

	una, next, edge uint64
	again           []extent
	acked           []bool // inferred acknowledgments and early freeing: by octet
	turn            int
	wake            time.Time // data-level retransmission
	tries           int
	trace           func(now time.Time, sub int, data uint64) // each new segment
}

// strawReceiver reassembles it.
type strawReceiver struct {
	t    testing.TB
	d    design
	cfg  *tcp.Config
	subs []*strawFlow
	size int // octets of buffer

	in        []byte
	by        []int8 // which subflow brought an octet, from 1; 0: missing
	next      uint64 // all below is here
	read      uint64 // all below was read
	overrun   int    // octets that came beyond the buffer and had to be thrown away
	unmapped  int    // octets without mapping
	misplaced int    // octets put where something else belongs
	truth     []byte
	drop      func(sub int, data uint64) bool // a receiver that reneges: data level only
	dropped   int
	moved     time.Time // when next moved last, or buffer was lent
}

func strawConfig(seed uint64, buffer int) *tcp.Config {
	c, err := (tcp.Config{Rand: rand.NewPCG(seed, 3), ReceiveBuffer: buffer}).Validate()
	if err != nil {
		panic(err)
	}
	return c
}

func newStrawSender(t testing.TB, d design, out []byte) *strawSender {
	return &strawSender{t: t, d: d, cfg: strawConfig(1, 1<<16-1), out: out, limit: len(out), acked: make([]bool, len(out)+1)}
}

func newStrawReceiver(t testing.TB, d design, size int, truth []byte) *strawReceiver {
	return &strawReceiver{t: t, d: d, cfg: strawConfig(2, 1<<16-1), size: size, in: make([]byte, len(truth)), by: make([]int8, len(truth)), truth: truth}
}

// open begins a subflow.
func (h *strawSender) open(now time.Time, local, remote netip.AddrPort) {
	f, err := tcp.Open(now, h.cfg, tcp.Params{Local: local, Remote: remote, ISS: uint32(1000 * (len(h.subs) + 1))})
	if err != nil {
		h.t.Fatal(err)
	}
	h.subs = append(h.subs, &strawFlow{flow: f})
}

func (h *strawSender) HandleSegment(now time.Time, seg *wire.Segment) {
	for i, s := range h.subs {
		if s.flow.Local() != seg.Dst || s.flow.Remote() != seg.Src {
			continue
		}
		open := shookHands(s.flow)
		s.flow.HandleSegment(now, seg, 0)
		if !open && shookHands(s.flow) && i == 0 {
			h.edge = uint64(s.flow.PeerWindow())
		}
		if h.d.ack == inferredAck || h.d.freeEarly {
			for ; s.noted < s.flow.Acked(); s.noted++ {
				m := s.find(s.noted)
				h.acked[m.data+(s.noted-m.sub)] = true
			}
		}
		if h.d.ack == inferredAck {
			a := h.una
			for a < h.next && h.acked[a] {
				a++
			}
			h.take(now, a, seg, s)
		} else if o, ok := seg.Options.Find(strawAck); ok {
			h.take(now, binary.BigEndian.Uint64(o.Data()), seg, s)
		}
	}
}

// take takes a data acknowledgment and the window that is relative to it.
func (h *strawSender) take(now time.Time, ack uint64, seg *wire.Segment, s *strawFlow) {
	scale, _ := s.flow.WindowScales()
	h.edge = max(h.edge, ack+uint64(seg.Window)<<scale)
	if ack > h.una {
		h.una, h.tries = ack, 0
		h.wake = time.Time{}
	}
}

// interval is that of the data-level timer (section 3.3.5).
func (h *strawSender) interval() time.Duration {
	d := 400 * time.Millisecond
	for _, s := range h.subs {
		if !s.dead {
			d = max(d, 2*s.flow.RTO())
		}
	}
	return min(d<<min(h.tries, 6), time.Minute)
}

func (h *strawSender) HandleTimer(now time.Time) {
	for _, s := range h.subs {
		s.flow.HandleTimer(now)
		if !s.dead && s.flow.Timeouts() >= 2 && len(h.subs) > 1 {
			s.dead = true // what it carries goes over the others
			for _, m := range s.maps {
				if m.data+uint64(m.len) > h.una {
					h.again = append(h.again, extent{max(m.data, h.una), m.data + uint64(m.len)})
				}
			}
		}
	}
	if !h.wake.IsZero() && !now.Before(h.wake) {
		h.wake = time.Time{}
		h.tries++
		if h.una < h.next && !h.inTransit(h.una) && len(h.again) == 0 {
			h.again = append(h.again, extent{h.una, min(h.una+strawPacket, h.next)})
		}
	}
}

func (h *strawSender) inTransit(off uint64) bool {
	for _, s := range h.subs {
		for _, m := range s.maps {
			if !s.dead && m.data <= off && off < m.data+uint64(m.len) && m.sub+(off-m.data) >= s.flow.Acked() {
				return true
			}
		}
	}
	return false
}

func (h *strawSender) Deadline() time.Time {
	var at time.Time
	for _, s := range h.subs {
		if d := s.flow.Deadline(); !d.IsZero() && (at.IsZero() || d.Before(at)) {
			at = d
		}
	}
	if !h.wake.IsZero() && (at.IsZero() || h.wake.Before(at)) {
		at = h.wake
	}
	return at
}

func (h *strawSender) PollSegment(now time.Time, seg *wire.Segment) bool {
	for {
		for _, s := range h.subs {
			out, ok := s.flow.Poll(now, seg)
			if !ok {
				continue
			}
			var data []byte
			if out.Kind != tcp.KindSYN && out.Max > 0 {
				m := s.find(out.Off)
				skip := out.Off - m.sub
				data = h.out[m.data+skip:][:min(out.Max, m.len-int(skip))]
				h.dress(s, m, skip, seg)
			}
			if s.flow.Commit(now, &out, seg, data) {
				return true
			}
		}
		if !h.assign(now) {
			break
		}
	}
	if h.una < h.next && h.wake.IsZero() {
		h.wake = now.Add(h.interval())
	}
	return false
}

// dress puts the mapping on a segment that begins skip octets into m.
func (h *strawSender) dress(s *strawFlow, m *strawMapping, skip uint64, seg *wire.Segment) {
	b := []byte{strawMap, 16}
	switch h.d.mapping {
	case dsnOnly:
		b[1] = 10
		b = binary.BigEndian.AppendUint64(b, m.data+skip)
	default:
		b = binary.BigEndian.AppendUint64(b, m.data)
		sub := uint32(m.sub)
		if h.d.mapping == absoluteMapping {
			sub += s.flow.ISS() + 1
		}
		b = binary.BigEndian.AppendUint32(b, sub)
		b = binary.BigEndian.AppendUint16(b, uint16(m.len))
	}
	seg.Options = append(seg.Options, b...)
}

// assign binds one packet of data to a subflow: what is to be repeated comes first.
func (h *strawSender) assign(now time.Time) bool {
	for len(h.again) > 0 {
		x := &h.again[0]
		x.lo = max(x.lo, h.una)
		if x.lo < x.hi && h.d.freeEarly && h.acked[x.lo] {
			// It was freed: there is nothing to send any more.
			x.lo++
			continue
		}
		if x.lo >= x.hi {
			h.again = h.again[1:]
			continue
		}
		n := int(min(x.hi-x.lo, strawPacket))
		if h.bind(now, x.lo, n) {
			x.lo += uint64(n)
			return true
		}
		break
	}
	n := int(min(uint64(h.limit)-h.next, strawPacket))
	if h.d.window == sharedWindow && h.next+uint64(n) > h.edge {
		return false
	}
	if n == 0 || !h.bind(now, h.next, n) {
		return false
	}
	h.next += uint64(n)
	return true
}

// bind gives n octets to the next subflow in turn that takes them.
func (h *strawSender) bind(now time.Time, from uint64, n int) bool {
	for i := range h.subs {
		k := (h.turn + i) % len(h.subs)
		s := h.subs[k]
		if s.dead || !canSend(s.flow) || s.flow.Sent() != s.flow.Available() {
			continue
		}
		room := s.flow.Window() >= n
		if h.d.window != sharedWindow && s.flow.InFlight() == 0 {
			room = true // the flow itself probes a closed window with it
		}
		if !room {
			continue
		}
		s.maps = append(s.maps, strawMapping{s.flow.Available(), from, n})
		if s.flow.Extend(n) != nil {
			return false
		}
		if h.trace != nil {
			h.trace(now, k, from)
		}
		h.turn = k + 1
		if h.d.finWithData && from+uint64(n) == uint64(len(h.out)) {
			s.flow.Close(now)
		}
		return true
	}
	return false
}

func (h *strawReceiver) HandleSegment(now time.Time, seg *wire.Segment) {
	for i, s := range h.subs {
		if s.flow.Local() == seg.Dst && s.flow.Remote() == seg.Src {
			h.handle(now, i, s, seg)
			return
		}
	}
	e, ok := tcp.ParseSYN(seg)
	if !ok {
		return
	}
	f, err := tcp.Accept(now, h.cfg, tcp.Params{Local: seg.Dst, Remote: seg.Src, ISS: uint32(77 * (len(h.subs) + 1))}, e)
	if err != nil {
		h.t.Fatal(err)
	}
	h.subs = append(h.subs, &strawFlow{flow: f, pool: h.size / 2})
	h.windows(now)
}

func (h *strawReceiver) handle(now time.Time, i int, s *strawFlow, seg *wire.Segment) {
	in := s.flow.HandleSegment(now, seg, 0)
	if n := len(in.Data); n > 0 {
		s.any = true
		s.flow.Keep(now, h.place(i, s, in, seg))
	}
	for h.next < uint64(len(h.by)) && h.by[h.next] != 0 {
		h.next++
		h.moved = now
	}
	h.windows(now)
}

// place puts what a subflow brought where its mapping says, and returns how many
// octets were kept.
func (h *strawReceiver) place(i int, s *strawFlow, in tcp.In, seg *wire.Segment) int {
	if o, ok := seg.Options.Find(strawMap); ok {
		h.note(s, seg, o.Data())
	}
	var m *strawMapping
	for k := range in.Data {
		off := in.Off + uint64(k)
		if m == nil || !m.has(off) {
			m = s.find(off)
		}
		if m == nil {
			h.unmapped++ // acknowledged at the subflow only (section 3.3.5)
			continue
		}
		data := m.data + (off - m.sub)
		if data >= uint64(len(h.in)) || h.by[data] != 0 {
			continue
		}
		room := data < h.read+uint64(h.size)
		if h.d.window != sharedWindow {
			room = s.used < s.pool
		}
		if !room {
			h.overrun += len(in.Data) - k
			return k
		}
		if h.drop != nil && h.drop(i, data) {
			h.dropped++
			continue
		}
		h.in[data], h.by[data] = in.Data[k], int8(i+1)
		if in.Data[k] != h.truth[data] {
			h.misplaced++
		}
		s.used++
	}
	return len(in.Data)
}

// note remembers a mapping. The first word stands.
func (h *strawReceiver) note(s *strawFlow, seg *wire.Segment, b []byte) {
	space := dataseq.Subflow{ISN: s.flow.IRS()}
	m := strawMapping{data: binary.BigEndian.Uint64(b)}
	var ok bool
	switch h.d.mapping {
	case dsnOnly:
		m.len = len(seg.Payload)
		m.sub, ok = space.Off(s.flow.Received(), seg.Seq)
	case fullMapping:
		m.len, ok = int(binary.BigEndian.Uint16(b[12:])), true
		m.sub = uint64(binary.BigEndian.Uint32(b[8:]))
	case absoluteMapping:
		m.len = int(binary.BigEndian.Uint16(b[12:]))
		m.sub, ok = space.Off(s.flow.Received(), binary.BigEndian.Uint32(b[8:]))
	}
	if ok && s.find(m.sub) == nil {
		s.maps = append(s.maps, m)
	}
}

// readAll is the application: it takes up to n octets; negative: all there are.
func (h *strawReceiver) readAll(now time.Time, n int) {
	for h.read < h.next && n != 0 {
		h.subs[h.by[h.read]-1].used--
		h.read++
		n--
	}
	h.windows(now)
}

// windows tells the flows how much more may come.
func (h *strawReceiver) windows(now time.Time) {
	if h.stuck() && !now.Before(h.moved.Add(strawPatience)) {
		h.moved = now
		for i, s := range h.subs {
			o := h.subs[(i+1)%len(h.subs)]
			if s != o && s.used > 0 && s.pool-s.used < strawPacket && o.pool > o.used {
				s.pool += o.pool - o.used
				o.pool = o.used
				break
			}
		}
	}
	for _, s := range h.subs {
		w := int(h.read) + h.size - int(h.next)
		if h.d.window != sharedWindow {
			w = s.pool - s.used
		}
		s.flow.SetWindow(now, max(w, 0)/strawPacket*strawPacket)
	}
}

// strawPatience is how long a receiver waits before it takes buffer from one subflow
// for another, since that takes back a window it has announced.
const strawPatience = 5 * time.Second

// stuck reports whether there is something here but nothing to read.
func (h *strawReceiver) stuck() bool {
	if h.d.window != borrowWindow || h.read < h.next {
		return false
	}
	for _, s := range h.subs {
		if s.used > 0 && s.pool-s.used < strawPacket {
			return true
		}
	}
	return false
}

func (h *strawReceiver) HandleTimer(now time.Time) {
	for _, s := range h.subs {
		s.flow.HandleTimer(now)
	}
	h.windows(now)
}

func (h *strawReceiver) Deadline() time.Time {
	var at time.Time
	for _, s := range h.subs {
		if d := s.flow.Deadline(); !d.IsZero() && (at.IsZero() || d.Before(at)) {
			at = d
		}
	}
	if d := h.moved.Add(strawPatience); h.stuck() && (at.IsZero() || d.Before(at)) {
		at = d
	}
	return at
}

func (h *strawReceiver) PollSegment(now time.Time, seg *wire.Segment) bool {
	for _, s := range h.subs {
		out, ok := s.flow.Poll(now, seg)
		if !ok {
			continue
		}
		if h.d.ack == explicitAck && out.Kind == tcp.KindAck {
			seg.Options = binary.BigEndian.AppendUint64(append(seg.Options, strawAck, 10), h.next)
		}
		if s.flow.Commit(now, &out, seg, nil) {
			return true
		}
	}
	return false
}

// duo is a toy sender and receiver in a world with two paths.
type duo struct {
	t    testing.TB
	w    *netsim.World
	path [2]*netsim.Path
	snd  *strawSender
	rcv  *strawReceiver
	slow bool // the application reads by script only
}

// newDuo builds the world; paths are specifications of the elements of each.
func newDuo(t testing.TB, seed uint64, d design, size int, out []byte, paths ...[]string) *duo {
	t.Helper()
	x := &duo{t: t, w: netsim.New(seed), snd: newStrawSender(t, d, out), rcv: newStrawReceiver(t, d, size, out)}
	a, b := x.w.AddHost("sender", x.snd), x.w.AddHost("receiver", x.rcv)
	addrs := [2][2]netip.Addr{{clientAddr, serverAddr}, {clientAddr2, serverAddr2}}
	for i, boxes := range paths {
		var els []netsim.Element
		for _, spec := range boxes {
			els = append(els, mbox.MustParse(spec))
		}
		x.path[i] = x.w.Connect(a, addrs[i][0], b, addrs[i][1], els...)
	}
	b.App = func(now time.Time) {
		if !x.slow {
			x.rcv.readAll(now, -1)
		}
	}
	x.w.Progress = func() uint64 { return x.rcv.read }
	return x
}

// open begins the i-th subflow now.
func (x *duo) open(i int) {
	local := [2]netip.Addr{clientAddr, clientAddr2}[i]
	remote := [2]netip.AddrPort{serverPort, serverPort2}[i]
	x.snd.open(x.w.Now(), netip.AddrPortFrom(local, 40000), remote)
}

// at is the receiver's end of the i-th subflow.
func (h *strawReceiver) at(i int) *strawFlow {
	for _, s := range h.subs {
		if s.flow.Remote().Addr() == [2]netip.Addr{clientAddr, clientAddr2}[i] {
			return s
		}
	}
	return nil
}

func (x *duo) done() bool { return x.rcv.read == uint64(len(x.snd.out)) }

// run runs to the end of the stream and returns how that failed: nil if it did not.
func (x *duo) run(limit time.Duration) *netsim.StuckError {
	x.t.Helper()
	err := x.w.RunUntil(x.done, limit)
	if err == nil {
		return nil
	}
	var stuck *netsim.StuckError
	if !errors.As(err, &stuck) {
		x.t.Fatal(err)
	}
	return stuck
}
