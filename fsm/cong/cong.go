package cong

import "time"

// Controller is the congestion window of one flow. All sizes are octets.
//
// While the flow repairs a loss (fast recovery), it spends its own allowance
// (RFC 6937) and calls OnAck for none of the acknowledgments that arrive: the
// window after recovery is the one that OnSignal left.
type Controller interface {
	// State returns the congestion window and the slow start threshold. The
	// window is never below one maximum segment size.
	State() (cwnd, ssthresh int)
	// OnAck is called for each acknowledgment that covers new data outside fast
	// recovery.
	OnAck(now time.Time, a Ack)
	// OnSignal is called once for each event that is not an acknowledgment.
	// inFlight is the amount of data outstanding when it happened.
	OnSignal(now time.Time, s Signal, inFlight int)
	// SetMSS changes the maximum segment size. Before the first acknowledgment
	// it sets the initial window anew.
	SetMSS(mss int)
	// Resume takes over window and threshold, in octets, of the controller that
	// the flow had before: it joins a group, or leaves one.
	Resume(cwnd, ssthresh int)
}

// Group makes the controllers of flows that belong together: the subflows of a
// connection, or every flow of a host where they are not coupled.
type Group interface {
	// Add returns a controller in slow start, with the initial window of
	// RFC 6928 for this maximum segment size in octets.
	Add(mss int) Controller
	// Remove tells the group that a flow is gone. Removing a controller twice,
	// or one of another group, does nothing.
	Remove(Controller)
}

// Ack is one acknowledgment of new data.
type Ack struct {
	Acked    int           // octets newly acknowledged by the cumulative ACK
	Repaired int           // octets acknowledged in the fast recovery before it, for which no window may grow
	RTT      time.Duration // sample taken from this acknowledgment; 0: none
	SRTT     time.Duration // smoothed; 0: not known yet
	MinRTT   time.Duration // smallest of late; 0: not known yet
	InFlight int           // octets outstanding before it arrived
	Limited  bool          // this window, not the application or the peer's window, held the sender back
}

// Signal is an event other than an acknowledgment.
type Signal uint8

// The signals. Each acts at most once per event: the flow sees to it.
const (
	// Loss: segments were lost; fast recovery begins (RFC 5681 section 3.2).
	Loss Signal = iota
	// Timeout: the retransmission timer expired (RFC 5681 section 3.1).
	Timeout
	// LostSYN: a SYN or SYN/ACK had to be repeated, so the initial window is one
	// segment (RFC 5681 section 3.1).
	LostSYN
	// Idle: nothing was sent for a retransmission timeout (RFC 5681 section 4.1).
	Idle
	// Penalty: the owner wants the flow slower, although nothing was lost (the
	// paper's section 4.2: a slow subflow holds back the connection's window).
	Penalty
	// Spurious: the last Loss or Timeout was none; the window before it returns.
	Spurious
	// TimeoutAgain: the timer expired once more before what was lost had arrived, so
	// the window is one segment again, and the threshold stays (RFC 5681 section 3.1).
	TimeoutAgain
)

func (s Signal) String() string {
	if int(s) < len(signalNames) {
		return signalNames[s]
	}
	return "unknown"
}

var signalNames = [...]string{"loss", "timeout", "lost SYN", "idle", "penalty", "spurious", "timeout again"}

// InitialWindow is the upper bound of RFC 6928 section 2: ten segments, but no
// more than 14600 octets unless two segments are larger.
func InitialWindow(mss int) int {
	return min(10*mss, max(2*mss, 14600))
}

// infinite is the slow start threshold of a flow that has seen no loss
// (RFC 5681 section 3.1: arbitrarily high).
const infinite = 1 << 30

// window holds what every controller has.
type window struct {
	mss      int
	cwnd     int
	ssthresh int
	fresh    bool    // no acknowledgment and no signal yet
	rest     float64 // of an octet, that the window is still to grow by
	// What Spurious restores; 0: nothing.
	oldCwnd, oldThresh int
}

func newWindow(mss int) window {
	mss = max(mss, 1)
	return window{mss: mss, cwnd: InitialWindow(mss), ssthresh: infinite, fresh: true}
}

func (w *window) State() (cwnd, ssthresh int) { return w.cwnd, w.ssthresh }

func (w *window) Resume(cwnd, ssthresh int) {
	if cwnd == w.cwnd && ssthresh == w.ssthresh {
		return
	}
	w.cwnd, w.ssthresh = max(cwnd, w.mss), max(ssthresh, 2*w.mss)
	w.fresh = false
}

func (w *window) setMSS(mss int) {
	w.mss = max(mss, 1)
	if w.fresh {
		w.cwnd = InitialWindow(w.mss)
	}
	w.cwnd = max(w.cwnd, w.mss)
}

// slowStart grows the window by what was acknowledged, up to the threshold, and
// returns what is left over for congestion avoidance. Octets are counted, not
// ACKs: a receiver that splits its ACKs gains nothing, and one whose link merges
// segments loses nothing (RFC 3465 section 2.1; RFC 5681 section 3.1 allows the
// count, and bounds it to one segment an ACK, which would starve slow start where
// one ACK covers 64 KiB).
func (w *window) slowStart(acked int) (rest int) {
	if w.cwnd >= w.ssthresh {
		return acked
	}
	n := min(acked, w.ssthresh-w.cwnd)
	w.cwnd += n
	return acked - n
}

// grow adds an increase in octets: never less than one (RFC 5681 section 3.1, RFC
// 6356 section 3, T6356-02), as windows may be large and acknowledgments small. Fractions add up.
func (w *window) grow(octets float64) {
	w.rest += octets
	n := max(1, int(w.rest))
	w.rest = max(0, w.rest-float64(n))
	w.cwnd += n
}

func (w *window) remember() { w.oldCwnd, w.oldThresh = w.cwnd, w.ssthresh }

// common handles the signals that are the same for every controller and reports
// whether s was one.
func (w *window) common(s Signal) bool {
	w.fresh = false
	switch s {
	case LostSYN, TimeoutAgain:
		w.cwnd = w.mss
	case Idle:
		// RFC 5681 section 4.1: RW = min(IW, cwnd).
		w.cwnd = min(w.cwnd, InitialWindow(w.mss))
	case Penalty:
		w.cwnd = max(w.cwnd/2, w.mss)
		w.ssthresh = max(w.cwnd, 2*w.mss)
	case Spurious:
		w.cwnd = max(w.cwnd, w.oldCwnd)
		w.ssthresh = max(w.ssthresh, w.oldThresh)
		w.oldCwnd, w.oldThresh = 0, 0
	default:
		return false
	}
	return true
}

// uncoupled is a Group without coupling.
type uncoupled func(mss int) Controller

func (g uncoupled) Add(mss int) Controller { return g(mss) }
func (g uncoupled) Remove(Controller)      {}
