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

// joint is the increase of c for each octet acknowledged and each of a segment, in
// 1/octets: alpha of RFC 6356 section 3, equation 2 (T6356-03), over the sum of the
// windows, as equation 1 has it. It is 0 while no round-trip time is known.
//
// Alpha is derived for windows in equilibrium, so means stand for them: the largest of
// several sawtooths out of step is well above the mean, and a window over the round-trip
// time is no rate where time is lost waiting for the timer. In the sum, too, but for c's
// own window: where that is most of the sum, it rises in a straight line as TCP's does.
func (g *liaGroup) joint(c *lia) float64 {
	best, rate, total := 0.0, 0.0, 0.0
	for _, p := range g.paths {
		if p.srtt == 0 {
			continue
		}
		w := p.steady()
		best = max(best, float64(w/float64(p.srtt*p.srtt)))
		rate += float64(w / p.srtt)
		total += w
	}
	if rate == 0 || c.srtt == 0 {
		return 0
	}
	alpha := float64(total*best) / float64(rate*rate)
	return alpha / (total - c.steady() + c.used())
}

func (c *lia) SetMSS(mss int) { c.setMSS(mss) }

func (c *lia) OnAck(now time.Time, a Ack) {
	c.fresh = false
	c.note(now, a)
	if !a.Limited {
		return // a window that was not used has proved nothing
	}
	acked := c.slowStart(a.Acked)
	if acked == 0 {
		return
	}
	// RFC 6356 section 3, equation 1 (T6356-01).
	own := 1 / float64(c.cwnd)
	if joint := c.group.joint(c); joint > 0 {
		own = min(own, joint)
	}
	c.grow(float64(own * (float64(acked) * float64(c.mss))))
}

func (c *lia) OnSignal(now time.Time, s Signal, inFlight int) { c.onSignal(now, s, inFlight) }
