//go:build linux

package lab

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// TB is what Test needs of a *testing.T.
type TB interface {
	Helper()
	Cleanup(func())
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

var stopOnce sync.Once

// Test returns a lab for a test. Where none can be built, because root, one of the
// tools or the kernel's MPTCP is missing, the test is skipped, or fails if MPTCP_LIVE
// is set. The lab is closed when the test ends, or when the process is told to stop.
func Test(t TB, tools ...string) *Lab {
	t.Helper()
	Require(t, tools...)
	stopOnce.Do(closeOnSignal)
	l, err := New()
	if err != nil {
		t.Fatalf("%v", err)
	}
	l.fail = func(err error) { t.Helper(); t.Fatalf("lab: %v", err) }
	t.Cleanup(func() {
		l.mu.Lock()
		l.fail = nil
		l.mu.Unlock()
		if err := l.Close(); err != nil {
			t.Errorf("lab: %v", err)
		}
	})
	return l
}

// Require skips the test, or fails it if MPTCP_LIVE is set, where a lab with those
// tools cannot be built.
func Require(t TB, tools ...string) {
	t.Helper()
	err := Check(tools...)
	if err == nil {
		err = CheckMPTCP()
	}
	switch {
	case err == nil:
	case os.Getenv("MPTCP_LIVE") != "":
		t.Fatalf("MPTCP_LIVE is set, but %v", err)
	default:
		t.Skipf("%v", err)
	}
}

// closeOnSignal takes all labs down before a signal ends the process.
func closeOnSignal() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		sig := (<-c).(syscall.Signal)
		closeAll()
		signal.Reset(sig)
		fmt.Fprintln(os.Stderr, "lab: taken down by", sig)
		_ = syscall.Kill(os.Getpid(), sig)
	}()
}
