package netsim

import (
	"net/netip"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// ICMPHandler is a Host that wants to hear of ICMP errors about its segments.
type ICMPHandler interface {
	HandleICMP(now time.Time, m *wire.ICMP)
}

// The routers of a simulated network all have these addresses (TEST-NET-1 and the
// documentation prefix): hosts look at what is quoted, not at who says it.
var (
	router4 = netip.AddrFrom4([4]byte{192, 0, 2, 1})
	router6 = netip.MustParseAddr("2001:db8:1::1")
)

// mayFragment says that a packet above the MTU is one that a router would cut: IPv4
// without DF. Fragmentation is not simulated; such a packet passes whole, as if it
// had been cut and put together again.
func mayFragment(pkt []byte) bool {
	return len(pkt) >= 20 && pkt[0]>>4 == 4 && pkt[6]&0x40 == 0
}

// tooBig drops p and, unless the link keeps silent, tells its sender the MTU (RFC
// 1191 section 4, RFC 4443 section 3.2). Only TCP segments are answered: an error
// about an error must never be sent (RFC 1122 section 3.2.2).
func (l *Link) tooBig(at *Slot, dir Dir, p *Packet) {
	c := &l.conf[dir]
	var s wire.Segment
	if !c.NoICMP && wire.Parse(&s, clip(p.Data)) == nil {
		m := wire.ICMP{From: router4, To: s.Src.Addr(), Kind: wire.ICMPTooBig, MTU: uint32(c.MTU)}
		if !m.To.Is4() {
			m.From = router6
		}
		answer := at.New()
		b, err := wire.AppendICMP(answer.Data, &m, p.Data)
		if err == nil {
			answer.Data = b
			at.Send(dir.Back(), answer)
		} else {
			at.Discard(answer)
		}
	}
	at.Drop(dir, p, "too big for the MTU")
}

// deliverOther takes what is no TCP segment: ICMP errors go to hosts that handle
// them.
func (n *Node) deliverOther(pkt []byte) {
	var m wire.ICMP
	if err := wire.ParseICMP(&m, pkt); err != nil || m.Sum != wire.SumGood {
		n.stats.Malformed++
		return
	}
	n.stats.ICMP++
	if h, ok := n.host.(ICMPHandler); ok {
		h.HandleICMP(n.w.Now(), &m)
	}
}
