package tcp

import (
	"net/netip"
	"time"

	"github.com/mptcp-go/mptcp/fsm/cong"
	"github.com/mptcp-go/mptcp/wire"
)

// Flow is one TCP flow without the octets, which its owner keeps.
//
// Getters: State, Err, Stats, Local, Remote, Offset..., RTT, Window...; they
// change nothing.
//
// Handle: HandleSegment, HandleTimer and HandleMTU take what comes from outside.
// When HandleSegment returns data, Keep must follow before any other call.
//
// Application calls: Extend, Close, Abort, SetWindow, HoldWindow, RequestAck, Probe, Couple,
// Penalize.
//
// Poll: Poll proposes a segment and Commit records that it was sent. Poll until
// it reports false after every call of the two groups above; Deadline is then the
// time to call HandleTimer.
type Flow struct {
	cfg    *Config
	p      Params
	stats  *Stats
	cc     cong.Controller // nil until the peer's MSS is known
	group  cong.Group      // of the owner's; nil: Config.Congestion
	err    error
	timers timers

	state        State
	iss, irs     uint32
	passive      bool
	shook        bool // the handshake was completed
	fastOpen     bool // a Fast Open listener: data before the third ACK
	challengeDue bool // a challenge ACK is asked for
	tsOK, sackOK bool // what was negotiated
	synQueued    bool // a SYN or SYN/ACK waits for Poll
	syn          synState

	tsRecent    uint32
	rst         reset
	tsRecentAge int64 // when tsRecent was set
	heard       int64 // last segment from the peer

	snd       sender
	rcv       receiver
	ack       ackState
	rtt       rtt
	rto       rtoState
	rack      rack
	prr       *prr // nil: nothing was ever lost
	tlp       tlp
	keep      keepAlive
	persist   persist
	challenge *challenge // nil: none was ever asked for
	pmtu      pmtu
	eifel     eifel
}

// synState is the handshake's own retransmission.
type synState struct {
	first, last int64 // times of the first and the last SYN; 0: none yet
	tries       int   // SYNs sent
	cookie      []byte
	tfoSent     bool // the SYN carried data
}

// reset is a RST that waits for Poll.
type reset struct {
	queued   bool
	hasAck   bool
	seq, ack uint32
}

// Open returns a flow that will send a SYN. The configuration must come from
// Config.Validate; the error is a *LocalError.
func Open(now time.Time, cfg *Config, p Params) (*Flow, error) {
	f, err := newFlow(now, cfg, p)
	if err != nil {
		return nil, err
	}
	f.state = SynSent
	f.synQueued = true
	f.stats.ActiveOpens++
	return f, nil
}

func newFlow(now time.Time, cfg *Config, p Params) (*Flow, error) {
	if cfg == nil || !cfg.ready {
		return nil, &LocalError{BadConfig, "Config not validated"}
	}
	if err := p.validate(); err != nil {
		return nil, err
	}
	f := &Flow{cfg: cfg, p: p, stats: cfg.Stats, iss: p.ISS}
	if f.stats == nil {
		f.stats = new(Stats)
	}
	if p.Window == 0 {
		f.p.Window = cfg.ReceiveBuffer
	}
	f.heard = nanos(now)
	f.snd.init()
	f.snd.mss = p.defaultMSS()
	f.pmtu.mss = p.MTU - p.headers()
	f.rcv.window = f.p.Window
	f.rcv.fin = -1
	f.rto.init(cfg)
	return f, nil
}

// rangeBound leaves room for the rounding of a scaled window.
func rangeBound(cfg *Config) int { return cfg.ReceiveBuffer + 1<<cfg.windowScale() + 1 }

// State returns the connection state.
func (f *Flow) State() State { return f.state }

// Err returns why the flow is closed: nil when it ended in the regular way or
// has not ended, else a *PeerError or a *LocalError.
func (f *Flow) Err() error { return f.err }

// Stats returns the counters, those of Config.Stats if there are any.
func (f *Flow) Stats() *Stats { return f.stats }

// Local returns this side's address and port.
func (f *Flow) Local() netip.AddrPort { return f.p.Local }

