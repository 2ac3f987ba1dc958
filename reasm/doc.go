// Package reasm puts octets that arrive in any order back in order. It holds the
// four receive algorithms that section 4.3 of the NSDI'12 paper on Multipath TCP
// compares, behind one interface, Queue.
//
// With Multipath TCP each subflow delivers in order, but their data interleaves, so
// that most segments arrive out of order at the data level. The algorithms differ
// in how they find the place of such a segment:
//
//	Regular       scans the list of segments from its beginning
//	Tree          keeps the segments in a balanced tree as well
//	Shortcuts     remembers for each subflow where its last segment went, since
//	              the next one belongs right behind it; scans when that is wrong
//	AllShortcuts  also joins segments in sequence to batches, of which there are
//	              few, and finds a batch by its offset when a shortcut is wrong
//
// All of them try the end of the queue before they search, as TCP receivers do.
//
// A Buffer is a Queue: it consists of Ranges, the ordering structure, and a store
// of pages for the octets, each of which is copied in once. Ranges is useful alone,
// for who has to know what arrived (for ACK and SACK) but does not keep it.
//
// The package imports nothing of this module, and knows neither sequence numbers, which wrap
// (see package dataseq), nor segments.
package reasm

// Algorithm selects how the place of a segment is found.
type Algorithm uint8

// The algorithms of section 4.3 of the paper. The zero value is the best one.
const (
	AllShortcuts Algorithm = iota
	Shortcuts
	Tree
	Regular
)

func (a Algorithm) String() string {
	return [...]string{"AllShortcuts", "Shortcuts", "Tree", "Regular"}[a&3]
}

// What the algorithms are made of.
func (a Algorithm) hasShortcuts() bool { return a == Shortcuts || a == AllShortcuts }
func (a Algorithm) hasBatches() bool   { return a == AllShortcuts }
func (a Algorithm) hasTree() bool      { return a == Tree }
