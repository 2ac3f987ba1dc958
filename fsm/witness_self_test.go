package fsm

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// onDSS calls f for the DSS of seg, if it has one, and puts what f makes of it in its place.
func onDSS(seg *wire.Segment, f func(d *wire.DSS) bool) bool {
	var rest wire.Options
	for o := range seg.Options.All() {
		d, err := wire.ParseDSS(o)
		if err != nil || o.Kind() != wire.KindMPTCP || o.Subtype() != wire.SubDSS || !f(&d) {
			rest = append(rest, o...)
			continue
		}
		rest, _ = d.Append(rest)
	}
	changed := !bytes.Equal(rest, seg.Options)
	seg.Options = append(seg.Options[:0], rest...)
	return changed
}

// TestWitnessSees has an end with two subflows break each invariant of DESIGN section 7, on
// the wire or in its state, and the witness say which: one that cannot fail proves nothing.
// R3.7-16 is among them.
func TestWitnessSees(t *testing.T) {
	// forged changes one segment with data, the second on its subflow or a later one.
	forged := func(f func(v *witness, seg, before *wire.Segment) bool) func(*world) {
		return func(w *world) {
			v, last, done := w.witness[0], map[flowID]*wire.Segment{}, false
			v.forge = func(seg *wire.Segment) {
				if seg.Flags.Has(wire.SYN) || done {
					return
				}
				id := flowID{seg.Src, seg.Dst}
				before := last[id]
				own := *seg
				own.Options, own.Payload = bytes.Clone(seg.Options), bytes.Clone(seg.Payload)
				if len(seg.Payload) > 0 {
					last[id] = &own
				}
				if len(seg.Payload) == 0 || before == nil {
					return
				}
				seg.Payload = bytes.Clone(seg.Payload)
				done = f(v, seg, before)
			}
		}
	}
	dss := func(f func(d *wire.DSS) bool) func(*world) {
		return forged(func(_ *witness, seg, _ *wire.Segment) bool { return onDSS(seg, f) })
	}
	state := func(f func(w *world, c *Conn)) func(*world) { return func(w *world) { f(w, w.app[0].conn) } }
	joined := func(f func(s *subflow)) func(*world) {
		return state(func(_ *world, c *Conn) { f(c.subflows[1]) })
	}
	for _, k := range []struct {
		what, want string
		box        string // of the first path
		do         func(*world)
	}{
		{"an octet is delivered that was not sent", "invariant 1", "", func(w *world) { w.app[1].out[len(w.app[0].in.Bytes())+2000] ^= 1 }},
		{"an octet is sent that was not written", "invariant 1", "", forged(func(_ *witness, seg, _ *wire.Segment) bool { seg.Payload[0] ^= 1; return true })},
		{"the DATA_ACK goes back", "invariant 2", "", dss(func(d *wire.DSS) bool { d.DataAck -= 5000; return d.Flags.Has(wire.DSSAck) })},
		{"the DATA_ACK is of more than came", "invariant 2", "", dss(func(d *wire.DSS) bool { d.DataAck += 1 << 18; return d.Flags.Has(wire.DSSAck) })},
		{"what is acknowledged goes back", "invariant 2", "", state(func(_ *world, c *Conn) { c.rcv.next -= 100 })},
		{"the right edge goes back on the wire", "invariant 3", "", forged(func(_ *witness, seg, _ *wire.Segment) bool { seg.Window /= 2; return true })},
		{"the right edge goes back", "invariant 3", "", state(func(_ *world, c *Conn) { c.rcv.edge -= 100 })},
		{"data is freed before its DATA_ACK", "invariant 4", "", state(func(_ *world, c *Conn) { c.snd.buf.start = c.snd.una + 1 })},
		{"data is freed that a subflow may repeat", "invariant 4", "", func(w *world) {
			b := &w.app[0].conn.snd.buf
			b.start, b.first, b.strays = b.end, b.end, nil
			w.app[0].conn.snd.una = b.end
		}},
		{"a mapping changes", "invariant 5", "", dss(func(d *wire.DSS) bool { d.SSN--; return d.Flags.Has(wire.DSSMap) && d.SSN > 1 })},
		{"sequence numbers carry other octets", "invariant 6", "", forged(func(_ *witness, seg, before *wire.Segment) bool { seg.Seq = before.Seq; return true })},
		{"sequence numbers are left out", "invariant 6", "", forged(func(_ *witness, seg, _ *wire.Segment) bool { seg.Seq += 1 << 20; return true })},
		{"the options are too long", "invariant 7", "", forged(func(_ *witness, seg, _ *wire.Segment) bool {
			seg.Options = append(seg.Options, make([]byte, wire.MaxOptions)...)
			return true
		})},
		{"an option after the fallback", "invariant 8", "strip mptcp after=3whs", forged(func(v *witness, seg, _ *wire.Segment) bool {
			if v.w.app[0].conn.mode != plain {
				return false
			}
			d := wire.DSS{Flags: wire.DSSAck}
			seg.Options, _ = d.Append(seg.Options)
			return true
		})},
		{"a second infinite mapping", "invariant 8", "strip mptcp after=3whs", forged(func(v *witness, seg, _ *wire.Segment) bool {
			v.infinite = "the first"
			d := wire.DSS{Flags: wire.DSSMap | wire.DSSMap8, SSN: 1, HasSum: true}
			seg.Options, _ = d.Append(seg.Options[:0])
			return true
		})},
		{"the fallback is left", "invariant 9", "strip mptcp after=3whs", state(func(_ *world, c *Conn) { c.mode = multi })},
		{"data on a join that is not proven", "invariant 10", "", joined(func(s *subflow) { s.worked = false })},
		{"a join that the peer did not prove", "invariant 10", "", func(w *world) { delete(w.witness[0].proofs, w.app[0].conn.subflows[1].id) }},
		{"data before the fourth ACK", "invariant 10", "", func(w *world) {
			s := w.app[0].conn.subflows[1]
			w.witness[0].forge = func(*wire.Segment) { w.witness[0].flows[s.id].answered = false }
		}},
		{"a join before the connection is proven", "invariant 11", "", state(func(_ *world, c *Conn) { c.hs.proven = false })},
		{"the same on the wire", "invariant 11", "", func(w *world) {
			w.witness[0].forge = func(*wire.Segment) { w.witness[0].heard = false }
			w.enact(deed{what: pathJoined, path: 1})
		}},
		{"connections are counted twice", "invariant 12", "", state(func(_ *world, c *Conn) { c.ep.stats.MPCurrEstab++ })},
		{"a counter goes down", "invariant 12", "", state(func(_ *world, c *Conn) { c.ep.stats.MPJoinSynTx-- })},
		{"an address id twice", "invariant 12", "", state(func(_ *world, c *Conn) {
			c.localAddrs = append(c.localAddrs, localAddr{netip.MustParseAddr("10.9.9.9"), c.localAddrs[0].id})
		})},
		{"a subflow under another's id", "invariant 12", "", joined(func(s *subflow) { s.join.id = 0 })},
		{"a subflow that is not in the table", "invariant 12", "", joined(func(s *subflow) { s.conn.ep.subflows.remove(s) })},
		{"a timer for nothing", "invariant 13", "", state(func(w *world, c *Conn) { c.timers.arm(timerLonely, nanos(w.w.Now())+1e9) })},
		{"a timer for octets that are not held", "invariant 13", "", state(func(w *world, c *Conn) { c.timers.arm(timerUnmapped, nanos(w.w.Now())+1e9) })},
		{"too much is held", "invariant 14", "", joined(func(s *subflow) { s.held.octets = s.conn.ep.cfg.MaxUnmapped + 1 })},
		{"too many signals", "invariant 14", "", state(func(_ *world, c *Conn) { c.signals = make([]signal, maxSignals+1) })},
		{"too many subflows", "invariant 14", "", state(func(_ *world, c *Conn) { c.ep.cfg.MaxSubflows = 1 })},
		{"nothing is read any more", "no progress", "", func(w *world) { w.app[0].hold, w.app[1].hold = true, true }}, // invariant 15
		{"two subflows of a TCP", "R3.7-16", "", state(func(_ *world, c *Conn) { c.mode, c.fb.done = plain, true; c.timers = timers{} })},
	} {
		t.Run(k.what, func(t *testing.T) {
			chain := []string{"link delay=10ms rate=10Mbit buffer=100ms loss=1%"}
			if k.box != "" {
				chain = append([]string{k.box}, chain...)
			}
			m := newManyPaths(t, 3, testConfig(1), testConfig(2), chain, chain[len(chain)-1:])
			m.app[0].out, m.app[1].out = stream(3_000_000, 1), stream(3_000_000, 2)
			m.app[0].closing, m.app[1].closing = true, true
			m.plan(deed{what: pathJoined, path: 1, at: 60 * time.Millisecond})
			m.w.At(250*time.Millisecond, func() {
				if n := len(m.app[0].conn.subflows); (n == 2) != (k.box == "") {
					t.Fatalf("%d subflows", n)
				}
				k.do(m.world)
			})
			m.dial()
			if err := m.w.RunUntil(m.done, time.Hour); err == nil || !strings.Contains(err.Error(), k.want) {
				t.Errorf("%v, not %s", err, k.want)
			}
		})
	}
}
