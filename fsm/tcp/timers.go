package tcp

// timer names a deadline of the flow.
type timer uint8

const (
	timerRTO       timer = iota // retransmission, of SYNs too
	timerProbe                  // tail loss probe, RFC 8985 section 7
	timerReorder                // RACK's reordering window, RFC 8985 section 6.2
	timerDelack                 // delayed ACK
	timerPersist                // zero window, or one too small to use
	timerKeepAlive              // keepalive
	timerTimeWait               // 2 MSL
	numTimers
)

// timers is the table of deadlines, in nanoseconds; 0: not armed.
type timers [numTimers]int64

func (t *timers) arm(k timer, at int64) { t[k] = at }
func (t *timers) stop(k timer)          { t[k] = 0 }
func (t *timers) armed(k timer) bool    { return t[k] != 0 }

// expired reports whether k was due at now, and disarms it then.
func (t *timers) expired(k timer, now int64) bool {
	if t[k] == 0 || now < t[k] {
		return false
	}
	t[k] = 0
	return true
}

// next is the earliest deadline; 0: none.
func (t *timers) next() int64 {
	var first int64
	for _, at := range t {
		if at != 0 && (first == 0 || at < first) {
			first = at
		}
	}
	return first
}
