package tcp

import (
	"bytes"
	"container/heap"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// A pair is two connections and the network between them, on virtual time.
// Packets travel as octets.
type pair struct {
	t     testing.TB
	now   time.Time
	start time.Time
	end   [2]*Conn // 0 dials, 1 listens
	cfg   [2]*Config
	par   [2]Params
	cook  *FastOpener
	link  [2]link // link[i] leads away from end i
	queue packets
	seq   int
	log   []string
	quiet bool
	// owns records which octet was sent for each sequence number, by direction.
	sent   [2][]byte
	isn    [2]uint32
	synced [2]bool
	// observe, if set, sees each segment that is sent, before the link.
	observe func(from int, s *wire.Segment)
}

// link is one direction of the network.
type link struct {
	delay time.Duration
	rate  int // octets per second; 0: unlimited
	limit int // octets that may wait for the rate; 0: no bound
	mtu   int // larger packets vanish
	free  time.Time
	// fate says what happens to a packet: how many copies arrive, how much later.
	fate func(s *wire.Segment, n int) (copies int, later time.Duration)
	n    int
}

type packet struct {
	at  time.Time
	seq int
	to  int
	b   []byte
}

type packets []packet

func (p packets) Len() int { return len(p) }
func (p packets) Less(i, j int) bool {
	return p[i].at.Before(p[j].at) || p[i].at.Equal(p[j].at) && p[i].seq < p[j].seq
}
func (p packets) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *packets) Push(x any)   { *p = append(*p, x.(packet)) }
func (p *packets) Pop() any {
	o := *p
	x := o[len(o)-1]
	*p = o[:len(o)-1]
	return x
}

var (
	clientAddr = netip.MustParseAddrPort("10.0.0.1:40000")
	serverAddr = netip.MustParseAddrPort("10.0.0.2:80")
)

