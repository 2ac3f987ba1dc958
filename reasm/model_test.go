package reasm

import (
	"bytes"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// model is one queue and what it has to hold, told unit by unit. A unit is one
// octet, or many: then pages and the entries of the directory are crossed.
type model struct {
	q       *Buffer
	scale   int
	window  uint64
	nodes   int
	kept    map[uint64]byte // units that are kept and not discarded
	segment map[uint64]int  // the segment that each of them came with
	ids     int
	off     uint64
	edge    uint64
}

// count returns the nodes in use: segments beyond the edge, or batches of them.
func (m *model) count() (n int) {
	for u := range m.kept {
		if u < m.edge {
			continue
		}
		_, before := m.kept[u-1]
		joined := before && u-1 >= m.edge && (m.q.ranges.alg.hasBatches() || m.segment[u-1] == m.segment[u])
		if !joined {
			n++
		}
	}
	return n
}

func (m *model) insert(lo, hi uint64, fill byte) (added, refused uint64) {
	limit := max(lo, m.off+m.window)
	refused = hi - min(hi, limit)
	hi -= refused
	for u := lo; u < hi; {
		_, have := m.kept[u]
		if u < m.edge || have {
			u++
			continue
		}
		end := u + 1
		for ; end < hi; end++ {
			if _, have := m.kept[end]; have {
				break
			}
		}
		if u > m.edge && m.count() >= m.nodes {
			_, left := m.kept[u-1]
			_, right := m.kept[end]
			if !m.q.ranges.alg.hasBatches() || !left && !right {
				return added, refused + hi - u
			}
		}
		m.ids++
		for ; u < end; u++ {
			m.kept[u], m.segment[u] = fill, m.ids
			added++
		}
		m.advance()
	}
	return added, refused
}

func (m *model) advance() {
	for ; ; m.edge++ {
		if _, have := m.kept[m.edge]; !have {
			return
		}
	}
}

func (m *model) remove(lo, hi uint64) (removed int) {
	lo = max(lo, m.off)
	if lo >= hi {
		return 0
	}
	// Where the node that ends the removed range goes on; it needs a node of its own
	// if it also goes on before.
	same := func(a, b uint64) bool {
		_, haveA := m.kept[a]
		_, haveB := m.kept[b]
		if !haveA || !haveB || a < m.edge != (b < m.edge) {
			return false
		}
		return a < m.edge || m.q.ranges.alg.hasBatches() || m.segment[a] == m.segment[b]
	}
	inside := func(u uint64) bool { return same(u-1, u) && u > m.off }
	tail := hi
	if inside(hi) {
		for tail++; same(tail-1, tail); tail++ {
		}
	}
	split := tail > hi && (tail-1 < m.edge || inside(lo) && m.oneNode(lo, hi, same))
	full := split && m.count() >= m.nodes
	m.ids++
	for u := hi; u < tail; u++ {
		if tail-1 < m.edge {
			m.segment[u] = m.ids // what was in order becomes one segment
		}
		if full {
			delete(m.kept, u)
			removed++
		}
	}
	for u := lo; u < hi; u++ {
		if _, have := m.kept[u]; have {
			delete(m.kept, u)
			removed++
		}
	}
	m.edge = min(m.edge, lo)
	return removed
}

// oneNode reports whether the units lo-1 to hi are all of one node.
func (m *model) oneNode(lo, hi uint64, same func(a, b uint64) bool) bool {
	for u := lo; u <= hi; u++ {
		if !same(u-1, u) {
			return false
		}
	}
	return true
}

// models runs the four algorithms side by side.
type models []*model

const units = 150

func (ms models) Insert(t *rapid.T) {
	from := rapid.IntRange(-1, 4).Draw(t, "subflow")
	lo := rapid.Uint64Range(0, 60).Draw(t, "ahead")
	n := rapid.Uint64Range(0, 12).Draw(t, "len")
	fill := rapid.Byte().Draw(t, "fill")
	if ms[0].off > 5 && rapid.Bool().Draw(t, "late") {
		lo -= min(lo, 5)
	}
	lo += ms[0].off
	ms.insert(t, from, lo, n, fill)
}

// Follow continues one of the ranges, as a subflow does.
func (ms models) Follow(t *rapid.T) {
	from := rapid.IntRange(0, 3).Draw(t, "subflow")
	q := ms[0].q
	lo := q.Edge()
	for _, hi := range q.Ranges().Beyond() {
		if rapid.Bool().Draw(t, "this one") {
			lo = hi
		}
	}
	ms.insert(t, from, lo/uint64(ms[0].scale), rapid.Uint64Range(1, 4).Draw(t, "len"), 7)
}

func (ms models) insert(t *rapid.T, from int, lo, n uint64, fill byte) {
	for _, m := range ms {
		s := uint64(m.scale)
		p := bytes.Repeat([]byte{fill}, int(n)*m.scale)
		added, refused := m.insert(lo, lo+n, fill)
		gotAdded, gotRefused := m.q.Insert(from, lo*s, p)
		clear(p) // the queue has its own copy
		require.Equal(t, int(added)*m.scale, gotAdded, "%v: added", m.q.ranges.alg)
		require.Equal(t, int(refused)*m.scale, gotRefused, "%v: refused", m.q.ranges.alg)
	}
}

func (ms models) Read(t *rapid.T) {
	share := rapid.IntRange(0, 4).Draw(t, "quarters")
	for _, m := range ms {
		n := (m.edge - m.off) * uint64(share) / 4
		for u := m.off; u < m.off+n; u++ {
			delete(m.kept, u)
		}
		m.off += n
		m.q.Discard(int(n) * m.scale)
	}
}

func (ms models) Remove(t *rapid.T) {
	lo := ms[0].off + rapid.Uint64Range(0, 60).Draw(t, "ahead")
	hi := lo + rapid.Uint64Range(0, 20).Draw(t, "len")
	for _, m := range ms {
		if m.off != ms[0].off {
			t.Skip("the bounds made them differ")
		}
		s := uint64(m.scale)
		require.Equal(t, m.remove(lo, hi)*m.scale, m.q.Remove(lo*s, hi*s), "%v: removed", m.q.ranges.alg)
	}
}

func (ms models) Limits(t *rapid.T) {
	window, nodes := rapid.Uint64Range(1, 70).Draw(t, "window"), rapid.IntRange(1, 30).Draw(t, "nodes")
	for _, m := range ms {
		m.window, m.nodes = window, nodes
		m.q.SetLimits(Config{Octets: int(window) * m.scale, Nodes: nodes})
	}
}

func (ms models) Trim(*rapid.T) {
	for _, m := range ms {
		m.q.Trim()
	}
}

func (ms models) Check(t *rapid.T) {
	for _, m := range ms {
		s := uint64(m.scale)
		require.Equal(t, m.off*s, m.q.Offset())
		require.Equal(t, m.edge*s, m.q.Edge(), "%v: edge", m.q.ranges.alg)
		require.Equal(t, len(m.kept)*m.scale, m.q.Buffered(), "%v: buffered", m.q.ranges.alg)
		require.Equal(t, m.count(), m.q.ranges.count, "%v: nodes", m.q.ranges.alg)
		m.checkOctets(t)
		m.checkRanges(t)
		invariants(t, m.q)
	}
}

// checkOctets compares all that is in order, page by page, and what lies beyond.
func (m *model) checkOctets(t *rapid.T) {
	next := m.q.Next()
	require.Equal(t, m.edge > m.off, len(next) > 0)
	for o := m.q.Offset(); o < m.q.Edge(); o += uint64(len(next)) {
		next = m.q.store.read(o, m.q.Edge())
		for i, b := range next {
			if want := m.kept[(o+uint64(i))/uint64(m.scale)]; b != want {
				t.Fatalf("%v: octet %d is %d, not %d", m.q.ranges.alg, o+uint64(i), b, want)
			}
		}
	}
	for u, b := range m.kept {
		o := u * uint64(m.scale)
		require.Equal(t, b, m.q.store.read(o, o+1)[0], "%v: octet %d", m.q.ranges.alg, o)
	}
}

func (m *model) checkRanges(t *rapid.T) {
	beyond := maps.Clone(m.kept)
	s := uint64(m.scale)
	for lo, hi := range m.q.Ranges().Beyond() {
		_, touches := m.kept[lo/s-1]
		require.False(t, touches, "ranges that touch come as one")
		for u := lo / s; u < hi/s; u++ {
			gotLo, gotHi, ok := m.q.Ranges().Around(u * s)
			require.True(t, ok)
			require.Equal(t, [2]uint64{lo, hi}, [2]uint64{gotLo, gotHi})
			require.Contains(t, beyond, u)
			delete(beyond, u)
		}
		_, _, ok := m.q.Ranges().Around(hi)
		require.False(t, ok, "behind it there is a hole")
	}
	for u := range beyond {
		require.Less(t, u, m.edge, "what is no range is in order")
	}
}

func TestQueuesAgainstModel(t *testing.T) { // P-4.3-01, R3.3.1-02, NOTES section 4
	rapid.Check(t, func(t *rapid.T) {
		scale := rapid.SampledFrom([]int{1, 700}).Draw(t, "scale")
		nodes := rapid.SampledFrom([]int{units, units, 3, 12}).Draw(t, "nodes")
		window := rapid.SampledFrom([]uint64{units, 40}).Draw(t, "window")
		var ms models
		for _, a := range algorithms {
			ms = append(ms, &model{
				q: NewBuffer(a, Config{Octets: int(window) * scale, Nodes: nodes}), scale: scale, window: window, nodes: nodes,
				kept: map[uint64]byte{}, segment: map[uint64]int{},
			})
		}
		t.Repeat(rapid.StateMachineActions(ms))
	})
}

var algorithms = []Algorithm{Regular, Tree, Shortcuts, AllShortcuts}
