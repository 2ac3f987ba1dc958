package netsim

import (
	"math"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// Epoch is the time.Time at which every world begins. Inside, time is nanoseconds
// since then.
var Epoch = time.Unix(1_000_000_000, 0).UTC()

// never is later than any event.
const never = math.MaxInt64

// World holds hosts and paths and runs them on virtual time. It is not safe for
// use by several goroutines.
//
// Set it up with AddHost, AddPort and Connect; script it with At and the App of
// each Node; run it with RunUntil, RunFor or RunIdle.
type World struct {
	// Log, if set, is told of every edit and drop. It must not call the world.
	Log func(Entry)
	// Check, if set, is called after each turn of a host. An error ends the run:
	// the place for invariants.
	Check func() error
	// Progress, if set, returns a number that grows while the world advances,
	// such as octets delivered. MaxStall is how long it may stand still before
	// that counts as livelock; 0: for ever.
	Progress func() uint64
	MaxStall time.Duration
	// MaxInstant is the number of events at one instant beyond which the world is
	// in livelock. Default 1,000,000.
	MaxInstant int

	seed    uint64
	now     int64
	seq     uint64
	queue   queue
	ready   hops
	pool    pool
	nodes   []*Node
	paths   []*Path
	stats   Stats
	txSeg   wire.Segment // scratch of Node.turn
	rxSeg   wire.Segment // scratch of Node.deliver
	instant int          // events since the clock last moved
	err     error
}

// Stats counts what happened in a world.
type Stats struct {
	Events    uint64 // hops and timers
	Sent      uint64 // packets that left a host
	Delivered uint64 // packets that reached a host
	Dropped   uint64 // packets that an element or an end dropped
}

// New returns an empty world.
func New(seed uint64) *World {
	return &World{seed: seed, MaxInstant: 1_000_000}
}

// Seed is what New was given.
func (w *World) Seed() uint64 { return w.seed }

// Now is the virtual time as hosts see it.
func (w *World) Now() time.Time { return Epoch.Add(time.Duration(w.now)) }

// Elapsed is the virtual time since the world began.
func (w *World) Elapsed() time.Duration { return time.Duration(w.now) }

// Stats returns the counters.
func (w *World) Stats() Stats { return w.stats }

// InFlight is the number of packets that are under way or held by an element.
func (w *World) InFlight() int { return w.pool.made - w.pool.unused }

// At calls f at a time since the world began, or now if that is past, and then
// gives every host a turn.
func (w *World) At(t time.Duration, f func()) {
	w.push(event{at: max(int64(t), w.now), what: callDue, call: f})
}

// After calls f after a time from now.
func (w *World) After(d time.Duration, f func()) { w.At(time.Duration(w.now)+d, f) }

func (w *World) push(e event) {
	w.seq++
	e.seq = w.seq
	w.queue.push(e)
}

// next is the time of the next event, now for a hop, never if there is none. Timers
// that moved away since they were queued are put where they belong on the way, so
// that neither the clock nor anyone who waits for quiet sees them.
func (w *World) next() int64 {
	if w.ready.n > 0 {
		return w.now
	}
	for len(w.queue) > 0 {
		e := &w.queue[0]
		var t *timer
		switch e.what {
		case nodeDue:
			t = &e.node.timer
		case slotDue:
			t = &e.slot.timer
		}
		if t == nil || t.queued == e.at && t.at == e.at {
			return e.at
		}
		moved := w.queue.pop()
		if t.queued == moved.at { // else an earlier event took its place
			t.queued = never
			t.queue(w, moved)
		}
	}
	return never
}

// timer is a deadline of a host or an element. An event that is queued too early
// stays there, so a timer that moves away with each packet costs nothing.
type timer struct {
	at     int64 // never where not armed
	queued int64 // when the earliest event of it fires; never where there is none
}

var unarmed = timer{never, never}

// queue makes sure that an event like e fires by the deadline.
func (t *timer) queue(w *World, e event) {
	if t.at < t.queued {
		t.queued, e.at = t.at, t.at
		w.push(e)
	}
}

// step does one thing. Hops come before timers, so that what one packet causes at
// an instant is done before the next packet of that instant.
func (w *World) step() {
	w.stats.Events++
	w.instant++
	if w.ready.n > 0 {
		h := w.ready.pop()
		if h.slot.removed {
			h.slot = h.slot.beside(h.dir)
		}
		if h.slot.el == nil {
			h.slot.end.receive(h.slot.path, h.pkt)
			return
		}
		h.slot.el.Handle(h.slot, h.dir, h.pkt)
		return
	}
	e := w.queue.pop()
	if e.at > w.now {
		w.now, w.instant = e.at, 1
	}
	switch e.what {
	case packetDue:
		e.slot.Send(e.dir, e.pkt)
	case slotDue:
		e.slot.timer = unarmed
		e.slot.el.(Waker).HandleWake(e.slot)
	case nodeDue:
		e.node.timer = unarmed
		e.node.host.HandleTimer(w.Now())
		e.node.turn()
	case callDue:
		e.call()
		w.turnAll()
	}
}

// turnAll lets every host act on calls that were made from outside.
func (w *World) turnAll() {
	for _, n := range w.nodes {
		n.turn()
	}
}
