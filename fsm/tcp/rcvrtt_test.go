package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-go/mptcp/wire"
)

// A receiver takes the time from its own timestamps as they come back, once for each
// and from full segments only.
func TestReceiversRoundTrip(t *testing.T) {
	f := &Flow{cfg: &Config{MaxRTO: 2 * time.Minute}, tsOK: true}
	f.rcv.mss = 1000
	at := func(ms, echo, n int) {
		o := optionSet{hasTS: true, tsEcr: uint32(echo)}
		f.rcv.rtt.note(f, int64(ms)*int64(time.Millisecond), &wire.Segment{Payload: make([]byte, n)}, &o)
	}
	require.Zero(t, f.RecvRTT())
	at(1000, 900, 10)
	require.Zero(t, f.RecvRTT(), "a small segment may have waited for the application")
	at(1000, 900, 1000)
	require.Equal(t, 100*time.Millisecond, f.RecvRTT())
	at(1400, 900, 1000)
	require.Equal(t, 100*time.Millisecond, f.RecvRTT(), "the same echo again")
	at(1500, 1320, 1000)
	require.Equal(t, 110*time.Millisecond, f.RecvRTT(), "an eighth of the difference")
	at(1600, 1570, 1000)
	require.Equal(t, 100*time.Millisecond, f.RecvRTT(), "down as well")
	at(1600, 1700, 1000)
	require.Equal(t, 100*time.Millisecond, f.RecvRTT(), "from the future")
	f = &Flow{cfg: f.cfg}
	f.rtt.srtt = int64(time.Second)
	require.Equal(t, time.Second, f.RecvRTT(), "without timestamps")
}
