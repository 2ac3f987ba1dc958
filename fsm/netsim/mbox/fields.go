package mbox

import (
	"encoding/binary"
	"strconv"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// MSS lowers the maximum segment size that SYNs announce, as routers in front of a
// tunnel do to spare hosts from path MTU discovery.
//
//	mss OCTETS [when...]
type MSS struct {
	most int
	when when
	e    edit
}

func parseMSS(s *netsim.Spec) netsim.Element {
	return &MSS{most: parseCount(s, 1, 65535, "octets"), when: parseWhen(s)}
}

func (x *MSS) String() string { return "mss " + strconv.Itoa(x.most) + x.when.String() }

// Handle implements netsim.Element.
func (x *MSS) Handle(at *netsim.Slot, dir netsim.Dir, p *netsim.Packet) {
	e := &x.e
	if e.open(p) && x.when.has(at, dir, e) && e.seg.Flags.Has(wire.SYN) {
		var b [2]byte
		binary.BigEndian.PutUint16(b[:], uint16(x.most))
		e.eachOption(func(off int, o wire.Option) {
			if v, err := wire.ParseMSS(o); err == nil && int(v) > x.most {
				x.when.spend()
				e.patch(offOptions+off+2, b[:])
				if at.Logging() {
					at.Log(dir, "lowered the MSS from "+strconv.Itoa(int(v))+": "+e.text())
				}
			}
		})
	}
	at.Send(dir, p)
}

// Window makes the window field smaller, as rate-shaping boxes and proxies with
// small buffers do. Shift counts are not its business: it sees the field.
//
//	window MOST [div=N] [when...]
//
// The field is divided by N and then lowered to MOST.
type Window struct {
	most, div int
	when      when
	e         edit
}

func parseWindow(s *netsim.Spec) netsim.Element {
	return &Window{most: parseCount(s, 0, 65535, "octets"), div: s.Int("div", 1, 1, 65535), when: parseWhen(s)}
}

func (x *Window) String() string {
	s := "window " + strconv.Itoa(x.most)
	if x.div != 1 {
		s += " div=" + strconv.Itoa(x.div)
	}
	return s + x.when.String()
}

// Handle implements netsim.Element.
func (x *Window) Handle(at *netsim.Slot, dir netsim.Dir, p *netsim.Packet) {
	e := &x.e
	if e.open(p) && x.when.has(at, dir, e) {
		if w := uint16(min(int(e.seg.Window)/x.div, x.most)); w != e.seg.Window {
			x.when.spend()
			e.setWindow(w)
			if at.Logging() {
				at.Log(dir, "made the window smaller: "+e.text())
			}
		}
	}
	at.Send(dir, p)
}
