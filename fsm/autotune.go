package fsm

import "time"

// Buffers that grow with what a connection needs (paper section 4.2, mechanism 3). What
// it needs is 2 * sum(x_i) * RTTmax octets: every subflow's rate for the round-trip time
// of the slowest, twice, so that all can go on sending while one repeats.

// tuning measures what arrives.
type tuning struct {
	since int64 // when the interval began
	count int   // new octets that arrived in it, over all subflows
	rtt   int64 // of the slowest subflow: the length of the interval
}

// bufferNeed is the formula, for octets per second and seconds.
func bufferNeed(sumOfRates, rttMax float64) float64 { return 2 * sumOfRates * rttMax }

// tuneReceive looks, once in a round trip of the slowest subflow, at how much arrived,
// and lets the receive buffer grow to twice that. It never shrinks: the window that was
// advertised cannot be taken back (RFC 8684 section 3.3.4).
func (c *Conn) tuneReceive(now time.Time) {
	r, t := &c.rcv, nanos(now)
	if r.size >= c.ep.cfg.ReceiveBuffer || t-r.tune.since < r.tune.rtt {
		return
	}
	slowest := int64(0)
	for _, s := range c.subflows {
		if s.up {
			slowest = max(slowest, int64(s.flow.RecvRTT()))
		}
	}
	if long := t - r.tune.since; r.tune.since != 0 && long > 0 {
		need := bufferNeed(float64(r.tune.count)/float64(long), float64(slowest))
		if n := min(int(need), c.ep.cfg.ReceiveBuffer); n > r.size {
			r.size = n
			c.openWindow(now)
		}
	}
	r.tune = tuning{since: t, rtt: slowest}
}

// tuneSend lets the send buffer grow by the same formula. The sender knows what each
// subflow may send in a round trip: its congestion window.
func (c *Conn) tuneSend() {
	snd := &c.snd
	if snd.limit >= c.ep.cfg.SendBuffer || 2*int(snd.buf.end-snd.una) < snd.limit {
		return
	}
	rate, slowest := 0.0, 0.0
	for _, s := range c.subflows {
		if srtt, _ := s.flow.RTT(); s.up && srtt > 0 {
			cwnd, _ := s.flow.Cwnd()
			rate += float64(cwnd) / srtt.Seconds()
			slowest = max(slowest, srtt.Seconds())
		}
	}
	if n := min(int(bufferNeed(rate, slowest)), c.ep.cfg.SendBuffer); n > snd.limit {
		snd.limit = n
	}
}
