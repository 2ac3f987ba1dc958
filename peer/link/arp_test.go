package link

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	macA = hwAddr{2, 0, 0, 0, 0, 1}
	macB = hwAddr{2, 0, 0, 0, 0, 2}
	ip1  = netip.MustParseAddr("10.0.0.1")
	ip2  = netip.MustParseAddr("10.0.0.2")
	six1 = netip.MustParseAddr("2001:db8::1")
	six2 = netip.MustParseAddr("2001:db8::2")
)

func TestARPRoundTrip(t *testing.T) {
	f := appendARP(nil, macA, broadcast, true, ip1, ip2, netip.Addr{})
	require.Len(t, f, ethSize+arpSize)
	d, ok := parseARP(f[ethSize:])
	require.True(t, ok)
	require.Equal(t, discovery{ask: true, from: ip1, mac: macA, hasMAC: true, target: ip2, override: true}, d)

	f = appendARP(nil, macB, macA, false, ip2, ip2, ip1)
	d, ok = parseARP(f[ethSize:])
	require.True(t, ok)
	require.Equal(t, discovery{from: ip2, mac: macB, hasMAC: true, target: ip2, override: true}, d)

	for n := range f[ethSize:] {
		_, ok := parseARP(f[ethSize : ethSize+n])
		require.False(t, ok)
	}
	f[ethSize+7] = 3 // RARP
	_, ok = parseARP(f[ethSize:])
	require.False(t, ok)
}

func TestNDRoundTrip(t *testing.T) {
	group, mac := solicitedNode(six2)
	require.Equal(t, "ff02::1:ff00:2", group.String())
	require.Equal(t, hwAddr{0x33, 0x33, 0xff, 0, 0, 2}, mac)
	f := appendND(nil, macA, mac, true, six1, six2, group)
	d, ok, mine := parseND(f[ethSize:])
	require.True(t, ok && mine)
	require.Equal(t, discovery{ask: true, from: six1, mac: macA, hasMAC: true, target: six2}, d)

	answer := appendND(nil, macB, macA, false, six2, six2, six1)
	d, ok, _ = parseND(answer[ethSize:])
	require.True(t, ok)
	require.Equal(t, discovery{from: six2, mac: macB, hasMAC: true, target: six2, override: true}, d)

	probe := appendND(nil, macA, mac, true, netip.IPv6Unspecified(), six2, group)
	d, ok, _ = parseND(probe[ethSize:])
	require.True(t, ok)
	require.False(t, d.hasMAC)

	damaged := append([]byte(nil), answer[ethSize:]...)
	damaged[7] = 64 // came through a router: RFC 4861 section 7.1.2
	_, ok, mine = parseND(damaged)
	require.True(t, !ok && mine)
	damaged[7], damaged[60] = 255, damaged[60]^1
	_, ok, mine = parseND(damaged)
	require.True(t, !ok && mine)
	for n := range answer[ethSize:] {
		_, ok, _ := parseND(answer[ethSize : ethSize+n])
		require.False(t, ok)
	}
}

// cacheTest is a neighbour cache that writes down what it does.
type cacheTest struct {
	neighbors
	asked, flushed, dropped int
	now                     time.Time
}

func newCache() *cacheTest {
	c := &cacheTest{now: time.Unix(1000, 0)}
	c.ask = func(*neighbor) { c.asked++ }
	c.flush = func(n *neighbor) { c.flushed += len(n.queue) }
	c.drop = func(n int) { c.dropped += n }
	return c
}

func TestNeighborIsAskedForAndLearned(t *testing.T) {
	c := newCache()
	n := c.hop(c.now, ip2, ip1)
	send, wait := c.reach(c.now, n)
	require.True(t, !send && wait)
	p := packet(10, 1)
	c.enqueue(n, &p)
	p.Data[0] = 9
	send, wait = c.reach(c.now, n)
	require.True(t, !send && wait)
	require.Equal(t, 1, c.asked, "once a second at the most")
	require.EqualValues(t, 1, n.queue[0].Data[0], "a copy waits")

	c.learn(c.now, &discovery{mac: macB, override: true}, ip2, false, ip1)
	require.Equal(t, 1, c.flushed)
	require.Empty(t, n.queue)
	require.Zero(t, c.pending)
	send, _ = c.reach(c.now.Add(neighborFresh-1), n)
	require.True(t, send)
	require.Equal(t, 1, c.asked)

	send, _ = c.reach(c.now.Add(neighborFresh), n)
	require.True(t, send, "stale, but used")
	require.Equal(t, 2, c.asked, "while it is asked for")
}

