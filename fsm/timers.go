package fsm

import "time"

// timer names a deadline of a connection.
type timer uint8

const (
	timerResend    timer = iota // data-level retransmission, the DATA_FIN's too
	timerPersist                // the peer's window is closed
	timerUnmapped               // octets wait for their mapping
	timerLonely                 // no subflow is left
	timerLinger                 // finished, and subflows are still open
	timerFastclose              // MP_FASTCLOSE was not answered
	timerSignal                 // signals wait, or are not echoed
	timerJoin                   // third ACKs of joins are not answered
	timerAsk                    // keepalives on withdrawn paths are not answered
	timerRejoin                 // no subflow is left, and one is to be tried
	timerManage                 // the path manager asked to be woken
	timerOverdue                // a DATA_ACK is, and nothing can be sent: see overdue.go
	timerShort                  // a mapping ends before its end, perhaps: see short.go
	timerFarewell               // the peer may not know that subflows have ended: see farewell.go
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

func (t *timers) next() int64 {
	var first int64
	for _, at := range t {
		first = sooner(first, at)
	}
	return first
}

// sooner is the earlier of two deadlines, 0 being none.
func sooner(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func instant(t int64) time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.Unix(0, t)
}
