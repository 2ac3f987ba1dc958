package reasm

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFirstDataReceivedWins(t *testing.T) { // R3.3.1-02
	for _, a := range algorithms {
		q := NewBuffer(a, Config{})
		insert := func(from int, off uint64, p string, added, refused int) {
			t.Helper()
			gotAdded, gotRefused := q.Insert(from, off, []byte(p))
			require.Equal(t, [2]int{added, refused}, [2]int{gotAdded, gotRefused}, a.String())
		}
		insert(0, 4, "EFG", 3, 0)
		insert(1, 9, "JK", 2, 0)
		insert(1, 2, "..........M", 6, 0) // over both: fills 2-3, 7-8 and 11-12
		require.Empty(t, q.Next())
		insert(0, 0, "ab", 2, 0)
		insert(0, 0, "xyz", 0, 0)
		require.Equal(t, "ab..EFG..JK.M", string(q.Next()))
		q.Discard(13)
		insert(0, 5, "late", 0, 0)
		require.Zero(t, q.Buffered())
	}
}

// What is refused is the end of the segment; what comes before it may be acknowledged.
func TestBoundsKeepThePrefix(t *testing.T) { // NOTES section 4
	for _, a := range algorithms {
		q := NewBuffer(a, Config{Octets: 10, Nodes: 2})
		added, refused := q.Insert(0, 6, []byte("ghijkl"))
		require.Equal(t, [2]int{4, 2}, [2]int{added, refused}, "octets beyond Offset+Octets")
		q.Insert(0, 2, []byte("c"))
		added, refused = q.Insert(0, 3, []byte("def"))
		if a.hasBatches() {
			require.Equal(t, [2]int{3, 0}, [2]int{added, refused}, "a batch grows without a node")
			q.Remove(3, 6)
		} else {
			require.Equal(t, [2]int{0, 3}, [2]int{added, refused}, "the third segment")
		}
		added, refused = q.Insert(0, 2, []byte("?.d?.fg"))
		if !a.hasBatches() {
			require.Equal(t, [2]int{0, 6}, [2]int{added, refused}, "known, refused, and the rest not looked at")
			added, refused = q.Insert(0, 0, []byte("ab"))
			require.Equal(t, [2]int{2, 0}, [2]int{added, refused}, "octets in order are never refused a node")
			require.Equal(t, "abc", string(q.Next()))
		}
	}
}

func TestAnOffsetFarAwayIsRefused(t *testing.T) {
	for _, a := range algorithms {
		for _, off := range []uint64{1 << 20, math.MaxInt64 - 1, 1 << 63, math.MaxUint64 - 3, math.MaxUint64} {
			q := NewBuffer(a, Config{Octets: 100})
			added, refused := q.Insert(0, off, make([]byte, 8))
			require.Equal(t, [2]int{0, 8}, [2]int{added, refused}, "offset %d", off)
			q = NewBuffer(a, Config{Octets: math.MaxInt})
			q.ranges.head.hi, q.off = math.MaxInt64-20, math.MaxInt64-20 // a stream that ends
			added, refused = q.ranges.insertAt(math.MaxInt64-4, 8)
			require.Equal(t, [2]int{4, 4}, [2]int{added, refused}, "nothing lies beyond the last offset")
		}
	}
}

func (r *Ranges) insertAt(lo, n uint64) (added, refused int) {
	a, f := r.Insert(0, lo, lo+n)
	return int(a), int(f)
}

func TestDiscardBeyondTheEdgePanics(t *testing.T) {
	q := NewAllShortcuts(Config{})
	q.Insert(0, 0, []byte("abc"))
	require.Panics(t, func() { q.Discard(4) })
	require.Panics(t, func() { q.Discard(-1) })
	q.Discard(3)
}

// A checksum fails: the octets of its mapping go, also where they are in order.
func TestRemove(t *testing.T) { // RFC 8684 section 3.7
	for _, a := range algorithms {
		q := NewBuffer(a, Config{})
		q.Insert(0, 0, []byte("good-bad-next"))
		require.Equal(t, uint64(13), q.Edge())
		require.Equal(t, 4, q.Remove(5, 9))
		require.Equal(t, uint64(5), q.Edge(), "the edge goes back")
		require.Equal(t, "good-", string(q.Next()))
		added, _ := q.Insert(1, 4, []byte("?well"))
		require.Equal(t, 4, added, "sent again")
		require.Equal(t, "good-wellnext", string(q.Next()))
	}
}

