package fsm

// State is a connection state of RFC 8684 appendix D, figure 22.
type State uint8

// The states.
const (
	Opening State = iota
	Established
	FinWait1
	FinWait2
	CloseWait
	Closing
	LastAck
	TimeWait
	FastcloseWait
	Closed
)

var stateNames = [...]string{"OPENING", "M_ESTAB", "M_FIN_WAIT-1", "M_FIN_WAIT-2", "M_CLOSE_WAIT", "M_CLOSING",
	"M_LAST_ACK", "M_TIME_WAIT", "M_FASTCLOSE_WAIT", "M_CLOSED"}

func (s State) String() string { return stateNames[s] }

// State returns where the connection is; of plain TCP what would be its state at the
// data level (RD-01).
func (c *Conn) State() State {
	s := &c.snd
	switch {
	case c.ended:
		return Closed
	case c.fast.waiting:
		return FastcloseWait
	case !c.opened:
		return Opening
	case s.closed && s.finAcked && c.rcv.finDone && c.rcv.finFirst:
		return Closed // the subflows see to their own TIME-WAIT
	case s.closed && s.finAcked && c.rcv.finDone:
		return TimeWait
	case s.closed && c.rcv.finDone && c.rcv.finFirst:
		return LastAck
	case s.closed && c.rcv.finDone:
		return Closing
	case s.closed && s.finAcked:
		return FinWait2
	case s.closed:
		return FinWait1
	case c.rcv.finDone:
		return CloseWait
	}
	return Established
}
