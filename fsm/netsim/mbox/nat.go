package mbox

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// NAT translates address and port of what comes from the left, as home routers and
// carriers do: paper section 4.1 ("NAT"), and the reason of 3.2 for which a subflow
// is named by a token, not by its addresses (P-3.2-02), and a server announces
// addresses instead of connecting to them (P-3.2-04).
//
// The mapping is endpoint-independent (RFC 4787 section 4.1, RFC 5382), the filter
// lets in only those remote ends that were written to; "open" lets in anyone.
//
//	nat [addr=198.51.100.1] [ports=1024-65535] [idle=2m] [mid=pass|map|drop] [open]
//
// idle forgets a mapping that has been silent for that long. mid is what happens to
// a segment from the left that begins no flow and has no mapping: pass lets the
// whole flow through untranslated (as if the box had been put in place without
// disturbing it), map gives it a new port (what a box does that lost its state),
// drop drops it.
type NAT struct {
	addr4, addr6 netip.Addr
	low, high    int
	idle         time.Duration
	mid          string
	open         bool
	e            edit
	out          map[netip.AddrPort]*binding
	in           map[netip.AddrPort]*binding
	order        []*binding
}

// binding is one mapping.
type binding struct {
	private, public netip.AddrPort
	remotes         []netip.AddrPort
	last            time.Duration
}

const (
	maxBindings = 1 << 14
	maxRemotes  = 64
)

var (
	natAddr4 = netip.AddrFrom4([4]byte{198, 51, 100, 1}) // TEST-NET-2
	natAddr6 = netip.MustParseAddr("2001:db8:6464::1")
)

func parseNAT(s *netsim.Spec) netsim.Element {
	n := &NAT{addr4: natAddr4, addr6: natAddr6, low: 1024, high: 65535,
		out: map[netip.AddrPort]*binding{}, in: map[netip.AddrPort]*binding{}}
	if v, ok := s.Field("addr"); ok {
		a, err := netip.ParseAddr(v)
		switch {
		case err != nil || a.Zone() != "" || a.Is4In6():
			s.Fail("addr=%s: not an address", v)
		case a.Is4():
			n.addr4 = a
		default:
			n.addr6 = a
		}
	}
	if v, ok := s.Field("ports"); ok {
		a, b, _ := strings.Cut(v, "-")
		low, err1 := strconv.ParseUint(a, 10, 16)
		high, err2 := strconv.ParseUint(b, 10, 16)
		if err1 != nil || err2 != nil || low == 0 || high < low {
			s.Fail("ports=%s: want a range such as 1024-65535", v)
		}
		n.low, n.high = int(low), int(high)
	}
	n.idle = s.Duration("idle", 0)
	n.mid = s.Choice("mid", "pass", "map", "drop")
	n.open = s.Flag("open")
	return n
}

func (n *NAT) String() string {
	s := "nat"
	if n.addr4 != natAddr4 {
		s += " addr=" + n.addr4.String()
	} else if n.addr6 != natAddr6 {
		s += " addr=" + n.addr6.String()
	}
	if n.low != 1024 || n.high != 65535 {
		s += fmt.Sprintf(" ports=%d-%d", n.low, n.high)
	}
	if n.idle != 0 {
		s += " idle=" + n.idle.String()
	}
	if n.mid != "pass" {
		s += " mid=" + n.mid
	}
	if n.open {
		s += " open"
	}
	return s
}

// Handle implements netsim.Element.
func (n *NAT) Handle(at *netsim.Slot, dir netsim.Dir, p *netsim.Packet) {
	if !n.e.open(p) {
		n.handleICMP(at, dir, p)
		return
	}
	if dir == netsim.Forward {
		n.outbound(at, p)
	} else {
		n.inbound(at, p)
	}
}

func (n *NAT) outbound(at *netsim.Slot, p *netsim.Packet) {
	e := &n.e
	b := n.live(at, n.out[e.seg.Src])
	if b == nil {
		begins := e.seg.Flags.Has(wire.SYN) && !e.seg.Flags.Has(wire.ACK)
		if !begins && n.mid == "pass" {
			if a := e.seg.Src.Addr(); a == n.addr4 || a == n.addr6 {
				// Behind another box with the same address: what comes back is not
				// to be taken for something unasked.
				b = n.bindTo(at, e.seg.Src, e.seg.Src)
				b.allow(e.seg.Dst)
			}
			at.Send(netsim.Forward, p)
			return
		}
		if !begins && n.mid == "drop" {
			at.Drop(netsim.Forward, p, "no mapping")
			return
		}
		if b = n.bind(at, e.seg.Src); b == nil {
			at.Drop(netsim.Forward, p, "no port left")
			return
		}
		if at.Logging() {
			at.Log(netsim.Forward, fmt.Sprintf("mapped %v to %v", b.private, b.public))
		}
	}
	b.last = at.Now()
	b.allow(e.seg.Dst)
	e.setSrc(b.public)
	at.Send(netsim.Forward, p)
}

func (n *NAT) inbound(at *netsim.Slot, p *netsim.Packet) {
	e := &n.e
	if a := e.seg.Dst.Addr(); a != n.addr4 && a != n.addr6 {
		at.Send(netsim.Reverse, p)
		return
	}
	b := n.live(at, n.in[e.seg.Dst])
	if b == nil || !n.open && !b.allows(e.seg.Src) {
		at.Drop(netsim.Reverse, p, "no mapping")
		return
	}
	b.last = at.Now()
	e.setDst(b.private)
	at.Send(netsim.Reverse, p)
}

// live is b unless it has been idle for too long, in which case it is forgotten.
func (n *NAT) live(at *netsim.Slot, b *binding) *binding {
	if b == nil || n.idle == 0 || at.Now()-b.last <= n.idle {
		return b
	}
	n.forget(b)
	return nil
}

func (n *NAT) forget(b *binding) {
	delete(n.out, b.private)
	delete(n.in, b.public)
}

// bind makes a mapping to a port drawn by luck, or the next free one after it.
func (n *NAT) bind(at *netsim.Slot, private netip.AddrPort) *binding {
	addr := n.addr4
	if private.Addr().Is6() {
		addr = n.addr6
	}
	span := n.high - n.low + 1
	first := at.Luck().IntN(span)
	for i := range min(span, 4096) {
		public := netip.AddrPortFrom(addr, uint16(n.low+(first+i)%span))
		if n.live(at, n.in[public]) != nil {
			continue
		}
		return n.bindTo(at, private, public)
	}
	return nil
}

func (n *NAT) bindTo(at *netsim.Slot, private, public netip.AddrPort) *binding {
	b := &binding{private: private, public: public, last: at.Now()}
	n.out[private], n.in[public] = b, b
	if n.order = append(n.order, b); len(n.order) > maxBindings {
		// The oldest may have been replaced by now; then it is not in the maps.
		if old := n.order[0]; n.out[old.private] == old {
			n.forget(old)
		}
		n.order = n.order[1:]
	}
	return b
}

func (b *binding) allows(a netip.AddrPort) bool {
	for _, r := range b.remotes {
		if r == a {
			return true
		}
	}
	return false
}

func (b *binding) allow(a netip.AddrPort) {
	if b.allows(a) {
		return
	}
	if len(b.remotes) == maxRemotes {
		b.remotes = append(b.remotes[:0], b.remotes[1:]...)
	}
	b.remotes = append(b.remotes, a)
}
