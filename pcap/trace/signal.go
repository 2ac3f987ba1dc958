package trace

import (
	"net/netip"

	"github.com/mptcp-go/mptcp/wire"
)

// Event is one signal as it was seen.
type Event struct {
	Ref       Ref
	Time      int64
	Subflow   *Subflow
	Conn      *Conn
	Kind      string // "join_syn", "add_addr", ... as in facts.json
	Token     wire.Token
	OK        Tri
	ID        int
	HasID     bool
	IDs       []byte
	Backup    bool
	Addr      netip.Addr
	Port      uint16
	HasPort   bool
	Echo      bool
	Key       wire.Key
	DSN       uint64
	SSN       uint32
	Len       int
	Subtype   wire.Subtype
	Reason    wire.ResetReason
	Transient bool
}

func (t *Tracker) event(sf *Subflow, e Event) {
	e.Ref, e.Time, e.Subflow, e.Conn = t.ref, t.now, sf, sf.Conn
	t.events = append(t.events, e)
}

// signal takes any MPTCP option but the DSS.
func (t *Tracker) signal(sf *Subflow, dir int, s *wire.Segment, opt wire.Option, sg *signals) {
	switch opt.Subtype() {
	case wire.SubMPCapable:
		t.capable(sf, dir, s, opt)
	case wire.SubMPJoin:
		t.joinOption(sf, dir, s, opt)
	case wire.SubAddAddr:
		t.addAddr(sf, dir, opt)
	case wire.SubRemoveAddr:
		r, err := wire.ParseRemoveAddr(opt)
		if err != nil {
			t.malformed(sf, dir, opt)
			break
		}
		if sf.Conn != nil {
			sf.Conn.withdrawn(sf.Side(dir), r.IDs)
		}
		if t.cfg.Events {
			t.event(sf, Event{Kind: "remove_addr", IDs: append([]byte(nil), r.IDs...)})
		}
	case wire.SubMPPrio:
		if p, err := wire.ParseMPPrio(opt); err != nil {
			t.malformed(sf, dir, opt)
		} else if t.cfg.Events {
			t.event(sf, Event{Kind: "mp_prio", Backup: p.Backup, ID: int(p.ID), HasID: p.HasID})
		}
	case wire.SubMPFail:
		t.mpFail(sf, dir, s, opt)
	case wire.SubMPFastclose:
		t.fastclose(sf, dir, opt)
	case wire.SubMPTCPRst:
		sg.rst = opt
		if r, err := wire.ParseMPTCPRst(opt); err != nil {
			t.malformed(sf, dir, opt)
		} else if t.cfg.Events {
			t.event(sf, Event{Kind: "tcprst", Transient: r.Transient, Reason: r.Reason})
		}
	default:
		if t.cfg.Events {
			t.event(sf, Event{Kind: "unknown_subtype", Subtype: opt.Subtype()})
		}
		t.find(sf, unknownOption, t.ref, opt.Subtype().String())
	}
}

// malformed notes an option whose shape no parser takes.
func (t *Tracker) malformed(sf *Subflow, dir int, opt wire.Option) {
	if t.cfg.Events {
		t.event(sf, Event{Kind: "malformed", Subtype: opt.Subtype(), Len: len(opt)})
	}
	name := "MPTCP"
	if len(opt) >= 3 {
		name = opt.Subtype().String()
	}
	if n := int(opt[1]); n > len(opt) {
		t.find(sf, overrunOption, t.ref, name, n, len(opt))
		return
	}
	t.find(sf, malformedOption, t.ref, name, len(opt))
}

func (t *Tracker) addAddr(sf *Subflow, dir int, opt wire.Option) {
	v := wire.V1
	if sf.Conn != nil {
		v = sf.Conn.Version
	} else if low := opt[2] & 15; low == 4 || low == 6 {
		v = wire.V0
	}
	a, err := wire.ParseAddAddr(opt, v)
	if err != nil {
		t.malformed(sf, dir, opt)
		return
	}
	if sf.Conn != nil {
		t.conformAddress(sf, sf.Side(dir), &a)
	}
	ok := Unknown
	if c := sf.Conn; c != nil && a.HasHMAC && !a.Echo && c.HasKey[0] && c.HasKey[1] {
		side := sf.Side(dir)
		ok = tri(wire.AddAddrHMAC(c.Key[side], c.Key[side^1], a.ID, a.Addr, a.Port) == a.HMAC)
		c.AddAddrs++
		if ok == Wrong {
			t.find(sf, addAddrHMAC, t.ref, a.Addr.String())
		}
	}
	if t.cfg.Events {
		t.event(sf, Event{Kind: "add_addr", ID: int(a.ID), Addr: a.Addr, Port: a.Port, HasPort: a.HasPort, Echo: a.Echo, OK: ok})
	}
}

func (t *Tracker) mpFail(sf *Subflow, dir int, s *wire.Segment, opt wire.Option) {
	f, err := wire.ParseMPFail(opt)
	if err != nil {
		t.malformed(sf, dir, opt)
		return
	}
	if c := sf.Conn; c != nil {
		side := sf.Side(dir)
		if c.failedFirst == 0 {
			c.failedFirst = int8(side) + 1
		}
		if c.MPFail[side] == 0 {
			c.MPFail[side], c.MPFailDSN[side] = t.ref, f.DSN
		}
		c.failReset = c.failReset || s.Flags&wire.RST != 0
	}
	if t.cfg.Events {
		t.event(sf, Event{Kind: "mp_fail", DSN: f.DSN})
	}
}

func (t *Tracker) fastclose(sf *Subflow, dir int, opt wire.Option) {
	f, err := wire.ParseMPFastclose(opt)
	if err != nil {
		t.malformed(sf, dir, opt)
		return
	}
	ok := Unknown
	if c := sf.Conn; c != nil {
		if peer := sf.Side(dir) ^ 1; c.HasKey[peer] {
			ok = tri(c.Key[peer] == f.Key)
		}
		if ok == Wrong {
			t.find(sf, fastcloseKey, t.ref)
		} else if c.Fastclose == 0 {
			c.Fastclose, c.FastcloseSide = t.ref, sf.Side(dir)
		}
	}
	if t.cfg.Events {
		t.event(sf, Event{Kind: "fastclose", Key: f.Key, OK: ok})
	}
}

// reset takes a RST.
func (t *Tracker) reset(sf *Subflow, dir int, sg *signals) {
	sf.RSTs++
	if sf.RST == 0 {
		sf.RST, sf.RSTDir, sf.RSTLate = t.ref, dir, sf.Closed()
		if sg.rst != nil {
			if r, err := wire.ParseMPTCPRst(sg.rst); err == nil {
				sf.RSTReason, sf.RSTTransient = int16(r.Reason), r.Transient
			}
		}
	}
	if t.cfg.Events {
		t.event(sf, Event{Kind: "rst"})
	}
}
