package netsim

import "time"

// departures is a drop-tail queue in which nothing waits: it knows when each packet
// that is still inside will have left, which is all that a full one must know.
type departures struct {
	ring    []departure // a power of two long
	head, n int
	octets  int           // inside
	free    time.Duration // when the wire is free
	frac    uint64        // of a nanosecond, in units of 1/rate
	rate    uint64
}

type departure struct {
	at   time.Duration
	size int
}

// advance lets go what has left by now.
func (q *departures) advance(now time.Duration) {
	for q.n > 0 && q.ring[q.head].at <= now {
		q.octets -= q.ring[q.head].size
		q.head = (q.head + 1) & (len(q.ring) - 1)
		q.n--
	}
}

// add returns when a packet of size octets that comes now will have left at rate
// bit/s, or false where it does not fit in a buffer of limit octets (0: any fits).
// An empty queue takes any packet.
func (q *departures) add(now time.Duration, size int, rate uint64, limit int) (time.Duration, bool) {
	q.advance(now)
	if limit > 0 && q.n > 0 && q.octets+size > limit {
		return 0, false
	}
	if q.free < now || q.rate != rate {
		q.free, q.frac, q.rate = max(q.free, now), 0, rate
	}
	// Whole nanoseconds and what is left over: a link that is never idle sends at
	// its rate exactly.
	total := uint64(size)*8e9 + q.frac
	q.free += time.Duration(total / rate)
	q.frac = total % rate

	if q.n == len(q.ring) {
		bigger := make([]departure, max(16, 2*q.n))
		for i := range q.n {
			bigger[i] = q.ring[(q.head+i)&(len(q.ring)-1)]
		}
		q.ring, q.head = bigger, 0
	}
	q.ring[(q.head+q.n)&(len(q.ring)-1)] = departure{q.free, size}
	q.n++
	q.octets += size
	return q.free, true
}

// Burst is the four-parameter Gilbert-Elliott model of bursty loss: a chain of two
// states, stepped once for each packet. The zero value loses nothing.
type Burst struct {
	Enter    float64 // probability to go from good to bad
	Leave    float64 // probability to go from bad to good: 1/mean length of a burst
	LossBad  float64 // loss in the bad state
	LossGood float64 // loss in the good state
}

// Rate is the share of packets lost in the long run.
func (b Burst) Rate() float64 {
	if b.Enter == 0 {
		return b.LossGood
	}
	bad := b.Enter / (b.Enter + b.Leave)
	return bad*b.LossBad + (1-bad)*b.LossGood
}

type burstState struct{ bad bool }

func (s *burstState) lose(b *Burst, luck *Luck) bool {
	if b.Enter == 0 && b.LossGood == 0 {
		return false
	}
	if s.bad {
		s.bad = !luck.Chance(b.Leave)
	} else {
		s.bad = luck.Chance(b.Enter)
	}
	if s.bad {
		return luck.Chance(b.LossBad)
	}
	return luck.Chance(b.LossGood)
}
