package tcp

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mptcp-go/mptcp/wire"
)

// reach brings a bench into a state by the shortest way.
func (b *bench) reach(s State) {
	b.t.Helper()
	switch s {
	case SynSent:
		b.dial()
		b.want("", "S 0:0(0)")
	case SynReceived:
		b.inject("S 0:0(0) <mss 1000, sackOK>")
		b.want("", "S. 0:0(0)")
	default:
		b.open("<mss 1000, sackOK>")
	}
	fin := func() {
		b.c.CloseWrite(b.now)
		b.want("", "F.")
	}
	peerFin := func(ack int) {
		b.inject(fmt.Sprintf("F. 1:1(0) ack %d", ack))
		b.want("", ".")
	}
	switch s {
	case Closed:
		b.inject("R 1:1(0)")
	case FinWait1:
		fin()
	case FinWait2:
		fin()
		b.inject(". 1:1(0) ack 2")
	case CloseWait:
		peerFin(1)
	case Closing:
		fin()
		peerFin(1)
	case LastAck:
		peerFin(1)
		fin()
	case TimeWait:
		fin()
		peerFin(2)
	}
	b.wantState(s)
}

// TestEveryStateAndInput is T9293-01: whatever arrives in whatever state, nothing
// panics, an error means CLOSED, and CLOSED means no timers. The table of what
// each input leads to is the one of RFC 9293 section 3.10.
func TestEveryStateAndInput(t *testing.T) {
	inputs := []struct {
		name string
		do   func(b *bench)
		to   map[State]State // where it leads; absent: it stays
	}{
		{"RST at RCV.NXT", func(b *bench) { b.c.HandleSegment(b.now, b.at(b.parse("R. 0:0(0) ack 1"), 0)) }, map[State]State{
			SynSent: Closed, SynReceived: Closed, Established: Closed, FinWait1: Closed, FinWait2: Closed, CloseWait: Closed, Closing: Closed, LastAck: Closed}},
		{"RST in the window", func(b *bench) { b.c.HandleSegment(b.now, b.at(b.parse("R 0:0(0)"), 7)) }, nil},
		{"RST outside", func(b *bench) { b.c.HandleSegment(b.now, b.at(b.parse("R 0:0(0)"), -9)) }, nil},
		{"SYN", func(b *bench) { b.inject("S 0:0(0) <mss 1000>") }, map[State]State{SynSent: SynReceived}},
		{"SYN/ACK", func(b *bench) { b.inject("S. 0:0(0) ack 1 <mss 1000>") }, map[State]State{SynSent: Established}},
		{"SYN elsewhere", func(b *bench) { b.inject("S 900:900(0)") }, map[State]State{SynSent: SynReceived}},
		{"ACK of all", func(b *bench) { b.c.HandleSegment(b.now, b.ackAll(".")) }, map[State]State{
			SynReceived: Established, FinWait1: FinWait2, Closing: TimeWait, LastAck: Closed}},
		{"FIN with ACK of all", func(b *bench) { b.c.HandleSegment(b.now, b.ackAll("F.")) }, map[State]State{
			SynReceived: CloseWait, Established: CloseWait, FinWait1: TimeWait, FinWait2: TimeWait, Closing: TimeWait, LastAck: Closed}},
		{"FIN", func(b *bench) { b.c.HandleSegment(b.now, b.at(b.parse("F. 0:0(0) ack 1"), 0)) }, map[State]State{
			SynReceived: CloseWait, Established: CloseWait, FinWait1: Closing, FinWait2: TimeWait}},
		{"ACK from the future", func(b *bench) { b.c.HandleSegment(b.now, b.at(b.parse(". 0:0(0) ack 70000"), 0)) }, nil},
		{"data", func(b *bench) {
			s := b.at(b.parse("P. 0:0(0) ack 1"), 0)
			s.Payload = make([]byte, 100)
			b.c.HandleSegment(b.now, s)
		}, map[State]State{SynReceived: Established}},
		{"no flags", func(b *bench) { b.c.HandleSegment(b.now, b.at(b.parse("- 0:0(0)"), 0)) }, nil},
		{"all flags", func(b *bench) { b.c.HandleSegment(b.now, b.at(b.parse("FSRP.UEW 0:0(0) ack 1"), 0)) }, map[State]State{
			SynSent: Closed}},
		{"bad options", func(b *bench) {
			s := b.at(b.parse(". 0:0(0) ack 1"), 0)
			s.Options = wire.Options{wire.KindSACK, 200, 5, 0, wire.KindTimestamps, 2}
			b.c.HandleSegment(b.now, s)
		}, map[State]State{SynReceived: Established}},
		{"close", func(b *bench) { b.c.CloseWrite(b.now) }, map[State]State{SynSent: Closed, Established: FinWait1, CloseWait: LastAck}},
		{"abort", func(b *bench) { b.c.Abort(b.now) }, map[State]State{SynSent: Closed, SynReceived: Closed, Established: Closed,
			FinWait1: Closed, FinWait2: Closed, CloseWait: Closed, Closing: Closed, LastAck: Closed, TimeWait: Closed}},
		{"write", func(b *bench) { _, _ = b.c.Write(b.now, []byte("hello")) }, nil},
		{"an hour", func(b *bench) { b.wait(time.Hour) }, map[State]State{SynSent: Closed, SynReceived: Closed, FinWait1: Closed,
			Closing: Closed, LastAck: Closed, TimeWait: Closed}},
		{"too big", func(b *bench) { b.c.flow.HandleMTU(b.now, 600, benchISS) }, nil},
		{"unreachable", func(b *bench) { b.c.flow.HandleUnreachable(b.now, benchISS) }, map[State]State{SynSent: Closed}},
	}
	names := make([]string, len(inputs))
	seen := make([][]State, numStates)
	for s := Closed; s < numStates; s++ {
		for i, in := range inputs {
			names[i] = in.name
			b := newBench(t, sackOnly)
			b.reach(s)
			if in.name == "an hour" { // retransmissions leave in between
				for range 100 {
					if d := b.c.Deadline(); !d.IsZero() {
						b.wait(d.Sub(b.now))
						b.poll()
					}
				}
			}
			in.do(b)
			want, ok := in.to[s]
			if !ok {
				want = s
			}
			require.Equal(t, want, b.c.State(), "%v: %s", s, in.name)
			for b.poll() {
			}
			require.Equal(t, want, b.c.State(), "%v: %s, after polling", s, in.name)
			b.c.verify(t)
			if b.c.Err() != nil {
				require.Equal(t, Closed, b.c.State(), "%v: %s: an error means CLOSED", s, in.name)
			}
			seen[s] = append(seen[s], b.c.State())
		}
	}
	checkDiagram(t, names, seen)
}

