package tcp

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// A bench is one connection and a script that plays its peer: exchange tests read
// as a story. Numbers in the script are relative to the two initial ones, and our
// timestamp clock stands at 1000 when the story begins.
type bench struct {
	t    *testing.T
	now  time.Time
	cfg  *Config
	par  Params
	c    *Conn
	cook *FastOpener
	seg  wire.Segment
	data []byte // the stream we send
	sent int
}

var v6Addr = netip.MustParseAddrPort("[2001:db8::1]:80")

var (
	benchISS  uint32 = 0xffff_fe00 // close to the wrap
	benchPeer uint32 = 0x8000_0100
)

func newBench(t *testing.T, change ...func(*Config)) *bench {
	b := &bench{t: t, now: time.Unix(2_000_000, 0), cfg: testConfig(t, change...), data: pattern(1 << 20)}
	ms := uint32(b.now.UnixMilli() & 0xffff_ffff)
	b.par = Params{Local: clientAddr, Remote: serverAddr, ISS: benchISS, TSOffset: 1000 - ms}
	t.Cleanup(func() {
		if !t.Failed() {
			b.wantIdle("at the end of the story")
		}
	})
	return b
}

func noTS(c *Config)      { c.NoTimestamps = true }
func noSACK(c *Config)    { c.NoSACK = true }
func smallBuf(c *Config)  { c.ReceiveBuffer = 60000 }
func bare(c *Config)      { noTS(c); noSACK(c); c.NoWindowScale = true; c.ReceiveBuffer = 65535 }
func sackOnly(c *Config)  { noTS(c); c.NoWindowScale = true; c.ReceiveBuffer = 65535 }
func oldSACK(c *Config)   { sackOnly(c); c.NoRACK = true }
func withNagle(c *Config) { c.Nagle = true }

func (b *bench) dial() {
	b.t.Helper()
	c, err := Dial(b.now, b.cfg, b.par)
	if err != nil {
		b.t.Fatal(err)
	}
	b.c = c
}

func (b *bench) parse(line string) *wire.Segment {
	b.t.Helper()
	p, err := wire.ParseText(line)
	if err != nil {
		b.t.Fatalf("%q: %v", line, err)
	}
	s := p.Segment
	s.Src, s.Dst = serverAddr, clientAddr
	s.Seq += benchPeer
	if s.Flags.Has(wire.ACK) {
		s.Ack += benchISS
	}
	if !p.HasWin {
		s.Window = 65535
	}
	s.Payload = make([]byte, p.PayloadLen)
	for i := range s.Payload { // each octet is told from the others by its offset
		s.Payload[i] = byte(p.Seq + uint32(i))
	}
	s.Options = append(wire.Options(nil), s.Options...)
	for o := range s.Options.All() {
		if o.Kind() == wire.KindSACK {
			for i := 2; i+4 <= len(o); i += 4 {
				binary.BigEndian.PutUint32(o[i:], binary.BigEndian.Uint32(o[i:])+benchISS)
			}
		}
	}
	return &s
}

// inject is a segment of the peer's that arrives.
func (b *bench) inject(line string) {
	b.t.Helper()
	s := b.parse(line)
	if b.c == nil {
		c, ok, err := AcceptSYN(b.now, b.cfg, b.par, s, b.cook)
		if err != nil || !ok {
			b.t.Fatalf("%q opens nothing: %v", line, err)
		}
		b.c = c
		return
	}
	b.c.HandleSegment(b.now, s)
}

func (b *bench) poll() bool {
	b.seg.Options = make(wire.Options, 0, wire.MaxOptions)
	return b.c.PollSegment(b.now, &b.seg)
}

func (b *bench) text() string {
	return string(wire.AppendText(nil, &b.seg, wire.TextBase{Seq: benchISS, Ack: benchPeer}))
}

// want expects one segment; what line leaves out is not compared.
func (b *bench) want(reason, line string) {
	b.t.Helper()
	p, err := wire.ParseText(line)
	if err != nil {
		b.t.Fatalf("%q: %v", line, err)
	}
	if !b.poll() {
		b.t.Fatalf("%s: want %s, got nothing (%s)", reason, line, b.c.describe())
	}
	if err := p.Match(&b.seg, wire.TextBase{Seq: benchISS, Ack: benchPeer}); err != nil {
		b.t.Fatalf("%s: want %s, got %s: %v", reason, line, b.text(), err)
	}
	off := int(int32(b.seg.Seq - benchISS - 1))
	if b.seg.Flags.Has(wire.SYN) {
		off++
	}
	if n := len(b.seg.Payload); n > 0 && string(b.seg.Payload) != string(b.data[off:off+n]) {
		b.t.Fatalf("%s: %s carries other octets than were written there", reason, b.text())
	}
}

func (b *bench) wantIdle(reason string) {
	b.t.Helper()
	if b.c != nil && b.poll() {
		b.t.Fatalf("%s: want nothing, got %s", reason, b.text())
	}
}

func (b *bench) wantState(s State) {
	b.t.Helper()
	if b.c.State() != s {
		b.t.Fatalf("want state %v, got %v", s, b.c.State())
	}
}

// wait lets time pass. Timers fire at their time; what they want to send waits
// for the next want.
func (b *bench) wait(d time.Duration) {
	end := b.now.Add(d)
	for {
		at := b.c.Deadline()
		if at.IsZero() || at.After(end) {
			break
		}
		b.now = at
		b.c.HandleTimer(b.now)
	}
	b.now = end
}

// wantQuiet lets time pass, in which nothing may be sent.
func (b *bench) wantQuiet(reason string, d time.Duration) {
	b.t.Helper()
	b.wait(d)
	b.wantIdle(reason)
}

func (b *bench) write(n int) {
	b.t.Helper()
	k, err := b.c.Write(b.now, b.data[b.sent:b.sent+n])
	if err != nil || k != n {
		b.t.Fatalf("wrote %d of %d: %v", k, n, err)
	}
	b.sent += n
}

func (b *bench) read(n int) {
	b.t.Helper()
	start := b.c.in.Offset()
	p := make([]byte, n)
	k, err := b.c.Read(b.now, p)
	if err != nil || k != n {
		b.t.Fatalf("read %d of %d: %v", k, n, err)
	}
	for i := range p {
		if p[i] != byte(start+1+uint64(i)) {
			b.t.Fatalf("octet %d is %d", start+uint64(i), p[i])
		}
	}
}

// open completes a handshake as the opener; synack holds the peer's options.
func (b *bench) open(synack string) {
	b.t.Helper()
	b.dial()
	b.want("the SYN", "S 0:0(0)")
	b.wait(100 * time.Millisecond)
	b.inject("S. 0:0(0) ack 1 " + synack)
	b.want("the third ACK", ". 1:1(0) ack 1")
	b.wantState(Established)
	b.c.flow.ack.quick = 0
}

// segments writes n segments of 1000 octets, the MSS of most stories, and sees
// them leave.
func (b *bench) segments(n int) {
	b.t.Helper()
	b.segmentsOf(1000, n)
}

func (b *bench) segmentsOf(size, n int) {
	b.t.Helper()
	first := b.sent
	b.write(size * n)
	for i := range n {
		off := first + size*i + 1
		flags := "."
		if i == n-1 {
			flags = "P."
		}
		b.want("data", fmt.Sprintf("%s %d:%d(%d)", flags, off, off+size, size))
	}
}

func (b *bench) stats() *Stats { return b.c.flow.stats }
func (b *bench) cwnd() int     { w, _ := b.c.flow.Cwnd(); return w }
