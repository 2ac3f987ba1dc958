package sched

// NewLowestRTT returns the default policy: new data goes to the path with the lowest
// smoothed round-trip time that has room (the paper's section 4.2), backups being used
// only where there is no other path.
func NewLowestRTT() Scheduler { return lowestRTT{} }

type lowestRTT struct{}

func (lowestRTT) Next(paths []Path) Set               { return only(fastest(paths, -1)) }
func (lowestRTT) Reinject(paths []Path, from int) Set { return repeater(paths, from) }

// NewRoundRobin returns a policy that gives each path with room its turn, in the order
// in which they were opened. Backups take part only where there is no other path.
func NewRoundRobin() Scheduler { return &roundRobin{last: -1} }

type roundRobin struct{ last int } // the ID that had its turn last

func (r *roundRobin) Next(paths []Path) Set {
	barred := regular(paths)
	after, first := -1, -1
	for i := range paths {
		if !paths[i].free(barred) {
			continue
		}
		if first < 0 || paths[i].ID < paths[first].ID {
			first = i
		}
		if paths[i].ID > r.last && (after < 0 || paths[i].ID < paths[after].ID) {
			after = i
		}
	}
	if after < 0 {
		after = first
	}
	if after >= 0 {
		r.last = paths[after].ID
	}
	return only(after)
}

func (r *roundRobin) Reinject(paths []Path, from int) Set { return repeater(paths, from) }

// NewRedundant returns a policy that sends the same data on every path that has room,
// backups too: the stream advances with whichever is first. A path without room is
// skipped, so the fastest sets the pace and slow ones carry a part.
func NewRedundant() Scheduler { return redundant{} }

type redundant struct{}

func (redundant) Next(paths []Path) Set {
	s := None
	for i := range paths {
		if paths[i].free(false) {
			s |= Only(i)
		}
	}
	return s
}

func (redundant) Reinject(paths []Path, from int) Set {
	s := None
	for i := range paths {
		if i != from && paths[i].free(false) {
			s |= Only(i)
		}
	}
	return s
}
