package pathmgr

import "time"

const (
	firstRetry = time.Second
	slowRetry  = 10 * time.Second // what the peer lacks, or finds slow, takes time (R3.6-05)
	maxRetry   = time.Minute
	maxPenalty = time.Hour // of announced addresses that do not answer
)

// retry is when something that failed may be tried again.
type retry struct {
	fails int
	next  time.Time // not before; zero: at once
	since time.Time // when it came up last
	never bool
}

// worked notes that it came up. What failed before counts until it has lasted as long as it
// was waited for last: a subflow that a box lets begin, and no more, would keep all others
// from being tried.
func (r *retry) worked(now time.Time) { r.since, r.next, r.never = now, time.Time{}, false }

// ended forgets what failed before, if it lasted.
func (r *retry) ended(now time.Time) {
	if !r.since.IsZero() && now.Sub(r.since) >= min(firstRetry<<min(r.fails, 10), maxRetry) {
		r.fails = 0
	}
	r.since = time.Time{}
}

// failed notes a failure; a longer time each time it happens.
func (r *retry) failed(ev *Event) {
	first := firstRetry
	if ev.Reason && (ev.Code == noResources || ev.Code == tooMuchData || ev.Code == unacceptable) {
		first = slowRetry
	}
	r.next = ev.Now.Add(min(first<<min(r.fails, 10), maxRetry))
	r.fails++
}

// Codes of MP_TCPRST that ask for patience.
const (
	noResources  = 2
	tooMuchData  = 4
	unacceptable = 5
)

// passing reports whether a subflow that ended like this may be opened again.
func (ev *Event) passing() bool {
	switch ev.Cause {
	case TimedOut, Unopened:
		return true
	case Reset:
		return ev.Transient || !ev.Reason
	case Refused:
		return ev.Transient
	}
	return false
}

// waker gathers the time at which something is due.
type waker struct{ at time.Time }

func (w *waker) by(t time.Time) {
	if w.at.IsZero() || t.Before(w.at) {
		w.at = t
	}
}

func (w *waker) append(out []Action) []Action {
	if !w.at.IsZero() {
		out = append(out, Action{Do: Wake, At: w.at})
	}
	return out
}
