package fsm

import (
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// silentHost is a peer that falls back without a word.
type silentHost struct{ host }

func (h *silentHost) HandleSegment(now time.Time, seg *wire.Segment) { h.host.HandleSegment(now, seg) }
