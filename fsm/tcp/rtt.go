package tcp

import "time"

// rtt is the round-trip estimate of RFC 6298, in nanoseconds. 0: no sample yet.
type rtt struct {
	srtt, rttvar int64
	// The least sample of this and of the previous period (RFC 8985 section 6.2,
	// step 1: a windowed minimum).
	low, prevLow int64
	periodEnd    int64
}

const (
	clockGranularity = int64(time.Millisecond)
	minRTTPeriod     = 150 * int64(time.Second)
)

// sample takes a measurement. expected is how many of them a round trip yields:
// RFC 7323 appendix G has the gains divided by that, lest the estimate forget
// within one round trip (T6298-01).
func (r *rtt) sample(d int64, expected int, t int64) {
	d = max(d, 1)
	r.lowest(d, t)
	if r.srtt == 0 {
		r.srtt, r.rttvar = d, d/2
		return
	}
	n := int64(max(expected, 1))
	diff := r.srtt - d
	if diff < 0 {
		diff = -diff
	}
	r.rttvar += (diff - r.rttvar) / (4 * n)
	r.srtt += (d - r.srtt) / (8 * n)
	r.srtt = max(r.srtt, 1)
}

// lowest takes a measurement for the minimum alone.
func (r *rtt) lowest(d, t int64) {
	if t >= r.periodEnd {
		r.prevLow, r.low, r.periodEnd = r.low, 0, t+minRTTPeriod
	}
	if r.low == 0 || d < r.low {
		r.low = max(d, 1)
	}
}

func (r *rtt) min() int64 {
	if r.prevLow != 0 && (r.low == 0 || r.prevLow < r.low) {
		return r.prevLow
	}
	return r.low
}
