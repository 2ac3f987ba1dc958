package mbox

import (
	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// Firewall lets in only flows that it saw begin with a SYN from the left, and of
// those only segments inside the window: why a subflow has a handshake of its own
// (paper section 3.2, P-3.2-01).
//
//	firewall [noscale] [inbound] [mid=drop|learn] [nowindow]
//
// noscale is the box that takes windows as unscaled (RFC 7323 section 2.2 names
// such), and so drops what is more than 64 KB ahead. inbound allows SYNs from the
// right. mid=learn accepts flows that it first sees in the middle. nowindow checks
// no windows.
type Firewall struct {
	noScale, inbound, learn, noWindow bool

	e     edit
	flows flows[wallState]
}

// wallState is what connection tracking knows of a flow, by direction.
type wallState struct {
	open   bool
	syns   [2]bool  // seen
	shift  [2]uint8 // of the windows that this side announces
	scaled [2]bool  // its SYN had the option
	end    [2]uint32
	ended  [2]bool   // end is known
	edge   [2]uint32 // right edge of the window that this side announced
	edged  [2]bool
}

func parseFirewall(s *netsim.Spec) netsim.Element {
	return &Firewall{noScale: s.Flag("noscale"), inbound: s.Flag("inbound"), noWindow: s.Flag("nowindow"),
		learn: s.Choice("mid", "drop", "learn") == "learn"}
}

func (x *Firewall) String() string {
	s := "firewall"
	for _, f := range []struct {
		on   bool
		text string
	}{{x.noScale, " noscale"}, {x.inbound, " inbound"}, {x.learn, " mid=learn"}, {x.noWindow, " nowindow"}} {
		if f.on {
			s += f.text
		}
	}
	return s
}

// Handle implements netsim.Element.
func (x *Firewall) Handle(at *netsim.Slot, dir netsim.Dir, p *netsim.Packet) {
	e := &x.e
	if !e.open(p) {
		at.Send(dir, p)
		return
	}
	f := x.flows.get(dir, &e.seg)
	if why := x.judge(f, dir); why != "" {
		at.Drop(dir, p, why)
		return
	}
	at.Send(dir, p)
}

// judge returns why the segment is not to pass, or takes it into account.
func (x *Firewall) judge(f *wallState, dir netsim.Dir) string {
	s, back := &x.e.seg, dir.Back()
	syn := s.Flags.Has(wire.SYN)
	if !f.open {
		begins := syn && !s.Flags.Has(wire.ACK) && (x.inbound || dir == netsim.Forward)
		if !begins && (!x.learn || syn) {
			return "belongs to no known flow"
		}
		f.open = true
	}
	if !syn && !x.noWindow && !x.inWindow(f, dir) {
		return "out of window"
	}
	if syn {
		f.syns[dir] = true
		if o, ok := s.Options.Find(wire.KindWindowScale); ok {
			v, err := wire.ParseWindowScale(o)
			f.scaled[dir], f.shift[dir] = err == nil, min(v, 14)
		}
	}
	if end := x.e.endSeq(); !f.ended[dir] || before(f.end[dir], end) {
		f.end[dir], f.ended[dir] = end, true
	}
	if s.Flags.Has(wire.ACK) {
		window := uint32(s.Window)
		if !syn {
			window <<= x.shiftOf(f, dir)
		}
		// A closed window lets one octet through: the probe.
		edge := s.Ack + max(window, 1)
		if !f.edged[dir] || before(f.edge[dir], edge) {
			f.edge[dir], f.edged[dir] = edge, true
		}
		if !f.ended[back] {
			f.end[back], f.ended[back] = s.Ack, true
		}
	}
	return ""
}

// shiftOf is the shift count of the windows that a side announces. Where the
// handshake was not seen it could be any, so it is taken to be the largest.
func (x *Firewall) shiftOf(f *wallState, dir netsim.Dir) uint8 {
	switch {
	case x.noScale:
		return 0
	case !f.syns[0] || !f.syns[1]:
		return 14
	case f.scaled[0] && f.scaled[1]:
		return f.shift[dir]
	}
	return 0
}

// inWindow asks whether a segment is one that its receiver announced room for, and
// not older than what may still be under way.
func (x *Firewall) inWindow(f *wallState, dir netsim.Dir) bool {
	s, back := &x.e.seg, dir.Back()
	if f.edged[back] && before(f.edge[back], x.e.endSeq()) {
		return false
	}
	most := uint32(0xffff) << x.shiftOf(f, back)
	return !f.ended[dir] || !before(s.Seq, f.end[dir]-most-1)
}
