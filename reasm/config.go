package reasm

// DefaultOctets is the bound of a Config that names none.
const DefaultOctets = 64 << 10

// Config bounds a queue. The zero value is usable.
type Config struct {
	// Octets is how far beyond Offset an octet may lie, and so how many octets a
	// queue can hold: the receive buffer. A window counts from what is in order,
	// and what is in order but not read yet uses it up, so no peer that keeps to
	// an advertised window meets this bound. 0 stands for DefaultOctets.
	Octets int

	// Nodes is how many separate ranges beyond the octets in order may be kept; for
	// all algorithms but AllShortcuts, how many segments. It bounds what a peer can
	// make the queue spend on tiny segments and holes. Octets in order need no
	// node: however many holes there are, filling the first one is possible.
	// 0 stands for max(256, Octets/512).
	Nodes int

	// Pool lends pages to the queue; queues of one goroutine can share one. A nil
	// Pool stands for one of the queue's own.
	Pool *Pool
}

func (c Config) octets() uint64 {
	if c.Octets > 0 {
		return uint64(c.Octets)
	}
	return DefaultOctets
}

func (c Config) nodes() int {
	if c.Nodes > 0 {
		return c.Nodes
	}
	return max(256, int(c.octets()/512))
}

// Stats counts, since the queue was made, how segments found their place: what
// figure 8 of the paper is about. A segment that fills several holes counts once
// for each.
type Stats struct {
	InOrder  uint64 // pieces that were the next octets in order
	OutOrder uint64 // pieces that had to be placed, known ones included; of these:
	Hits     uint64 //   the subflow's shortcut pointed to the place
	Near     uint64 //   it pointed a few batches before it (AllShortcuts only)
	Ends     uint64 //   no hit, but the place was the front or the end of the queue
	Searches uint64 //   the rest: scans, descents of the tree
	Scanned  uint64 // nodes looked at in these searches and after near hits

	MaxNodes      int    // most nodes that were in use at once
	RefusedOctets uint64 // not kept because of the bound on octets
	RefusedNodes  uint64 // octets not kept because of the bound on nodes
}

// HitRate returns the share of segments out of order whose place a shortcut knew,
// be it with a few steps; the paper reports 80 % for its testbed.
func (s Stats) HitRate() float64 {
	if s.OutOrder == 0 {
		return 0
	}
	return float64(s.Hits+s.Near) / float64(s.OutOrder)
}
