package link

import (
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCloseLeavesNothing opens and closes links and counts goroutines and files.
func TestCloseLeavesNothing(t *testing.T) {
	twoSpaces(t)
	count := func() (files int) {
		list, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		return len(list)
	}
	once := func() {
		for _, spec := range []string{"tun:mptest,10.77.0.2/24", "raw:left,10.7.0.9/24", "raw:left"} {
			l, err := Open(spec)
			require.NoError(t, err)
			done := make(chan struct{})
			go func() {
				defer close(done)
				for {
					if _, err := l.Recv(make([]Packet, 4)); err != nil {
						return
					}
				}
			}()
			if h, ok := l.(PortHolder); ok && h.Shared() {
				_, err := h.HoldPort(addrPort("10.7.0.1:0"))
				require.NoError(t, err)
			}
			require.NoError(t, l.Close())
			<-done
		}
		_, err := Open("raw:left,10.7.0.2/24") // in use
		require.Error(t, err)
	}
	once()
	files, routines := count(), runtime.NumGoroutine()
	for range 3 {
		once()
	}
	for range 100 { // ended goroutines are counted for a moment
		if runtime.NumGoroutine() <= routines {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), routines)
	require.LessOrEqual(t, count(), files)
}
