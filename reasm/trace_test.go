package reasm

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
)

// An arrival is one segment of a trace: its number in the stream and its subflow.
type arrival struct {
	from    int
	segment int
}

// A workload says how segments were sent. A connection gives batches of segments to
// its subflows in turn; each subflow keeps their order and has a delay of its own
// (paper section 4.3).
type workload struct {
	subflows int
	batch    int // segments in sequence that a subflow gets; 0: arrive in random order
	depth    int // segments out of order on average
}

func (w workload) String() string {
	order := fmt.Sprintf("batch=%d", w.batch)
	if w.batch == 0 {
		order = "random"
	}
	return fmt.Sprintf("%s/subflows=%d/queue=%d", order, w.subflows, w.depth)
}

// trace returns the segments 0 to n-1 in the order in which they arrive. The delays
// spread from 0 to twice the depth: half of what was sent within the longest delay
// waits for the slowest subflow.
func (w workload) trace(n int) []arrival {
	rnd := rand.New(rand.NewPCG(8684, 43))
	rank := rnd.Perm(w.subflows)
	at := make([]float64, n)
	list := make([]arrival, n)
	for i := range list {
		from := i / max(w.batch, 1) % w.subflows
		list[i] = arrival{from, i}
		share := float64(rank[from]) / float64(w.subflows-1)
		if w.batch == 0 {
			share = rnd.Float64()
		}
		at[i] = float64(i) + share*2*float64(w.depth)
	}
	slices.SortStableFunc(list, func(a, b arrival) int { return cmp.Compare(at[a.segment], at[b.segment]) })
	return list
}

// length is long enough for the queue to have its depth most of the time.
func (w workload) length() int { return max(4096, 16*w.depth) }

// config has bounds that are large enough, as a tuned receive buffer is.
func (w workload) config() Config {
	return Config{Octets: 4 * max(w.depth, 100) * mss, Nodes: 4 * max(w.depth, 100)}
}
