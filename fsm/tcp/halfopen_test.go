package tcp

import (
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/wire"
)

func TestHalfOpenSize(t *testing.T) { // NOTES section 4
	require.LessOrEqual(t, int(unsafe.Sizeof(HalfOpen{})), 40)
}

// side is one of two that are to say the same.
type halfSide struct {
	half *HalfOpen
	flow *Flow
	said []string
}

func (s *halfSide) hear(t *testing.T, now time.Time, cfg *Config, p *Params, seg *wire.Segment) {
	if s.half != nil {
		var out wire.Segment
		switch s.half.Judge(now, cfg, p, seg) {
		case StepAnswer:
			s.half.Answer(now, cfg, p, &out)
			s.say(&out)
		case StepChallenge:
			if s.half.Challenge(now, cfg, p, &out) {
				s.say(&out)
			}
		case StepRefuse:
			if ResetFor(seg, &out) {
				s.say(&out)
			}
		case StepForget:
			s.half = nil
		case StepPromote:
			f, err := s.half.Promote(now, cfg, *p)
			require.NoError(t, err)
			s.half, s.flow = nil, f
			s.hear(t, now, cfg, p, seg)
		}
		return
	}
	if s.flow != nil {
		in := s.flow.HandleSegment(now, seg, 0)
		s.flow.Keep(now, len(in.Data))
		s.drain(now)
	}
}

func (s *halfSide) tick(now time.Time, cfg *Config, p *Params) {
	if s.half != nil {
		if nanos(now) < s.half.Due() {
			return
		}
		if !s.half.Expire(now, cfg) {
			s.half = nil
			return
		}
		var out wire.Segment
		s.half.Answer(now, cfg, p, &out)
		s.say(&out)
	}
	if s.flow != nil {
		s.flow.HandleTimer(now)
		s.drain(now)
	}
}

func (s *halfSide) drain(now time.Time) {
	var seg wire.Segment
	for {
		out, ok := s.flow.Poll(now, &seg)
		if !ok || !s.flow.Commit(now, &out, &seg, nil) {
			break
		}
		s.say(&seg)
	}
}

func (s *halfSide) say(seg *wire.Segment) {
	s.said = append(s.said, string(wire.AppendText(nil, seg, wire.TextBase{Seq: benchISS, Ack: benchPeer})))
}

func (s *halfSide) state() State {
	switch {
	case s.half != nil:
		return SynReceived
	case s.flow != nil:
		return s.flow.State()
	}
	return Closed
}

