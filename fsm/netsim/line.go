package netsim

import (
	"net/netip"
	"time"
)

// Line is one path with open ends and a clock that the caller moves: the driver of
// elements outside a simulation, between two live interfaces or in a test.
type Line struct {
	w    *World
	path *Path
	ends [2]*Node
}

// NewLine returns a line. What leaves it is given to out with the direction it
// travels in, as octets that live until out returns.
func NewLine(seed uint64, out func(dir Dir, pkt []byte), els ...Element) *Line {
	l := &Line{w: New(seed)}
	l.ends[0] = l.w.AddPort("left", func(_ *Path, pkt []byte) { out(Reverse, pkt) })
	l.ends[1] = l.w.AddPort("right", func(_ *Path, pkt []byte) { out(Forward, pkt) })
	l.path = l.w.Connect(l.ends[0], netip.Addr{}, l.ends[1], netip.Addr{}, els...)
	return l
}

// SetLog has every edit told to f.
func (l *Line) SetLog(f func(Entry)) { l.w.Log = f }

// Path is the line's path, to insert and remove elements.
func (l *Line) Path() *Path { return l.path }

// Input hands the line a copy of a packet that travels in direction dir, now being
// the time since the line began. What it causes at once is given to out before
// Input returns. The error is a livelock (see StuckError).
func (l *Line) Input(now time.Duration, dir Dir, pkt []byte) error {
	if err := l.Advance(now); err != nil {
		return err
	}
	l.ends[dir].Inject(l.path, pkt)
	return l.w.RunFor(0)
}

// Advance moves the clock to now and does what was due until then.
func (l *Line) Advance(now time.Duration) error {
	return l.w.RunFor(max(0, now-l.w.Elapsed()))
}

// Deadline is when Advance has something to do next; false where nothing waits.
func (l *Line) Deadline() (time.Duration, bool) {
	at := l.w.next()
	return time.Duration(at), at != never
}
