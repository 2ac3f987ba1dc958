package mbox

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/fsm/netsim"
)

// stream is a line through which data of one flow is pushed, acknowledged as it goes.
type stream struct {
	line *netsim.Line
	data []byte
	ack  []byte
	seq  uint32
	e    edit
	p, q netsim.Packet
}

func newStream(t testing.TB, spec string) *stream {
	s := &stream{line: netsim.NewLine(1, func(netsim.Dir, []byte) {}, MustParse(spec)), seq: 101}
	for _, l := range lines(handshake) {
		dir, pkt := packet(t, l)
		require.NoError(t, s.line.Input(0, dir, pkt))
	}
	_, s.data = packet(t, "> P. 101:1501(1400) ack 301 win 512 <nop, nop, TS val 2 ecr 9, dss dack4=1 dsn8=1 ssn=1 dll=1400, nop, nop>")
	_, s.ack = packet(t, "< . 301:301(0) ack 101 win 512 <nop, nop, TS val 2 ecr 9>")
	s.p.Data, s.q.Data = s.data, s.ack
	return s
}

func (s *stream) push() {
	s.e.open(&s.p)
	s.e.setSeq(s.seq)
	_ = s.line.Input(0, netsim.Forward, s.data)
	s.seq += 1400
	s.e.open(&s.q)
	s.e.setAck(s.seq)
	_ = s.line.Input(0, netsim.Reverse, s.ack)
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	for _, spec := range []string{"nat", "seq", "strip dss", "strip dss how=remove", "split 500", "hole", "ackfix", "normalize",
		"firewall", "window 100", "dup TS", "ack", "payload find=zzz put=y", "drop has=mp_join"} {
		s := newStream(t, spec)
		for range 100 {
			s.push()
		}
		require.Zero(t, testing.AllocsPerRun(200, s.push), spec)
	}
}

func BenchmarkBoxes(b *testing.B) {
	for _, spec := range []string{"nat", "seq", "strip dss", "strip dss how=remove", "split 500", "coalesce", "ack", "normalize", "firewall", "payload flip count=1", "proxy"} {
		b.Run(spec, func(b *testing.B) {
			s := newStream(b, spec)
			b.SetBytes(1400)
			b.ReportAllocs()
			for b.Loop() {
				s.push()
			}
		})
	}
}