// Path returns what Params.Path was.
func (f *Flow) Path() uint16 { return f.p.Path }

// Remote returns the peer's address and port.
func (f *Flow) Remote() netip.AddrPort { return f.p.Remote }

// ISS and IRS return the initial sequence numbers of the two directions; IRS
// means something once a SYN of the peer was seen.
func (f *Flow) ISS() uint32 { return f.iss }

// IRS returns the peer's initial sequence number.
func (f *Flow) IRS() uint32 { return f.irs }

// Acked returns how many octets of the stream the peer has acknowledged.
func (f *Flow) Acked() uint64 { return uint64(max(0, min(f.snd.una, f.snd.end))) }

// Sent returns how many octets of the stream were sent at least once.
func (f *Flow) Sent() uint64 { return uint64(min(f.snd.nxt, f.snd.end)) }

// Next returns the sequence numbers of what would be sent and received next, FINs counted.
func (f *Flow) Next() (send, receive uint32) { return f.sndSeq(f.snd.nxt), f.rcvSeq(f.rcv.nxt) }

// Available returns how many octets of the stream the owner has declared.
func (f *Flow) Available() uint64 { return uint64(f.snd.end) }

// Received returns how many octets of the peer's stream are acknowledged.
func (f *Flow) Received() uint64 {
	n := f.rcv.nxt
	if f.rcv.finDone {
		n--
	}
	return uint64(max(n, 0))
}

// PeerClosed reports whether the peer's FIN, and all data before it, is here.
func (f *Flow) PeerClosed() bool { return f.rcv.finDone }

// FinAcked reports whether the peer acknowledged our FIN.
func (f *Flow) FinAcked() bool { return f.snd.closing && f.snd.una > f.snd.end }

// SYNs returns how many SYNs or SYN/ACKs were sent.
func (f *Flow) SYNs() int { return f.syn.tries }

// RTT returns the smoothed round-trip time and its least recent sample; 0: not
// known yet.
func (f *Flow) RTT() (smoothed, least time.Duration) {
	return time.Duration(f.rtt.srtt), time.Duration(f.rtt.min())
}

// RTO returns the retransmission timeout, backed off as it is.
func (f *Flow) RTO() time.Duration { return time.Duration(f.rto.current(f.cfg, &f.rtt)) }

// BaseRTO is RTO without the backoff: what a peer with the same path would wait.
func (f *Flow) BaseRTO() time.Duration {
	r := f.rto
	r.backoff = 0
	return time.Duration(r.current(f.cfg, &f.rtt))
}

// Timeouts returns how many retransmission timeouts there were in a row, without
// anything being acknowledged in between.
func (f *Flow) Timeouts() int { return f.rto.count }

// LastHeard returns when an acceptable segment of the peer's arrived last.
func (f *Flow) LastHeard() time.Time { return instant(f.heard) }

// MSS returns the octets of a full segment, from which its TCP options are still
// to be taken (RFC 6691).
func (f *Flow) MSS() int { return f.snd.mss }

// Cwnd returns the congestion window and slow start threshold; 0 before the
// handshake.
func (f *Flow) Cwnd() (cwnd, ssthresh int) {
	if f.cc == nil {
		return 0, 0
	}
	return f.cc.State()
}

// InFlight returns how many octets are thought to be in the network: pipe of
// RFC 6675 section 4.
func (f *Flow) InFlight() int { return f.pipe() }

// PeerWindow returns the window the peer advertised last, octets from Acked.
func (f *Flow) PeerWindow() int { return int(f.snd.wnd) }

// Timestamps, SACK and WindowScales return what was negotiated.
func (f *Flow) Timestamps() bool { return f.tsOK }

// SACK reports whether selective acknowledgments were negotiated.
func (f *Flow) SACK() bool { return f.sackOK }

// WindowScales returns the shifts of the peer's window and of ours.
func (f *Flow) WindowScales() (peer, own uint8) { return f.snd.scale, f.rcv.scale }

// FastOpenCookie returns the cookie that the peer granted, or nil.
func (f *Flow) FastOpenCookie() []byte {
	if f.passive {
		return nil
	}
	return f.syn.cookie
}

