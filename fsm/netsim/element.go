package netsim

import (
	"strings"
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// Dir is the direction a packet travels along a path.
type Dir uint8

// The two directions. Elements call the left end the client and the right end the
// server, which is where tests and the live middlebox put them.
const (
	Forward Dir = iota // in reading order, left to right: c2s
	Reverse            // right to left: s2c
)

// Back is the other direction.
func (d Dir) Back() Dir { return d ^ 1 }

func (d Dir) String() string {
	if d == Forward {
		return "c2s"
	}
	return "s2c"
}

// Element is one thing on a path: a link, a middlebox, a tap. An element serves
// one place on one path, so it may keep state; it handles both directions.
type Element interface {
	// Handle takes over p, which travels in direction dir, and may send on,
	// edit, drop, keep or answer it through at.
	Handle(at *Slot, dir Dir, p *Packet)
	// String is the element's specification, whose first word is its kind.
	String() string
}

// Waker is an element that asks to be woken (see Slot.Wake).
type Waker interface {
	HandleWake(at *Slot)
}

// Attacher is an element that wants to know its place before the first packet.
type Attacher interface {
	Attach(at *Slot)
}

// Slot is an element's place on a path and what it may do there.
type Slot struct {
	w       *World
	path    *Path
	el      Element
	end     *Node // at the two ends of the path, where el is nil
	left    *Slot
	right   *Slot
	removed bool
	seed    uint64
	luck    Luck
	timer   timer // of Wake
}

// Now is the virtual time since the world began.
func (s *Slot) Now() time.Duration { return time.Duration(s.w.now) }

// Luck is the element's own stream of random numbers.
func (s *Slot) Luck() *Luck { return &s.luck }

// Stream is one more stream of the element's, for what must not disturb the
// others: one for each kind of fault, say.
func (s *Slot) Stream(names ...uint64) Luck { return NewLuck(s.seed, names...) }

// New returns an empty packet for the element to fill and send.
func (s *Slot) New() *Packet { return s.w.pool.New() }

// Send passes p on from here in direction dir, now. An element answers by sending
// against the direction of what it handles.
func (s *Slot) Send(dir Dir, p *Packet) {
	p.check()
	s.w.ready.push(hop{s.beside(dir), p, dir})
}

// SendAt is Send at a time that is not before now.
func (s *Slot) SendAt(at time.Duration, dir Dir, p *Packet) {
	if int64(at) <= s.w.now {
		s.Send(dir, p)
		return
	}
	p.check()
	s.w.push(event{at: int64(at), what: packetDue, dir: dir, slot: s, pkt: p})
}

// Drop ends p's way. The log gets the reason and the segment.
func (s *Slot) Drop(dir Dir, p *Packet, why string) {
	if s.Logging() {
		var seg wire.Segment
		if err := wire.Parse(&seg, p.Data); err == nil {
			why += ": " + string(wire.AppendText(nil, &seg, wire.TextBase{}))
		}
		s.Log(dir, why)
	}
	s.w.stats.Dropped++
	s.w.pool.release(p)
}

// Discard ends p's way silently: its octets live on in another packet.
func (s *Slot) Discard(p *Packet) { s.w.pool.release(p) }

// Wake asks for HandleWake at a time; a later call replaces an earlier one. Only a
// Waker may call it.
func (s *Slot) Wake(at time.Duration) {
	s.timer.at = max(int64(at), s.w.now)
	s.timer.queue(s.w, event{what: slotDue, slot: s})
}

// Sleep takes a Wake back.
func (s *Slot) Sleep() { s.timer.at = never }

// Logging says whether anyone reads the log: ask before composing a text.
func (s *Slot) Logging() bool { return s.w.Log != nil }

// Log tells of one edit, in one line without the element's name.
func (s *Slot) Log(dir Dir, text string) {
	if s.w.Log != nil {
		name := "end of the path" // which drops what is sent while it is down
		if s.el != nil {
			name = s.el.String()
		}
		s.w.Log(Entry{At: s.Now(), Path: s.path.id, Element: name, Dir: dir, Text: text})
	}
}

// beside is the next slot in that direction that is still there.
func (s *Slot) beside(dir Dir) *Slot {
	for {
		if dir == Forward {
			s = s.right
		} else {
			s = s.left
		}
		if !s.removed {
			return s
		}
	}
}

// Entry is one line of the world's log.
type Entry struct {
	At      time.Duration
	Path    uint16
	Element string // its specification
	Dir     Dir
	Text    string
}

func (e Entry) String() string {
	return e.At.String() + " " + e.Dir.String() + " " + e.Element + ": " + e.Text
}

// kind is the first word of an element's specification.
func kind(el Element) string {
	k, _, _ := strings.Cut(el.String(), " ")
	return k
}
