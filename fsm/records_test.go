package fsm

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/fsm/tcp"
	"github.com/mptcp-go/mptcp/wire"
)

// A newer SYN takes the place of a record of TIME-WAIT, with a number above all the old
// connection used; an older one is answered by the record (RFC 9293 section 3.6.1, RFC
// 6191 section 2).
func TestTimeWaitIsReused(t *testing.T) { // T9293-09
	d := newCrowd(t, 1)
	c, s := d.conn[0][0], d.conn[1][0]
	s.CloseWrite(d.now) // the listener's end closes first: TIME-WAIT is its
	d.run()
	c.CloseWrite(d.now)
	d.run()
	d.now = d.now.Add(100 * time.Millisecond)
	for _, e := range d.ep {
		e.HandleTimer(d.now)
	}
	d.run()
	require.Equal(t, 1, d.ep[1].waits.n)
	require.Zero(t, d.ep[1].subflows.n)
	record := d.ep[1].waits.find(flowID{s.Local(), s.Remote()}.short())
	require.NotNil(t, record)
	before, above := record.Deadline(), record.NextISS()

	answer := func(seg *wire.Segment) *wire.Segment {
		seg.Src, seg.Dst, seg.Window = s.Remote(), s.Local(), 1000
		d.ep[1].HandleSegment(d.now, seg)
		out := new(wire.Segment)
		require.True(t, d.ep[1].PollSegment(d.now, out))
		require.False(t, d.ep[1].PollSegment(d.now, new(wire.Segment)))
		return out
	}
	old := wire.Segment{Flags: wire.SYN, Seq: 1}
	old.Options, _ = wire.Timestamps{Val: 1}.Append(nil)
	for _, f := range d.ep[1].waits.chunks[0][:1] {
		old.Options, _ = wire.Timestamps{Val: recentOf(t, &f.TimeWaiter, d.now) - 1000}.Append(nil)
	}
	out := answer(&old)
	require.Equal(t, wire.ACK, out.Flags, "an old SYN is not a new connection")
	require.Equal(t, 1, d.ep[1].waits.n)
	require.Equal(t, before, record.Deadline())

	fresh := wire.Segment{Flags: wire.SYN, Seq: 1}
	fresh.Options, _ = wire.Timestamps{Val: recentOf(t, &record.TimeWaiter, d.now) + 1000}.Append(nil)
	out = answer(&fresh)
	require.Equal(t, wire.SYN|wire.ACK, out.Flags)
	require.GreaterOrEqual(t, int32(out.Seq-above), int32(0), "above what the old connection used")
	require.Zero(t, d.ep[1].waits.n)
	require.Equal(t, 1, d.ep[1].embryos.n)
	require.EqualValues(t, 1, d.ep[1].FlowStats().TimeWaitRecycled)
}

// recentOf finds the timestamp that a record compares with, by what it would take.
func recentOf(t *testing.T, w *tcp.TimeWaiter, now time.Time) uint32 {
	t.Helper()
	var out wire.Segment
	probe := wire.Segment{Flags: wire.ACK, Payload: []byte{1}}
	c := *w
	require.True(t, c.HandleSegment(now, &tcp.Config{}, &probe, &out))
	o, ok := out.Options.Find(wire.KindTimestamps)
	require.True(t, ok)
	ts, err := wire.ParseTimestamps(o)
	require.NoError(t, err)
	return ts.Ecr
}

// The records against a map: found, removed and queued, whatever went before.
func TestRecords(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	seed := [4]uint64{1, 3, 5, 7}
	w := timeWaits{records: records[timeWait, *timeWait]{seed: &seed}}
	model := map[flowID]bool{}
	var order []flowID
	drop := func(id flowID) {
		delete(model, id)
		for i := range order {
			if order[i] == id {
				order = append(order[:i], order[i+1:]...)
				break
			}
		}
	}
	for range 20_000 {
		a := netip.AddrFrom4([4]byte{10, 0, 0, byte(r.IntN(2))})
		if r.IntN(2) == 0 {
			a = netip.AddrFrom16([16]byte{0x20, 1, 15: byte(r.IntN(2))})
		}
		id := flowID{netip.AddrPortFrom(a, 80), netip.AddrPortFrom(a, uint16(r.IntN(200)))}
		rec := w.find(id.short())
		if (rec != nil) != model[id] {
			t.Fatal("found:", rec != nil)
		}
		switch {
		case r.IntN(2) == 0:
			w.add(id, tcp.TimeWaiter{})
			drop(id)
			model[id], order = true, append(order, id)
		case rec == nil:
		case r.IntN(2) == 0:
			w.drop(rec)
			drop(id)
		default:
			w.restarted(rec)
			drop(id)
			model[id], order = true, append(order, id)
		}
		if r.IntN(5000) == 0 {
			for len(order) > 0 {
				w.drop(w.at(w.order.first))
				drop(order[0])
			}
		}
		if w.n != len(model) || w.n > 0 && w.at(w.order.first).id.long() != order[0] {
			t.Fatal(w.n, len(model))
		}
	}
}

// All ways into a connection work over IPv6: an embryo, an answer without state, Fast
// Open, a join. A packet whose IPv6 addresses stand for IPv4 ones is forged.
func TestEmbryosOverIPv6(t *testing.T) {
	d := newCrowdConfig(t, withFastOpen, func(c *Config) { c.MaxHalfOpen = 1 })
	listen, err := d.ep[1].Listen(netip.MustParseAddrPort("[::]:80"))
	require.NoError(t, err)
	remote := netip.MustParseAddrPort("[2001:db8::2]:80")
	for _, full := range []int{1, 0, 1} { // without state; an embryo that grants a cookie; Fast Open in a flood
		listen.halfOpen = full
		c, err := d.ep[0].Dial(d.now, netip.MustParseAddrPort("[2001:db8::1]:0"), remote)
		require.NoError(t, err)
		c.Write(d.now, []byte("hello"))
		d.run()
		d.quiet()
		listen.halfOpen -= full
		s, ok := listen.Accept()
		require.True(t, ok)
		require.True(t, s.Multipath() && c.Multipath())
		require.Equal(t, c.Local(), s.Remote())
		var p [10]byte
		n, _ := s.Read(d.now, p[:])
		require.Equal(t, "hello", string(p[:n]))
		s.Write(d.now, p[:n])
		d.run()
		d.quiet()
		require.NoError(t, c.Join(d.now, netip.MustParseAddrPort("[2001:db8:1::1]:0"), remote, false))
		d.run()
		require.Equal(t, 2, s.Info().SubflowsUp)
		require.EqualValues(t, 1, d.ep[1].stats.SyncookiesRecv)
	}
	require.EqualValues(t, 1, d.ep[0].FlowStats().FastOpenActive)
	forged := wire.Segment{Src: netip.MustParseAddrPort("[::ffff:10.0.0.1]:1"), Dst: remote, Flags: wire.SYN}
	d.ep[1].HandleSegment(d.now, &forged)
	require.Zero(t, d.ep[1].embryos.n)
	require.False(t, d.ep[1].PollSegment(d.now, new(wire.Segment)))
}
