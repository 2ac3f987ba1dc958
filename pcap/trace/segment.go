package trace

import (
	"github.com/mptcp-go/mptcp/wire"
)

// signals are the options of one segment that matter here, decoded once.
type signals struct {
	mptcp  bool
	other  bool // an MPTCP option besides the DSS
	hasDSS bool
	dss    wire.DSS
	rst    wire.Option
}

// segment takes one TCP segment of a flow.
func (t *Tracker) segment(sf *Subflow, dir int, s *wire.Segment) {
	d := &sf.Dir[dir]
	sf.Packets++
	d.Packets++
	sf.Last, sf.LastTime = t.ref, t.now
	if sf.settled() { // a straggler: counted, no more
		d.Payload += uint64(s.PayloadLen)
		if s.Flags&wire.RST != 0 {
			sf.RSTs++
		}
		return
	}

	sg := &t.sg
	sg.mptcp, sg.other, sg.hasDSS, sg.rst = false, false, false, nil
	if s.Flags&wire.SYN != 0 {
		t.syn(sf, dir, s)
	} else if !d.started {
		d.start(s.Seq)
	}
	if len(s.Options) > 0 {
		t.options(sf, dir, s, sg)
	}
	if s.Flags&(wire.SYN|wire.ACK) == wire.SYN && sf.Handshake.SYNCapable && !sg.mptcp && sf.SynPlain == 0 {
		sf.SynPlain = t.ref
	}
	if s.Flags&wire.SYN == 0 && dir == 0 && sf.Handshake.ACK == 0 && s.Flags.Has(wire.ACK) {
		t.thirdACK(sf, s)
	}
	off := d.offset(s.Seq)
	n := uint64(s.PayloadLen)
	if s.Flags&wire.SYN != 0 {
		n = 0 // Fast Open data is accounted for once it is accepted
	}
	fresh := t.tcp(sf, dir, s, off, n)

	if c := sf.Conn; c != nil && !c.Compacted {
		if sg.hasDSS {
			t.dss(sf, dir, s, sg, off)
		}
		if n > 0 && s.Flags&wire.RST == 0 {
			t.conformJoin(sf, dir)
			t.payload(sf, dir, s, off)
		}
		t.conformACK(sf, dir, s, sg)
		if !sg.mptcp {
			sf.unsignalled(dir, t.ref, s, fresh)
		} else {
			sf.silent[dir] = silence{}
			d.LastOption = t.ref
		}
	} else if n > 0 && t.cfg.OnData != nil && sf.Kind == Plain && fresh {
		t.plainData(sf, dir, s, off)
	} else if sg.hasDSS && sf.Kind == Plain && s.Flags&wire.SYN == 0 {
		t.inferDSS(sf, dir, s, sg, off)
	}
	if s.Flags&wire.RST != 0 {
		t.reset(sf, dir, sg)
	}
	if s.Flags&wire.FIN != 0 && d.FIN == 0 {
		d.FIN, d.FINOff = t.ref, off+n
	}
	if c := sf.Conn; c != nil && s.Flags&(wire.FIN|wire.RST) != 0 {
		t.maybeClosed(c)
	} else if c == nil && sf.Closed() && s.Flags&(wire.FIN|wire.RST) != 0 {
		t.plainClosed(sf)
	}
}

// options walks the option block once.
func (t *Tracker) options(sf *Subflow, dir int, s *wire.Segment, sg *signals) {
	rest := s.Options
	for {
		opt, next, ok := rest.Next()
		if !ok {
			if len(rest) > 0 && rest[0] != wire.KindEOL {
				t.overrun(sf, dir, rest, sg)
			}
			break
		}
		rest = next
		switch opt.Kind() {
		case wire.KindTimestamps:
		case wire.KindMPTCP:
			sg.mptcp = true
			if len(opt) < 3 {
				t.malformed(sf, dir, opt)
				continue
			}
			st := opt.Subtype()
			t.Totals.Subtypes[st]++
			if st == wire.SubDSS {
				if err := sg.dss.Parse(opt); err != nil {
					t.malformed(sf, dir, opt)
					continue
				}
				if opt[2]&15|opt[3]&0xe0 != 0 {
					t.conformBits(sf, s, opt)
				}
				sg.hasDSS = true
				continue
			}
			sg.other = true
			t.conformBits(sf, s, opt)
			t.signal(sf, dir, s, opt, sg)
		case wire.KindMSS:
			if v, err := wire.ParseMSS(opt); err == nil {
				sf.Dir[dir].MSS = v
			}
		case wire.KindWindowScale:
			if v, err := wire.ParseWindowScale(opt); err == nil && s.Flags&wire.SYN != 0 {
				sf.Dir[dir].WScale, sf.Dir[dir].HasWScale = min(v, 14), true // RFC 7323 section 2.3
			}
		}
	}
	if sg.mptcp {
		t.Totals.MPTCP++
		sf.MPTCPPackets++
	}
}