func TestNeighborFailsAndRecovers(t *testing.T) {
	c := newCache()
	n := c.hop(c.now, ip2, ip1)
	c.reach(c.now, n)
	for range neighborQueue + 2 {
		p := packet(1, 0)
		c.enqueue(n, &p)
	}
	assert.Equal(t, 2, c.dropped)
	for range neighborTries {
		require.Equal(t, c.now.Add(neighborRetry), c.next())
		c.now = c.next()
		c.tick(c.now)
	}
	assert.Equal(t, neighborTries, c.asked)
	assert.Equal(t, neighborQueue+2, c.dropped, "all that waited")
	send, wait := c.reach(c.now, n)
	require.False(t, send || wait, "it has failed")
	c.now = c.next()
	send, wait = c.reach(c.now, n)
	require.True(t, !send && wait, "and is asked for again later")
	require.Equal(t, neighborTries+1, c.asked)
}

func TestStaleNeighborThatIsSilentIsForgotten(t *testing.T) {
	c := newCache()
	n := c.hop(c.now, ip2, ip1)
	c.learn(c.now, &discovery{mac: macB, override: true}, ip2, false, ip1)
	c.now = c.now.Add(neighborFresh)
	c.reach(c.now, n)
	for range neighborTries {
		c.now = c.next()
		c.tick(c.now)
	}
	send, wait := c.reach(c.now, n)
	require.False(t, send || wait)
	require.Equal(t, 1, c.pending)
	c.now = c.next()
	c.tick(c.now)
	require.Empty(t, c.table)
	require.Zero(t, c.pending)
	require.True(t, c.next().IsZero())
}

func TestStrangersAreNotRemembered(t *testing.T) {
	c := newCache()
	c.learn(c.now, &discovery{mac: macB, override: true}, ip2, false, ip1)
	require.Empty(t, c.table, "an answer nobody asked for")
	c.learn(c.now, &discovery{mac: macB, override: true}, ip2, true, ip1)
	require.Equal(t, macB, c.table[ip2].mac, "who asks for us is")
	c.learn(c.now, &discovery{mac: macA}, ip2, false, ip1)
	require.Equal(t, macB, c.table[ip2].mac, "an answer that does not override")
}

func TestNeighborCacheIsBounded(t *testing.T) {
	c := newCache()
	a := netip.MustParseAddr("10.1.0.0")
	for i := range neighborPending {
		a = a.Next()
		require.NotNil(t, c.hop(c.now, a, ip1), i)
	}
	require.Nil(t, c.hop(c.now, ip2, ip1), "too many do not answer")
	for range 2 * neighborLimit {
		a = a.Next()
		c.learn(c.now, &discovery{mac: macB, override: true}, a, true, ip1)
		c.now = c.now.Add(time.Millisecond)
		require.LessOrEqual(t, len(c.table), neighborLimit)
		require.LessOrEqual(t, c.pending, neighborPending)
	}
	c.reset()
	require.Zero(t, c.pending)
	require.Empty(t, c.table)
}

// Large packets for many that do not answer take no more memory than all may together.
func TestPacketsThatWaitAreBounded(t *testing.T) {
	c := newCache()
	p := packet(60000, 0)
	a := netip.MustParseAddr("10.1.0.0")
	var first *neighbor
	sent := 0
	for range 100 {
		a = a.Next()
		n := c.hop(c.now, a, ip1)
		if first == nil {
			first = n
		}
		for range neighborQueue / 4 {
			c.enqueue(n, &p)
			sent++
		}
	}
	count := func() (packets, octets int) {
		for _, n := range c.table {
			packets += len(n.queue)
			for _, k := range n.queue {
				octets += len(k.Data)
			}
		}
		return packets, octets
	}
	packets, octets := count()
	require.Equal(t, c.waiting, octets)
	require.LessOrEqual(t, octets, neighborRoom)
	require.Greater(t, octets, neighborRoom-p.Len(), "the room is used")
	require.Equal(t, sent, packets+c.dropped)
	require.Len(t, first.queue, neighborQueue/4, "who came first keeps what he has")

	c.learn(c.now, &discovery{mac: macB, override: true}, first.addr, false, ip1)
	require.Equal(t, neighborQueue/4, c.flushed)
	c.enqueue(c.table[a], &p)
	_, octets = count()
	require.Equal(t, c.waiting, octets)
	c.reset()
	require.Zero(t, c.waiting)
}
