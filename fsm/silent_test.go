package fsm

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mptcp-go/mptcp/fsm/netsim"
	"github.com/mptcp-go/mptcp/wire"
)

// silentHost is a peer that falls back without a word, as Linux does (NOTES 1.7, 1.18):
// at the first octets that no mapping covers, or when the test wants it. From then on
// it sends no option of Multipath TCP at all and takes what the subflow brings as TCP
// would, in order, mappings or not.
type silentHost struct {
	host
	w    *world
	end  int
	at   int
	fell bool
}

func (h *silentHost) HandlePath(now time.Time, p netsim.PathInfo) { h.host.HandlePath(now, p) }

func (h *silentHost) HandleSegment(now time.Time, seg *wire.Segment) {
	if s := h.subflow(); s != nil && !h.fell && (h.w.app[h.end].in.Len() >= h.at || h.unmapped(s, seg)) {
		h.fell = true
		s.conn.fallBack(now, s, nil, "silent fallback")
		s.conn.fb.announce = false
	}
	h.host.HandleSegment(now, seg)
}

// subflow is the only subflow of the connection while that is Multipath TCP.
func (h *silentHost) subflow() *subflow {
	if c := h.w.app[h.end].conn; c != nil && c.mode == multi && c.opened && c.nextIndex == 1 { // a join is reset instead
		return c.only()
	}
	return nil
}

// unmapped reports whether seg brings the next octets without any mapping.
func (h *silentHost) unmapped(s *subflow, seg *wire.Segment) bool {
	off, ok := s.segmentOff(seg)
	if !ok || len(seg.Payload) == 0 || off > s.flow.Received() {
		return false
	}
	for o := range seg.Options.MPTCP() {
		if o.Subtype() == wire.SubDSS || o.Subtype() == wire.SubMPCapable {
			return false
		}
	}
	_, mapped := s.table.Lookup(max(off, s.flow.Received()))
	return !mapped
}

// NOTES 1.18: a peer that falls back in silence, at any moment and behind any box,
// never makes us repeat data into its stream, and every octet arrives.
func TestSilentPeer(t *testing.T) {
	n, every := 0, 5
	if os.Getenv("MPTCP_SWEEP") != "" {
		every = 1
	} else if testing.Short() {
		every = 37
	}
	for _, p := range parts {
		if strings.HasPrefix(p.spec, "payload") || strings.HasPrefix(p.spec, "rst") {
			continue // there is nothing left that could notice, or to be noticed
		}
		for _, k := range cells(p) {
			for end := range 2 {
				for _, at := range []int{1, 9000, 1 << 30} {
					if n++; n%every != 0 {
						continue
					}
					s := k.scene(7)
					s.silent[end], s.silentAt, s.strict = true, at, true
					w, err := s.play(t, false, false)
					if err == nil {
						err = w.whole()
					}
					if err != nil {
						if _, bad := s.play(t, true, false); bad != nil {
							continue // TCP does not get through either
						}
						s.explain(t, fmt.Errorf("%v end %d at %d: %w", k, end, at, err))
						return
					}
				}
			}
		}
	}
}
