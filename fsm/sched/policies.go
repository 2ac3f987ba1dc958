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

// NewRedundant returns a policy that sends the same data on every path, backups too:
// the stream advances with whichever is first. A slow path never holds up a fast one;
// it skips what is acknowledged by the time that it has room.
func NewRedundant() Scheduler { return redundant{} }

type redundant struct{}

func (redundant) Next(paths []Path) Set {
	s, room := None, false
	for i := range paths {
		if paths[i].Usable {
			s |= Only(i)
			room = room || paths[i].Room > 0
		}
	}
	if !room {
		return None
	}
	return s
}

func (redundant) Reinject(paths []Path, from int) Set { return repeater(paths, from) }
