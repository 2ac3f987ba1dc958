package cong

import "time"

// NewReno returns a group of independent controllers as RFC 5681 has them: slow
// start, one segment more per round trip, half the window on a loss.
func NewReno() Group {
	return uncoupled(func(mss int) Controller { return &reno{window: newWindow(mss)} })
}

type reno struct{ window }

func (r *reno) SetMSS(mss int) { r.setMSS(mss) }

func (r *reno) OnAck(_ time.Time, a Ack) {
	r.fresh = false
	if !a.Limited {
		return // a window that was not used has proved nothing
	}
	acked := r.slowStart(a.Acked)
	if acked == 0 {
		return
	}
	// RFC 5681 section 3.1, equation 3, by octets acknowledged: SMSS more for a window's
	// worth of them, a part of it for a part, so that a loss forfeits nothing.
	r.grow(float64(float64(acked)*float64(r.mss)) / float64(r.cwnd))
}

func (r *reno) OnSignal(_ time.Time, s Signal, inFlight int) {
	if r.common(s) {
		return
	}
	r.remember()
	r.ssthresh = max(inFlight/2, 2*r.mss) // RFC 5681 section 3.1, equation 4
	r.cwnd = r.ssthresh
	if s == Timeout {
		r.cwnd = r.mss // the loss window, RFC 5681 section 3.1
	}
}