// The four give the same stream, whatever the workload, with overlaps and copies.
func TestAlgorithmsAgreeOnLongStreams(t *testing.T) { // P-4.3-01
	for _, w := range []workload{{2, 1, 60}, {8, 1, 300}, {32, 1, 100}, {8, 32, 300}, {4, 0, 200}} {
		t.Run(w.String(), func(t *testing.T) {
			trace := w.trace(3000)
			stream := make([]byte, len(trace)*mss)
			rnd := rand.NewChaCha8([32]byte{1})
			_, _ = rnd.Read(stream)
			pool := new(Pool)
			var qs []*Buffer
			for _, a := range algorithms {
				qs = append(qs, NewBuffer(a, Config{Octets: len(stream), Nodes: len(trace), Pool: pool}))
			}
			got := make([][]byte, len(qs))
			for i, s := range trace {
				lo := s.segment * mss
				hi := lo + mss
				if i%7 == 0 { // a copy that begins or ends elsewhere
					lo, hi = max(lo-i%900, 0), min(hi+i%500, len(stream))
				}
				added := -1
				for k, q := range qs {
					n, refused := q.Insert(s.from, uint64(lo), stream[lo:hi])
					require.Zero(t, refused)
					if added >= 0 {
						require.Equal(t, added, n, "%v", q.ranges.alg)
					}
					added = n
					for p := q.Next(); len(p) > 0; p = q.Next() {
						got[k] = append(got[k], p...)
						q.Discard(len(p))
					}
				}
				if i%64 == 0 {
					for _, q := range qs {
						invariants(t, q)
					}
				}
			}
			for k, q := range qs {
				require.True(t, bytes.Equal(stream, got[k]), "%v", q.ranges.alg)
				invariants(t, q)
			}
			if w.batch == 0 {
				require.True(t, qs[3].ranges.dir.on, "random order needs the directory")
			}
		})
	}
}

// The claims of the paper, counted instead of timed: shortcuts work for most segments,
// and each algorithm looks at fewer nodes than the one before.
func TestShortcutsWork(t *testing.T) { // P-4.3-01, F-08
	scanned := map[Algorithm]uint64{}
	for _, a := range algorithms {
		w := workload{8, 32, 1000}
		trace := w.trace(w.length())
		r := NewRanges(a, w.config())
		for _, s := range trace {
			r.Insert(s.from, uint64(s.segment)*mss, uint64(s.segment+1)*mss)
		}
		scanned[a] = r.Stats().Scanned / uint64(len(trace))
		if a.hasShortcuts() {
			require.Greater(t, r.Stats().HitRate(), 0.8, "%v: the paper reports 80 %%", a)
		} else {
			require.Zero(t, r.Stats().HitRate())
		}
	}
	t.Log("nodes looked at, for each segment:", fmt.Sprint(scanned))
	require.Greater(t, scanned[Regular], 10*scanned[Tree])
	require.Greater(t, scanned[Tree], scanned[AllShortcuts])
	require.Greater(t, scanned[Shortcuts], scanned[AllShortcuts])
	require.Less(t, scanned[Shortcuts], scanned[Regular]/4)
}

// A peer sends single octets with holes between: the bound on nodes holds, and no
// search looks at more nodes than can begin in one entry of the directory.
func TestTinySegmentsAreBounded(t *testing.T) { // NOTES section 5
	const octets = 4 << 20
	q := NewAllShortcuts(Config{Octets: octets})
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 40000 {
		before := q.ranges.stats.Scanned
		q.Insert(i%3, 2+2*rnd.Uint64N(16000), []byte{1})
		require.LessOrEqual(t, q.ranges.stats.Scanned-before, uint64(1<<dirShift/2+nearby+2))
	}
	require.Equal(t, octets/512, q.Ranges().Stats().MaxNodes)
	invariants(t, q)
	added, refused := q.Insert(0, 0, make([]byte, 40000))
	require.Equal(t, 40000-octets/512, added, "but the first hole, and all behind it, can be filled")
	require.Zero(t, refused)
	require.Zero(t, q.Ranges().Nodes())
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	for _, a := range algorithms {
		w := workload{8, 4, 50}
		trace := w.trace(2000)
		q := NewBuffer(a, Config{Octets: 1 << 20})
		p := make([]byte, mss)
		base := uint64(0)
		lap := func() {
			for _, s := range trace {
				if _, refused := q.Insert(s.from, base+uint64(s.segment)*mss, p); refused > 0 {
					t.Fatal("refused")
				}
				for next := q.Next(); len(next) > 0; next = q.Next() {
					q.Discard(len(next))
				}
			}
			base += uint64(len(trace)) * mss
		}
		lap()
		require.Zero(t, testing.AllocsPerRun(3, lap), a.String())
		require.Zero(t, q.Buffered())
		q.Trim()
		require.Nil(t, q.store.ring)
		require.Nil(t, q.ranges.free)
		lap()
	}
}

func TestPoolKeepsItsBound(t *testing.T) {
	pool := &Pool{Max: 2}
	q := NewAllShortcuts(Config{Pool: pool})
	q.Insert(0, 0, make([]byte, 8*pageSize))
	q.Discard(8 * pageSize)
	require.Len(t, pool.free, 2)
}