// Controller returns the congestion controller, nil before the handshake.
func (f *Flow) Controller() cong.Controller { return f.cc }

// Deadline returns when HandleTimer is due; zero: never.
func (f *Flow) Deadline() time.Time { return instant(f.timers.next()) }

// Extend declares n more octets of the stream; the owner has them ready until
// they are acknowledged. It is an error after Close.
func (f *Flow) Extend(n int) error {
	if f.snd.closing || f.state == Closed || n < 0 {
		return &LocalError{NotOpen, "Extend"}
	}
	f.snd.end += int64(n)
	return nil
}

// Close queues a FIN behind the octets declared so far (RFC 9293 section 3.10.4).
// Closing twice does nothing.
func (f *Flow) Close(now time.Time) {
	if f.snd.closing || f.state == Closed {
		return
	}
	f.snd.closing = true
	switch f.state {
	case SynSent, SynReceived:
		if f.state == SynSent && f.snd.end == 0 {
			f.finish(nil) // nothing was ever asked of the peer
		}
		// Otherwise the FIN waits for the handshake.
	case Established:
		f.state = FinWait1
	case CloseWait:
		f.state = LastAck
	}
}

// Abort ends the flow at once. In the states where the peer knows of it, a RST
// waits for Poll (RFC 9293 section 3.10.5).
func (f *Flow) Abort(now time.Time) {
	switch f.state {
	case Closed:
		return
	case SynReceived, Established, FinWait1, FinWait2, CloseWait:
		f.queueRST(f.sndSeq(f.snd.nxt), f.rcvSeq(f.rcv.nxt), true)
	}
	f.finish(&LocalError{Reason: Aborted})
}

// finish enters CLOSED.
func (f *Flow) finish(err error) {
	if f.state == SynSent || f.state == SynReceived && err != nil {
		f.stats.AttemptFails++
	}
	f.state = Closed
	f.err = err
	f.timers = timers{}
	f.synQueued = false
	f.ack = ackState{}
	f.snd.board = scoreboard{}
	if f.cc != nil {
		f.coupling().Remove(f.cc)
	}
}

func (f *Flow) queueRST(seq, ack uint32, hasAck bool) {
	f.rst = reset{queued: true, seq: seq, ack: ack, hasAck: hasAck}
}

// HandleTimer does what is due. Early and repeated calls do nothing.
func (f *Flow) HandleTimer(now time.Time) {
	t := nanos(now)
	if f.timers.expired(timerTimeWait, t) {
		f.finish(nil)
		return
	}
	if f.timers.expired(timerDelack, t) {
		f.stats.DelayedACKs++
		f.ack.due = true
		f.ack.quick = 0
	}
	if f.timers.expired(timerReorder, t) {
		f.onReorder(t)
	}
	if f.timers.expired(timerProbe, t) {
		f.onProbe(t)
	}
	if f.timers.expired(timerRTO, t) {
		f.onRTO(t)
	}
	if f.timers.expired(timerPersist, t) {
		f.onPersist(t)
	}
	if f.timers.expired(timerKeepAlive, t) {
		f.onKeepAlive(t)
	}
}

// tsClock is the timestamp clock: milliseconds, within the 1 ms to 1 s a tick
// that RFC 7323 section 5.4 asks for, from an offset that differs by flow.
func (f *Flow) tsClock(t int64) uint32 { return uint32(t/int64(time.Millisecond)) + f.p.TSOffset }

// segmentSize estimates the octets of payload in a full segment, with the flow's
// own options.
func (f *Flow) segmentSize() int {
	n := f.snd.mss
	if f.tsOK {
		n -= 12
	}
	return n
}

func (f *Flow) header(seg *wire.Segment) {
	*seg = wire.Segment{Src: f.p.Local, Dst: f.p.Remote, Path: f.p.Path, Options: seg.Options[:0]}
}

// Trim gives back the memory that an idle flow holds for later.
func (f *Flow) Trim() {
	if f.rcv.holes() == 0 {
		f.rcv.ranges = nil
	}
	if f.snd.board.len() == 0 {
		f.snd.board.spans, f.snd.board.head = nil, 0
	}
}
