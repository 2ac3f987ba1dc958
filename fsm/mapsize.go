package fsm

import "github.com/mptcp-go/mptcp/dataseq"

// How many octets one mapping covers, where the link does not cut segments, is for the
// sender to choose; each segment of it carries the same option, as segmentation hardware
// makes it (paper section 3.3.4, RFC 8684 section 3.3.1). The more they are the less there
// is to be lost: whatever merges segments keeps one option for several (paper section
// 3.3.5), and any of the copies will do. And a receiver has fewer mappings to look at.
//
// What speaks against many is that an octet which is bound to a subflow cannot go elsewhere
// but as a repetition, and that under a checksum nothing is delivered before the mapping is
// whole. So:
//
//   - MP_CAPABLE maps one segment, and a repetition is one.
//   - Where there ever was another subflow each segment has a mapping of its own: what one of
//     them lost is repeated on another.
//   - A mapping takes the whole segments that leave at once, and at least four, of which some wait
//     for the congestion window: they can go nowhere else. Otherwise what a loss leaves of that
//     window would be mapped segment by segment, and behind a box that merges two of them every
//     second mapping would be lost again.
//   - A mapping takes half a congestion window at the most, or four segments, so that with checksums
//     delivery is not put off by much. Without them, too: where a path begins to remove options less
//     of what it carries is bound to mappings that are gone.
//   - With checksums a mapping takes an eighth of the peer's window and of the send buffer at the
//     most: what waits for the rest of it is a small part of what keeps the path busy.
const (
	maxMapped   = 16 // segments in a mapping
	leastMapped = 4  // ...where so many are to be sent, however small the congestion window is
	mappedPart  = 8  // part of the peer's window and of the send buffer, with a checksum
)

// mappingLimit returns how many octets, whatever the window, one mapping on s takes from data
// offset from on, seg being what one segment does.
func (c *Conn) mappingLimit(s *subflow, seg int, from uint64) int {
	const most = dataseq.MaxLen - 1 // a DATA_FIN may follow
	switch p := c.ep.pathOf(s.id.local.Addr()); {
	case c.mode == plain && c.fb.announce:
		return min(most, max(seg-infiniteSize, 1)) // one segment tells, and the next that it came
	case p.Max > seg:
		return min(most, p.Max/seg*seg)
	case c.several || from < c.snd.next || c.capableNext(s):
		return min(most, seg)
	}
	n := maxMapped * seg
	if c.mode == multi {
		cwnd, _ := s.flow.Cwnd()
		n = min(n, max(cwnd/2, leastMapped*seg))
	}
	if c.checksum && c.mode == multi {
		window := int(max(c.snd.edge, c.snd.una) - c.snd.una)
		n = min(n, window/mappedPart, c.ep.cfg.SendBuffer/mappedPart)
	}
	return min(max(n/seg, 1), max(most/seg, 1)) * seg
}

// mapAhead returns how many of want octets may be mapped on s although the congestion window
// lets only some of them go: on an only subflow, those that the peer's window has room for.
func (c *Conn) mapAhead(s *subflow, seg, want int, from uint64) int {
	if len(c.subflows) > 1 || c.several || c.mode != multi || from < c.snd.next || c.ep.pathOf(s.id.local.Addr()).Max > seg {
		return 0
	}
	room := s.flow.PeerWindow() - int(s.flow.Sent()-s.flow.Acked())
	return max(min(want, room, leastMapped*seg), 0) / seg * seg
}
