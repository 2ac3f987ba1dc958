package fsm

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/dataseq"
	"github.com/mptcp-go/mptcp/wire"
)

// bench is one endpoint and a peer that the test plays, segment by segment. In texts
// KO and KP stand for our key and the peer's, and O+n and P+n for the DSN of the octet
// at data offset n of our stream and of the peer's. Sequence numbers are relative.
type bench struct {
	t        testing.TB
	ep       *Endpoint
	conn     *Conn
	now      time.Time
	peerKey  wire.Key
	peerISN  uint32
	ourISN   uint32
	local    netip.AddrPort
	remote   netip.AddrPort
	version  wire.Version
	listener *Listener
	buf      [wire.MaxOptions]byte
	next     wire.Segment // polled already, where ahead is set
	ahead    bool
}

const benchPeerISN = 0x7fff_ff00

func newBench(t testing.TB, client bool, change ...func(*Config)) *bench {
	return newBenchAt(t, client, netip.MustParseAddrPort("10.0.0.2:80"), netip.MustParseAddrPort("10.0.0.1:40000"), change...)
}

// newBenchAt is newBench for other addresses, of a listener and of an opener.
func newBenchAt(t testing.TB, client bool, listener, opener netip.AddrPort, change ...func(*Config)) *bench {
	cfg := Config{Rand: rand.NewPCG(7, 7), NoChecksum: true}
	cfg.TCP.NoTimestamps, cfg.TCP.NoSACK, cfg.TCP.NoWindowScale = true, true, true
	cfg.ReceiveBuffer = 65535
	for _, f := range change {
		f(&cfg)
	}
	ep, err := NewEndpoint(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, ep: ep, now: time.Unix(1_000_000, 0), peerKey: 0x0b0b_0b0b_1234_5678, peerISN: benchPeerISN,
		local: listener, remote: opener, version: cfg.Versions.highest()}
	if client {
		b.local, b.remote = b.remote, b.local
		if b.conn, err = ep.Dial(b.now, b.local, b.remote); err != nil {
			t.Fatal(err)
		}
	} else if b.listener, err = ep.Listen(b.local); err != nil {
		t.Fatal(err)
	}
	return b
}

var dsnText = regexp.MustCompile(`([48]|dsn)=([OP])\+(\d+)`)

func (b *bench) text(s string) string {
	own := wire.Key(0)
	if b.conn != nil {
		own = b.conn.own.key
	} else if b.ep.subflows.n > 0 {
		b.ep.subflows.all(func(s *subflow) { own = s.conn.own.key })
	} else if b.ep.embryos.n > 0 {
		b.ep.embryos.all(func(h *half[embryo]) { own = h.x.own.key })
	}
	return b.textWith(s, own)
}

// textWith is text with own for our key.
func (b *bench) textWith(s string, own wire.Key) string {
	s = strings.ReplaceAll(s, "KO", fmt.Sprintf("%016x", uint64(own)))
	s = strings.ReplaceAll(s, "KP", fmt.Sprintf("%016x", uint64(b.peerKey)))
	return dsnText.ReplaceAllStringFunc(s, func(m string) string {
		p := dsnText.FindStringSubmatch(m)
		n, _ := strconv.ParseUint(p[3], 10, 64)
		k := own
		if p[2] == "P" {
			k = b.peerKey
		}
		dsn := dataseq.Space{IDSN: k.IDSN(b.version)}.DSN(n)
		if p[1] == "4" {
			dsn &= 1<<32 - 1
		}
		return fmt.Sprintf("%s=%d", p[1], dsn)
	})
}

// want polls one segment and compares what is written in text with it.
func (b *bench) want(reason, text string) {
	b.t.Helper()
	p, err := wire.ParseText(b.text(text))
	if err != nil {
		b.t.Fatalf("%s: %q: %v", reason, b.text(text), err)
	}
	var seg wire.Segment
	if !b.poll(&seg) {
		b.t.Fatalf("%s: nothing was sent, want %s", reason, text)
	}
	seg.PayloadLen = len(seg.Payload)
	if seg.Flags.Has(wire.SYN) {
		b.ourISN = seg.Seq
	}
	base := wire.TextBase{Seq: b.ourISN, Ack: b.peerISN}
	if err := p.Match(&seg, base); err != nil {
		b.t.Fatalf("%s: %v\n got %s\nwant %s", reason, err, wire.AppendText(nil, &seg, base), text)
	}
	if !strings.Contains(text, "mp") && !strings.Contains(text, "dss") && !strings.Contains(text, "_addr") {
		if o, ok := seg.Options.Find(wire.KindMPTCP); ok {
			b.t.Fatalf("%s: an MPTCP option nobody asked for: %s", reason, wire.AppendOptionText(nil, o, base))
		}
	}
}

