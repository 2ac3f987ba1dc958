package tcp

import (
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// Embryo is what a listener learns from a SYN: all that a flow needs to begin in
// SYN-RECEIVED. It is a small value, so that many half-open connections cost
// little, and holds nothing that a stateless listener could not rebuild.
type Embryo struct {
	IRS      uint32 // the peer's initial sequence number
	TSVal    uint32 // the peer's timestamp, where TS is set
	MSS      uint16 // the peer's, or the default
	Window   uint16 // as on the SYN, never scaled
	SndScale uint8
	Scale    bool // window scaling, SACK and timestamps were offered
	SACK     bool
	TS       bool
}

// ParseSYN reads what a SYN offers. It reports false for a segment that a
// listener must not take for one: without SYN, or with ACK, RST or FIN.
func ParseSYN(seg *wire.Segment) (Embryo, bool) {
	const mask = wire.SYN | wire.ACK | wire.RST | wire.FIN
	if seg.Flags&mask != wire.SYN {
		return Embryo{}, false
	}
	var o optionSet
	o.parse(seg.Options)
	p := Params{Local: seg.Dst}
	e := Embryo{IRS: seg.Seq, Window: seg.Window, MSS: uint16(p.defaultMSS()), SACK: o.sackOK}
	if o.hasMSS {
		e.MSS = o.mss
	}
	if o.hasScale {
		e.Scale, e.SndScale = true, o.scale
	}
	if o.hasTS {
		e.TS, e.TSVal = true, o.tsVal
	}
	return e, true
}

// limit takes away what the configuration refuses.
func (e *Embryo) limit(cfg *Config) {
	if cfg.NoSACK {
		e.SACK = false
	}
	if cfg.NoTimestamps {
		e.TS = false
	}
	if cfg.NoWindowScale {
		e.Scale, e.SndScale = false, 0
	}
}

// Accept returns a flow in SYN-RECEIVED, for a listener (RFC 9293 section
// 3.10.7.2). Unless p.Promoted is set it will send the SYN/ACK. The error is a
// *LocalError.
func Accept(now time.Time, cfg *Config, p Params, e Embryo) (*Flow, error) {
	f, err := newFlow(now, cfg, p)
	if err != nil {
		return nil, err
	}
	e.limit(cfg)
	f.passive = true
	f.state = SynReceived
	f.stats.PassiveOpens++
	f.irs = e.IRS
	f.agree(nanos(now), &e)
	f.fastOpen = p.FastOpen
	if p.Promoted {
		f.snd.nxt = 0
		f.syn.tries = 1
	} else {
		f.synQueued = true
	}
	f.begin()
	return f, nil
}

// agree takes over what the peer's SYN settles; e is limited to what we offered.
func (f *Flow) agree(t int64, e *Embryo) {
	f.sackOK, f.tsOK = e.SACK, e.TS
	if e.TS {
		f.tsRecent, f.tsRecentAge = e.TSVal, t
	}
	if e.Scale {
		f.snd.scale, f.rcv.scale, f.rcv.scaled = e.SndScale, f.cfg.windowScale(), true
	}
	f.snd.peerMSS = max(int(e.MSS), minSendMSS)
	f.setSendMSS()
	f.snd.wnd = int64(e.Window) // the window of a SYN is never scaled (T7323-01)
	f.snd.maxWnd = f.snd.wnd
	f.snd.wl1, f.snd.wl2 = -1, f.snd.una
	f.rcv.advEdge = int64(min(f.p.Window, 0xffff))
	f.rcv.mss = min(536, f.snd.mss)
}

// begin makes the congestion controller, once the peer's MSS is known.
func (f *Flow) begin() {
	if f.cc == nil {
		f.cc = f.coupling().Add(f.segmentSize())
	}
}

// synOptions returns the options of this flow's SYN or SYN/ACK.
func (f *Flow) synOptions(t int64) synOptions {
	s := synOptions{mss: f.p.MTU - f.p.headers(), val: f.tsClock(t), shift: f.cfg.windowScale()}
	if f.state == SynReceived {
		s.sack, s.ts, s.ecr = f.sackOK, f.tsOK, f.tsRecent
		s.wscale = f.rcv.scaled
		if f.syn.cookie != nil && f.passive {
			s.fastOpen, s.cookie = true, f.syn.cookie
		}
		return s
	}
	s.sack, s.ts, s.wscale = !f.cfg.NoSACK, !f.cfg.NoTimestamps, !f.cfg.NoWindowScale
	if f.tryFastOpen() {
		s.fastOpen, s.cookie = true, f.p.Cookie
	}
	return s
}

// GrantCookie puts a Fast Open cookie in the SYN/ACK (RFC 7413 section 4.1.2).
// The slice is kept.
func (f *Flow) GrantCookie(cookie []byte) { f.syn.cookie = cookie }
