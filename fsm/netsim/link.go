package netsim

import (
	"time"
)

// LinkConfig is one direction of a link. The zero value passes everything at once.
type LinkConfig struct {
	Rate   uint64        // bit/s; 0: infinite, and then there is no queue
	Delay  time.Duration // propagation
	Jitter time.Duration // up to that much more; never reorders
	Buffer int           // octets that may wait, the packet being sent included; 0: no limit
	MTU    int           // octets of an IP packet; 0: no limit

	Loss      float64       // probability to lose a packet
	Burst     Burst         // losses that come together
	Reorder   float64       // probability to hold a packet back by ReorderBy
	ReorderBy time.Duration // default: 10 ms
	Duplicate float64       // probability to deliver a packet twice
	Corrupt   float64       // probability to flip one bit

	// Down lists when the link swallows what is sent into it. What is in its
	// queue by then still arrives.
	Down []Interval

	// NoICMP keeps the link silent about packets above its MTU: a path MTU
	// black hole.
	NoICMP bool
}

// Interval is [From, To) in time since the world began; To 0 is for ever.
type Interval struct{ From, To time.Duration }

func (v Interval) contains(t time.Duration) bool {
	return t >= v.From && (v.To == 0 || t < v.To)
}

// LinkStats counts one direction of a link.
type LinkStats struct {
	Packets    uint64 // that entered
	Octets     uint64 // of the packets that were sent
	QueueDrops uint64
	Lost       uint64 // by chance
	DownDrops  uint64
	TooBig     uint64
	Corrupted  uint64
	Duplicated uint64
	Reordered  uint64
	MaxQueue   int // octets
}

// Link is an element that takes time and loses things. Unlike others it may stand on
// several paths, which share its queue then: a bottleneck.
type Link struct {
	conf [2]LinkConfig
	half [2]half
}

// half is the state of one direction.
type half struct {
	down  bool
	queue departures
	burst burstState
	stats LinkStats
	last  time.Duration // latest arrival handed out, which jitter may not overtake

	loss, bursts, reorder, duplicate, corrupt, jitter Luck
}

const defaultReorderBy = 10 * time.Millisecond

// NewLink returns a link that is alike in both directions.
func NewLink(c LinkConfig) *Link { return NewLinkPair(c, c) }

// NewLinkPair returns a link with a configuration for each direction.
func NewLinkPair(forward, reverse LinkConfig) *Link {
	l := &Link{conf: [2]LinkConfig{forward, reverse}}
	for i := range l.conf {
		if l.conf[i].Reorder > 0 && l.conf[i].ReorderBy == 0 {
			l.conf[i].ReorderBy = defaultReorderBy
		}
	}
	return l
}

// Attach implements Attacher: each fault of each direction gets its own luck.
func (l *Link) Attach(at *Slot) {
	for d := range l.half {
		h := &l.half[d]
		for i, luck := range []*Luck{&h.loss, &h.bursts, &h.reorder, &h.duplicate, &h.corrupt, &h.jitter} {
			*luck = at.Stream(uint64(d), uint64(i))
		}
	}
}

// Config returns the configuration of one direction.
func (l *Link) Config(d Dir) LinkConfig { return l.conf[d] }

// SetConfig changes one direction from now on. The queue keeps what it has.
func (l *Link) SetConfig(d Dir, c LinkConfig) { l.conf[d] = c }

// SetDown takes one direction down, silently, or brings it up again.
func (l *Link) SetDown(d Dir, down bool) { l.half[d].down = down }

// Stats returns the counters of one direction.
func (l *Link) Stats(d Dir) LinkStats { return l.half[d].stats }

// Queued is the number of octets that wait in one direction at a time.
func (l *Link) Queued(d Dir, now time.Duration) int {
	l.half[d].queue.advance(now)
	return l.half[d].queue.octets
}

// Handle implements Element.
func (l *Link) Handle(at *Slot, dir Dir, p *Packet) {
	c, h := &l.conf[dir], &l.half[dir]
	now := at.Now()
	h.stats.Packets++
	if l.isDown(dir, now) {
		h.stats.DownDrops++
		at.Drop(dir, p, "down")
		return
	}
	if c.MTU > 0 && len(p.Data) > c.MTU && !mayFragment(p.Data) {
		h.stats.TooBig++
		l.tooBig(at, dir, p)
		return
	}
	// The queue comes before the losses: a packet that is lost on the way has
	// taken its time on the wire.
	size := len(p.Data)
	leaves := now
	if c.Rate > 0 {
		var ok bool
		if leaves, ok = h.queue.add(now, size, c.Rate, c.Buffer); !ok {
			h.stats.QueueDrops++
			at.Drop(dir, p, "queue full")
			return
		}
		h.stats.MaxQueue = max(h.stats.MaxQueue, h.queue.octets)
	}
	h.stats.Octets += uint64(size)
	if h.loss.Chance(c.Loss) || h.burst.lose(&c.Burst, &h.bursts) {
		h.stats.Lost++
		at.Drop(dir, p, "lost")
		return
	}
	if len(p.Data) > 0 && h.corrupt.Chance(c.Corrupt) {
		h.stats.Corrupted++
		bit := h.corrupt.IntN(8 * len(p.Data))
		p.Data[bit/8] ^= 1 << (bit % 8)
	}
	arrives := leaves + c.Delay
	if c.Jitter > 0 {
		arrives += time.Duration(h.jitter.Uint64() % uint64(c.Jitter+1))
		arrives = max(arrives, h.last)
	}
	h.last = arrives // a held-back packet lets the others pass, so it does not count
	if h.reorder.Chance(c.Reorder) {
		h.stats.Reordered++
		arrives += c.ReorderBy
	}
	if h.duplicate.Chance(c.Duplicate) {
		h.stats.Duplicated++
		twin := at.New()
		twin.Data = append(twin.Data, p.Data...)
		at.SendAt(arrives, dir, twin)
	}
	at.SendAt(arrives, dir, p)
}

func (l *Link) isDown(dir Dir, now time.Duration) bool {
	if l.half[dir].down {
		return true
	}
	for _, v := range l.conf[dir].Down {
		if v.contains(now) {
			return true
		}
	}
	return false
}
