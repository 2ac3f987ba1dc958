package netsim

import (
	"fmt"
	"strings"
	"time"
)

// StuckKind is the way in which a run failed.
type StuckKind uint8

// The ways a run fails.
const (
	Deadlock  StuckKind = iota // nothing is armed or under way, and it is not done
	Livelock                   // too many events at one instant, or time without progress
	TimeLimit                  // the caller's limit came first
)

func (k StuckKind) String() string {
	return [...]string{"deadlock", "livelock", "time limit"}[k]
}

// StuckError says that a run did not reach its goal, and what the world looked
// like.
type StuckError struct {
	Kind   StuckKind
	At     time.Duration // virtual time
	Seed   uint64
	Reason string
	State  string // hosts and paths, one a line
}

func (e *StuckError) Error() string {
	return fmt.Sprintf("%v at %v (seed %d): %s\n%s", e.Kind, e.At, e.Seed, e.Reason, e.State)
}

// RunUntil runs until done reports true, asked after every event. The error is a
// *StuckError where the world dies, loops or takes longer than limit (of virtual
// time, from now; 0: no limit), or what Check returned.
func (w *World) RunUntil(done func() bool, limit time.Duration) error {
	return w.run(done, limit, true)
}

// RunFor runs for that much virtual time; a quiet world jumps there. The error is
// that of RunUntil, never a deadlock or time limit.
func (w *World) RunFor(d time.Duration) error {
	return w.run(nil, d, false)
}

// RunIdle runs until nothing is armed and nothing under way. The error is that of
// RunUntil.
func (w *World) RunIdle(limit time.Duration) error {
	return w.run(nil, limit, true)
}

// Step does one thing, a hop or a timer, and reports whether there was one; the
// hosts must have had a turn before (see Kick). Livelock is for the caller to see.
func (w *World) Step() bool {
	if w.next() == never {
		return false
	}
	w.step()
	return true
}

// Kick gives every host a turn, as each run does first.
func (w *World) Kick() { w.turnAll() }

func (w *World) run(done func() bool, limit time.Duration, strict bool) error {
	end := int64(never)
	if limit > 0 || !strict {
		end = w.now + int64(limit)
	}
	w.err, w.instant = nil, 0
	w.turnAll()
	stall := newStall(w)
	for {
		if w.err != nil {
			return w.err
		}
		if done != nil && done() {
			return nil
		}
		at := w.next()
		if at == never && strict {
			if done == nil {
				return nil
			}
			return w.stuck(Deadlock, "nothing is armed and nothing under way")
		}
		if at > end {
			w.now = end
			if strict {
				return w.stuck(TimeLimit, "still running")
			}
			return nil
		}
		w.step()
		if w.instant > w.MaxInstant {
			return w.stuck(Livelock, fmt.Sprintf("%d events at one instant", w.instant))
		}
		if stall.over(w) {
			return w.stuck(Livelock, fmt.Sprintf("no progress for %v", w.MaxStall))
		}
	}
}

// stall watches Progress. It looks only when the clock has moved, so that runs
// with few octets and many events do not pay for it.
type stall struct {
	value uint64
	since int64
	last  int64
}

func newStall(w *World) stall {
	s := stall{since: w.now, last: w.now}
	if w.Progress != nil {
		s.value = w.Progress()
	}
	return s
}

func (s *stall) over(w *World) bool {
	if w.Progress == nil || w.MaxStall <= 0 || w.now == s.last {
		return false
	}
	s.last = w.now
	if v := w.Progress(); v != s.value {
		s.value, s.since = v, w.now
	}
	return w.now-s.since > int64(w.MaxStall)
}

func (w *World) stuck(k StuckKind, reason string) error {
	var b strings.Builder
	for _, n := range w.nodes {
		fmt.Fprintf(&b, "%s: received %d, sent %d", n.name, n.stats.Received, n.stats.Sent)
		if n.timer.at == never {
			b.WriteString(", no timer\n")
		} else {
			fmt.Fprintf(&b, ", timer at %v\n", time.Duration(n.timer.at))
		}
	}
	for _, p := range w.paths {
		fmt.Fprintf(&b, "path %d: %s", p.id, p.ends[0].end.name)
		for _, s := range p.els {
			fmt.Fprintf(&b, " - %s", s.el)
		}
		fmt.Fprintf(&b, " - %s\n", p.ends[1].end.name)
	}
	fmt.Fprintf(&b, "%d packets under way or held", w.InFlight())
	return &StuckError{Kind: k, At: w.Elapsed(), Seed: w.seed, Reason: reason, State: b.String()}
}
