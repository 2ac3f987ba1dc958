package cong

import "time"

// coupled holds the controllers whose windows grow together, in the order they
// were added: sums of floating-point numbers depend on it.
type coupled[T any] struct{ paths []T }

func (g *coupled[T]) remove(same func(T) bool) {
	for i, p := range g.paths {
		if same(p) {
			g.paths = append(g.paths[:i], g.paths[i+1:]...)
			return
		}
	}
}

// path is what coupling needs to know of a flow besides its window.
type path struct {
	window
	srtt    float64 // seconds; 0: not known yet
	flight  int     // octets outstanding when the last ACK came, where that was less than the window
	mean    float64 // octets delivered in a round trip, over some of them; 0: not known yet
	trips   float64 // round trips that mean looks back
	heard   int64   // when note was called last, ns
	stalled bool    // the timer expired, and nothing was acknowledged since
}

// meanOver is how many round trips the mean looks back at the most: a sawtooth lasts half
// as many as the window has segments at its peak, and twice as many where two of them
// share the growth of one TCP.
const meanOver = 128

// note takes what an acknowledgment tells of the path.
func (p *path) note(now time.Time, a Ack) {
	if a.SRTT > 0 {
		p.srtt = a.SRTT.Seconds()
	}
	p.flight = 0
	if !a.Limited {
		p.flight = a.InFlight
	}
	p.average(now, a)
	p.stalled = false
}

// average keeps the mean: what was delivered, by the time that it took. A path that waits
// for its timer carries nothing, and where losses are many that is much of the time. In the
// first slow start there is no equilibrium yet to take a mean of.
func (p *path) average(now time.Time, a Ack) {
	t := now.UnixNano()
	trips := float64(max(t-p.heard, 0)) / 1e9 / max(p.srtt, 1e-9)
	p.heard = t
	if p.mean == 0 || p.ssthresh == infinite || trips >= meanOver {
		p.mean, p.trips = p.used(), 1
		return
	}
	if p.flight > 0 {
		return // as good as idle
	}
	p.trips = min(p.trips+trips, meanOver)
	p.mean = (p.mean + float64(a.Acked+a.Repaired)/p.trips) / (1 + trips/p.trips)
}

// used is the window that counts for the others: what an application-limited flow
// has outstanding, if less (RFC 6356 section 3, T6356-04). A flow in recovery has
// its threshold for a window already.
func (p *path) used() float64 {
	w := p.cwnd
	if p.flight > 0 {
		w = min(w, max(p.flight, p.mss))
	}
	return float64(w)
}

// steady is used without the sawtooth: its mean, but for a flow that the application
// limits, or that waits for an answer.
func (p *path) steady() float64 {
	switch {
	case p.flight > 0:
		return p.used()
	case p.stalled:
		return min(p.mean, p.used())
	}
	return p.mean
}

// onSignal is the same for all that are coupled: the decrease stays what it is (T6356-05).
func (p *path) onSignal(now time.Time, s Signal, inFlight int) {
	switch s {
	case Timeout, TimeoutAgain:
		p.stalled = true
	case Idle:
		p.heard = now.UnixNano() // nobody wanted to send
	}
	if p.common(s) {
		return
	}
	p.remember()
	p.ssthresh = max(inFlight/2, 2*p.mss) // RFC 5681 section 3.1, equation 4
	p.cwnd = p.ssthresh
	if s == Timeout {
		p.cwnd = p.mss
	}
}
