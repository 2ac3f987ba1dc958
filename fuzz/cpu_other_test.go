//go:build !linux

package fuzz

import "time"

var start = time.Now()

// threadTime is the time of day, where that of a thread is not to be had.
func threadTime() time.Duration { return time.Since(start) }
