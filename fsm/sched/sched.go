package sched

import "time"

// MaxPaths is the most subflows that a Set can name.
const MaxPaths = 32

// Path is one subflow as the scheduler sees it.
type Path struct {
	ID       int           // number in the connection, never reused
	Room     int           // octets it can take now: congestion window and its peer's window; 0: none
	SRTT     time.Duration // smoothed round-trip time; 0: not known yet
	Cwnd     int           // congestion window, octets
	InFlight int           // octets in the network
	Backup   bool          // either host wants it used only when there is no other (RFC 8684 section 3.3.8)
	Usable   bool          // it is up and delivers; one that is not takes nothing new
}

// Set is a set of places in a slice of paths.
type Set uint32

// None is the empty set.
const None Set = 0

// Only is the set of one place.
func Only(i int) Set { return 1 << i }

// Has reports whether place i is in s.
func (s Set) Has(i int) bool { return s>>i&1 != 0 }

// Several reports whether s has more than one place.
func (s Set) Several() bool { return s&(s-1) != 0 }

// Scheduler is a policy. It names usable paths only, and None where none has room, or
// none should be used now.
type Scheduler interface {
	// Next says who takes new data. A single path has room. Where several are named,
	// one of them at least, all are to carry the same octets: each as soon as it has
	// room, and as long as they are not acknowledged.
	Next(paths []Path) Set
	// Reinject says who repeats data first sent on paths[from], which has not
	// delivered it; from is -1 where that subflow is gone. Paths that carry the data
	// already have no room for it.
	Reinject(paths []Path, from int) Set
}

// regular reports whether any usable path is not a backup: then no backup is used,
// even while the others have no room (RFC 8684 section 3.3.8, R3.3.8-02, R3.3.8-03).
func regular(paths []Path) bool {
	for i := range paths {
		if paths[i].Usable && !paths[i].Backup {
			return true
		}
	}
	return false
}

// free reports whether p can take data, backups being barred or not.
func (p *Path) free(barred bool) bool {
	return p.Usable && p.Room > 0 && !(barred && p.Backup)
}

// fastest returns the place of the free path with the lowest round-trip time, but for
// one place, and the first of several alike; -1: there is none. A path without a
// sample counts as fast, so that it gets one.
func fastest(paths []Path, but int) int {
	barred := regular(paths)
	best := -1
	for i := range paths {
		if i != but && paths[i].free(barred) && (best < 0 || paths[i].SRTT < paths[best].SRTT) {
			best = i
		}
	}
	return best
}

func only(i int) Set {
	if i < 0 {
		return None
	}
	return Only(i)
}

// repeater is the choice that all policies here share for data that is missing: it is
// what the receiver waits for, so it goes the fastest way that is not the one which
// failed. Where no regular path but that one is left, a backup repeats it.
func repeater(paths []Path, from int) Set {
	if i := fastest(paths, from); i >= 0 {
		return Only(i)
	}
	if from < 0 {
		return None
	}
	// The path that failed still counts as regular above. If it is the only such one,
	// backups are what is left (R3.3.8-03).
	for i := range paths {
		if i != from && paths[i].Usable && !paths[i].Backup {
			return None // it has no room now, and will
		}
	}
	best := -1
	for i := range paths {
		if i != from && paths[i].free(false) && (best < 0 || paths[i].SRTT < paths[best].SRTT) {
			best = i
		}
	}
	return only(best)
}
