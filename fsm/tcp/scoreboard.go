package tcp

// A span is a part of the stream that is in flight: a segment, a part of one
// that a retransmission split, or a run of SACKed ones.
type span struct {
	off, end int64 // the FIN counts as an octet
	at       int64 // time of the last transmission, ns
	flags    spanFlags
}

type spanFlags uint8

const (
	sacked   spanFlags = 1 << iota // the peer has it (RFC 2018); implies no other but ever
	lost                           // deemed lost, and counted in scoreboard.lost
	resent                         // ...and a retransmission is in the network
	ever                           // was retransmitted at least once
	finished                       // the last octet is the FIN
)

func (s *span) len() int64 { return s.end - s.off }

// data is the number of octets without the FIN.
func (s *span) data() int64 {
	if s.flags&finished != 0 {
		return s.len() - 1
	}
	return s.len()
}

// scoreboard holds the spans between SND.UNA and SND.NXT, in order and without
// gaps (RFC 6675 section 3).
type scoreboard struct {
	spans []span // the live ones are spans[head:]
	head  int
	// Octets in spans that are sacked, that are lost, and that were resent.
	sacked, lost, resent int64
	// No span that waits for retransmission begins below hint, and none at or
	// above high was ever retransmitted.
	hint, high int64
	// runs counts the sacked spans: adjacent ones are merged.
	runs int
}

func (b *scoreboard) live() []span   { return b.spans[b.head:] }
func (b *scoreboard) len() int       { return len(b.spans) - b.head }
func (b *scoreboard) at(i int) *span { return &b.spans[b.head+i] }
func (b *scoreboard) last() *span    { return &b.spans[len(b.spans)-1] }

// push appends a span at the end.
func (b *scoreboard) push(s span) {
	if len(b.spans) == cap(b.spans) && b.head > len(b.spans)/2 {
		n := copy(b.spans, b.spans[b.head:])
		b.spans, b.head = b.spans[:n], 0
	}
	b.spans = append(b.spans, s)
}

// find returns the index of the first span that ends behind off.
func (b *scoreboard) find(off int64) int {
	lo, hi := 0, b.len()
	for lo < hi {
		m := int(uint(lo+hi) / 2)
		if b.at(m).end > off {
			hi = m
		} else {
			lo = m + 1
		}
	}
	return lo
}

// split cuts span i at off, which lies inside it.
func (b *scoreboard) split(i int, off int64) {
	s := *b.at(i)
	if b.head > 0 && i < b.len()/2 {
		b.head--
		copy(b.spans[b.head:], b.spans[b.head+1:b.head+1+i+1])
	} else {
		b.push(span{})
		copy(b.spans[b.head+i+1:], b.spans[b.head+i:len(b.spans)-1])
	}
	l, r := b.at(i), b.at(i+1)
	*l, *r = s, s
	l.end, r.off = off, off
	l.flags &^= finished
	if s.flags&sacked != 0 {
		b.runs++
	}
}

// remove takes span i out; its octets belong to a neighbour now.
func (b *scoreboard) remove(i int) {
	if i < b.len()/2 {
		copy(b.spans[b.head+1:], b.spans[b.head:b.head+i])
		b.head++
		return
	}
	copy(b.spans[b.head+i:], b.spans[b.head+i+1:])
	b.spans = b.spans[:len(b.spans)-1]
}

// forget takes n octets at the start of s, or all, out of the sums.
func (b *scoreboard) forget(s *span, n int64) {
	switch {
	case s.flags&sacked != 0:
		b.sacked -= n
	default:
		if s.flags&lost != 0 {
			b.lost -= n
		}
		if s.flags&resent != 0 {
			b.resent -= n
		}
	}
}

// popTo drops the first span, or its part below off.
func (b *scoreboard) popTo(off int64) {
	s := b.at(0)
	if off < s.end {
		b.forget(s, off-s.off)
		s.off = off
		return
	}
	b.forget(s, s.len())
	if s.flags&sacked != 0 {
		b.runs--
	}
	b.head++
	if b.head == len(b.spans) {
		b.spans, b.head = b.spans[:0], 0
	}
}

// markSacked turns span i into a sacked one and merges it with sacked
// neighbours. It returns the index of the span that holds it now.
func (b *scoreboard) markSacked(i int) int {
	s := b.at(i)
	b.forget(s, s.len())
	s.flags = s.flags&(ever|finished) | sacked
	b.sacked += s.len()
	b.runs++
	if i+1 < b.len() && b.at(i+1).flags&sacked != 0 {
		n := b.at(i + 1)
		s.end, s.at = n.end, max(s.at, n.at)
		s.flags |= n.flags & (ever | finished)
		b.remove(i + 1)
		b.runs--
		// remove may have moved the front, not this index.
	}
	if i > 0 && b.at(i-1).flags&sacked != 0 {
		l, s := b.at(i-1), b.at(i)
		l.end, l.at = s.end, max(l.at, s.at)
		l.flags |= s.flags & (ever | finished)
		b.remove(i)
		b.runs--
		i--
	}
	return i
}

// markLost marks span i for retransmission; a retransmission that was under way
// is given up.
func (b *scoreboard) markLost(i int) {
	s := b.at(i)
	if s.flags&resent != 0 {
		b.resent -= s.len()
		s.flags &^= resent
	}
	if s.flags&lost == 0 {
		b.lost += s.len()
		s.flags |= lost
	}
	b.hint = min(b.hint, s.off)
}

// unmark takes back that span i is lost, if it was not resent yet.
func (b *scoreboard) unmark(i int) {
	if s := b.at(i); s.flags&(lost|resent) == lost {
		b.lost -= s.len()
		s.flags &^= lost
	}
}

// markResent notes a retransmission of span i.
func (b *scoreboard) markResent(i int, t int64) {
	s := b.at(i)
	if s.flags&resent == 0 {
		b.resent += s.len()
	}
	s.flags |= resent | ever
	s.at = t
	b.high = max(b.high, s.end)
}

// nextLost returns the first span that waits for retransmission: rule 1 of
// NextSeg, RFC 6675 section 4. It reports false when there is none.
func (b *scoreboard) nextLost() (int, bool) {
	if b.lost == 0 {
		return 0, false
	}
	for i := b.find(b.hint); i < b.len(); i++ {
		if b.at(i).flags&(lost|resent) == lost {
			b.hint = b.at(i).off
			return i, true
		}
	}
	if b.len() > 0 {
		b.hint = b.last().end
	}
	return 0, false
}

// renege forgets all SACKs: the peer dropped what it had announced.
func (b *scoreboard) renege() {
	for i := range b.live() {
		s := b.at(i)
		s.flags &^= sacked
		if s.flags&ever != 0 { // merged spans are wider than what was resent
			b.high = max(b.high, s.end)
		}
	}
	b.sacked, b.runs = 0, 0
}
