package cong

import "time"

// capped is a Group that stops growth while a path's buffers fill.
type capped struct{ Group }

// NewCapped wraps a group so that a window is held, not grown, while the smoothed
// round-trip time exceeds twice the least one seen: then more window fills buffers
// and adds nothing to throughput (the paper's section 4.2, mechanism 4).
func NewCapped(g Group) Group { return capped{g} }

type cappedFlow struct {
	Controller
	base time.Duration // least round-trip time seen; 0: none yet
}

func (g capped) Add(mss int) Controller { return &cappedFlow{Controller: g.Group.Add(mss)} }

func (g capped) Remove(c Controller) {
	if f, ok := c.(*cappedFlow); ok {
		g.Group.Remove(f.Controller)
	}
}

func (f *cappedFlow) OnAck(now time.Time, a Ack) {
	for _, rtt := range [...]time.Duration{a.RTT, a.MinRTT} {
		if rtt > 0 && (f.base == 0 || rtt < f.base) {
			f.base = rtt
		}
	}
	if f.base > 0 {
		if cwnd, ssthresh := f.State(); cwnd < ssthresh && a.RTT > 2*f.base {
			// Slow start is faster than the mean: by the time that it tells, the
			// window would be far beyond. What this segment found in the network was
			// the window of a round trip ago, half of what it is now.
			w := int(float64(cwnd) * float64(f.base) / float64(a.RTT))
			f.Resume(w, w)
			return
		}
		if a.SRTT > 2*f.base {
			a.Limited = false // tells the controller that growth is not called for
		}
	}
	f.Controller.OnAck(now, a)
}
