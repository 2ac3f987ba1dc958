package fsm

import (
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// soakScene is a random scene, most of the time with little data, so that many
// connections live and die.
func soakScene(seed uint64) *scene {
	r := rand.New(rand.NewPCG(seed, 8))
	s := randomScene(r, seed)
	if r.IntN(16) > 0 {
		s.up, s.down, s.lateAt = s.up%7000, s.down%7000, s.lateAt%7000
		s.half[0], s.half[1] = s.half[0]%7000, s.half[1]%7000
	}
	return s
}

// TestSoak plays random worlds on all cores, each connection held against all
// invariants and against plain TCP where it fails:
//
//	SOAK=60s         for so long (a slice for continuous integration)
//	SOAK=1000000     so many connections (make soak)
//	SOAK_SEED=N      from that seed on, to see a failure again
//
// Without SOAK it plays 300.
func TestSoak(t *testing.T) {
	count, end := uint64(300), time.Time{}
	if v := os.Getenv("SOAK"); v != "" {
		if d, err := time.ParseDuration(v); err == nil {
			count, end = 1<<62, time.Now().Add(d)
		} else if n, err := strconv.ParseUint(v, 10, 62); err == nil {
			count = n
		} else {
			t.Fatalf("SOAK=%s is neither a time nor a number", v)
		}
	} else if testing.Short() {
		count = 100
	}
	first := uint64(1)
	if v := os.Getenv("SOAK_SEED"); v != "" {
		var err error
		if first, err = strconv.ParseUint(v, 10, 62); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	var next, failed atomic.Uint64
	var sums [numResults]atomic.Uint64
	var mu sync.Mutex
	var bad []uint64
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for failed.Load() < 10 {
				n := next.Add(1) - 1
				if n >= count || !end.IsZero() && time.Now().After(end) {
					return
				}
				r, err := soakScene(first + n).ask(t)
				if err == nil {
					sums[r].Add(1)
					continue
				}
				failed.Add(1)
				mu.Lock()
				bad = append(bad, first+n)
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	for _, seed := range bad {
		s := soakScene(seed)
		_, err := s.ask(t)
		t.Logf("SOAK_SEED=%d SOAK=1", seed)
		s.report(t, err)
	}
	all := uint64(0)
	for i := range sums {
		all += sums[i].Load()
	}
	t.Logf("%d connections, %.0f a second on %d cores: %d Multipath TCP to the end, %d became TCP, %d that TCP does not bring through either, %d betrayed by a box",
		all, float64(all)/time.Since(began).Seconds(), runtime.GOMAXPROCS(0), sums[stayed].Load(), sums[fell].Load(), sums[undelivered].Load(), sums[betrayed].Load())
}
