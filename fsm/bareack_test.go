package fsm

import (
	"net/netip"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/fsm/netsim/mbox"
	"github.com/mptcp-go/mptcp/wire"
)

// aloneEcho leaves no DSS beside an ADD_ADDR, as Linux does.
type aloneEcho struct {
	strip  netsim.Element
	echoed bool // until then acknowledgments are lost
}

func (x *aloneEcho) String() string { return "alone" }

func (x *aloneEcho) Handle(at *netsim.Slot, dir netsim.Dir, p *netsim.Packet) {
	var s wire.Segment
	if wire.Parse(&s, p.Data) == nil {
		if _, has := s.Options.FindMPTCP(wire.SubAddAddr); has {
			x.echoed = x.echoed || dir == netsim.Forward
			x.strip.Handle(at, dir, p)
			return
		}
		if _, has := s.Options.FindMPTCP(wire.SubDSS); has && dir == netsim.Forward && len(s.Payload) == 0 && !x.echoed {
			at.Drop(dir, p, "before the echo")
			return
		}
	}
	at.Send(dir, p)
}

// The first data is acknowledged by the segment that echoes an ADD_ADDR and has no room
// for a DATA_ACK: that is no sign of a path that removes options.
func TestFirstDataAcknowledgedByAnEcho(t *testing.T) {
	w := newWorld(t, 3, testConfig(1), testConfig(2), "link delay=10ms")
	w.path.Insert(0, &aloneEcho{strip: mbox.MustParse("strip dss")})
	told := false
	w.app[1].more = func(now time.Time) {
		if c := w.app[1].conn; !told && c.Multipath() && c.Info().Sent > 0 {
			told = true
			if err := c.Announce(now, netip.MustParseAddrPort("10.9.9.9:80")); err != nil {
				t.Error(err)
			}
		}
	}
	w.transfer(10, 3_000, time.Minute)
	for i := range w.app {
		if !w.app[i].conn.Multipath() {
			t.Errorf("end %d fell back: %s", i, w.app[i].conn.Info().Cause)
		}
	}
}
