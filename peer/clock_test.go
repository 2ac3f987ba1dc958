package peer

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/peer/link"
)

// While a stack runs the system's clock may be set, back or forward: deadlines end when as
// much time has gone by as there was when they were set, whether they have a reading of the
// monotonic clock or not, and connections do not notice.
func TestClockIsSet(t *testing.T) {
	for _, step := range []time.Duration{-time.Hour, time.Hour} {
		t.Run(fmt.Sprint("by ", step), func(t *testing.T) {
			// What the stack knows of the system's clock is as old as the stack.
			steady := steadyClock()
			cfg := Config{clock: func() time.Time { return steady().Add(-step) }}
			p := newPair(t, 1, link.PipeConfig{}, cfg, cfg)
			a, b := p.connect(t, 4)
			talk(t, a, b, 100_000)
			const patience = 30 * time.Millisecond
			for _, wall := range []bool{false, true} {
				began := time.Now()
				at := began.Add(patience)
				if wall {
					at = at.Round(0)
				}
				require.NoError(t, a.SetReadDeadline(at))
				_, err := a.Read(make([]byte, 1))
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				require.GreaterOrEqual(t, time.Since(began), patience*9/10, "wall clock only: %v", wall)

				l, err := p.b.Listen("tcp", ":0")
				require.NoError(t, err)
				began = time.Now()
				if at = began.Add(patience); wall {
					at = at.Round(0)
				}
				require.NoError(t, l.SetDeadline(at))
				_, err = l.Accept()
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				require.GreaterOrEqual(t, time.Since(began), patience*9/10, "wall clock only: %v", wall)
				require.NoError(t, l.Close())
			}
			require.NoError(t, a.SetReadDeadline(time.Time{}))
			exchange(t, a, b, 100_000)
		})
	}
}
