package mbox

// editList is how one direction's stream was rewritten: octets [at, at+del) of the
// original gave way to put. It maps sequence numbers both ways and rewrites a
// retransmission, however cut, as it did the first transmission.
type editList struct {
	list []streamEdit // in stream order; del is never 0
	base int32        // shift before the first of them
}

type streamEdit struct {
	at, del uint32
	put     []byte
	shift   int32 // of the stream before it
}

const (
	// maxEdits bounds the list; behind it nothing more is rewritten.
	maxEdits = 4096
	// editMemory is how far behind the newest octet an edit matters: two windows of
	// the largest size that RFC 7323 section 2.3 allows.
	editMemory = 1 << 31 / 2
)

// add records an edit, which must lie behind all others.
func (l *editList) add(at, del uint32, put []byte) bool {
	if len(l.list) == maxEdits {
		return false
	}
	l.list = append(l.list, streamEdit{at, del, append([]byte(nil), put...), l.total()})
	return true
}

// total is the shift after the last edit.
func (l *editList) total() int32 {
	if len(l.list) == 0 {
		return l.base
	}
	return l.list[len(l.list)-1].after()
}

func (e *streamEdit) after() int32 { return e.shift + int32(len(e.put)) - int32(e.del) }

// forget drops edits so far behind next that modular comparison would mistake them.
func (l *editList) forget(next uint32) {
	n := 0
	for n < len(l.list) && next-l.list[n].at > editMemory && !before(next, l.list[n].at) {
		l.base = l.list[n].after()
		n++
	}
	l.list = append(l.list[:0], l.list[n:]...)
}

// forward maps an original sequence number to that of the rewritten stream.
func (l *editList) forward(x uint32) uint32 {
	for i := len(l.list) - 1; i >= 0; i-- {
		e := &l.list[i]
		if before(x, e.at) {
			continue
		}
		if k := x - e.at; k < e.del {
			return e.at + uint32(e.shift) + min(k, uint32(len(e.put)))
		}
		return x + uint32(e.after())
	}
	return x + uint32(l.base)
}

// back maps a sequence number of the rewritten stream to the latest original one
// that forward does not put behind it: what may be acknowledged.
func (l *editList) back(y uint32) uint32 {
	for i := len(l.list) - 1; i >= 0; i-- {
		e := &l.list[i]
		start := e.at + uint32(e.shift)
		if before(y, start) {
			continue
		}
		if k := y - start; k < uint32(len(e.put)) {
			return e.at + min(k, e.del-1)
		}
		return y - uint32(e.after())
	}
	return y - uint32(l.base)
}

// rewrite appends to b what [seq, seq+len(p)) became.
func (l *editList) rewrite(b []byte, seq uint32, p []byte) []byte {
	x, end := seq, seq+uint32(len(p))
	first := len(l.list) // new data is near the end of a long list
	for first > 0 && before(x, l.list[first-1].at+l.list[first-1].del) {
		first--
	}
	for i := first; i < len(l.list); i++ {
		e := &l.list[i]
		if !before(e.at, end) {
			break
		}
		if before(x, e.at) {
			b = append(b, p[x-seq:e.at-seq]...)
			x = e.at
		}
		from, to := min(x-e.at, uint32(len(e.put))), uint32(len(e.put))
		if k := end - e.at; k < e.del {
			to = min(k, to)
			b = append(b, e.put[from:to]...)
			return b
		}
		b = append(b, e.put[from:to]...)
		x = e.at + e.del
	}
	if before(x, end) {
		b = append(b, p[x-seq:]...)
	}
	return b
}
