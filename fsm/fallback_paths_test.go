package fsm

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// strippedPath is a box that begins to remove options in mid-connection.
const (
	strippedPath = "strip mptcp after=20000B"
	slowLink     = "link delay=20ms rate=10Mbit buffer=100ms"
)

// R3.7-05, R3.7-16, NOTES 1.18: a join that the peer never took is no second subflow: its
// SYN was lost or refused, or its SYN/ACK proved nothing. Both ends follow each other into
// TCP as if there had been none.
func TestFallbackBesideJoinsThatFail(t *testing.T) {
	for _, join := range []string{"drop on=syn", "drop on=synack", "strip mptcp on=syn", "strip mptcp on=synack", "rst on=syn"} {
		for _, box := range []string{strippedPath, "strip mptcp after=3whs", "strip mptcp after=20000B dir=c2s", "strip mptcp after=20000B dir=s2c", "split 500 copy=first"} {
			t.Run(box+" beside "+join, func(t *testing.T) {
				m := newManyPaths(t, 3, testConfig(1, mesh), testConfig(2), []string{box, slowLink}, []string{join, slowLink})
				m.app[0].out, m.app[1].out = stream(150_000, 1), stream(150_000, 2)
				m.app[0].closing, m.app[1].closing = true, true
				m.dial()
				m.finishTransfer(time.Minute)
				if n := m.ep[0].stats.FallbackFailed + m.ep[1].stats.FallbackFailed; n > 0 {
					t.Errorf("%d subflows were reset for want of a fallback", n)
				}
				m.idle()
			})
		}
	}
}

// R3.6-01, R3.2-19: in version 1 the peer says that it did not take a proof, so that
// a fallback follows; in version 0 it cannot, and what it may have sent there stays in doubt.
func TestFallbackBesideAJoinRefused(t *testing.T) {
	for _, v := range []Versions{OnlyV1, OnlyV0} {
		set := func(c *Config) { c.Versions = v }
		m := newManyPaths(t, 4, testConfig(1, mesh, set), testConfig(2, set), []string{strippedPath, slowLink}, []string{"strip mp_join on=ack3", slowLink})
		m.app[0].out, m.app[1].out = stream(150_000, 1), stream(150_000, 2)
		m.app[0].closing, m.app[1].closing = true, true
		m.dial()
		err := m.w.RunUntil(m.done, 5*time.Minute)
		known := m.ep[0].stats.MPJoinNoAnswer == 0
		switch {
		case known != (v == OnlyV1):
			t.Errorf("version %v: %d proofs without an answer", v, m.ep[0].stats.MPJoinNoAnswer)
		case known && err != nil:
			t.Errorf("%v\n%s\n%s", err, m.dump(0), m.dump(1))
		case known:
			m.finishTransfer(time.Minute)
		}
	}
}

// A fallback is put off while the proof of a join may be under way: the connection goes on
// over the join, whose path does no harm, and stays Multipath TCP.
func TestFallbackWaitsForAJoin(t *testing.T) {
	waited := 0
	for delay := 20; delay < 300; delay += 20 {
		m := newManyPaths(t, 5, testConfig(1, mesh), testConfig(2), []string{"strip mptcp after=20000B", slowLink},
			[]string{fmt.Sprintf("link delay=%dms rate=10Mbit buffer=100ms", delay)})
		m.app[0].out, m.app[1].out = stream(150_000, 1), stream(150_000, 2)
		m.app[0].closing, m.app[1].closing = true, true
		m.dial()
		m.finishTransfer(time.Minute)
		if n := m.ep[0].stats.MPJoinNoAnswer; n > 0 {
			t.Errorf("delay %d: %d proofs went without an answer", delay, n)
		}
		if m.ep[1].stats.MPJoinAckRx > 0 && m.app[0].conn.Multipath() {
			waited++
		}
	}
	if waited == 0 {
		t.Error("it always became TCP")
	}
}

// ...but not for a flood of SYNs by someone who saw the token.
func TestFallbackWaitsNotForFloods(t *testing.T) {
	m := newManyPaths(t, 6, testConfig(1), testConfig(2), []string{strippedPath, slowLink})
	m.app[0].out, m.app[1].out = stream(300_000, 1), stream(300_000, 2)
	m.app[0].closing, m.app[1].closing = true, true
	from := netip.MustParseAddr("10.9.9.9")
	for k := range 1200 {
		m.w.At(time.Duration(100+k*25)*time.Millisecond, func() {
			if c := m.app[1].conn; c != nil && c.own.known {
				seg := wire.Segment{Src: netip.AddrPortFrom(from, uint16(1024+k)), Dst: serverPort, Flags: wire.SYN, Window: 1000}
				seg.Options, _ = wire.MPJoin{Form: wire.JoinSYN, ID: 7, Token: c.own.token}.Append(nil)
				m.ep[1].HandleSegment(m.w.Now(), &seg)
			}
		})
	}
	m.dial()
	if err := m.w.RunUntil(m.done, 15*time.Second); err != nil {
		t.Fatalf("%v\n%s\n%s", err, m.dump(0), m.dump(1))
	}
	if m.app[1].conn.Multipath() {
		t.Error("it did not fall back")
	}
}