// A half-open record and a flow in SYN-RECEIVED, given the same segments and the same
// time, say the same and come to the same end, whatever is sent to them (RFC 9293
// section 3.10.7.4, RFC 5961, RFC 7323).
func TestHalfOpenIsAFlow(t *testing.T) { // T4987-01, T5961-01, T6298-03
	ends := map[State]int{}
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 6))
		last := ""
		stats := [2]Stats{}
		now := time.Unix(2_000_000, 0)
		cfgs := [2]*Config{}
		for i := range cfgs {
			cfgs[i] = testConfig(t, func(c *Config) {
				c.Stats, c.ChallengeAcks = &stats[i], 10_000
				c.NoTimestamps, c.NoWindowScale, c.NoSACK = seed&1 != 0, seed&2 != 0, seed&4 != 0
				c.ReceiveBuffer = []int{65535, 1 << 20, 5000}[seed%3]
			})
		}
		p := Params{Local: clientAddr, Remote: serverAddr, ISS: benchISS, TSOffset: 7}
		syn := wire.Segment{Src: serverAddr, Dst: clientAddr, Seq: benchPeer, Flags: wire.SYN, Window: uint16(r.Uint32())}
		if r.IntN(4) > 0 {
			syn.Options, _ = syn.Options.AppendMSS(uint16(500 + r.IntN(1000)))
			syn.Options, _ = wire.Timestamps{Val: 100}.Append(syn.Options)
			syn.Options, _ = syn.Options.AppendWindowScale(uint8(r.IntN(15)))
			syn.Options, _ = syn.Options.AppendSACKPermitted()
		}
		e, ok := ParseSYN(&syn)
		require.True(t, ok)
		h := NewHalfOpen(cfgs[0], &p, e)
		f, err := Accept(now, cfgs[1], p, e)
		require.NoError(t, err)
		a, b := &halfSide{half: &h}, &halfSide{flow: f}
		var out wire.Segment
		h.Answer(now, cfgs[0], &p, &out)
		a.say(&out)
		b.drain(now)
		for step := 0; step < 40 && a.state() == SynReceived; step++ {
			require.Equal(t, a.said, b.said, "seed %d", seed)
			require.Equal(t, a.state(), b.state(), "seed %d: %v, after %s", seed, a.said, last)
			require.Equal(t, nanos(b.flow.Deadline()), a.half.Due(), "seed %d: deadlines", seed)
			if r.IntN(4) == 0 {
				now = now.Add(time.Duration(r.IntN(5000)) * time.Millisecond)
				if r.IntN(3) == 0 {
					now = b.flow.Deadline()
				}
				a.tick(now, cfgs[0], &p)
				b.tick(now, cfgs[1], &p)
				continue
			}
			edge := uint32(cfgs[0].ReceiveBuffer)
			seg := wire.Segment{Src: serverAddr, Dst: clientAddr, Window: uint16(r.Uint32()), Flags: wire.Flags(pick(r, int(wire.ACK), int(wire.ACK), int(wire.ACK|wire.FIN),
				int(wire.SYN), int(wire.SYN|wire.ACK), int(wire.RST), int(wire.RST|wire.ACK), int(wire.FIN), int(wire.SYN|wire.RST), int(r.Uint32()&0x17)))}
			seg.Seq = benchPeer + uint32(pick(r, 0, 1, 1, 2, 3, r.IntN(9000), int(edge), int(edge)+1, int(edge)+2, -1, -r.IntN(1000)))
			if seg.Flags.Has(wire.ACK) {
				seg.Ack = benchISS + uint32(pick(r, 0, 1, 2, 2, r.IntN(1000), -r.IntN(1000)))
				if step > 10 {
					seg.Ack = benchISS + 1
				}
			}
			if r.IntN(3) == 0 {
				seg.Payload = make([]byte, r.IntN(20))
			}
			if r.IntN(2) == 0 {
				seg.Options, _ = wire.Timestamps{Val: uint32(100 + r.IntN(20) - 5), Ecr: 1}.Append(seg.Options)
			}
			last = string(wire.AppendText(nil, &seg, wire.TextBase{Seq: benchPeer, Ack: benchISS}))
			a.hear(t, now, cfgs[0], &p, &seg)
			b.hear(t, now, cfgs[1], &p, &seg)
		}
		require.Equal(t, a.said, b.said, "seed %d", seed)
		require.Equal(t, a.state(), b.state(), "seed %d: %v, after %s", seed, a.said, last)
		ends[a.state()]++
		if a.flow != nil && a.flow.State() != Closed {
			sa, _ := a.flow.RTT()
			sb, _ := b.flow.RTT()
			require.Equal(t, sb, sa, "seed %d: RTT", seed)
			ca, ta := a.flow.Cwnd()
			cb, tb := b.flow.Cwnd()
			require.Equal(t, []int{cb, tb}, []int{ca, ta}, "seed %d: cwnd", seed)
			require.Equal(t, b.flow.RTO(), a.flow.RTO(), "seed %d: RTO", seed)
			require.Equal(t, b.flow.MSS(), a.flow.MSS())
			require.Equal(t, b.flow.PeerWindow(), a.flow.PeerWindow())
		}
		for _, s := range []struct{ got, want uint64 }{{stats[0].SynRetrans, stats[1].SynRetrans}, {stats[0].PAWSEstab, stats[1].PAWSEstab},
			{stats[0].OutOfWindow, stats[1].OutOfWindow}, {stats[0].RSTChallenge, stats[1].RSTChallenge}, {stats[0].AttemptFails, stats[1].AttemptFails}} {
			require.Equal(t, s.want, s.got, "seed %d: counters", seed)
		}
	}
	require.Greater(t, ends[Established], 100)
	require.Greater(t, ends[Closed], 100)
	require.Greater(t, ends[CloseWait], 10)
	require.NotZero(t, ends[SynReceived])
}

// Nobody who does not answer is waited for longer than SYNTimeout and one timeout.
func TestHalfOpenGivesUp(t *testing.T) {
	cfg, p := testConfig(t), Params{Local: clientAddr, Remote: serverAddr}
	h := NewHalfOpen(cfg, &p, Embryo{MSS: 1000})
	now := time.Unix(2_000_000, 0)
	start, n := now, 0
	var out wire.Segment
	for {
		h.Answer(now, cfg, &p, &out)
		if now = instant(h.Due()); !h.Expire(now, cfg) {
			break
		}
		n++
	}
	require.Equal(t, 7, n)
	require.Equal(t, 7, h.Backoff())
	require.GreaterOrEqual(t, now.Sub(start), cfg.SYNTimeout)
}
