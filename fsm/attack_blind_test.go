package fsm

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// blindOffsets are offsets from the next octet expected, all around the window: in short
// runs every 61st, which is no divisor of anything here.
func blindOffsets(from, to int) []int {
	step := 1
	if testing.Short() {
		step = 61
	}
	var q []int
	for off := from; off <= to; off += step {
		if off != 0 {
			q = append(q, off)
		}
	}
	return q
}

// NOTES section 5, RFC 5961 section 3.2 (T5961-01): a blind RST ends a subflow only with
// the very number that is expected next, and then no more than that subflow (R4-05),
// whatever option it carries.
func TestBlindReset(t *testing.T) { onTerrains(t, 0, blindReset) }

func blindReset(t *testing.T, _ int, open func(...func(*Config)) *bench) {
	for _, opt := range []string{"", "fastclose", "tcprst"} {
		b := open()
		sent := 0
		try := func(off int, flags wire.Flags, r *rand.Rand) {
			var o wire.Options
			switch opt {
			case "fastclose": // the attacker does not know the key
				o, _ = wire.MPFastclose{Key: wire.Key(r.Uint64())}.Append(nil)
			case "tcprst":
				o, _ = wire.MPTCPRst{Reason: wire.ResetMPTCPError}.Append(nil)
			}
			b.inOpts(flags, uint32(7+off), 1, o)
			sent += b.flush()
		}
		r := rand.New(rand.NewPCG(6, 6))
		for _, off := range blindOffsets(-70_000, 140_000) {
			try(off, wire.RST, r)
		}
		try(-1<<31, wire.RST, r)
		try(1<<31-1, wire.RST|wire.ACK, r)
		if c := b.conn; c.State() != Established || c.Info().SubflowsUp != 1 {
			t.Fatal("a blind RST got in", c.State())
		}
		if sent > 10 {
			t.Error(sent, "challenge ACKs within one time, at most 10 are allowed")
		}
		l := newLane("10.0.0.2:80", "10.7.7.7:5000")
		b.join(l, 7)
		b.drain()
		try(0, wire.RST, r)
		if c := b.conn; c.State() != Established || c.Info().SubflowsUp != 1 {
			t.Error("a RST with the right number ends its subflow, and that only:", c.State(), c.Info().SubflowsUp)
		}
	}
}

// RFC 5961 section 4.2 (T5961-02): no SYN, whatever its number and options, does anything
// to a connection.
func TestBlindSYN(t *testing.T) { onTerrains(t, 0, blindSYN) }

func blindSYN(t *testing.T, _ int, open func(...func(*Config)) *bench) {
	b := open()
	var join, capable wire.Options
	join, _ = wire.MPJoin{Form: wire.JoinSYN, ID: 1, Token: b.conn.Token(), Nonce: 1}.Append(nil)
	capable, _ = wire.MPCapable{Version: wire.V1, Flags: wire.CapableHMAC}.Append(nil)
	sent := 0
	for i, off := range blindOffsets(-70_000, 140_000) {
		b.inOpts(wire.SYN|wire.Flags(i&1)*wire.ACK, uint32(7+off), 1, []wire.Options{nil, join, capable}[i%3])
		sent += b.flush()
	}
	if b.conn.State() != Established || b.conn.Info().SubflowsUp != 1 || !b.conn.Multipath() || sent > 10 {
		t.Error(b.conn.State(), b.conn.Info(), sent)
	}
}

// R3.5-04 to R3.5-06: MP_FASTCLOSE on an ACK: no bit of the key may be wrong, and no number
// outside the window does, even with the key.
func TestBlindFastclose(t *testing.T) { onTerrains(t, 0, blindFastclose) }

func blindFastclose(t *testing.T, _ int, open func(...func(*Config)) *bench) {
	b := open()
	own := b.conn.own.key
	right, _ := wire.MPFastclose{Key: own}.Append(nil)
	for _, off := range blindOffsets(-70_000, 140_000) {
		if off > 0 && off <= 65535 {
			continue // in the window: who knows the key may
		}
		b.inOpts(wire.ACK, uint32(7+off), 1, right)
		b.flush()
		if off%1000 == 0 && b.conn.State() != Established {
			t.Fatal("closed at", off)
		}
	}
	b.inOpts(wire.ACK, 7, 1<<30, right) // an acknowledgment of what was never sent
	b.flush()
	for bit := range 64 {
		o, _ := wire.MPFastclose{Key: own ^ 1<<bit}.Append(nil)
		b.inOpts(wire.ACK, 7, 1, o)
		b.flush()
	}
	if b.conn.State() != Established || b.ep.stats.MPFastcloseKeyError != 64 || b.ep.stats.MPFastcloseRx != 0 {
		t.Fatal(b.conn.State(), b.ep.stats.MPFastcloseKeyError, b.ep.stats.MPFastcloseRx)
	}
	b.inOpts(wire.ACK, 7, 1, right)
	if b.conn.State() != Closed {
		t.Error("and with the key it is closed:", b.conn.State())
	}

	// On a RST with the right number: the right key ends the connection, a wrong one
	// only the subflow.
	for bit := range 64 {
		b := open()
		o, _ := wire.MPFastclose{Key: b.conn.own.key ^ 1<<bit}.Append(nil)
		b.inOpts(wire.RST, 7, 1, o)
		if b.conn.State() != Established || b.conn.Info().SubflowsUp != 0 {
			t.Fatal(bit, b.conn.State(), b.conn.Info().SubflowsUp)
		}
	}
}