// overrun notes an MPTCP option whose length goes beyond the header. Receivers
// ignore it; that it is there is still a fact.
func (t *Tracker) overrun(sf *Subflow, dir int, rest wire.Options, sg *signals) {
	for len(rest) > 0 && rest[0] == wire.KindNOP {
		rest = rest[1:]
	}
	if len(rest) < 3 || rest[0] != wire.KindMPTCP || int(rest[1]) <= len(rest) || t.cut {
		return
	}
	sg.mptcp = true
	opt := wire.Option(rest)
	t.Totals.Subtypes[opt.Subtype()]++
	if opt.Subtype() == wire.SubMPCapable {
		t.capable(sf, dir, &t.seg, opt)
		return
	}
	t.malformed(sf, dir, opt)
}

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
				if len(d.holes) < 16 {
					d.holes = append(d.holes, span{d.next, off})
				}
			}
			d.next, fresh = end, true
		default:
			fresh = d.again(off, end)
		}
		if d.waitSince == 0 {
			d.waitSince, d.waitRef = t.now, t.ref
		} else if w := t.now - d.waitSince; w > d.Stalled {
			d.Stalled, d.StallRef = w, d.waitRef
		}
		if fresh && !d.sample.on {
			d.sample = sample{end, t.now, true}
		}
	}
	if s.Flags&wire.RST != 0 {
		return fresh
	}
	if s.Flags.Has(wire.ACK) && peer.started {
		ack := peer.offset(s.Ack)
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
	t.limit(d, peer.window, sf)
	t.limit(peer, d.window, sf)
	return fresh
}

// limit accounts for the time during which less than one segment fits in the
// window that the peer of d advertised.
func (t *Tracker) limit(d *FlowDir, window uint64, sf *Subflow) {
	flight := uint64(0)
	if d.next > d.ackMax {
		flight = d.next - d.ackMax
	}
	d.MaxFlight = max(d.MaxFlight, flight)
	mss := uint64(d.MSS)
	if mss == 0 {
		mss = 536
	}
	if d.limited {
		d.Limited += max(0, t.now-d.limitedAt)
	}
	d.limited, d.limitedAt = flight > 0 && flight+mss > window, t.now
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
			d.holes = append(d.holes[:i], d.holes[i+1:]...)
			i--
		case lo == h.lo:
			d.holes[i].lo = hi
		case hi == h.hi:
			d.holes[i].hi = lo
		default:
			d.holes[i].hi = lo
			if len(d.holes) < 16 {
				d.holes = append(d.holes, span{hi, h.hi})
			}
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

// unsignalled notes a packet of an MPTCP flow that has no MPTCP option.
func (sf *Subflow) unsignalled(dir int, ref Ref, s *wire.Segment, fresh bool) {
	if s.Flags&(wire.SYN|wire.RST) != 0 {
		return
	}
	q := &sf.silent[dir]
	if q.count == 0 {
		q.since = ref
	}
	q.count++
	if fresh {
		q.data += uint64(s.PayloadLen)
	}
}

// compact drops what only a living flow needs.
func (sf *Subflow) compact() {
	sf.Dir[0].flowState, sf.Dir[1].flowState = nil, nil
}

// plainClosed settles flows of no connection some time after they ended, when the
// last stragglers are in.
func (t *Tracker) plainClosed(sf *Subflow) {
	t.closedFlows = append(t.closedFlows, sf)
	if len(t.closedFlows) > t.cfg.Limits.Linger {
		if old := t.closedFlows[0]; old.Conn == nil {
			old.compact()
		}
		copy(t.closedFlows, t.closedFlows[1:])
		t.closedFlows = t.closedFlows[:len(t.closedFlows)-1]
	}
}

// plainData hands a plain TCP flow's octets to the caller's stream.
func (t *Tracker) plainData(sf *Subflow, dir int, s *wire.Segment, off uint64) {
	t.cfg.OnData(Piece{
		Subflow: sf, Side: dir, Pos: off, Len: s.PayloadLen, Octets: s.Payload, Ref: t.ref,
	})
}
