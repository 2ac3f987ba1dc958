package cong

import "time"

// NewLIA returns a group coupled by "Linked Increases" (RFC 6356): together its
// flows take what one TCP would on the best of their paths, and none takes more
// than TCP would on its own.
func NewLIA() Group { return &liaGroup{} }

type liaGroup struct{ coupled[*lia] }

type lia struct {
	path
	group *liaGroup
}

func (g *liaGroup) Add(mss int) Controller {
	c := &lia{path: path{window: newWindow(mss)}, group: g}
	g.paths = append(g.paths, c)
	return c
}

func (g *liaGroup) Remove(c Controller) { g.remove(func(p *lia) bool { return Controller(p) == c }) }

// alpha is the aggressiveness of the group (RFC 6356 section 3, equation 2,
// T6356-03) over the sum of its windows, in 1/octets, as equation 1 has it. It is 0
// while no round-trip time is known.
//
// The factor itself is computed from means of the windows over some round trips: it is
// derived for windows in equilibrium, and the largest of several sawtooths out of step
// is well above that.
func (g *liaGroup) alpha() float64 {
	best, sum, mean, total := 0.0, 0.0, 0.0, 0.0
	for _, p := range g.paths {
		if p.srtt == 0 {
			continue
		}
		w := p.steady()
		best = max(best, float64(w/float64(p.srtt*p.srtt)))
		sum += float64(w / p.srtt)
		mean += w
		total += p.used()
	}
	if sum == 0 {
		return 0
	}
	return float64(mean*best) / float64(sum*sum) / total
}

func (c *lia) SetMSS(mss int) { c.setMSS(mss) }

func (c *lia) OnAck(_ time.Time, a Ack) {
	c.fresh = false
	c.note(a)
	if !a.Limited {
		return // a window that was not used has proved nothing
	}
	acked := c.slowStart(a.Acked)
	if acked == 0 {
		return
	}
	// RFC 6356 section 3, equation 1 (T6356-01).
	own := 1 / float64(c.cwnd)
	if joint := c.group.alpha(); joint > 0 {
		own = min(own, joint)
	}
	c.grow(float64(own * (float64(acked) * float64(c.mss))))
}

func (c *lia) OnSignal(_ time.Time, s Signal, inFlight int) {
	if !c.common(s) {
		c.onLoss(s, inFlight)
	}
}
