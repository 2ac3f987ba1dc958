package cong

import "time"

// NewOLIA returns a group coupled by the "opportunistic" linked increases of
// Khalili et al. (CoNEXT 2012): like LIA it takes no more than one TCP on the best
// path, and it moves traffic to paths with less congestion without LIA's
// unfriendliness to others. Windows are octets here, where that paper counts
// packets.
func NewOLIA() Group { return &oliaGroup{} }

type oliaGroup struct{ coupled[*olia] }

type olia struct {
	path
	group *oliaGroup
	last  float64 // octets acknowledged between the last two losses
	since float64 // octets acknowledged since the last loss
}

func (g *oliaGroup) Add(mss int) Controller {
	c := &olia{path: path{window: newWindow(mss)}, group: g}
	g.paths = append(g.paths, c)
	return c
}

func (g *oliaGroup) Remove(c Controller) { g.remove(func(p *olia) bool { return Controller(p) == c }) }

// quality is the estimate of a path's rate for one loss: inter-loss octets squared
// over the round-trip time. Paths that maximise it are the best ones.
func (c *olia) quality() float64 {
	l := max(c.last, c.since)
	return float64(l*l) / c.srtt
}

// rates returns the sum of window over round-trip time, and the share of path c in the
// shift of traffic: positive on good paths with small windows, negative on those with the
// largest window, 0 where no shift is due. For the sum, means stand for the windows, as
// in LIA.
func (g *oliaGroup) rates(c *olia) (sum, shift float64) {
	known, bestQ, maxW := 0, 0.0, 0.0
	for _, p := range g.paths {
		if p.srtt == 0 {
			continue
		}
		known++
		sum += float64(p.steady() / p.srtt)
		bestQ = max(bestQ, p.quality())
		maxW = max(maxW, p.used())
	}
	good, large := 0, 0 // best paths with room to grow; paths with the largest window
	var cGood, cLarge bool
	for _, p := range g.paths {
		if p.srtt == 0 {
			continue
		}
		switch {
		case p.used() > maxW-float64(p.mss): // windows less than a segment apart are alike
			large++
			cLarge = cLarge || p == c
		case p.quality() >= bestQ:
			good++
			cGood = cGood || p == c
		}
	}
	switch {
	case good == 0:
	case cGood:
		shift = 1 / float64(known*good)
	case cLarge:
		shift = -1 / float64(known*large)
	}
	return sum, shift
}

func (c *olia) SetMSS(mss int) { c.setMSS(mss) }

func (c *olia) OnAck(now time.Time, a Ack) {
	c.fresh = false
	c.note(now, a)
	c.since += float64(a.Acked + a.Repaired)
	if !a.Limited {
		return
	}
	acked := c.slowStart(a.Acked)
	if acked == 0 {
		return
	}
	w := float64(c.cwnd)
	step := 1 / w
	if c.srtt > 0 {
		// The share of the rates that this path has, squared, over its window: what the
		// authors have, but a straight line while the window rises.
		sum, shift := c.group.rates(c)
		own := float64(c.steady() / c.srtt)
		share := own / max(sum, own)
		step = float64(float64(share*share)*step) + float64(shift/w)
	}
	if step >= 0 {
		c.grow(float64(step * (float64(acked) * float64(c.mss))))
		return
	}
	c.cwnd = max(c.mss, c.cwnd+int(float64(step*(float64(acked)*float64(c.mss)))))
}

func (c *olia) OnSignal(now time.Time, s Signal, inFlight int) {
	if s == Loss || s == Timeout {
		c.last, c.since = c.since, 0
	}
	c.onSignal(now, s, inFlight)
}
