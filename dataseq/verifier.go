package dataseq

import (
	"slices"

	"github.com/mptcp-go/mptcp/checksum"
)

// PseudoSum returns the sum of the pseudo-header that a DSS checksum covers in
// front of the payload (RFC 8684 section 3.3.1, figure 10): the DSN always with
// 64 bits, the SSN relative to the subflow's ISN, the data-level length with the
// DATA_FIN counted, and two octets of zero (R3.3.1-05).
func PseudoSum(dsn uint64, ssn uint32, length uint16) checksum.Sum {
	return checksum.Sum(0).AddUint64(dsn).AddUint32(ssn).AddUint16(length)
}

// A Verdict is what a Verifier knows of a mapping.
type Verdict uint8

const (
	Incomplete Verdict = iota // octets are missing: neither good nor bad
	Good                      // the checksum holds
	Bad                       // a middlebox changed the payload (RFC 8684 section 3.7)
)

func (v Verdict) String() string {
	switch v {
	case Good:
		return "good"
	case Bad:
		return "bad"
	}
	return "incomplete"
}

// maxSpans bounds the islands that a Verifier remembers beyond the octets it has
// in order. A mapping of 65535 octets sent in segments of 536 octets has at most
// 61 of them.
const maxSpans = 64

// A Verifier adds up the payload of one mapping and tells whether its checksum
// holds. Segments may come in any order, in any size, and again: each octet counts
// once, as it was when it was first seen (R3.3.1-02, R3.3.1-06). Octets in order
// cost no memory; others cost 4 octets per island, and there are at most 64 of them.
//
// A Verifier is not to be copied once Add was called.
type Verifier struct {
	sum    checksum.Sum // pseudo-header, checksum field and what was seen of the payload
	length uint16       // octets of payload
	next   uint16       // all octets before are summed
	spans  []span       // what is summed beyond next: ascending, disjoint, never touching
}

// span is a range of octets of a mapping. Lengths fit in 16 bits.
type span struct{ lo, hi uint16 }

// NewVerifier returns a Verifier for m, whose Sum field is the checksum to verify
// and whose data offsets are in the space s.
func NewVerifier(m Mapping, s Space) Verifier {
	var v Verifier
	v.reset(m, s, Subflow{})
	return v
}

// reset prepares v for another mapping; the memory for spans is kept.
func (v *Verifier) reset(m Mapping, s Space, rel Subflow) {
	*v = Verifier{
		sum:    m.pseudoSum(s, rel).AddUint16(m.Sum),
		length: uint16(m.Len),
		spans:  v.spans[:0],
	}
}

// Verdict returns what is known so far. A mapping without payload is complete at
// once.
func (v *Verifier) Verdict() Verdict {
	switch {
	case v.next < v.length:
		return Incomplete
	case v.sum.Valid():
		return Good
	}
	return Bad
}

// Add takes the payload octets p that begin off octets after the start of the
// mapping; what lies outside of the mapping is left out. It returns how many
// octets at the end of p it could not take because p has too many islands: do not
// acknowledge these.
func (v *Verifier) Add(off int64, p []byte) (refused int) {
	return v.add(off, p, 0, false)
}

// AddSum is Add for a payload whose sum is known already, as it is after the
// check of the TCP checksum: p is read only if some of it does not count.
func (v *Verifier) AddSum(off int64, p []byte, sum checksum.Sum) (refused int) {
	return v.add(off, p, sum, true)
}

func (v *Verifier) add(off int64, p []byte, sum checksum.Sum, known bool) (refused int) {
	lo, hi := max(off, 0), min(off+int64(len(p)), int64(v.length))
	if hi <= lo {
		return 0
	}
	take := func(from, to uint16) {
		part := sum
		if !known || int(to-from) != len(p) {
			part = checksum.Of(p[int64(from)-off : int64(to)-off])
		}
		v.sum = v.sum.AddAt(part, uint64(from))
	}

	from, to := uint16(lo), uint16(hi)
	if from <= v.next { // in order: the usual case
		from = v.next
		for from < to && len(v.spans) > 0 && v.spans[0].lo <= to {
			take(from, v.spans[0].lo)
			from = v.spans[0].hi
			v.spans = slices.Delete(v.spans, 0, 1)
		}
		if from < to {
			take(from, to)
			from = to
		}
		v.next = from
		return 0
	}

	// Find the islands i..j-1 that p overlaps or touches, and make one of them.
	i := 0
	for i < len(v.spans) && v.spans[i].hi < from {
		i++
	}
	j := i
	merged := span{from, to}
	for ; j < len(v.spans) && v.spans[j].lo <= to; j++ {
		if from < v.spans[j].lo {
			take(from, v.spans[j].lo)
		}
		from = max(from, v.spans[j].hi)
	}
	if i == j && len(v.spans) == maxSpans {
		return int(off + int64(len(p)) - lo)
	}
	if from < to {
		take(from, to)
	}
	if i < j {
		merged.lo = min(merged.lo, v.spans[i].lo)
		merged.hi = max(merged.hi, v.spans[j-1].hi)
	}
	v.spans = slices.Replace(v.spans, i, j, merged)
	return 0
}
