package fsm

import (
	"fmt"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// R3.1-06 to R3.1-08, R3.1-39, R3.1-40, V0-01, NOTES 1.23: every pair of what two hosts may
// speak, over a path that loses; streams arrive whole whatever comes of it, and a counter
// says why it is TCP.
func TestVersions(t *testing.T) {
	plainHost := func(c *Config) { c.Plain = true }
	speaks := func(v Versions) func(*Config) { return func(c *Config) { c.Versions = v } }
	for _, k := range []struct {
		name           string
		client, server func(*Config)
		multi          bool
		version        wire.Version
		synack         bool // the opener falls back at the SYN/ACK
	}{
		{"v1 and v1", speaks(OnlyV1), speaks(OnlyV1), true, wire.V1, false},
		{"v0 and v0", speaks(OnlyV0), speaks(OnlyV0), true, wire.V0, false},
		{"both and both", speaks(BothVersions), speaks(BothVersions), true, wire.V1, false},
		{"v0 and both", speaks(OnlyV0), speaks(BothVersions), true, wire.V0, false},
		{"both and v0", speaks(BothVersions), speaks(OnlyV0), false, 0, true},
		{"v1 and v0", speaks(OnlyV1), speaks(OnlyV0), false, 0, true},
		{"v0 and v1", speaks(OnlyV0), speaks(OnlyV1), false, 0, true},
		{"Multipath TCP and TCP", speaks(BothVersions), plainHost, false, 0, true},
		{"TCP and Multipath TCP", plainHost, speaks(BothVersions), false, 0, false},
		{"TCP and TCP", plainHost, plainHost, false, 0, false},
	} {
		for seed := range uint64(5) {
			s := &scene{seed: seed, up: 80_000, down: 60_000, strict: true, limit: time.Hour,
				boxes: []string{"link delay=10ms rate=20Mbit buffer=100ms loss=2% reorder=2%"}}
			s.set = func(i int, c *Config) { []func(*Config){k.client, k.server}[i](c) }
			w, err := s.play(t, false, false)
			if err == nil {
				err = w.whole()
			}
			if err == nil {
				for i, a := range w.app {
					if a.conn.Multipath() != k.multi || k.multi && a.conn.Version() != k.version {
						err = fmt.Errorf("end %d: Multipath %v, version %d", i, a.conn.Multipath(), a.conn.Version())
					}
				}
				if n := w.ep[0].stats.MPCapableFallbackSYNACK; (n == 1) != k.synack {
					err = fmt.Errorf("MPCapableFallbackSYNACK is %d", n)
				}
			}
			if err == nil {
				err = w.left()
			}
			if err != nil {
				s.explain(t, fmt.Errorf("%s: %w", k.name, err))
				return
			}
		}
	}
}

// R3.3.1-13 to R3.3.1-18: data sequence numbers that wrap around 2^64, with 4 and 8 octets
// on the wire, while sequence numbers of the subflow wrap around 2^32.
func TestDSNWraps64(t *testing.T) {
	for _, short := range []bool{false, true} {
		for _, noSum := range []bool{false, true} {
			for _, v := range []Versions{OnlyV1, OnlyV0} {
				s := &scene{seed: 4, up: 200_000, down: 200_000, strict: true, wrap64: true, wrapTCP: true,
					boxes: []string{"split 700", "link delay=10ms rate=20Mbit buffer=100ms reorder=4%", "drop chance=1% after=20000B"}}
				s.set = func(_ int, c *Config) { c.Versions, c.ShortDSN, c.NoChecksum = v, short, noSum }
				w, err := s.play(t, false, false)
				if err == nil {
					err = w.whole()
				}
				for i, a := range w.app {
					c := a.conn
					if err == nil && (!c.Multipath() || c.own.space.DSN(c.snd.next) > c.own.space.DSN(0)) {
						err = fmt.Errorf("end %d: Multipath %v, DSNs from %x to %x", i, c.Multipath(), c.own.space.DSN(0), c.own.space.DSN(c.snd.next))
					}
					if first := c.subflows; err == nil && len(first) > 0 && first[0].flow.ISS()+uint32(first[0].flow.Sent()) > first[0].flow.ISS() {
						err = fmt.Errorf("end %d: the subflow's numbers did not wrap", i)
					}
				}
				if err != nil {
					s.explain(t, fmt.Errorf("short %v, no sums %v, v%d: %w", short, noSum, v, err))
					return
				}
			}
		}
	}
}

// RFC 9293 section 3.8.6.1 (MUST-37), R3.3.5: an application that does not read for longer
// than the user timeout ends nothing as long as its host answers the probes.
func TestClosedWindowForHours(t *testing.T) {
	for _, plain := range []bool{false, true} {
		s := &scene{seed: 6, up: 300_000, boxes: []string{quickLink}}
		s.set = func(i int, c *Config) {
			c.ReceiveBuffer, c.Plain = 20_000, plain
			c.TCP.UserTimeout = time.Minute
		}
		s.script = func(w *world) {
			w.w.MaxStall = 0
			w.app[1].hold = true
			w.w.After(5*time.Hour, func() { w.app[1].hold = false })
		}
		w, err := s.play(t, false, false)
		if err == nil {
			err = w.whole()
		}
		if err != nil || w.w.Elapsed() < 5*time.Hour || w.ep[0].stats.WinProbe == 0 || w.app[0].conn.Multipath() == plain {
			s.explain(t, fmt.Errorf("plain %v: after %v, %d probes: %v", plain, w.w.Elapsed(), w.ep[0].stats.WinProbe, err))
			return
		}
	}
}
