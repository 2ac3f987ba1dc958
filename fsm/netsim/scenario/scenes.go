package scenario

import (
	"math/rand/v2"
	"time"

	"github.com/mptcp-go/mptcp/fsm"
	"github.com/mptcp-go/mptcp/fsm/netsim"
)

// Change alters the configuration of both hosts of a connection.
type Change = func(*fsm.Config)

// start draws the start of the next connection: within five seconds.
func start(r *rand.Rand) time.Duration { return time.Duration(r.Int64N(int64(5 * time.Second))) }

// Shared is a connection with two subflows over one bottleneck, which others share that
// have one path each. The first of World.Flows is it.
func Shared(seed uint64, link Link, multi, other Change, others int) (*World, error) {
	w := New(seed)
	r := rand.New(rand.NewPCG(seed, 17))
	l := link.New()
	if _, err := w.Add(Options{Start: start(r), Paths: [][]*netsim.Link{{l}, {l}}, Config: multi}); err != nil {
		return nil, err
	}
	for range others {
		if _, err := w.Add(Options{Start: start(r), Paths: [][]*netsim.Link{{l}}, Config: other}); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// Disjoint is a connection over one bottleneck for each element of others, which says how
// many connections with one path share it. The first of World.Flows is it; those with one
// path follow in the order of the links. With alone, it uses the first link only.
func Disjoint(seed uint64, link Link, multi, other Change, others []int, alone bool) (*World, error) {
	w := New(seed)
	r := rand.New(rand.NewPCG(seed, 18))
	var links []*netsim.Link
	var paths [][]*netsim.Link
	for range others {
		l := link.New()
		links = append(links, l)
		paths = append(paths, []*netsim.Link{l})
	}
	if alone {
		paths = paths[:1]
	}
	if _, err := w.Add(Options{Start: start(r), Paths: paths, Config: multi}); err != nil {
		return nil, err
	}
	for i, n := range others {
		for range n {
			if _, err := w.Add(Options{Start: start(r), Paths: [][]*netsim.Link{{links[i]}}, Config: other}); err != nil {
				return nil, err
			}
		}
	}
	return w, nil
}

// Alone is one connection over links of its own, both its buffers being of that many
// octets: the setting of the paper's section 4.2.
func Alone(seed uint64, buffer int, change Change, links ...Link) (*World, error) {
	w := New(seed)
	var paths [][]*netsim.Link
	for _, l := range links {
		paths = append(paths, []*netsim.Link{l.New()})
	}
	_, err := w.Add(Options{Paths: paths, Config: func(c *fsm.Config) {
		c.ReceiveBuffer, c.SendBuffer = buffer, buffer
		change(c)
	}})
	return w, err
}
