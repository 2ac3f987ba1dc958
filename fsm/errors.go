package fsm

import "github.com/mptcp-go/mptcp/wire"

// Reason says why a call failed or a connection ended.
type Reason uint8

// The reasons.
const (
	BadConfig     Reason = iota + 1 // a field of Config is out of range
	NotOpen                         // a call that this state does not allow
	InUse                           // the address is taken
	Aborted                         // the application called Abort
	TimedOut                        // the peer did not answer for too long
	NoSubflow                       // no subflow was left, and none came in time
	Broken                          // data was damaged on the only path, and TCP could not take over
	Refused                         // the SYN was answered by a RST
	Reset                           // the peer, or a box in its name, reset the connection
	FastClosed                      // the peer sent MP_FASTCLOSE
	ProtocolError                   // the peer broke a rule for which there is no going on
)

var reasonText = [...]string{
	BadConfig: "bad configuration", NotOpen: "not allowed in this state", InUse: "address in use", Aborted: "aborted",
	TimedOut: "timed out", NoSubflow: "no subflow left", Broken: "data damaged on the only path",
	Refused: "connection refused", Reset: "connection reset", FastClosed: "closed at once by the peer",
	ProtocolError: "protocol error",
}

func (r Reason) String() string {
	if int(r) < len(reasonText) && reasonText[r] != "" {
		return reasonText[r]
	}
	return "unknown reason"
}

// LocalError says that this side refuses a call or ended the connection.
type LocalError struct {
	Reason Reason
	What   string // the field or call at fault, if any
	Err    error  // what was behind it, if anything
}

func (e *LocalError) Error() string {
	s := "mptcp: " + e.Reason.String()
	if e.What != "" {
		s += ": " + e.What
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns what was behind the error.
func (e *LocalError) Unwrap() error { return e.Err }

// Timeout reports whether time ran out, as net.Error has it.
func (e *LocalError) Timeout() bool { return e.Reason == TimedOut || e.Reason == NoSubflow }

// PeerError says that the peer, or a box that speaks for it, ended the connection.
type PeerError struct {
	Reason Reason
	Reset  wire.ResetReason // what MP_TCPRST gave, where there was one
}

func (e *PeerError) Error() string {
	s := "mptcp: " + e.Reason.String()
	if e.Reset != wire.ResetUnspecified {
		s += " (" + e.Reset.String() + ")"
	}
	return s
}
