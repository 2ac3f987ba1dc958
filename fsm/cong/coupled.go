package cong

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
	srtt   float64 // seconds; 0: not known yet
	flight int     // octets outstanding when the last ACK came, where that was less than the window
	mean   float64 // of used, over some round trips; 0: not known yet
}

// meanOver is how many windows' worth of acknowledgments the mean window looks back: a
// sawtooth lasts half as many round trips as the window has segments at its peak, and twice
// as many where two of them share the growth of one TCP.
const meanOver = 128

// note takes what an acknowledgment tells of the path.
func (p *path) note(a Ack) {
	if a.SRTT > 0 {
		p.srtt = a.SRTT.Seconds()
	}
	p.flight = 0
	if !a.Limited {
		p.flight = a.InFlight
	}
	w := p.used()
	if p.mean == 0 {
		p.mean = w
	}
	p.mean += (w - p.mean) * min(1, float64(a.Acked)/(meanOver*float64(p.cwnd)))
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
// limits.
func (p *path) steady() float64 {
	if p.flight > 0 {
		return p.used()
	}
	return p.mean
}

// onLoss is the decrease, which coupling leaves as it is (T6356-05).
func (p *path) onLoss(s Signal, inFlight int) {
	p.remember()
	p.ssthresh = max(inFlight/2, 2*p.mss) // RFC 5681 section 3.1, equation 4
	p.cwnd = p.ssthresh
	if s == Timeout {
		p.cwnd = p.mss
		p.mean = float64(p.cwnd)
	}
}
