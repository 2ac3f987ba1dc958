package cong

import (
	"math"
	"time"
)

// NewCubic returns a group of independent CUBIC controllers (RFC 9438).
func NewCubic() Group {
	return uncoupled(func(mss int) Controller { return &cubic{window: newWindow(mss)} })
}

// Constants of RFC 9438 section 4.6 and section 5.
const (
	cubicC    = 0.4
	cubicBeta = 0.7
	// cubicAlpha is the increase per round trip that makes an AIMD flow with
	// this decrease as fast as Reno (section 4.3).
	cubicAlpha = 3 * (1 - cubicBeta) / (1 + cubicBeta)
)

// cubic keeps windows in segments, as RFC 9438 does, and cwnd in octets beside.
type cubic struct {
	window
	wMax   float64 // window before the last reduction, after fast convergence
	prior  float64 // window before the last reduction
	wEst   float64 // the window a Reno flow would have
	w      float64 // the window, with its fraction
	k      float64 // seconds from the epoch's start until wMax is reached again
	origin float64 // the plateau of the curve
	epoch  int64   // start of congestion avoidance, ns; 0: not in one
	last   int64   // time of the last acknowledgment that counted, ns

	oldMax, oldPrior float64
}

func (c *cubic) SetMSS(mss int) {
	c.setMSS(mss)
	c.epoch = 0
}

func (c *cubic) OnAck(now time.Time, a Ack) {
	c.fresh = false
	t := now.UnixNano()
	if !a.Limited {
		// RFC 9438 section 5.8: time without congestion-limited sending is not
		// time in which the curve may climb.
		if c.epoch != 0 {
			c.epoch += t - c.last
			c.last = t
		}
		return
	}
	rest := c.slowStart(a.Acked)
	if rest == 0 {
		return
	}
	c.avoid(t, float64(rest)/float64(c.mss), a.SRTT.Seconds())
	c.last = t
}

// avoid is congestion avoidance, RFC 9438 sections 4.2 to 4.5; acked is in segments.
func (c *cubic) avoid(t int64, acked, rtt float64) {
	if c.epoch == 0 {
		c.start(t)
	}
	if int(c.w*float64(c.mss)) != c.cwnd { // changed by slow start or a signal
		c.w = float64(c.cwnd) / float64(c.mss)
	}
	elapsed := float64(t-c.epoch) / 1e9
	target := c.curve(elapsed + rtt)
	target = min(max(target, c.w), 1.5*c.w)

	alpha := cubicAlpha
	if c.wEst >= c.prior {
		alpha = 1
	}
	c.wEst += alpha * acked / c.w
	if c.curve(elapsed) < c.wEst { // the Reno-friendly region
		c.w = max(c.w, c.wEst)
	} else {
		c.w += (target - c.w) / c.w * acked
	}
	c.cwnd = max(int(c.w*float64(c.mss)), c.mss)
	c.w = max(c.w, 1)
}

func (c *cubic) curve(t float64) float64 {
	d := t - c.k
	return cubicC*d*d*d + c.origin
}

func (c *cubic) start(t int64) {
	c.epoch, c.last = t, t
	c.w = float64(c.cwnd) / float64(c.mss)
	c.wEst = c.w
	c.k, c.origin = 0, c.w
	if c.wMax > c.w {
		c.k = math.Cbrt((c.wMax - c.w) / cubicC)
		c.origin = c.wMax
	}
}

func (c *cubic) OnSignal(_ time.Time, s Signal, inFlight int) {
	if c.common(s) {
		if s == Spurious && c.oldMax != 0 {
			c.wMax, c.prior, c.oldMax = c.oldMax, c.oldPrior, 0
		}
		c.epoch = 0
		return
	}
	c.remember()
	c.oldMax, c.oldPrior = c.wMax, c.prior
	c.epoch = 0
	w := float64(c.cwnd) / float64(c.mss)
	c.prior = w
	if w < c.wMax { // fast convergence, section 4.7
		c.wMax = w * (1 + cubicBeta) / 2
	} else {
		c.wMax = w
	}
	c.ssthresh = max(int(float64(inFlight)*cubicBeta), 2*c.mss)
	c.cwnd = c.ssthresh
	if s == Timeout {
		c.cwnd = c.mss // section 4.8
	}
}
