package fsm

import (
	"fmt"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/cong"
)

// counted is a group that knows how many of its controllers are in use.
type counted struct {
	cong.Group
	live map[cong.Controller]bool
}

func (g *counted) Add(mss int) cong.Controller {
	c := g.Group.Add(mss)
	g.live[c] = true
	return c
}

func (g *counted) Remove(c cong.Controller) {
	g.Group.Remove(c)
	delete(g.live, c)
}

func counting(groups *[]*counted) func(*Config) {
	return func(c *Config) {
		c.Congestion = func() cong.Group {
			g := &counted{cong.NewLIA(), map[cong.Controller]bool{}}
			*groups = append(*groups, g)
			return g
		}
	}
}

// Every subflow of a connection has a controller of one group (RFC 8684 section 3.3.7),
// two connections have two, and none is left when they are gone.
func TestSubflowsShareAGroup(t *testing.T) {
	var groups []*counted
	w := newWorld(t, 3, testConfig(1, counting(&groups)), testConfig(2), "link delay=5ms rate=20Mbit buffer=100ms")
	w.addPath("link delay=30ms rate=5Mbit buffer=100ms")
	w.twoPaths(500_000, 1000)
	most := 0
	w.app[0].watch = func() { most = max(most, len(groups[0].live)) }
	w.finishTransfer(time.Minute)
	w.idle()
	if len(groups) != 1 || most != 2 || len(groups[0].live) != 0 {
		t.Errorf("%d groups, %d controllers at most, %d left", len(groups), most, len(groups[0].live))
	}
	if _, err := w.ep[0].Dial(w.w.Now(), serverPort2, serverPort); err != nil || len(groups) != 2 {
		t.Errorf("%v, %d groups after a second connection", err, len(groups))
	}
}

// What is plain TCP is not coupled: by agreement, by a fallback at the handshake, and by
// one later, whose window stays what it was.
func TestPlainTCPIsNotCoupled(t *testing.T) {
	for i, boxes := range [][]string{nil, {"strip mptcp on=syn"}, {"strip dss after=100000B"}} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			var groups, tcp []*counted
			set := func(c *Config) {
				counting(&groups)(c)
				g := &counted{cong.NewCubic(), map[cong.Controller]bool{}}
				tcp = append(tcp, g)
				c.TCP.Congestion = g
				c.Plain = i == 0
			}
			w := newWorld(t, 3, testConfig(1, set), testConfig(2), append(boxes, "link delay=5ms rate=20Mbit buffer=100ms")...)
			window, after := 0, 0
			w.app[0].watch = func() {
				c := w.app[0].conn
				if c.mode == plain && len(c.subflows) > 0 && len(tcp[0].live) == 0 && c.subflows[0].flow.Controller() != nil {
					t.Fatal("plain, and coupled")
				}
				if len(c.subflows) > 0 && c.Info().Acked > 0 {
					now, _ := c.subflows[0].flow.Cwnd()
					if c.mode == plain && window > 0 && after == 0 {
						after = now
					} else if c.mode == multi {
						window = now
					}
				}
			}
			w.transfer(600_000, 1000, time.Minute)
			w.idle()
			for _, g := range append(groups, tcp...) {
				if len(g.live) != 0 {
					t.Error("a controller is left")
				}
			}
			if w.app[0].conn.Multipath() {
				t.Fatal("no fallback")
			}
			if i == 2 && (window < 14600 || after < window) {
				t.Errorf("window %d, and %d after the fallback", window, after)
			}
		})
	}
}