// inject hands the endpoint a segment. Payload octets are those of the stream "abc...".
func (b *bench) inject(text string) {
	b.t.Helper()
	p, err := wire.ParseText(b.text(text))
	if err != nil || len(p.Options) == 0 && strings.Contains(text, "<") {
		b.t.Fatalf("%q: %v", b.text(text), err)
	}
	seg := p.Segment
	seg.Src, seg.Dst = b.remote, b.local
	if !p.HasWin {
		seg.Window = 65535
	}
	for i := range p.PayloadLen {
		seg.Payload = append(seg.Payload, byte('a'+(int(seg.Seq)-1+i)%26))
	}
	seg.Seq += b.peerISN
	if p.HasAck {
		seg.Ack += b.ourISN
	}
	b.ep.HandleSegment(b.now, &seg)
	if b.listener != nil && b.conn == nil {
		b.conn, _ = b.listener.Accept()
	}
}

func (b *bench) wantIdle(reason string) {
	b.t.Helper()
	var seg wire.Segment
	if b.poll(&seg) {
		b.t.Fatalf("%s: %s", reason, wire.AppendText(nil, &seg, wire.TextBase{Seq: b.ourISN, Ack: b.peerISN}))
	}
}

// wait lets time pass, timers included, until something is sent.
func (b *bench) wait(d time.Duration) {
	end := b.now.Add(d)
	for !b.peek() {
		at := b.ep.Deadline()
		if at.IsZero() || at.After(end) {
			b.now = end
			return
		}
		b.now = at
		b.ep.HandleTimer(at)
	}
}

// poll returns the next segment; its slices live until the next call of the bench.
func (b *bench) poll(seg *wire.Segment) bool {
	if b.peek() {
		*seg, b.ahead = b.next, false
		return true
	}
	return false
}

func (b *bench) peek() bool {
	if !b.ahead {
		b.next = wire.Segment{Options: b.buf[:0]}
		b.ahead = b.ep.PollSegment(b.now, &b.next)
	}
	return b.ahead
}

func (b *bench) write(s string) {
	b.t.Helper()
	if n, err := b.conn.Write(b.now, []byte(s)); n != len(s) || err != nil {
		b.t.Fatalf("Write: %d, %v", n, err)
	}
}

func (b *bench) read(want string) {
	b.t.Helper()
	var p [1000]byte
	n, err := b.conn.Read(b.now, p[:])
	if string(p[:n]) != want {
		b.t.Fatalf("Read: %q, %v, want %q", p[:n], err, want)
	}
}

// opened is a client behind the handshake.
func opened(t testing.TB, change ...func(*Config)) *bench {
	b := newBench(t, true, change...)
	b.want("SYN", "S 0:0(0) <mp_capable v1>")
	b.inject("S. 0:0(0) ack 1 <mss 1460, mp_capable v1 H key=KP>")
	b.want("third ACK", ". 1:1(0) ack 1 <mp_capable v1 key=KO+KP>")
	b.wantIdle("nothing more")
	return b
}

// accepted is a server behind the handshake and the client's first octets, "abc".
func accepted(t testing.TB, change ...func(*Config)) *bench {
	return newBench(t, false, change...).accept()
}

// accept has the peer open a connection and send its first octets.
func (b *bench) accept() *bench {
	b.t.Helper()
	b.inject("S 0:0(0) <mss 1460, mp_capable v1 H>")
	b.want("SYN/ACK", "S. 0:0(0) ack 1 <mp_capable v1 key=KO>")
	b.inject("P. 1:4(3) ack 1 <mp_capable v1 H key=KP+KO dll=3>")
	b.want("DATA_ACK", ". 1:1(0) ack 4 <dss dack8=P+3>")
	b.read("abc")
	b.wantIdle("nothing more")
	return b
}

// known is how many tokens are in use; those of the pool are not.
func (e *Endpoint) known() int { return len(e.tokens) - len(e.pool.ready) }
