package tcp

import "fmt"

// Reason says why a flow ended.
type Reason uint8

// The reasons. Refused, Reset are the peer's doing, the others ours.
const (
	Refused     Reason = iota + 1 // the SYN was answered by a RST
	Reset                         // a RST ended an open connection
	TimedOut                      // nothing was acknowledged for Config.UserTimeout
	SYNTimedOut                   // the handshake was not answered for Config.SYNTimeout
	KeptAlive                     // keepalive probes went unanswered
	Aborted                       // the application called Abort
	Unreachable                   // ICMP said so during the handshake
	BadConfig                     // a field of Config or Params is out of range
	NotOpen                       // a call that this state does not allow
)

var reasonText = map[Reason]string{Refused: "connection refused", Reset: "connection reset",
	TimedOut: "connection timed out", SYNTimedOut: "handshake timed out", KeptAlive: "keepalive probes unanswered",
	Aborted: "connection aborted", Unreachable: "destination unreachable", BadConfig: "bad configuration",
	NotOpen: "not open"}

func (r Reason) String() string {
	if s, ok := reasonText[r]; ok {
		return s
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// PeerError says that the peer, or a box that speaks for it, ended the flow.
type PeerError struct{ Reason Reason }

func (e *PeerError) Error() string { return "tcp: " + e.Reason.String() + " by peer" }

// LocalError says that this side ended the flow, or refuses a call.
type LocalError struct {
	Reason Reason
	What   string // the field or call at fault, if any
}

func (e *LocalError) Error() string {
	if e.What == "" {
		return "tcp: " + e.Reason.String()
	}
	return "tcp: " + e.What + ": " + e.Reason.String()
}

// Timeout reports whether e is one of the timeouts, as net.Error has it.
func (e *LocalError) Timeout() bool {
	return e.Reason == TimedOut || e.Reason == SYNTimedOut || e.Reason == KeptAlive
}