// R3.7-09 to R3.7-17: MP_FAIL and the infinite mapping, injected where there are two
// subflows: the first does nothing, the second costs its subflow. There is no fallback
// with two. With one, an MP_FAIL about data never sent is passed over.
func TestInjectedFallback(t *testing.T) {
	two := func() (*bench, *lane) {
		b := proven(t)
		l := newLane("10.0.0.2:80", "10.7.7.7:5000")
		b.join(l, 7)
		b.drain()
		return b, l
	}
	b, l := two()
	for n := range 1000 {
		o, _ := wire.MPFail{DSN: b.conn.own.space.DSN(uint64(n))}.Append(nil)
		if n%2 == 0 {
			b.inOpts(wire.ACK, 7, 1, o)
		} else {
			b.on(l, func() { b.inOpts(wire.ACK, 1, 1, o) })
		}
		b.flush()
	}
	if !b.conn.Multipath() || b.conn.Info().SubflowsUp != 2 {
		t.Error("MP_FAIL with two subflows:", b.conn.Multipath(), b.conn.Info().SubflowsUp)
	}
	b.on(l, func() {
		b.inject("P. 1:4(3) ack 1 <dss dsn8=P+6 ssn=1 dll=0>")
		b.want("an infinite mapping with two subflows", "R. 1:1(0) ack 1 <mp_tcprst reason=1>")
	})
	b.flush()
	if !b.conn.Multipath() || b.conn.Info().SubflowsUp != 1 {
		t.Error("after an infinite mapping:", b.conn.Multipath(), b.conn.Info().SubflowsUp)
	}
	b.inject("P. 7:10(3) ack 1 <dss dsn8=P+6 ssn=7 dll=3>")
	b.read("ghi")

	b = proven(t)
	for _, dsn := range []uint64{1, 2, 1000, 1 << 31, 1 << 40, 1<<63 - 1, 1 << 63, 1<<64 - 1} {
		o, _ := wire.MPFail{DSN: b.conn.own.space.DSN(0) + dsn}.Append(nil)
		b.inOpts(wire.ACK, 7, 1, o)
		b.flush()
	}
	for _, off := range blindOffsets(-70_000, 140_000) {
		if off > 0 && off <= 65535 {
			continue
		}
		o, _ := wire.MPFail{DSN: b.conn.own.space.DSN(0)}.Append(nil)
		b.inOpts(wire.ACK, uint32(7+off), 1, o)
		b.flush()
	}
	if !b.conn.Multipath() || b.ep.stats.MPFailRx != 0 {
		t.Error("fell back for a blind MP_FAIL", b.ep.stats.MPFailRx)
	}
}

// Blind data: what lies outside the window is dropped, what lies inside and has no
// mapping is held within its limits and never read.
func TestBlindData(t *testing.T) { onTerrains(t, 0, blindData) }

func blindData(t *testing.T, _ int, open func(...func(*Config)) *bench) {
	b := open()
	r := rand.New(rand.NewPCG(8, 8))
	l := newLane("10.0.0.2:80", "10.7.7.7:5000")
	b.join(l, 7)
	b.drain()
	for i, off := range blindOffsets(-70_000, 140_000) {
		seg := wire.Segment{Src: b.remote, Dst: b.local, Seq: b.peerISN + uint32(7+off), Ack: b.ourISN + 1, Flags: wire.ACK, Window: 100,
			Payload: make([]byte, 1+r.IntN(1400))}
		b.ep.HandleSegment(b.now, &seg)
		b.flush()
		if i%1000 == 0 {
			b.now = b.now.Add(10 * time.Millisecond)
			b.ep.HandleTimer(b.now)
		}
		for _, s := range b.conn.subflows {
			if s.held.octets > b.ep.cfg.MaxUnmapped {
				t.Fatal(s.held.octets, "octets held")
			}
		}
	}
	if n, _ := b.conn.Readable(); n != 0 {
		t.Error(n, "octets of an attacker's can be read")
	}
	b.on(l, func() { b.inject("P. 1:4(3) ack 1 <dss dsn8=P+6 ssn=1 dll=3>") })
	b.read("abc") // the lane's octets, by its own numbers
}
