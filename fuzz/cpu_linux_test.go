package fuzz

import (
	"syscall"
	"time"
)

// threadTime is the CPU time this thread has used: other programs do not disturb it.
func threadTime() time.Duration {
	const thisThread = 1
	var u syscall.Rusage
	if syscall.Getrusage(thisThread, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