// at moves a segment to RCV.NXT plus off.
func (b *bench) at(s *wire.Segment, off int) *wire.Segment {
	s.Seq = b.c.flow.rcvSeq(b.c.flow.rcv.nxt) + uint32(off)
	return s
}

// ackAll acknowledges all that was sent.
func (b *bench) ackAll(flags string) *wire.Segment {
	s := b.at(b.parse(flags+" 0:0(0) ack 1"), 0)
	s.Ack = b.c.flow.sndSeq(b.c.flow.snd.nxt)
	return s
}

// TestRandomSegments: any sequence of any segments near the window leaves the
// flow sane, and what it sends well-formed.
func TestRandomSegments(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		r := rand.New(rand.NewPCG(seed, 3))
		b := &bench{t: t, now: time.Unix(2_000_000, 0), cfg: testConfig(t, func(c *Config) {
			c.NoTimestamps, c.NoSACK, c.NoRACK = r.IntN(2) == 0, r.IntN(3) == 0, r.IntN(3) == 0
			c.ReceiveBuffer = pick(r, 1000, 60000, 1<<20)
			c.NoPersist = r.IntN(4) == 0
		}), data: pattern(1 << 18)}
		b.par = Params{Local: clientAddr, Remote: serverAddr, ISS: benchISS, TSOffset: r.Uint32()}
		syn := b.parse("S 0:0(0) <mss 1000, sackOK, TS val 5 ecr 0, wscale 3>")
		if r.IntN(2) == 0 {
			b.dial()
		} else {
			c, _, err := AcceptSYN(b.now, b.cfg, b.par, syn, nil)
			if err != nil {
				rt.Fatal(err)
			}
			b.c = c
		}
		buf := make([]byte, 5000)
		for range 300 {
			f := b.c.flow
			switch r.IntN(8) {
			case 0:
				if b.sent < len(b.data)-5000 {
					n, _ := b.c.Write(b.now, b.data[b.sent:b.sent+r.IntN(5000)])
					b.sent += n
				}
			case 1:
				_, _ = b.c.Read(b.now, buf[:r.IntN(5000)])
			case 2:
				b.wait(time.Duration(r.Int64N(int64(3 * time.Second))))
			case 3:
				if r.IntN(60) == 0 {
					b.c.CloseWrite(b.now)
				}
				if r.IntN(10) == 0 {
					f.HandleMTU(b.now, r.IntN(1600), f.sndSeq(f.snd.una))
				}
			default:
				s := *syn
				s.Options = nil
				s.Flags = pick(r, wire.ACK, wire.ACK, wire.ACK, wire.ACK|wire.PSH, wire.ACK|wire.FIN, wire.SYN|wire.ACK, wire.SYN)
				if r.IntN(40) == 0 {
					s.Flags = wire.Flags(r.IntN(512))
				}
				s.Seq = f.rcvSeq(f.rcv.nxt) + uint32(pick(r, 0, 0, 0, 1, -1, r.IntN(5000), -r.IntN(5000), r.IntN(70000)))
				if s.Flags.Has(wire.SYN) {
					s.Seq = pick(r, benchPeer, benchPeer, s.Seq)
				}
				s.Ack = f.sndSeq(f.snd.una) + uint32(pick(r, 0, 0, 1, -1, r.IntN(20000), int(f.snd.nxt-f.snd.una), int(f.snd.nxt-f.snd.una)))
				s.Window = uint16(pick(r, 0, 1, 100, 5000, 65535, 65535, 65535))
				s.Payload = buf[:pick(r, 0, 0, 0, 1, 100, 1000, 3000)]
				if f.tsOK && r.IntN(20) > 0 {
					s.Options, _ = wire.Timestamps{Val: f.tsRecent + uint32(r.IntN(3)), Ecr: f.tsClock(nanos(b.now)) - uint32(r.IntN(300))}.Append(s.Options)
				}
				if n := r.IntN(4); n > 0 && f.state > SynSent {
					var k [3]wire.SACKBlock
					for i := range k[:n] {
						l := f.sndSeq(f.snd.una) + uint32(r.IntN(20000)) - 500
						k[i] = wire.SACKBlock{Left: l, Right: l + uint32(r.IntN(4000))}
					}
					s.Options, _ = s.Options.AppendSACK(k[:n]...)
				}
				expect, state := f.Acceptable(b.now, &s), f.state
				in := f.HandleSegment(b.now, &s, 0)
				if state > SynSent && s.Flags&(wire.SYN|wire.RST) == 0 && in.Accepted != expect {
					rt.Fatalf("Acceptable says %v, HandleSegment %v: %v %s", expect, in.Accepted, state, wire.AppendText(nil, &s, wire.TextBase{Seq: benchPeer, Ack: benchISS}))
				}
				if len(in.Data) > 0 {
					b.c.take(b.now, in)
				}
				b.c.release()
			}
			for n := 0; b.poll(); n++ {
				if n > 3000 {
					rt.Fatalf("never stops sending: %s", b.text())
				}
				if err := b.seg.Options.Check(); err != nil || len(b.seg.Options) > wire.MaxOptions {
					rt.Fatalf("bad options in %s", b.text())
				}
				off := int(b.seg.Seq - benchISS - 1)
				if n := len(b.seg.Payload); n > 0 && !b.seg.Flags.Has(wire.SYN) && string(b.seg.Payload) != string(b.data[off:off+n]) {
					rt.Fatalf("other octets in %s", b.text())
				}
			}
			b.c.verify(rt)
			if b.c.Err() != nil && b.c.State() != Closed {
				rt.Fatalf("an error, yet %v", b.c.State())
			}
		}
	})
}
