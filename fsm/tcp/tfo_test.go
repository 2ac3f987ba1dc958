package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/wire"
)

func TestFastOpenAsksForACookie(t *testing.T) { // RFC 7413 section 4.1.2
	b := newBench(t, bare, func(c *Config) { c.FastOpen = true })
	b.dial()
	b.write(100)
	b.want("no cookie yet: no data in the SYN", "S 0:0(0) <mss 1460, FO>")
	b.inject("S. 0:0(0) ack 1 <mss 1000, FO 0102030405060708>")
	b.want("", "P. 1:101(100) ack 1")
	require.Equal(t, []byte{1, 2, 3, 4, 5, 6, 7, 8}, b.c.flow.FastOpenCookie())
	b.inject(". 1:1(0) ack 101")
}

func TestFastOpenSendsData(t *testing.T) { // RFC 7413 section 4.2.1
	b := newBench(t, bare)
	b.par.Cookie = []byte{1, 2, 3, 4, 5, 6, 7, 8}
	b.dial()
	b.write(3000)
	b.want("data in the SYN: an MSS of 536, less the options", "S 0:520(520) <mss 1460, FO 0102030405060708>")
	b.wantIdle("and no more before the answer")
	b.inject("S. 0:0(0) ack 521 <mss 1000>")
	b.want("the rest", ". 521:1521(1000) ack 1")
	b.want("", ". 1521:2521(1000)")
	b.want("", "P. 2521:3001(480)")
	require.EqualValues(t, 1, b.stats().FastOpenActive)
	require.Zero(t, b.stats().RetransSegs)
	b.inject(". 1:1(0) ack 3001")
}

func TestFastOpenRefused(t *testing.T) { // RFC 7413 section 4.2.1: only the SYN was acknowledged
	b := newBench(t, bare)
	b.par.Cookie = []byte{1, 2, 3, 4}
	b.dial()
	b.write(300)
	b.want("", "S 0:300(300) <mss 1460, FO 01020304>")
	b.inject("S. 0:0(0) ack 1 <mss 1000>")
	b.want("its data again at once", "P. 1:301(300) ack 1")
	require.EqualValues(t, 1, b.stats().FastOpenActiveFail)
	require.Equal(t, 10000, b.cwnd())
	b.inject(". 1:1(0) ack 301")
}

func TestFastOpenSYNIsLost(t *testing.T) { // RFC 7413 section 4.1.3.1: a box may drop SYNs with data
	b := newBench(t, bare)
	b.par.Cookie = []byte{1, 2, 3, 4}
	b.dial()
	b.write(300)
	b.want("", "S 0:300(300) <FO 01020304>")
	b.wait(time.Second)
	b.want("plain", "S 0:0(0) <mss 1460>")
	_, ok := b.seg.Options.Find(wire.KindFastOpen)
	require.False(t, ok)
	b.inject("S. 0:0(0) ack 1 <mss 1000>")
	b.want("", "P. 1:301(300) ack 1")
	b.inject(". 1:1(0) ack 301")
}

func TestFastOpenListener(t *testing.T) { // RFC 7413 sections 4.1.2 and 4.2.2
	cook := &FastOpener{Key: [32]byte{7}}
	b := newBench(t, bare)
	b.cook = cook
	b.inject("S 0:0(0) <mss 1000, FO>")
	b.want("a cookie is granted", "S. 0:0(0) ack 1 <mss 1460, FO>")
	opt, _ := b.seg.Options.Find(wire.KindFastOpen)
	c := cook.Cookie(serverAddr.Addr())
	require.Equal(t, c[:], []byte(opt[2:]))
	require.True(t, cook.Valid(serverAddr.Addr(), c[:]))
	require.False(t, cook.Valid(clientAddr.Addr(), c[:]))
	require.False(t, cook.Valid(serverAddr.Addr(), c[:4]))

	syn := b.parse("S 0:100(100) <mss 1000>")
	syn.Options, _ = syn.Options.AppendFastOpen(c[:])
	for i := range syn.Payload {
		syn.Payload[i]++ // its first octet lies behind the SYN
	}
	accept := func(cookies *FastOpener) *bench {
		b := newBench(t, bare)
		conn, ok, err := AcceptSYN(b.now, b.cfg, b.par, syn, cookies)
		require.NoError(t, err)
		require.True(t, ok)
		b.c = conn
		return b
	}
	b2 := accept(cook)
	b2.read(100) // before the handshake is complete
	b2.want("its data is acknowledged with the SYN", "S. 0:0(0) ack 101")
	b2.write(2500)
	b2.want("and answered before the third ACK", ". 1:1001(1000) ack 101")
	b2.want("", ". 1001:2001(1000) ack 101")
	b2.want("", "P. 2001:2501(500) ack 101")
	b2.wantState(SynReceived)
	b2.inject(". 101:101(0) ack 2001")
	b2.wantState(Established)
	require.EqualValues(t, 2000, b2.c.flow.Acked())
	b2.inject(". 101:101(0) ack 2501")

	b3 := accept(&FastOpener{Key: [32]byte{8}}) // the key changed: a cookie of before
	b3.want("only the SYN, and a new cookie", "S. 0:0(0) ack 1 <FO>")
	require.EqualValues(t, 1, b3.stats().FastOpenPassiveFail)
	n, _ := b3.c.Readable()
	require.Zero(t, n)
}

func TestFastOpenPair(t *testing.T) {
	p := newPair(t, testConfig(t), testConfig(t))
	p.cook = &FastOpener{}
	c := p.cook.Cookie(clientAddr.Addr())
	p.par[0].Cookie = c[:]
	data := pattern(30000)
	cl, err := Dial(p.now, p.cfg[0], p.par[0])
	require.NoError(t, err)
	p.end[0] = cl
	x := &transfer{p: p, from: 0, data: data, close: true}
	p.runUntil(time.Second, x.done)
	require.Equal(t, data, x.got)
	require.EqualValues(t, 1, p.end[0].flow.stats.FastOpenActive)
	require.EqualValues(t, 1, p.end[1].flow.stats.FastOpenPassive)
}
