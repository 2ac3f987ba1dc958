package sched_test

import (
	"fmt"
	"time"

	"github.com/mptcp-go/mptcp/fsm/sched"
)

// The path with the lowest round-trip time takes data until its window is full.
func Example() {
	s := sched.NewLowestRTT()
	paths := []sched.Path{
		{ID: 0, SRTT: 150 * time.Millisecond, Room: 5600, Usable: true},
		{ID: 1, SRTT: 20 * time.Millisecond, Room: 2800, Usable: true},
	}
	for range 4 {
		set := s.Next(paths)
		for i := range paths {
			if set.Has(i) {
				fmt.Println("path", paths[i].ID)
				paths[i].Room -= 1400
			}
		}
	}
	// Output:
	// path 1
	// path 1
	// path 0
	// path 0
}
