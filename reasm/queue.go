package reasm

// A Queue takes octets of a stream in any order and returns them in order. Offsets
// count from the start of the stream. Implementations are not safe for concurrent
// use.
type Queue interface {
	// Insert offers the octets p, which begin at stream offset off and came on
	// subflow from. That is only a hint: where the next segment of the same subflow
	// will belong. Numbers from 0 to 63 are served.
	//
	// added octets were not known and are kept. refused octets, at the end of p, are
	// not, because of a bound: nothing behind the first octet that cannot be kept
	// is looked at. So all of p[:len(p)-refused] is in the queue, or was in it and
	// is discarded, and may be acknowledged. What is neither added nor refused was
	// known: the octets that came first stay (RFC 8684 section 3.3.1, R3.3.1-02).
	//
	// p is copied and may be reused.
	Insert(from int, off uint64, p []byte) (added, refused int)

	// Next returns octets in order, from Offset on: one contiguous piece of what is
	// available, empty if nothing is. It is valid until Discard or Remove.
	Next() []byte

	// Discard drops n octets that Next returned, or n of those in order: Offset
	// moves on. It panics if there are fewer.
	Discard(n int)

	// Offset returns the offset of the octet that is read next.
	Offset() uint64

	// Buffered returns how many octets are kept, in order or not.
	Buffered() int
}

var _ Queue = (*Buffer)(nil)

// NewAllShortcuts returns a queue with shortcuts and batches: the one to use.
func NewAllShortcuts(c Config) *Buffer { return NewBuffer(AllShortcuts, c) }
