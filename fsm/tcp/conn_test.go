package tcp

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/wire"
)

func TestTransfer(t *testing.T) {
	p := newPair(t, testConfig(t), testConfig(t))
	p.connect()
	p.send(0, pattern(300000), 5*time.Second)
	p.send(1, pattern(300000), 5*time.Second)
	s := p.end[0].flow.stats
	require.Zero(t, s.RetransSegs, "a clean path needs no retransmission")
	require.Zero(t, p.end[1].flow.stats.RetransSegs)
	require.Zero(t, s.OFOQueue)
}

// TestCloseInEveryOrder is RFC 9293 section 3.6, T9293-01.
func TestCloseInEveryOrder(t *testing.T) {
	for _, c := range []struct {
		name   string
		act    func(p *pair)
		first  [2]State // after the dust has settled
		expect [2]State // after TIME-WAIT
	}{
		{"active first", func(p *pair) {
			p.end[0].CloseWrite(p.now)
			p.drain(0)
			p.run(time.Second)
			p.end[1].CloseWrite(p.now)
			p.drain(1)
		}, [2]State{TimeWait, Closed}, [2]State{}},
		{"passive first", func(p *pair) {
			p.end[1].CloseWrite(p.now)
			p.drain(1)
			p.run(time.Second)
			p.end[0].CloseWrite(p.now)
			p.drain(0)
		}, [2]State{Closed, TimeWait}, [2]State{}},
		{"both at once", func(p *pair) {
			p.end[0].CloseWrite(p.now)
			p.end[1].CloseWrite(p.now)
			p.drain(0)
			p.drain(1)
		}, [2]State{TimeWait, TimeWait}, [2]State{}},
		{"half close", func(p *pair) {
			p.end[0].CloseWrite(p.now)
			p.drain(0)
		}, [2]State{FinWait2, CloseWait}, [2]State{FinWait2, CloseWait}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t, testConfig(t), testConfig(t))
			p.connect()
			p.send(0, pattern(10000), time.Second)
			c.act(p)
			p.run(2 * time.Second)
			require.Equal(t, c.first, [2]State{p.end[0].State(), p.end[1].State()})
			p.run(2 * time.Minute)
			require.Equal(t, c.expect, [2]State{p.end[0].State(), p.end[1].State()})
			require.NoError(t, p.end[0].Err())
			require.NoError(t, p.end[1].Err())
		})
	}
}

// TestHalfClose: the other direction goes on (RFC 9293 section 3.6, T9293-01).
func TestHalfClose(t *testing.T) {
	p := newPair(t, testConfig(t), testConfig(t))
	p.connect()
	x := &transfer{p: p, from: 0, data: pattern(50000), close: true}
	p.runUntil(5*time.Second, x.done)
	require.Equal(t, x.data, x.got)
	p.send(1, pattern(200000), 5*time.Second)
	_, err := p.end[0].Write(p.now, []byte("x"))
	var le *LocalError
	require.ErrorAs(t, err, &le)
	require.Equal(t, NotOpen, le.Reason)
}

// TestFinWithLostSegments: FIN and data are lost in turn, both sides end.
func TestFinWithLostSegments(t *testing.T) {
	for drop := 1; drop <= 12; drop++ {
		p := newPair(t, testConfig(t), testConfig(t))
		p.connect()
		for i := range p.link {
			base := p.link[i].n
			p.link[i].fate = func(_ *wire.Segment, n int) (int, time.Duration) {
				if n-base == drop || n-base == drop+3 {
					return 0, 0
				}
				return 1, 0
			}
		}
		a := &transfer{p: p, from: 0, data: pattern(12000), close: true}
		b := &transfer{p: p, from: 1, data: pattern(9000), close: true}
		p.runUntil(time.Minute, func() bool { x, y := a.done(), b.done(); return x && y })
		require.Equal(t, a.data, a.got)
		require.Equal(t, b.data, b.got)
		p.run(5 * time.Minute)
		require.Equal(t, Closed, p.end[0].State())
		require.Equal(t, Closed, p.end[1].State())
		require.NoError(t, p.end[0].Err())
		require.NoError(t, p.end[1].Err())
	}
}

func TestSimultaneousOpen(t *testing.T) { // RFC 9293 section 3.5, figure 7, T9293-01
	p := newPair(t, testConfig(t), testConfig(t))
	p.par[1].Local, p.par[1].Remote = serverAddr, clientAddr
	c, err := Dial(p.now, p.cfg[1], p.par[1])
	require.NoError(t, err)
	p.end[1] = c
	p.dial()
	p.drain(1)
	p.runUntil(time.Second, func() bool { return p.end[0].State() == Established && p.end[1].State() == Established })
	require.EqualValues(t, 1, p.end[0].flow.stats.SimultaneousOpenCross)
	p.send(0, pattern(100000), 5*time.Second)
	p.send(1, pattern(100000), 5*time.Second)
}

func TestAbort(t *testing.T) { // RFC 9293 section 3.10.5
	p := newPair(t, testConfig(t), testConfig(t))
	p.connect()
	p.end[0].Abort(p.now)
	p.drain(0)
	p.run(time.Second)
	var pe *PeerError
	require.ErrorAs(t, p.end[1].Err(), &pe)
	require.Equal(t, Reset, pe.Reason)
	var le *LocalError
	require.ErrorAs(t, p.end[0].Err(), &le)
	require.Equal(t, Aborted, le.Reason)
	_, err := p.end[1].Read(p.now, make([]byte, 1))
	require.ErrorAs(t, err, &pe)
}

func TestReadAfterPeerClosed(t *testing.T) {
	p := newPair(t, testConfig(t), testConfig(t))
	p.connect()
	_, err := p.end[0].Write(p.now, []byte("bye"))
	require.NoError(t, err)
	p.end[0].CloseWrite(p.now)
	p.drain(0)
	p.run(time.Second)
	b := make([]byte, 10)
	n, err := p.end[1].Read(p.now, b)
	require.NoError(t, err)
	require.Equal(t, "bye", string(b[:n]))
	_, err = p.end[1].Read(p.now, b)
	require.Equal(t, io.EOF, err)
}

func TestTinyReceiveWindow(t *testing.T) {
	for _, size := range []int{1, 2, 7, 100, 1000, 3000} {
		p := newPair(t, testConfig(t), testConfig(t, func(c *Config) { c.ReceiveBuffer = size }))
		p.connect()
		p.send(0, pattern(size*40), 10*time.Minute)
	}
}

func TestOldHost(t *testing.T) { // no SACK, no timestamps, no scaling on one side
	for i := range 16 {
		old := func(c *Config) {
			c.NoSACK, c.NoTimestamps, c.NoWindowScale, c.NoRACK = i&1 != 0, i&2 != 0, i&4 != 0, i&8 != 0
		}
		p := newPair(t, testConfig(t, old), testConfig(t))
		p.link[0].fate = func(_ *wire.Segment, n int) (int, time.Duration) {
			if n%23 == 7 {
				return 0, 0
			}
			return 1, 0
		}
		p.connect()
		p.send(0, pattern(200000), time.Minute)
		p.send(1, pattern(100000), time.Minute)
	}
}
