package reasm

// A tree is a red-black tree over the nodes of the list. Since each node knows its
// neighbours in the list, a new one needs no descent: its place is below one of them.
type tree struct {
	top *node
}

// search returns the last node that does not begin behind lo, and how many nodes it
// passed.
func (t *tree) search(lo uint64) (found *node, depth uint64) {
	for n := t.top; n != nil; depth++ {
		if n.lo <= lo {
			found = n
			n = n.right
		} else {
			n = n.left
		}
	}
	return found, depth
}

// insert links n, which is in the list already, and restores the two rules: a red
// node has no red child, and all ways down pass equally many black nodes.
func (t *tree) insert(n *node) {
	n.left, n.right, n.red = nil, nil, true
	switch p := n.prev; {
	case p.right == nil && !p.isEnd():
		p.right, n.parent = n, p
	case !n.next.isEnd(): // its left side is empty: n.prev, which has a right side, is above it
		n.next.left, n.parent = n, n.next
	default:
		t.top, n.parent = n, nil
	}

	for n.parent != nil && n.parent.red {
		up := n.parent.parent // there is one, for the top is black
		uncle := up.left
		if n.parent == up.left {
			uncle = up.right
		}
		if uncle != nil && uncle.red {
			n.parent.red, uncle.red, up.red = false, false, true
			n = up
			continue
		}
		if p := n.parent; (n == p.left) != (p == up.left) {
			t.raise(n) // an inner grandchild: bring it outside first
			n = p
		}
		n.parent.red, up.red = false, true
		t.raise(n.parent)
	}
	t.top.red = false
}

// raise rotates n above its parent.
func (t *tree) raise(n *node) {
	p := n.parent
	if n == p.left {
		p.left = n.right
		if p.left != nil {
			p.left.parent = p
		}
		n.right = p
	} else {
		p.right = n.left
		if p.right != nil {
			p.right.parent = p
		}
		n.left = p
	}
	t.replace(p, n)
	p.parent = n
}

// replace hangs n, which may be nil, below the parent of old in old's place.
func (t *tree) replace(old, n *node) {
	up := old.parent
	switch {
	case up == nil:
		t.top = n
	case up.left == old:
		up.left = n
	default:
		up.right = n
	}
	if n != nil {
		n.parent = up
	}
}

// remove unlinks n, which is still in the list.
func (t *tree) remove(n *node) {
	if n.left != nil && n.right != nil {
		t.swapWithNext(n)
	}
	// Now n has one child at the most, and that is red.
	child := n.left
	if child == nil {
		child = n.right
	}
	up := n.parent
	left := up != nil && up.left == n
	t.replace(n, child)
	switch {
	case child != nil:
		child.red = false
	case !n.red && up != nil:
		t.lighten(up, left)
	}
	n.parent, n.left, n.right = nil, nil, nil
}

// swapWithNext lets n and its successor, which has no left child, change places and
// colours. Shortcuts point to nodes, so their contents must stay where they are.
func (t *tree) swapWithNext(n *node) {
	s := n.next
	s.red, n.red = n.red, s.red
	right, below := s.right, s.parent
	t.replace(n, s)
	s.left = n.left
	s.left.parent = s
	if below == n {
		s.right, n.parent = n, s
	} else {
		s.right, below.left, n.parent = n.right, n, below
		s.right.parent = s
	}
	n.left, n.right = nil, right
	if right != nil {
		right.parent = n
	}
}

// lighten restores the rules where the left or right side of up has lost a black
// node.
func (t *tree) lighten(up *node, left bool) {
	for {
		sibling := up.left
		if left {
			sibling = up.right
		}
		if sibling.red {
			sibling.red, up.red = false, true
			t.raise(sibling)
			continue // with a black sibling, below the same up
		}
		inner, outer := sibling.right, sibling.left
		if left {
			inner, outer = sibling.left, sibling.right
		}
		switch {
		case outer != nil && outer.red:
			sibling.red, up.red, outer.red = up.red, false, false
			t.raise(sibling)
			return
		case inner != nil && inner.red:
			inner.red, up.red = up.red, false
			t.raise(inner)
			t.raise(inner)
			return
		}
		sibling.red = true
		if up.red || up.parent == nil {
			up.red = false
			return
		}
		left = up.parent.left == up
		up = up.parent
	}
}
