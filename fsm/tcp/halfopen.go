package tcp

import (
	"time"

	"github.com/mptcp-go/mptcp/wire"
)

// HalfOpen is a passive flow in SYN-RECEIVED that is not made yet: a value of 40
// octets that answers the SYN, repeats the answer, judges what comes, and becomes a
// Flow by the third packet. It is what a listener keeps under a flood of SYNs (RFC
// 4987 section 3.4, T4987-01). Addresses and timers belong to its owner.
type HalfOpen struct {
	Embryo
	ISS, TSOffset uint32
	due           int64  // when the SYN/ACK is to be repeated, ns
	first         uint32 // when it went out first, ms; wraps
	syns          uint8  // SYN/ACKs sent
	backoff       uint8  // expiries
	acks          uint8  // challenge ACKs sent
}

// NewHalfOpen returns what to keep of a SYN that offered e. Of p, ISS and TSOffset are
// used.
func NewHalfOpen(cfg *Config, p *Params, e Embryo) HalfOpen {
	e.limit(cfg)
	return HalfOpen{Embryo: e, ISS: p.ISS, TSOffset: p.TSOffset}
}

// SYNs returns how many SYN/ACKs were sent.
func (h *HalfOpen) SYNs() int { return int(h.syns) }

// Due returns when the SYN/ACK is to be repeated, as nanoseconds since 1970; 0: it
// was not sent yet.
func (h *HalfOpen) Due() int64 { return h.due }

// Backoff returns the number of expiries. Half-open flows of the same Config and the
// same number are due in the order in which they were answered.
func (h *HalfOpen) Backoff() int { return int(h.backoff) }

// Expire is called when the answer is due again. It reports false when the peer had
// time enough.
func (h *HalfOpen) Expire(now time.Time, cfg *Config) bool {
	if time.Duration(millis(nanos(now))-h.first)*time.Millisecond >= cfg.SYNTimeout {
		cfg.count().AttemptFails++
		return false
	}
	cfg.count().Timeouts++
	h.backoff++
	return true
}

// Answer fills in out, the SYN/ACK, and notes that it was sent. Local, Remote, Path,
// MTU and Window of p are used. out's option block is reused; the owner may append to
// it.
func (h *HalfOpen) Answer(now time.Time, cfg *Config, p *Params, out *wire.Segment) {
	t := nanos(now)
	h.header(p, out)
	out.Seq, out.Flags, out.Window = h.ISS, wire.SYN|wire.ACK, uint16(min(p.window(cfg), 0xffff))
	s := synOptions{mss: p.mtu() - p.headers(), sack: h.SACK, ts: h.TS, val: millis(t) + h.TSOffset, ecr: h.TSVal,
		wscale: h.Scale, shift: cfg.windowScale()}
	out.Options = s.append(out.Options)
	if h.syns == 0 {
		h.first = millis(t)
	} else {
		cfg.count().RetransSegs++
		cfg.count().SynRetrans++
	}
	if h.syns < 255 {
		h.syns++
	}
	h.due = t + h.interval(cfg)
	cfg.count().OutSegs++
}

// Challenge fills in out, an ACK that says what we expect, and reports false when there
// were enough of them (RFC 5961 section 7). p is used as by Answer.
func (h *HalfOpen) Challenge(now time.Time, cfg *Config, p *Params, out *wire.Segment) bool {
	if int(h.acks) >= min(cfg.ChallengeAcks, 255) {
		cfg.count().ChallengeACKSkipped++
		return false
	}
	h.acks++
	h.header(p, out)
	out.Seq, out.Flags, out.Window = h.ISS+1, wire.ACK, uint16(min(p.window(cfg), 0xffff))
	if h.Scale {
		unit := 1 << cfg.windowScale()
		out.Window = uint16(min((p.window(cfg)+unit-1)/unit, 0xffff))
	}
	if h.TS {
		out.Options = appendTimestamps(out.Options, millis(nanos(now))+h.TSOffset, h.TSVal)
	}
	cfg.count().ChallengeACK++
	cfg.count().OutSegs++
	return true
}