func testConfig(t testing.TB, change ...func(*Config)) *Config {
	t.Helper()
	c := Config{Rand: rand.NewPCG(1, 2)}
	for _, f := range change {
		f(&c)
	}
	v, err := c.Validate()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func newPair(t testing.TB, client, server *Config) *pair {
	p := &pair{t: t, now: time.Unix(1_000_000, 0), cfg: [2]*Config{client, server}}
	p.start = p.now
	p.par[0] = Params{Local: clientAddr, Remote: serverAddr, ISS: 0xffff_f000, TSOffset: 0xffff_0000}
	p.par[1] = Params{ISS: 0x7fff_ff00, TSOffset: 77}
	p.link[0].delay, p.link[1].delay = 10*time.Millisecond, 10*time.Millisecond
	t.Cleanup(func() {
		if t.Failed() && !p.quiet {
			for _, l := range p.log[max(0, len(p.log)-80):] {
				t.Log(l)
			}
		}
	})
	return p
}

func (p *pair) dial() {
	c, err := Dial(p.now, p.cfg[0], p.par[0])
	if err != nil {
		p.t.Fatal(err)
	}
	p.end[0] = c
	p.drain(0)
}

// drain sends what end i has to send.
func (p *pair) drain(i int) {
	var opts [wire.MaxOptions]byte
	seg := wire.Segment{Options: opts[:0]}
	for n := 0; p.end[i].PollSegment(p.now, &seg); n++ {
		if n > 100000 {
			p.t.Fatalf("end %d never stops sending: %s", i, wire.AppendText(nil, &seg, wire.TextBase{}))
		}
		p.transmit(i, &seg)
	}
}

func (p *pair) transmit(from int, s *wire.Segment) {
	p.check(from, s)
	if p.observe != nil {
		p.observe(from, s)
	}
	l := &p.link[from]
	l.n++
	copies, later := 1, time.Duration(0)
	if l.fate != nil {
		copies, later = l.fate(s, l.n)
	}
	size := 40 + len(s.Options) + len(s.Payload)
	if l.mtu > 0 && size > l.mtu && s.SegSize == 0 {
		copies = 0
	}
	depart := p.now
	if l.rate > 0 {
		if l.free.Before(p.now) {
			l.free = p.now
		}
		wait := l.free.Sub(p.now)
		if l.limit > 0 && int(wait.Seconds()*float64(l.rate)) > l.limit {
			copies = 0
		} else {
			l.free = l.free.Add(time.Duration(float64(size) / float64(l.rate) * 1e9))
			depart = l.free
		}
	}
	p.logf("%v %d> %s (x%d)", p.now.Sub(p.start), from, wire.AppendText(nil, s, wire.TextBase{}), copies)
	for k := range copies {
		// As a network card would, cut what is larger than a segment.
		p.cut(s, func(s *wire.Segment) {
			b, err := wire.Append(nil, s)
			if err != nil {
				p.t.Fatal(err)
			}
			p.seq++
			heap.Push(&p.queue, packet{at: depart.Add(l.delay + later + time.Duration(k)*time.Millisecond), seq: p.seq, to: 1 - from, b: b})
		})
	}
}

func (p *pair) cut(s *wire.Segment, send func(*wire.Segment)) {
	per := int(s.SegSize)
	if per == 0 || len(s.Payload) <= per {
		send(s)
		return
	}
	for off := 0; off < len(s.Payload); off += per {
		part := *s
		part.SegSize = 0
		part.Seq += uint32(off)
		part.Payload = s.Payload[off:min(off+per, len(s.Payload))]
		if off+per < len(s.Payload) {
			part.Flags &^= wire.FIN | wire.PSH
		}
		send(&part)
	}
}

// check holds every segment that is sent against what must always be true.
func (p *pair) check(from int, s *wire.Segment) {
	if len(s.Options) > wire.MaxOptions || s.Options.Check() != nil {
		p.t.Fatalf("bad options in %s", wire.AppendText(nil, s, wire.TextBase{}))
	}
	if s.Flags.Has(wire.SYN) {
		p.isn[from], p.synced[from] = s.Seq, true
		p.note(from, 0, s.Payload)
		return
	}
	if len(s.Payload) > 0 {
		base := int(s.Seq - (p.isn[from] + 1))
		// A stream of more than 4 GiB is not what these tests send.
		p.note(from, base, s.Payload)
	}
}

// note checks that the same numbers carry the same octets (invariant 6 of the
// design).
func (p *pair) note(from, off int, b []byte) {
	for len(p.sent[from]) < off+len(b) {
		known := len(p.sent[from])
		if known < off {
			p.t.Fatalf("a gap of %d octets in what end %d sends", off-known, from)
		}
		p.sent[from] = append(p.sent[from], b[known-off:]...)
	}
	if !bytes.Equal(p.sent[from][off:off+len(b)], b) {
		p.t.Fatalf("end %d sends other octets for the same numbers at %d", from, off)
	}
}

func (p *pair) logf(format string, a ...any) {
	if !p.quiet {
		p.log = append(p.log, fmt.Sprintf(format, a...))
	}
}

// step goes on to the next event, and reports false when there is none before
// the limit.
func (p *pair) step(limit time.Time) bool {
	var next time.Time
	which := -1
	if len(p.queue) > 0 {
		next, which = p.queue[0].at, 2
	}
	for i, c := range p.end {
		if c == nil {
			continue
		}
		if d := c.Deadline(); !d.IsZero() && (which < 0 || d.Before(next)) {
			next, which = d, i
		}
	}
	if which < 0 || next.After(limit) {
		return false
	}
	if next.After(p.now) {
		p.now = next
	}
	if which == 2 {
		p.deliver(heap.Pop(&p.queue).(packet))
		return true
	}
	p.end[which].HandleTimer(p.now)
	if d := p.end[which].Deadline(); !d.IsZero() && !d.After(p.now) {
		p.t.Fatalf("end %d: HandleTimer left a deadline of %v in the past: %v", which, d, p.end[which].flow.timers)
	}
	p.drain(which)
	return true
}

func (p *pair) deliver(k packet) {
	var s wire.Segment
	if err := wire.Parse(&s, k.b); err != nil || s.Sum != wire.SumGood {
		p.t.Fatal("packet damaged:", err, s.Sum)
	}
	if p.end[k.to] == nil {
		if k.to == 0 {
			return
		}
		c, ok, err := AcceptSYN(p.now, p.cfg[1], p.par[1], &s, p.cook)
		if err != nil {
			p.t.Fatal(err)
		}
		if !ok {
			return
		}
		p.end[1] = c
	} else if c := p.end[k.to]; c.State() == Closed {
		var r wire.Segment // as a host answers for ports that are not in use
		if ResetFor(&s, &r) {
			p.transmit(k.to, &r)
		}
	} else {
		c.HandleSegment(p.now, &s)
	}
	p.drain(k.to)
}

// run goes on for d.
func (p *pair) run(d time.Duration) {
	limit := p.now.Add(d)
	for p.step(limit) {
	}
	p.now = limit
}

// runUntil goes on until done, and fails when that takes longer than d.
func (p *pair) runUntil(d time.Duration, done func() bool) {
	p.t.Helper()
	limit := p.now.Add(d)
	for !done() {
		if !p.step(limit) {
			p.t.Fatalf("not done after %v: %v %v", d, p.end[0].describe(), p.end[1].describe())
		}
	}
}

func (c *Conn) describe() string {
	if c == nil {
		return "none"
	}
	f := c.flow
	cwnd, ss := f.Cwnd()
	return fmt.Sprintf("[%v err=%v una=%d nxt=%d end=%d wnd=%d rcv=%d cwnd=%d/%d pipe=%d mode=%d board=%d lost=%d sacked=%d timers=%v]",
		f.state, f.err, f.snd.una, f.snd.nxt, f.snd.end, f.snd.wnd, f.rcv.nxt, cwnd, ss, f.pipe(), f.snd.mode, f.snd.board.len(), f.snd.board.lost, f.snd.board.sacked, f.timers)
}

func (p *pair) connect() {
	p.t.Helper()
	p.dial()
	p.runUntil(10*time.Second, func() bool {
		return p.end[1] != nil && p.end[0].State() == Established && p.end[1].State() == Established
	})
}

// pattern is a stream in which no two nearby stretches are alike.
func pattern(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(9, 9))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// transfer pumps data from one end to the other and returns what arrived, with
// both sides' applications as fast as the buffers.
type transfer struct {
	p     *pair
	from  int
	data  []byte
	wrote int
	got   []byte
	eof   bool
	buf   []byte
	close bool
	shut  bool
}

func (x *transfer) pump() {
	p := x.p
	if c := p.end[x.from]; c != nil && x.wrote < len(x.data) {
		n, err := c.Write(p.now, x.data[x.wrote:])
		if err != nil {
			p.t.Fatalf("write: %v", err)
		}
		x.wrote += n
		if n > 0 {
			p.drain(x.from)
		}
	}
	if c := p.end[x.from]; c != nil && x.wrote == len(x.data) && x.close && !x.shut && c.State() != SynSent {
		x.shut = true
		p.end[x.from].CloseWrite(p.now)
		p.drain(x.from)
	}
	c := p.end[1-x.from]
	if c == nil || x.eof {
		return
	}
	if x.buf == nil {
		x.buf = make([]byte, 1<<16)
	}
	for {
		n, err := c.Read(p.now, x.buf)
		x.got = append(x.got, x.buf[:n]...)
		if err == io.EOF {
			x.eof = true
		} else if err != nil {
			p.t.Fatalf("read: %v", err)
		}
		if n == 0 {
			break
		}
		p.drain(1 - x.from)
	}
}

func (x *transfer) done() bool {
	x.pump()
	return len(x.got) == len(x.data) && (!x.close || x.eof)
}

// send transfers data from one end and checks it.
func (p *pair) send(from int, data []byte, within time.Duration) {
	p.t.Helper()
	x := &transfer{p: p, from: from, data: data}
	p.runUntil(within, x.done)
	if !bytes.Equal(x.got, data) {
		p.t.Fatal("the stream was changed on its way")
	}
}
