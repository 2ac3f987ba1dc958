package tcp

import (
	"encoding/binary"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/reasm"
	"github.com/mptcp-go/mptcp/wire"
)

func TestSYNCookies(t *testing.T) { // RFC 4987 section 3.6, T4987-01
	g := &SYNCookies{Secret: [32]byte{3}}
	for _, c := range []struct {
		syn, synack, ack string
		mss              int
		sack, ts         bool
		scale            uint8
	}{
		{"S 0:0(0) <mss 1400, sackOK, TS val 9 ecr 0, wscale 7>", "S. 0:0(0) ack 1 <mss 1460, sackOK, wscale 5>", ". 1:1(0) ack 1", 1360, true, true, 7},
		{"S 0:0(0) <mss 1460, TS val 9 ecr 0>", "S. 0:0(0) ack 1 <mss 1460>", ". 1:1(0) ack 1", 1460, false, true, 0},
		{"S 0:0(0) <mss 9000, sackOK, wscale 7>", "S. 0:0(0) ack 1 <mss 1460>", ". 1:1(0) ack 1", 1460, false, false, 0},
		{"S 0:0(0)", "S. 0:0(0) ack 1 <mss 1460>", ". 1:1(0) ack 1", 536, false, false, 0},
	} {
		b := newBench(t)
		var out wire.Segment
		_, ok := g.Answer(b.now, b.cfg, b.par, b.parse(c.syn), &out)
		require.True(t, ok)
		p, err := wire.ParseText(c.synack)
		require.NoError(t, err)
		require.NoError(t, p.Match(&out, wire.TextBase{Seq: out.Seq, Ack: benchPeer}), c.syn)

		b.now = b.now.Add(time.Second)
		ack := b.parse(c.ack)
		ack.Ack = out.Seq + 1
		var o optionSet
		o.parse(out.Options)
		if o.hasTS {
			ack.Options, _ = wire.Timestamps{Val: 20, Ecr: o.tsVal}.Append(nil)
		}
		f, ok, err := g.Promote(b.now, b.cfg, b.par, ack)
		require.NoError(t, err)
		require.True(t, ok)
		f.HandleSegment(b.now, ack, 0)
		require.Equal(t, Established, f.State())
		require.Equal(t, c.mss, f.MSS())
		require.Equal(t, c.sack, f.SACK())
		require.Equal(t, c.ts, f.Timestamps())
		peer, _ := f.WindowScales()
		require.Equal(t, c.scale, peer)
		require.Positive(t, int32(f.tsClock(nanos(b.now))-o.tsVal), "the timestamp clock goes on")

		ack.Ack++
		_, ok, _ = g.Promote(b.now, b.cfg, b.par, ack)
		require.False(t, ok, "a number that is no cookie")
		ack.Ack--
		_, ok, _ = g.Promote(b.now.Add(3*time.Minute), b.cfg, b.par, ack)
		require.False(t, ok, "one that is too old")
		ack.Src = v6Addr
		ack.Dst = v6Addr
		_, ok, _ = g.Promote(b.now, b.cfg, b.par, ack)
		require.False(t, ok, "one of somebody else")
	}
}

func TestMemory(t *testing.T) { // NOTES section 4: an idle connection and what waits
	require.LessOrEqual(t, int(unsafe.Sizeof(Embryo{})), 32)
	require.LessOrEqual(t, int(unsafe.Sizeof(TimeWaiter{})), 96)
	fixed := unsafe.Sizeof(Conn{}) + unsafe.Sizeof(Flow{}) + unsafe.Sizeof(reasm.Buffer{}) + unsafe.Sizeof(reasm.Ranges{})
	t.Logf("connection %d, of it the flow %d octets", fixed, unsafe.Sizeof(Flow{}))
	require.LessOrEqual(t, int(fixed), 3000)

	// Measured: connections that were used, fell idle and were trimmed.
	p := newPair(t, testConfig(t, shared), testConfig(t, shared))
	p.connect()
	p.send(0, pattern(200000), time.Minute)
	p.send(1, pattern(200000), time.Minute)
	p.run(time.Minute)
	for _, c := range p.end {
		c.Trim()
		require.Empty(t, c.out.blocks)
		require.Nil(t, c.out.spare)
		require.Nil(t, c.flow.snd.board.spans)
	}
	p.send(0, pattern(200000), time.Minute) // and they still work
}

func shared(c *Config) { c.Stats = new(Stats) }

func TestCanonicalState(t *testing.T) { // DESIGN section 6: states that differ in clocks alone are one
	story := func(wait time.Duration, ack string) []byte {
		b := newBench(t, sackOnly)
		b.open("<mss 1000, sackOK>")
		b.wait(wait)
		b.segments(4)
		b.wait(wait / 10)
		b.inject(ack)
		return b.c.flow.AppendState(nil)
	}
	require.Equal(t, story(100*time.Millisecond, ". 1:1(0) ack 1001"), story(150*time.Millisecond, ". 1:1(0) ack 1001"))
	require.NotEqual(t, story(100*time.Millisecond, ". 1:1(0) ack 1001"), story(100*time.Millisecond, ". 1:1(0) ack 2001"))
}

func TestSameInputsSameOctets(t *testing.T) { // DESIGN rule 3
	run := func() []string {
		p := newPair(t, testConfig(t), testConfig(t))
		p.link[0].fate = func(_ *wire.Segment, n int) (int, time.Duration) { return 1 + n%11/10 - n%17/16, 0 }
		p.connect()
		p.send(0, pattern(300000), time.Minute)
		return p.log
	}
	require.Equal(t, run(), run())
}

func TestSequenceWrapsInEveryField(t *testing.T) { // 32 bits pass by in both directions, SACK included
	p := newPair(t, testConfig(t), testConfig(t))
	for i := range p.par {
		p.par[i].ISS = 0xffff_ffff - 20000*uint32(i+1)
		p.par[i].TSOffset = -uint32(p.now.UnixMilli()&0xffff_ffff) - 200 // wraps after 0.2 s
	}
	p.link[0].fate = func(_ *wire.Segment, n int) (int, time.Duration) {
		if n%9 == 0 {
			return 0, 0
		}
		return 1, 0
	}
	p.connect()
	p.send(0, pattern(100000), time.Minute)
	p.send(1, pattern(100000), time.Minute)
	require.Zero(t, p.end[1].flow.stats.PAWSEstab)
	require.Zero(t, p.end[1].flow.stats.AckUnsent)
}

func TestSpanSplitKeepsTheFinAtTheEnd(t *testing.T) {
	var b scoreboard
	b.push(span{off: 0, end: 101, flags: finished})
	require.EqualValues(t, 100, b.at(0).data())
	b.split(0, 50)
	require.EqualValues(t, 50, b.at(0).data())
	require.EqualValues(t, 50, b.at(1).data())
}

func TestOptionsThatLie(t *testing.T) { // T9293-04: MUST-6 and MUST-7
	var o optionSet
	o.parse(wire.Options{77, 4, 1, 2, wire.KindMSS, 4, 5, 0xb4, wire.KindSACKPermitted, 3, 0, wire.KindWindowScale, 3, 9, 99, 0})
	require.True(t, o.hasMSS, "behind an unknown option")
	require.EqualValues(t, 1460, o.mss)
	require.False(t, o.sackOK, "of a wrong length")
	require.True(t, o.hasScale)
	for n := range 40 {
		junk := make(wire.Options, n)
		for i := range junk {
			junk[i] = byte(i * 37)
			if i%5 == 1 {
				binary.BigEndian.PutUint16(junk[i-1:], 0x0502)
			}
		}
		o.parse(junk)
	}
}