func (h *HalfOpen) header(p *Params, out *wire.Segment) {
	*out = wire.Segment{Src: p.Local, Dst: p.Remote, Path: p.Path, Options: out.Options[:0], Ack: h.IRS + 1}
}

// interval is the retransmission timeout after the SYN/ACK that was sent last.
func (h *HalfOpen) interval(cfg *Config) int64 {
	r := rtoState{base: int64(cfg.InitialRTO), backoff: uint(h.backoff)}
	return r.current(cfg, &rtt{})
}

// Step is what a segment asks of a half-open flow.
type Step uint8

// The steps.
const (
	StepNone      Step = iota // nothing
	StepAnswer                // the SYN again: answer it again
	StepChallenge             // out of place: see Challenge
	StepRefuse                // acknowledges what was never sent: ResetFor
	StepForget                // the peer gave up
	StepPromote               // the third packet: Promote, and hand it to the flow
)

// Judge says what seg, which has the addresses of this flow, asks for: RFC 9293 section
// 3.10.7.4 in SYN-RECEIVED, with PAWS and RFC 5961.
func (h *HalfOpen) Judge(now time.Time, cfg *Config, p *Params, seg *wire.Segment) Step {
	flags := seg.Flags
	off := int64(int32(seg.Seq - (h.IRS + 1)))
	if flags.Has(wire.SYN) {
		off++ // the octet behind the SYN
	}
	window := int64(p.window(cfg))
	switch {
	case flags.Has(wire.RST):
		switch {
		case off == 0:
			cfg.count().AttemptFails++
			return StepForget
		case off > 0 && off < window:
			cfg.count().RSTChallenge++
			return StepChallenge
		}
		return StepNone
	case flags.Has(wire.SYN):
		switch {
		case seg.Seq != h.IRS:
			return StepChallenge
		case flags.Has(wire.ACK) || h.syns == 0:
			return StepNone
		}
		return StepAnswer
	}
	if h.TS {
		var o optionSet
		o.parse(seg.Options)
		if o.hasTS && int32(o.tsVal-h.TSVal) < 0 {
			cfg.count().PAWSEstab++
			return StepChallenge
		}
	}
	switch {
	case !inWindow(off, int64(len(seg.Payload)), flags.Has(wire.FIN), 0, window):
		cfg.count().OutOfWindow++
		return StepChallenge
	case !flags.Has(wire.ACK) || h.syns == 0:
		return StepNone
	case seg.Ack != h.ISS+1:
		return StepRefuse
	}
	return StepPromote
}

// Promote returns the flow that a segment judged StepPromote completes: hand it that
// segment next. p as for Accept. The error is a *LocalError.
func (h *HalfOpen) Promote(now time.Time, cfg *Config, p Params) (*Flow, error) {
	p.ISS, p.TSOffset, p.Promoted = h.ISS, h.TSOffset, true
	f, err := Accept(now, cfg, p, h.Embryo)
	if err != nil {
		return nil, err
	}
	f.syn.tries = int(h.syns)
	f.syn.last = h.due - h.interval(cfg)
	f.rto.backoff = uint(h.backoff)
	return f, nil
}

// Withdraw undoes Accept or Promote for a flow that its owner does not want after all:
// the peer is told nothing.
func (f *Flow) Withdraw() {
	if f.state != Closed {
		f.finish(&LocalError{Reason: Aborted})
	}
}

// count returns the counters of flows that have none of their own.
func (c *Config) count() *Stats {
	if c.Stats == nil {
		return new(Stats)
	}
	return c.Stats
}

func (p *Params) window(cfg *Config) int {
	if p.Window == 0 {
		return cfg.ReceiveBuffer
	}
	return p.Window
}

func (p *Params) mtu() int {
	if p.MTU == 0 {
		return 1500
	}
	return p.MTU
}

func millis(t int64) uint32 { return uint32(t / int64(time.Millisecond)) }
