package fsm

import "github.com/mptcp-go/mptcp/fsm/tcp"

// timeWait is a flow in TIME-WAIT.
type timeWait struct {
	tcp.TimeWaiter
	slot
}

// timeWaits holds the records of flows in TIME-WAIT, in the order in which they are
// due: all wait equally long.
type timeWaits struct {
	records[timeWait, *timeWait]
	order queue
}

func (w *timeWaits) add(id flowID, r tcp.TimeWaiter) {
	s := id.short()
	if old := w.find(s); old != nil {
		w.drop(old)
	}
	t := w.records.add(s)
	t.TimeWaiter = r
	w.push(&w.order, t, 1)
}

func (w *timeWaits) drop(t *timeWait) {
	w.pull(&w.order, t)
	w.remove(t)
}

// restarted puts t, whose wait begins anew, behind the others.
func (w *timeWaits) restarted(t *timeWait) {
	w.pull(&w.order, t)
	w.push(&w.order, t, 1)
}

// expire drops the records that are due.
func (w *timeWaits) expire(now int64) {
	for w.n > 0 {
		t := w.at(w.order.first)
		if nanos(t.Deadline()) > now {
			return
		}
		w.drop(t)
	}
}

func (w *timeWaits) next() int64 {
	if w.n == 0 {
		return 0
	}
	return nanos(w.at(w.order.first).Deadline())
}
