package netsim

import (
	"net/netip"
	"slices"
	"time"
)

// Path joins two hosts through elements in reading order.
type Path struct {
	w     *World
	id    uint16
	ends  [2]*Slot // left, right
	addrs [2]netip.Addr
	els   []*Slot
	kinds []string // of every element it ever had
	down  bool
}

// Connect lays a path from a, whose address there is aAddr, to b. Paths are
// numbered from 1, which is what Segment.Path names. An address that is not valid
// makes that end take any packet and answer by explicit paths only.
func (w *World) Connect(a *Node, aAddr netip.Addr, b *Node, bAddr netip.Addr, els ...Element) *Path {
	p := &Path{w: w, id: uint16(len(w.paths) + 1), addrs: [2]netip.Addr{aAddr, bAddr}}
	p.ends[0] = &Slot{w: w, path: p, end: a, timer: unarmed}
	p.ends[1] = &Slot{w: w, path: p, end: b, timer: unarmed}
	p.ends[0].right, p.ends[1].left = p.ends[1], p.ends[0]
	w.paths = append(w.paths, p)
	for _, el := range els {
		p.Insert(len(p.els), el)
	}
	a.attach(p, 0)
	b.attach(p, 1)
	return p
}

// ID is the path's number.
func (p *Path) ID() uint16 { return p.id }

// Elements returns the elements in reading order.
func (p *Path) Elements() []Element {
	els := make([]Element, len(p.els))
	for i, s := range p.els {
		els[i] = s.el
	}
	return els
}

// Insert puts el before the i-th element, also while packets are under way: those
// that are past its place do not meet it.
func (p *Path) Insert(i int, el Element) {
	right := p.ends[1]
	if i < len(p.els) {
		right = p.els[i]
	}
	k := kind(el)
	nth := 0
	for _, old := range p.kinds {
		if old == k {
			nth++
		}
	}
	p.kinds = append(p.kinds, k)
	luck := NewLuck(p.w.seed, uint64(p.id), hashName(k), uint64(nth))
	s := &Slot{w: p.w, path: p, el: el, left: right.left, right: right,
		seed: luck.state, luck: luck, timer: unarmed}
	s.left.right, right.left = s, s
	p.els = slices.Insert(p.els, i, s)
	if a, ok := el.(Attacher); ok {
		a.Attach(s)
	}
}

// Remove takes the i-th element away and returns it. What it holds it may still
// send when it wakes; what is under way to it passes it by.
func (p *Path) Remove(i int) Element {
	s := p.els[i]
	s.removed = true
	s.left.right, s.right.left = s.right, s.left
	p.els = slices.Delete(p.els, i, i+1)
	return s.el
}

// SetDown takes the path away from both hosts or gives it back, as when an
// interface goes: hosts that are PathHandlers are told, and nothing passes an end.
// A link that fails silently is Link.SetDown.
func (p *Path) SetDown(down bool) {
	if p.down == down {
		return
	}
	p.down = down
	for i, end := range p.ends {
		end.end.tellPath(p, i)
	}
	p.w.turnAll()
}

// PathInfo is what a host is told of a path when it comes, goes or changes.
type PathInfo struct {
	ID            uint16
	Local, Remote netip.Addr
	MTU           int // octets of the first link; 0: not limited
	Up            bool
}

// PathHandler is a Host that wants to know its paths. (fsm.Endpoint has a type of
// its own for them; an adapter of a few lines converts.)
type PathHandler interface {
	HandlePath(now time.Time, p PathInfo)
}

// mtu is that of the link next to an end: what its host's interface knows.
func (p *Path) mtu(end int) int {
	for i := range p.els {
		s, dir := p.els[i], Forward
		if end == 1 {
			s, dir = p.els[len(p.els)-1-i], Reverse
		}
		if l, ok := s.el.(*Link); ok {
			return l.conf[dir].MTU
		}
	}
	return 0
}
