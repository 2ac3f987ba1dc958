package trace

import (
	"slices"

	"github.com/mptcp-go/mptcp/wire"
)

// tcp keeps the books of one direction and reports whether the payload holds
// octets not seen before on this flow.
func (t *Tracker) tcp(sf *Subflow, dir int, s *wire.Segment, off, n uint64) (fresh bool) {
	d, peer := &sf.Dir[dir], &sf.Dir[dir^1]
	end := off + n
	if n > 0 {
		d.Payload += n
		switch {
		case off == d.next:
			d.next, fresh = end, true
		case off > d.next && off-d.next < 1<<31:
			if s.Flags&wire.SYN == 0 && !(sf.MidStream && d.Packets == 1) {
				d.Gaps++
				d.GapOctets += off - d.next
				d.hole(len(d.holes), span{d.next, off})
			}
			d.next, fresh = end, true
		default:
			fresh = d.again(off, end)
		}
		if end <= d.ackMax || peer.window == 0 {
			// A keepalive, a probe of a closed window, or the peer was never seen.
			d.waitSince = 0
		} else if d.waitSince == 0 {
			d.waitSince, d.waitRef = t.now, t.ref
		} else if w := t.now - d.waitSince; w > d.Stalled {
			d.Stalled, d.StallRef = w, d.waitRef
		}
		if fresh && !d.sample.on && !d.holed() {
			d.sample = sample{end, t.now, true}
		}
	}
	if s.Flags&wire.RST != 0 {
		return fresh
	}
	if s.Flags.Has(wire.ACK) && peer.started {
		ack := peer.offset(s.Ack)
		peer.unseen = peer.unseen || ack > peer.next+1
		if ack > peer.ackMax && ack <= peer.next+1 {
			peer.ackMax = ack
			peer.waitSince = 0
			if ack < peer.next {
				peer.waitSince, peer.waitRef = t.now, t.ref
			}
			if peer.sample.on && ack >= peer.sample.end {
				peer.RTT.add(t.now - peer.sample.at)
				peer.sample.on = false
			}
		}
	}
	win := uint64(s.Window)
	if s.Flags&wire.SYN == 0 && d.HasWScale && peer.HasWScale {
		win <<= d.WScale
	}
	if win == 0 && d.window != 0 {
		d.ZeroWindow++
	}
	d.window = win
	// What limits a sender changes with its own segments and with the peer's.
	t.limit(d, peer)
	t.limit(peer, d)
	return fresh
}

// limit accounts for the time during which less than one segment fits in the
// window that the peer advertised. Without both SYNs its scale is not known.
func (t *Tracker) limit(d, peer *FlowDir) {
	if !peer.started {
		return
	}
	flight := uint64(0)
	if d.next > d.ackMax {
		flight = d.next - d.ackMax
	}
	d.MaxFlight = max(d.MaxFlight, flight)
	if !d.hasISN || !peer.hasISN {
		return
	}
	mss := uint64(peer.MSS)
	if mss == 0 {
		mss = 536 // RFC 9293 section 3.7.1
	}
	if d.limited {
		d.Limited += max(0, t.now-d.limitedAt)
	}
	d.limited, d.limitedAt = flight > 0 && flight+mss > peer.window, t.now
}

// holed reports whether the peer lacks octets that did not pass here yet: its ACKs
// wait for them.
func (d *FlowDir) holed() bool {
	n := len(d.holes)
	return n > 0 && d.holes[n-1].hi > d.ackMax
}

// maxHoles bounds the holes remembered per direction of a flow: more than a window
// of segments has in practice.
const maxHoles = 256

// hole remembers a range that was skipped, in place i; the oldest makes room.
func (d *FlowDir) hole(i int, h span) {
	if len(d.holes) >= maxHoles {
		d.holes = slices.Delete(d.holes, 0, 1)
		i = max(i-1, 0)
	}
	d.holes = slices.Insert(d.holes, i, h)
}

// again handles octets at or below what was seen: a retransmission, or one that
// fills a hole. It reports whether a hole was filled.
func (d *FlowDir) again(off, end uint64) (fresh bool) {
	seen := end - off
	for i := 0; i < len(d.holes); i++ {
		h := d.holes[i]
		lo, hi := max(h.lo, off), min(h.hi, end)
		if lo >= hi {
			continue
		}
		seen -= hi - lo
		d.GapOctets -= hi - lo
		fresh = true
		switch {
		case lo == h.lo && hi == h.hi:
			d.holes = slices.Delete(d.holes, i, i+1)
			i--
		case lo == h.lo:
			d.holes[i].lo = hi
		case hi == h.hi:
			d.holes[i].hi = lo
		default:
			d.holes[i].hi = lo
			d.hole(i+1, span{hi, h.hi})
		}
	}
	if end > d.next && end-d.next < 1<<31 {
		seen -= min(seen, end-d.next)
		d.next, fresh = end, true
	}
	if seen > 0 {
		d.Retransmitted += seen
		d.RetransSegs++
		d.sample.on = false // Karn: RFC 6298 section 3
	}
	return fresh
}
