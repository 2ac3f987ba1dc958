package tcp

// State is a connection state of RFC 9293 section 3.3.2. LISTEN is not among
// them: a listener has no flow yet (see [Embryo]).
type State uint8

// The states.
const (
	Closed State = iota
	SynSent
	SynReceived
	Established
	FinWait1
	FinWait2
	CloseWait
	Closing
	LastAck
	TimeWait
	numStates
)

var stateNames = [numStates]string{"CLOSED", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1",
	"FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"}

// String is the RFC's name.
func (s State) String() string {
	if s < numStates {
		return stateNames[s]
	}
	return "UNKNOWN"
}

// synchronized states are those after the handshake (RFC 9293 section 3.5.2).
func (s State) synchronized() bool { return s >= Established }

// receives says whether data from the peer is still welcome.
func (s State) receives() bool { return s == Established || s == FinWait1 || s == FinWait2 }
