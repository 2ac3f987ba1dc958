package sched

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func paths(rtt ...int) []Path {
	p := make([]Path, len(rtt))
	for i, ms := range rtt {
		p[i] = Path{ID: i, Room: 1400, SRTT: time.Duration(ms) * time.Millisecond, Usable: true}
	}
	return p
}

func TestLowestRTT(t *testing.T) {
	s := NewLowestRTT()
	p := paths(30, 10, 20)
	require.Equal(t, Only(1), s.Next(p))
	p[1].Room = 0
	require.Equal(t, Only(2), s.Next(p), "the next fastest when that has no room")
	p[2].Usable = false
	require.Equal(t, Only(0), s.Next(p))
	p[0].Room = 0
	require.Equal(t, None, s.Next(p))
	require.Equal(t, None, s.Next(nil))
	require.Equal(t, Only(0), s.Next(paths(10, 10)), "the first of two alike")
	require.Equal(t, Only(1), s.Next(paths(10, 0)), "one without a sample is tried")
}

// R3.3.8-02, R3.3.8-03: a backup takes data only while no regular path works.
func TestBackups(t *testing.T) {
	for _, s := range []Scheduler{NewLowestRTT(), NewRoundRobin()} {
		p := paths(50, 5)
		p[1].Backup = true
		for range 3 {
			require.Equal(t, Only(0), s.Next(p))
		}
		p[0].Room = 0
		require.Equal(t, None, s.Next(p), "a regular path without room is still a regular path")
		p[0].Usable = false
		require.Equal(t, Only(1), s.Next(p))
	}
}

func TestRoundRobin(t *testing.T) {
	s := NewRoundRobin()
	p := paths(30, 10, 20)
	for i := range 7 {
		require.Equal(t, Only(i%3), s.Next(p))
	}
	p[1].Room = 0
	require.Equal(t, Only(2), s.Next(p), "no room, no turn")
	p = []Path{p[0], p[2]} // the subflow in between ended; numbers stay
	require.Equal(t, Only(0), s.Next(p))
	require.Equal(t, Only(1), s.Next(p))
}

func TestRedundant(t *testing.T) {
	s := NewRedundant()
	p := paths(30, 10, 20)
	p[2].Backup = true
	require.Equal(t, Only(0)|Only(1)|Only(2), s.Next(p))
	require.True(t, s.Next(p).Several())
	p[0].Room, p[1].Usable = 0, false
	require.Equal(t, Only(0)|Only(2), s.Next(p), "the first will follow")
	p[2].Room = 0
	require.Equal(t, None, s.Next(p))
}

// Data goes elsewhere, never where it failed; and to a backup rather than nowhere.
func TestReinject(t *testing.T) {
	for _, s := range []Scheduler{NewLowestRTT(), NewRoundRobin(), NewRedundant()} {
		p := paths(10, 30, 20)
		require.Equal(t, Only(2), s.Reinject(p, 0), "the fastest of the others")
		require.Equal(t, Only(0), s.Reinject(p, 1))
		require.Equal(t, Only(0), s.Reinject(p, -1), "its subflow is gone")
		p[2].Backup = true
		require.Equal(t, Only(1), s.Reinject(p, 0))
		p[1].Room = 0
		require.Equal(t, None, s.Reinject(p, 0), "it will have room")
		p[1].Usable = false
		require.Equal(t, Only(2), s.Reinject(p, 0), "a backup is what is left")
		require.Equal(t, None, s.Reinject(paths(10), 0), "nobody else")
	}
}

// Whatever the paths, only usable ones with room are named, one at the most but by the
// redundant policy, and one that could take data is not left idle but for the rule of
// backups.
func TestAnswersAreSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		many := false
		s := rapid.SampledFrom([]Scheduler{NewLowestRTT(), NewRoundRobin(), NewRedundant()}).Draw(t, "policy")
		_, many = s.(redundant)
		for range 5 {
			n := rapid.IntRange(0, MaxPaths).Draw(t, "paths")
			p := make([]Path, n)
			can, could := 0, 0
			for i := range p {
				p[i] = Path{ID: i, Room: rapid.IntRange(0, 2).Draw(t, "room"), SRTT: time.Duration(rapid.IntRange(0, 3).Draw(t, "rtt")),
					Backup: rapid.Bool().Draw(t, "backup"), Usable: rapid.Bool().Draw(t, "usable")}
			}
			barred := regular(p)
			for i := range p {
				if p[i].free(barred) {
					can++
				}
				if p[i].free(false) {
					could++
				}
			}
			from := rapid.IntRange(-1, n-1).Draw(t, "from")
			next, again := s.Next(p), s.Reinject(p, from)
			for i := range MaxPaths {
				if next.Has(i) && (i >= n || !p[i].Usable || !many && p[i].Room == 0) || again.Has(i) && (i >= n || !p[i].free(false)) {
					t.Fatalf("place %d of %+v", i, p)
				}
			}
			if from >= 0 && again.Has(from) {
				t.Fatal("repeated where it failed")
			}
			if want := can > 0 || many && could > 0; (next != None) != want {
				t.Fatalf("%v of %+v", next, p)
			}
			if !many && next.Several() || again.Several() {
				t.Fatal("more than one")
			}
		}
	})
}

func TestNothingIsAllocated(t *testing.T) {
	p := paths(10, 20, 30, 40)
	for _, s := range []Scheduler{NewLowestRTT(), NewRoundRobin(), NewRedundant()} {
		require.Zero(t, testing.AllocsPerRun(100, func() { s.Next(p); s.Reinject(p, 1) }))
	}
}
