package dataseq

import "github.com/mptcp-go/mptcp/checksum"

// Feed adds the payload octets p, from subflow offset off on, to the sums of the
// mappings that cover them. It returns how many octets at the end of p were not
// taken, because a mapping has too many islands: do not acknowledge these. Octets
// without a mapping, or whose mapping has no checksum, are taken without effect:
// feed them again when their mapping has come.
func (t *Table) Feed(off uint64, p []byte) (refused int) {
	return t.feed(off, p, 0, false)
}

// FeedSum is Feed for a payload whose sum is known already.
func (t *Table) FeedSum(off uint64, p []byte, sum checksum.Sum) (refused int) {
	return t.feed(off, p, sum, true)
}

func (t *Table) feed(off uint64, p []byte, sum checksum.Sum, known bool) (refused int) {
	end := off + uint64(len(p))
	if end < off || len(p) == 0 {
		return len(p)
	}
	i := t.search(off)
	if h := t.find(off); h >= 0 {
		i = h
	}
	if t.trimmed > 0 {
		// A mapping may cover octets that belong to others, on either side of its
		// own. All are asked; maxTrimmed bounds how many of them sum an octet again.
		for i = t.head; i < len(t.pieces); i++ {
			s := &t.slots[t.pieces[i].slot]
			if s.m.HasSum && s.m.Sub < end && off < s.m.End() {
				refused = max(refused, s.v.add(int64(off-s.m.Sub), p, sum, known))
			}
		}
		return refused
	}
	for ; i < len(t.pieces) && t.pieces[i].lo < end; i++ {
		s := &t.slots[t.pieces[i].slot]
		if s.m.HasSum {
			refused = max(refused, s.v.add(int64(off-s.m.Sub), p, sum, known))
		}
	}
	return refused
}

// Verdict returns what the checksum says of the mapping that the octet at subflow
// offset off belongs to. A mapping without a checksum is Good; an octet without a
// mapping is Incomplete.
func (t *Table) Verdict(off uint64) Verdict {
	if off < t.below {
		return Incomplete
	}
	i := t.find(off)
	if i < 0 {
		return Incomplete
	}
	if s := &t.slots[t.pieces[i].slot]; s.m.HasSum {
		return s.v.Verdict()
	}
	return Good
}
