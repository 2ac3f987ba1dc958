package trace

import (
	"encoding/binary"

	"github.com/mptcp-go/mptcp/wire"
)

// signals are the options of one segment that matter here, decoded once.
type signals struct {
	mptcp  bool
	other  bool // an MPTCP option besides the DSS
	stamps bool
	hasDSS bool
	dss    wire.DSS
	rst    wire.Option
}

// segment takes one TCP segment of a flow.
func (t *Tracker) segment(sf *Subflow, dir int, s *wire.Segment) {
	d := &sf.Dir[dir]
	sf.Packets++
	d.Packets++
	sf.Last, sf.LastTime = t.ref, max(sf.LastTime, t.now)
	if sf.settled() { // a straggler: counted, no more
		d.Payload += uint64(s.PayloadLen)
		if s.Flags&wire.RST != 0 {
			sf.RSTs++
		}
		return
	}

	sg := &t.sg
	sg.mptcp, sg.other, sg.hasDSS, sg.stamps, sg.rst = false, false, false, false, nil
	if s.Flags&wire.SYN != 0 {
		t.syn(sf, dir, s)
	} else if !d.started {
		d.start(s.Seq)
	}
	if len(s.Options) > 0 {
		t.options(sf, dir, s, sg)
	}
	off := d.offset(s.Seq)
	n := uint64(s.PayloadLen)
	if s.Flags&wire.SYN != 0 {
		d.stamps = sg.stamps
		if s.Flags&wire.ACK == 0 && sf.Handshake.SYNCapable && !sg.mptcp && sf.SynPlain == 0 {
			sf.SynPlain, sf.SynAnswered = t.ref, sf.Handshake.SYNACK != 0
		}
		n = 0 // Fast Open data is accounted for once it is accepted
	} else {
		if !sg.stamps {
			t.conformTimestamps(sf, s)
		}
		if dir == 0 && sf.Handshake.ACK == 0 && s.Flags&wire.ACK != 0 {
			t.thirdACK(sf, s)
		}
	}
	fresh := t.tcp(sf, dir, s, off, n)

	if c := sf.Conn; c != nil && !c.Compacted {
		if sg.hasDSS {
			t.dss(sf, dir, s, sg, off)
		}
		before := d.unmapped
		if n > 0 && s.Flags&wire.RST == 0 {
			t.conformJoin(sf, dir)
			t.payload(sf, dir, s, off)
		}
		t.conformACK(sf, dir, s, sg)
		if !sg.mptcp {
			if !fresh {
				before = d.unmapped
			}
			sf.unsignalled(dir, t.ref, s, d.unmapped-before)
		} else {
			sf.silent[dir] = silence{}
			d.LastOption = t.ref
			d.speaks = d.speaks || s.Flags&wire.SYN == 0
		}
	} else if c == nil && sg.hasDSS && sf.Kind != Initial && s.Flags&wire.SYN == 0 {
		t.inferDSS(sf, dir, s, sg, off)
	} else if n > 0 && t.cfg.OnData != nil && sf.Kind == Plain && fresh {
		t.plainData(sf, dir, s, off)
	}
	if s.Flags&(wire.FIN|wire.RST) != 0 {
		t.ends(sf, dir, s, sg)
	}
}

// options walks the option block once.
func (t *Tracker) options(sf *Subflow, dir int, s *wire.Segment, sg *signals) {
	rest := s.Options
	// Two fillers and timestamps begin the options of nearly every segment.
	if len(rest) >= 12 && binary.BigEndian.Uint32(rest) == wire.KindNOP<<24|wire.KindNOP<<16|wire.KindTimestamps<<8|10 {
		sg.stamps, rest = true, rest[12:]
	}
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
			sg.stamps = true
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

// unsignalled notes a packet of an MPTCP flow that has no MPTCP option, and how many
// new octets of it no mapping covers.
func (sf *Subflow) unsignalled(dir int, ref Ref, s *wire.Segment, unmapped uint64) {
	if s.Flags&(wire.SYN|wire.RST) != 0 {
		return
	}
	q := &sf.silent[dir]
	if q.count == 0 {
		q.since = ref
	}
	q.count++
	q.data += unmapped
}

// plainData hands a plain TCP flow's octets to the caller's stream.
func (t *Tracker) plainData(sf *Subflow, dir int, s *wire.Segment, off uint64) {
	t.cfg.OnData(Piece{
		Subflow: sf, Side: dir, Pos: off, Len: s.PayloadLen, Octets: s.Payload, Ref: t.ref,
	})
}
