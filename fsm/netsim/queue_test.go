package netsim

import (
	"sort"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The heap against a stable sort: by time, and at one instant in order of asking.
func TestQueueKeepsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var model []event
		seq := uint64(0)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			if len(q) > 0 && rapid.IntRange(0, 2).Draw(t, "pop") == 0 {
				sort.SliceStable(model, func(i, j int) bool { return model[i].at < model[j].at })
				got := q.pop()
				if got.at != model[0].at || got.seq != model[0].seq {
					t.Fatalf("popped %d/%d, want %d/%d", got.at, got.seq, model[0].at, model[0].seq)
				}
				model = model[1:]
				continue
			}
			seq++
			e := event{at: int64(rapid.IntRange(0, 20).Draw(t, "at")), seq: seq}
			q.push(e)
			model = append(model, e)
		}
		if len(q) != len(model) {
			t.Fatal("lost an event")
		}
	})
}

func TestHopsAreARing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r hops
		next, last := 0, 0
		for range rapid.IntRange(1, 400).Draw(t, "steps") {
			if r.n > 0 && rapid.IntRange(0, 2).Draw(t, "pop") == 0 {
				if got := int(r.pop().dir); got != last%200 {
					t.Fatalf("popped %d, want %d", got, last%200)
				}
				last++
				continue
			}
			r.push(hop{dir: Dir(next % 200)})
			next++
		}
	})
}

func TestLuck(t *testing.T) {
	a, b := NewLuck(1, 2, 3), NewLuck(1, 2, 4)
	same, heads := 0, 0
	var count [10]int
	for range 10000 {
		x, y := a.Uint64(), b.Uint64()
		if x&1 == y&1 {
			same++
		}
		if a.Chance(0.25) {
			heads++
		}
		count[b.IntN(10)]++
	}
	require.InDelta(t, 5000, same, 250, "streams are unrelated")
	require.InDelta(t, 2500, heads, 220)
	for _, n := range count {
		require.InDelta(t, 1000, n, 150)
	}
	c, d := NewLuck(7), NewLuck(7)
	require.False(t, c.Chance(0))
	require.True(t, c.Chance(1))
	require.Equal(t, c.Uint64(), d.Uint64(), "certainty draws nothing")
	first := NewLuck(42)
	require.Equal(t, uint64(0x989b3f130a063869), first.Uint64(), "golden tables hang on this")
}

func TestAMovingTimerCostsOneEvent(t *testing.T) {
	w := New(1)
	el := &snoozer{}
	a := w.AddPort("a", nil)
	p := w.Connect(a, clientAddr.Addr(), w.AddPort("b", nil), serverAddr.Addr(), el)
	for range 1000 {
		a.Inject(p, nil)
		require.NoError(t, w.RunFor(1000))
	}
	require.Len(t, w.queue, 1)
	require.NoError(t, w.RunIdle(0))
	require.Equal(t, 1, el.woken)
	require.EqualValues(t, 999*1000+50000, w.Elapsed(), "50 us after the last packet")
}

// snoozer swallows packets and wants to be woken 50 us after the last.
type snoozer struct{ woken int }

func (s *snoozer) Handle(at *Slot, dir Dir, p *Packet) { at.Discard(p); at.Wake(at.Now() + 50000) }
func (s *snoozer) HandleWake(*Slot)                    { s.woken++ }
func (s *snoozer) String() string                      { return "snoozer" }
