package tcp

import (
	"time"

	"github.com/mptcp-go/mptcp/fsm/cong"
)

// coupling is the group that the flow's controller comes from.
func (f *Flow) coupling() cong.Group {
	if f.group != nil {
		return f.group
	}
	return f.cfg.Congestion
}

// Couple gives the flow a congestion controller of g, that of a connection with several
// flows (RFC 6356), or, where g is nil, one of Config.Congestion again. Its window stays
// what it is.
func (f *Flow) Couple(g cong.Group) {
	old, cc := f.coupling(), f.cc
	f.group = g
	if cc == nil || f.state == Closed {
		return
	}
	cwnd, ssthresh := cc.State()
	old.Remove(cc)
	f.cc = f.coupling().Add(f.segmentSize())
	f.cc.Resume(cwnd, ssthresh)
}

// Penalize tells the congestion controller that the owner wants the flow slower though
// it lost nothing (paper section 4.2, mechanism 2).
func (f *Flow) Penalize(now time.Time) {
	if f.cc != nil {
		f.cc.OnSignal(now, cong.Penalty, f.flightSize())
	}
}
