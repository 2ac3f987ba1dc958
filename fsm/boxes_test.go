package fsm

import (
	"fmt"
	"testing"
	"time"
)

// boxCase is a path and what becomes of a connection over it: MPTCP at both ends, or
// plain TCP with the counters that say why.
type boxCase struct {
	boxes  []string
	multi  bool
	client string
	server string
}

func (c boxCase) name() string { return fmt.Sprint(c.boxes) }

var link = "link delay=10ms rate=50Mbit buffer=200ms"

// Paper section 4.1 and 3.1 to 3.3: every middlebox that leaves the stream alone. The
// octets arrive, and Multipath TCP stays wherever its options do (P-4.1-01, R6-02).
var boxCases = []boxCase{
	{boxes: []string{link}, multi: true},
	{boxes: []string{"link delay=10ms rate=20Mbit loss=2%"}, multi: true},
	{boxes: []string{"link delay=10ms rate=20Mbit reorder=10% by=15ms dup=3%"}, multi: true},
	{boxes: []string{"nat", link}, multi: true},                       // P-3.2-02
	{boxes: []string{"seq", link}, multi: true},                       // P-3.3-01
	{boxes: []string{"hole", "link delay=10ms loss=1%"}, multi: true}, // P-3.3-02
	{boxes: []string{"ackfix", link}, multi: true},                    // P-3.3-03
	{boxes: []string{"split 500", link}, multi: true},                 // P-3.3.4-01, R3.1-19
	{boxes: []string{"split 700 copy=first", link}, multi: true},
	{boxes: []string{"split 700 copy=last after=60000B", link}, multi: true}, // a mapping late: P-3.3.4-02
	{boxes: []string{"split 700 copy=last", link}},                           // the first data has no option: MPCapableDataFallback
	{boxes: []string{"dup mptcp", link}, multi: true},                        // P-3.1-09
	{boxes: []string{"firewall", link}, multi: true},
	{boxes: []string{"normalize how=reset", "link delay=10ms loss=2%"}, multi: true}, // P-3.3.3-03
	{boxes: []string{"mss 700", link}, multi: true},
	{boxes: []string{"window 4000", link}, multi: true}, // R3.3.5-03
	{boxes: []string{"drop on=ack3 count=1", link}, multi: true},
	{boxes: []string{"drop on=ack3 count=1", "drop on=data count=3", link}, multi: true}, // P-3.1-06, R3.1-14
	{boxes: []string{"drop on=data dir=c2s count=1", link}, multi: true},                 // R3.1-45
	{boxes: []string{"drop on=synack count=2", link}, multi: true},
	{boxes: []string{"coalesce 2", link}, multi: true}, // P-3.3.5-03
	{boxes: []string{"coalesce 3 keep=last", link}, multi: true},
	{boxes: []string{"proxy", link}},                                                                                    // it acknowledges the first data itself, without a DATA_ACK: R3.7-04
	{boxes: []string{"strip mptcp on=syn", link}, client: "MPCapableFallbackSYNACK"},                                    // P-3.1-02
	{boxes: []string{"strip mptcp on=synack", link}, client: "MPCapableFallbackSYNACK", server: "MPCapableFallbackACK"}, // P-3.1-05
	{boxes: []string{"strip mptcp dir=c2s on=ack3+data+ack+fin", link}, server: "MPCapableFallbackACK"},                 // R3.1-41
	{boxes: []string{"drop has=mptcp on=syn", link}, client: "MPCapableSYNTXDrop"},                                      // P-3.1-04
	{boxes: []string{"strip mptcp after=3whs", link}},
	{boxes: []string{"strip mptcp after=3whs dir=c2s", link}},
	{boxes: []string{"strip mptcp after=3whs dir=s2c", link}},
	{boxes: []string{"strip mptcp after=40000B", link}}, // P-3.3.6-05, P-3.1-03
	{boxes: []string{"strip mptcp after=40000B dir=c2s", link}},
	{boxes: []string{"strip mptcp after=40000B dir=s2c", link}},
	{boxes: []string{"strip dss", link}},
}

func TestBoxes(t *testing.T) {
	for _, k := range boxCases {
		for _, v := range []Versions{OnlyV1, OnlyV0} {
			for _, noSum := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s v=%d nosum=%v", k.name(), v, noSum), func(t *testing.T) {
					set := func(c *Config) { c.Versions, c.NoChecksum = v, noSum }
					w := newWorld(t, 11, testConfig(1, set), testConfig(2, set), k.boxes...)
					w.transfer(120_000, 80_000, 5*time.Minute)
					for i, a := range w.app {
						if a.conn.Multipath() != k.multi && k.multi {
							t.Errorf("end %d: Multipath %v", i, a.conn.Multipath())
						}
					}
					if k.client == "MPCapableFallbackSYNACK" && w.ep[0].stats.MPCapableFallbackSYNACK != 1 {
						t.Error("client:", w.ep[0].stats)
					}
					if k.client == "MPCapableSYNTXDrop" && w.ep[0].stats.MPCapableSYNTXDrop != 1 {
						t.Error("client:", w.ep[0].stats)
					}
					if k.server == "MPCapableFallbackACK" && w.ep[1].stats.MPCapableFallbackACK != 1 {
						t.Error("server:", w.ep[1].stats)
					}
					w.idle()
				})
			}
		}
	}
}
