package fsm

import (
	"bytes"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// R3.1-01 to R3.1-05, R3.1-14 to R3.1-19, R3.3.3-02 to R3.3.3-06: over a clean path a
// connection is Multipath TCP from end to end, and ends without a trace.
func TestCleanPath(t *testing.T) {
	w := newWorld(t, 1, testConfig(1), testConfig(2))
	w.transfer(300_000, 200_000, time.Minute)
	for i, a := range w.app {
		if !a.conn.Multipath() || !a.conn.Checksum() {
			t.Errorf("end %d: Multipath %v, checksum %v", i, a.conn.Multipath(), a.conn.Checksum())
		}
	}
	w.idle()
}

// Issue: same seed twice gives identical captures.
func TestSameSeedSameOctets(t *testing.T) {
	var first []byte
	for i := range 2 {
		w := newWorld(t, 77, testConfig(1), testConfig(2), "link delay=10ms rate=5Mbit loss=2% reorder=3%")
		w.addPath("split 600", "link delay=20ms rate=3Mbit loss=1%")
		w.twoPaths(200_000, 100_000)
		w.finishTransfer(time.Minute)
		w.idle()
		if i == 0 {
			first = w.capt.Bytes()
		} else if !bytes.Equal(first, w.capt.Bytes()) {
			t.Error("two captures differ")
		}
	}
}

// R3.3.1-13 to R3.3.1-18: streams whose DSNs cross 2^32, with 4 and 8 octets on the
// wire, over a path that reorders.
func TestDSNWraps(t *testing.T) {
	near := func(from uint64) secret {
		for k := from; ; k++ {
			if s := newSecret(wire.Key(k), wire.V1); uint32(s.idsn) > 1<<32-100_000 {
				return s
			}
		}
	}
	for _, short := range []bool{false, true} {
		set := func(c *Config) { c.ShortDSN, c.Versions = short, OnlyV1 }
		w := newWorld(t, 51, testConfig(1, set), testConfig(2, set), "link delay=10ms rate=20Mbit reorder=10% loss=1%")
		for i, ep := range w.ep {
			ep.pool.ready = append(ep.pool.ready, near(uint64(i)<<32+1))
		}
		w.transfer(400_000, 400_000, time.Minute)
		for i, a := range w.app {
			c := a.conn
			if !c.Multipath() || c.own.idsn>>32 == (c.own.idsn+400_000)>>32 {
				t.Errorf("end %d: multipath %v, IDSN %x did not wrap", i, c.Multipath(), c.own.idsn)
			}
		}
		w.clean()
	}
}
