package trace

import (
	"net/netip"
	"slices"
)

// Compare judges two captures of the same traffic at two places: what left one and
// did not reach the other, or arrived changed, names the middlebox's side. Both
// trackers are finished, and were fed with different file numbers so that frames
// tell which capture they are of. Findings refer to connections of a, or of b where
// a has none.
func Compare(a, b *Tracker) []Finding {
	c := comparer{}
	matched := map[*Subflow]bool{}
	index := indexFlows(b.subflows)
	for _, sf := range a.subflows {
		other := index.match(sf, matched)
		if other == nil {
			c.missing(sf, b)
			continue
		}
		matched[other] = true
		near, far := order(sf, other)
		c.flows(near, far)
	}
	for _, sf := range b.subflows {
		if !matched[sf] {
			c.missing(sf, a)
		}
	}
	return c.out
}

type comparer struct{ out []Finding }

// flowIndex finds the flows of a capture by endpoints and, for those whose endpoints
// a NAT rewrote, by initial sequence number and port of the responder.
type flowIndex struct {
	ends map[[2]netip.AddrPort][]*Subflow
	isns map[isnKey][]*Subflow
}

type isnKey struct {
	isn  uint32
	port uint16
}

func indexFlows(all []*Subflow) flowIndex {
	x := flowIndex{map[[2]netip.AddrPort][]*Subflow{}, map[isnKey][]*Subflow{}}
	for _, sf := range all {
		ends := [2]netip.AddrPort{sf.Src, sf.Dst}
		x.ends[ends] = append(x.ends[ends], sf)
		if d := &sf.Dir[0]; d.HasISN() {
			k := isnKey{d.isn, sf.Dst.Port()}
			x.isns[k] = append(x.isns[k], sf)
		}
	}
	return x
}

// match finds sf as seen elsewhere, among what was not taken: best the same
// endpoints and initial sequence number, else the same endpoints (the numbers were
// rewritten, or the SYN not captured), else the same number.
func (x flowIndex) match(sf *Subflow, taken map[*Subflow]bool) *Subflow {
	var same *Subflow
	d := &sf.Dir[0]
	for _, o := range x.ends[[2]netip.AddrPort{sf.Src, sf.Dst}] {
		switch {
		case taken[o]:
		case d.HasISN() && o.Dir[0].HasISN() && d.isn == o.Dir[0].isn:
			return o
		case same == nil:
			same = o
		}
	}
	if same != nil || !d.HasISN() {
		return same
	}
	for _, o := range x.isns[isnKey{d.isn, sf.Dst.Port()}] {
		if !taken[o] {
			return o
		}
	}
	return nil
}

// order tells which capture is nearer to the opener: there the responder's answer
// takes longer. Without an answer, what has the SYN's option is nearer.
func order(a, b *Subflow) (near, far *Subflow) {
	ta, _ := a.Handshake.RTT()
	tb, _ := b.Handshake.RTT()
	if tb > ta || ta == tb && b.Handshake.offers() && !a.Handshake.offers() {
		return b, a
	}
	return a, b
}

// offers reports whether the SYN has an option that could have been lost.
func (h *Handshake) offers() bool { return h.SYNCapable || h.SYNJoin }

func (c *comparer) report(k *kind, sf *Subflow, frames []Ref, args ...any) {
	c.out = append(c.out, k.make(sf.Conn, sf, args, frames...))
}

func (c *comparer) flows(near, far *Subflow) {
	n, f := &near.Handshake, &far.Handshake
	switch {
	case n.SYNCapable && !f.SYNCapable && f.SYN != 0:
		c.report(synStripped, near, refs(n.SYN, f.SYN, n.SYNACK))
	case f.SYNACKCapable && !n.SYNACKCapable && n.SYNACK != 0:
		c.report(synackStripped, near, refs(f.SYNACK, n.SYNACK))
	case n.SYNCapable && f.SYNCapable && f.SYNACK != 0 && !f.SYNACKCapable:
		c.report(plainServer, near, refs(n.SYN, f.SYN, f.SYNACK))
	case n.ACKCapable && !f.ACKCapable && f.ACK != 0:
		c.report(optionStripped, near, refs(n.ACK, f.ACK), "MP_CAPABLE of the third ACK")
	}
	switch {
	case n.SYNJoin && !f.SYNJoin && f.SYN != 0:
		c.report(optionStripped, near, refs(n.SYN, f.SYN), "MP_JOIN of the SYN")
	case f.SYNACKJoin && !n.SYNACKJoin && n.SYNACK != 0:
		c.report(optionStripped, near, refs(f.SYNACK, n.SYNACK), "MP_JOIN of the SYN/ACK")
	case n.ACKJoin && !f.ACKJoin && f.ACK != 0:
		c.report(optionStripped, near, refs(n.ACK, f.ACK), "MP_JOIN of the third ACK")
	}
	if x, y := near.join, far.join; x != nil && y != nil {
		if x.hmac64 != y.hmac64 && x.SYNACK != 0 && y.SYNACK != 0 {
			c.report(optionChanged, near, refs(y.SYNACK, x.SYNACK), "the HMAC in the MP_JOIN of the SYN/ACK")
		}
		if x.hmac160 != y.hmac160 && x.ACK != 0 && y.ACK != 0 {
			c.report(optionChanged, near, refs(x.ACK, y.ACK), "the HMAC in the MP_JOIN of the third ACK")
		}
		if x.Token != y.Token && x.SYN != 0 && y.SYN != 0 {
			c.report(optionChanged, near, refs(x.SYN, y.SYN), "the token in the MP_JOIN of the SYN")
		}
	}
	c.data(near, far)
}

// data compares what followed the handshake: mappings and their checksums, by
// direction. The sender's side is near in direction 0.
func (c *comparer) data(near, far *Subflow) {
	for dir := range 2 {
		from, to := near, far
		if dir == 1 {
			from, to = far, near
		}
		x, y := &from.Dir[dir], &to.Dir[dir]
		if x.LastOption != 0 && y.LastOption == 0 && y.Packets > 2 && y.Payload > 0 && from.MPTCPPackets > 2 {
			c.report(optionStripped, near, refs(x.LastOption, to.silent[dir].since), "every MPTCP option after the handshake")
		}
		if from.Conn == nil || to.Conn == nil || from.Kind != Initial {
			continue
		}
		p, q := &from.Conn.Dir[from.Side(dir)], &to.Conn.Dir[to.Side(dir)]
		switch {
		case (q.SumBad > 0) != (p.SumBad > 0):
			c.report(payloadChanged, near, append(slices.Clone(q.SumBadFrames), p.SumBadFrames...))
		case p.Hash != nil && q.Hash != nil && p.HashedLen == q.HashedLen && *p.Hash != *q.Hash:
			c.report(payloadChanged, near, nil)
		}
	}
}

// missing reports a SYN that one capture shows and the other does not.
func (c *comparer) missing(sf *Subflow, other *Tracker) {
	h := &sf.Handshake
	if h.SYN == 0 || other.Totals.TCP == 0 || sf.FirstTime < other.Totals.First || sf.FirstTime > other.Totals.Last {
		return // the other capture may not have been running
	}
	what := "SYN"
	switch {
	case h.SYNJoin:
		what = "MP_JOIN SYN"
	case h.SYNCapable:
		what = "MP_CAPABLE SYN"
	}
	c.report(synLost, sf, refs(h.SYN), count(h.SYNs, "copy"), what, sf.Src, sf.Dst)
}