// A connection without a subflow is opened again between any pair of addresses that a join
// worked between, when the first pair takes no joins any more.
func TestRejoinElsewhere(t *testing.T) {
	m := newManyPaths(t, 7, testConfig(1), testConfig(2), []string{slowLink}, []string{slowLink})
	m.app[0].out, m.app[1].out = stream(3_000_000, 1), stream(1_000_000, 2)
	m.app[0].closing, m.app[1].closing = true, true
	client, server := pathAddrs(1)
	m.w.At(200*time.Millisecond, func() {
		if err := m.app[0].conn.Join(m.w.Now(), netip.AddrPortFrom(client, 0), netip.AddrPortFrom(server, serverPort.Port()), false); err != nil {
			t.Error(err)
		}
	})
	m.w.At(800*time.Millisecond, func() { cut(m.paths[0], true) })
	m.w.At(900*time.Millisecond, m.resetAll)
	m.dial()
	m.finishTransfer(time.Minute)
	if !m.app[0].conn.Multipath() || m.ep[0].stats.MPJoinSynAckRx != 2 {
		t.Errorf("%d joins were answered", m.ep[0].stats.MPJoinSynAckRx)
	}
}

// Where the side that opened the connection does not, the other opens it again between a pair
// of addresses that a join of its own worked between.
func TestListenerOpensAgain(t *testing.T) {
	m := newManyPaths(t, 9, testConfig(1, func(c *Config) { c.NoRejoin = true }), testConfig(2), []string{slowLink}, []string{slowLink})
	m.app[0].out, m.app[1].out = stream(1_000_000, 1), stream(1_000_000, 2)
	m.app[0].closing, m.app[1].closing = true, true
	client, server := pathAddrs(1)
	m.w.At(200*time.Millisecond, func() {
		if err := m.app[1].conn.Join(m.w.Now(), netip.AddrPortFrom(server, 0), netip.AddrPortFrom(client, 80), false); err != nil {
			t.Error(err)
		}
	})
	m.w.At(900*time.Millisecond, m.resetAll)
	m.dial()
	m.finishTransfer(time.Minute)
	if !m.app[0].conn.Multipath() || m.ep[1].stats.MPJoinSynAckRx != 2 {
		t.Errorf("%d joins were answered", m.ep[1].stats.MPJoinSynAckRx)
	}
}

// The next subflow, when none is left, is an image of the stream from there on (docs/fsm.md),
// whatever other joins there are that never come up: it may fall back.
func TestFallbackAfterRejoin(t *testing.T) {
	m := newManyPaths(t, 8, testConfig(1), testConfig(2), []string{"strip mptcp after=60000B", slowLink}, []string{"drop on=syn", slowLink})
	m.app[0].out, m.app[1].out = stream(1_000_000, 1), stream(1_000_000, 2)
	m.app[0].closing, m.app[1].closing = true, true
	client, server := pathAddrs(1)
	m.w.At(100*time.Millisecond, func() {
		if err := m.app[0].conn.Join(m.w.Now(), netip.AddrPortFrom(client, 0), netip.AddrPortFrom(server, serverPort.Port()), false); err != nil {
			t.Error(err)
		}
		m.resetAll()
	})
	m.dial()
	m.finishTransfer(time.Minute)
	if m.app[0].conn.Multipath() || m.app[1].conn.Multipath() || m.ep[0].stats.FallbackFailed+m.ep[1].stats.FallbackFailed > 0 {
		t.Errorf("%+v\n%+v", m.app[0].conn.Info(), m.app[1].conn.Info())
	}
}

// resetAll is something that resets all that is up, at both ends.
func (m *manyPaths) resetAll() {
	for i, a := range m.app {
		for _, s := range slices.Clone(a.conn.subflows) {
			if s.up {
				m.ep[i].HandleSegment(m.w.Now(), &wire.Segment{Src: s.id.remote, Dst: s.id.local, Seq: s.flow.IRS() + 1 + uint32(s.flow.Received()), Flags: wire.RST})
			}
		}
	}
}

// R3.7-03, P-3.3.5-03: what comes on a join before any mapping is not acknowledged where nothing
// else is up. A box that merges segments and drops their options lets the mapping of a
// repetition pass, and then it is known where in the stream the join began.
func TestWithholdsOnAJoin(t *testing.T) {
	var merging, stripping part
	for _, p := range parts {
		switch p.spec {
		case "coalesce 4 keep=none":
			merging = p
		case "strip mptcp after=20000B":
			stripping = p
		}
	}
	sum := manyTally{lost: map[string]int{}}
	for seed := range uint64(3) {
		for _, k := range append(manyCells(merging, stripping), manyCells(merging, merging)...) {
			k.judge(t, seed+1, &sum)
		}
	}
	if sum.worlds == 0 || len(sum.lost) > 0 {
		t.Errorf("%+v", sum)
	}
}
