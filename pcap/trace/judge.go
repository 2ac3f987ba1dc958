package trace

import (
	"fmt"
	"strings"

	"github.com/mptcp-go/mptcp/wire"
)

// sideName is how findings call the ends of a connection.
func sideName(side int) string { return [...]string{"A", "B"}[side&1] }

// judgment is drawn about one connection.
type judgment struct {
	*Conn
	limit int // findings of single flows beyond which more are only counted
}

func (c judgment) report(k *kind, sf *Subflow, frames []Ref, args ...any) *Finding {
	if sf != nil && len(c.Findings) >= 2*c.limit {
		c.more++
		return new(Finding)
	}
	c.Findings = append(c.Findings, k.make(c.Conn, sf, args, frames...))
	return &c.Findings[len(c.Findings)-1]
}

// of is report for one flow.
func (c judgment) of(sf *Subflow) func(k *kind, frames []Ref, args ...any) *Finding {
	return func(k *kind, frames []Ref, args ...any) *Finding { return c.report(k, sf, frames, args...) }
}

// exclude notes what a cause is not.
func (f *Finding) exclude(not ...string) {
	for _, s := range not {
		if s != "" {
			f.Excluded = append(f.Excluded, s)
		}
	}
}

// count is a number with its noun.
func count[T int | uint32](n T, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "y") {
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(noun, "y"))
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func refs(r ...Ref) []Ref { return r }

// judge draws the conclusions about a connection that is over, or at the end of
// the capture.
func (t *Tracker) judge(conn *Conn) {
	c := judgment{conn, t.cfg.Limits.Findings}
	first := c.Subflows[0]
	if !c.Inferred {
		c.judgeHandshake(first)
	} else {
		c.report(midstream, nil, refs(first.First))
	}
	if c.Mismatch != 0 {
		c.report(keyEcho, first, refs(first.Handshake.SYNACK, c.Mismatch))
	}
	if c.Early != 0 {
		c.report(joinEarly, nil, refs(c.Early))
	}
	for _, sf := range c.Subflows {
		if sf.join != nil {
			judgeJoin(sf, c.of(sf))
		}
	}
	for side := range c.Dir {
		c.judgeData(side)
	}
	c.judgeFail()
	c.judgeSilence()
	c.judgeClose()
	for _, sf := range c.Subflows {
		c.judgeSubflow(sf)
	}
	if c.more > 0 {
		c.report(moreFindings, nil, nil, c.more)
	}
}

// judgeHandshake explains a first subflow that did not become MPTCP.
func (c judgment) judgeHandshake(sf *Subflow) {
	h := &sf.Handshake
	switch {
	case !h.SYNCapable:
	case h.SYNACK == 0 && sf.RST != 0 && sf.RSTDir == 1 && sf.Dir[1].Payload == 0:
		c.report(synRefused, sf, refs(h.SYN, sf.RST), sf.Dst)
	case h.SYNACK == 0 && h.ACK == 0 && sf.Dir[1].Packets == 0: // else answered unseen
		c.report(synUnanswered, sf, refs(h.SYN, sf.Last), count(h.SYNs, "SYN"))
	case sf.SynPlain != 0 && h.SYNACK != 0 && !h.SYNACKCapable && !sf.SynAnswered:
		c.report(synBlackhole, sf, refs(h.SYN, sf.SynPlain, h.SYNACK), count(sf.SynWithOption, "SYN"))
	case h.SYNACK != 0 && !h.SYNACKCapable && h.SYNFault != OfferSound:
		c.report(fallbackOddSYN, sf, refs(h.SYN, h.SYNACK), h.SYNFault)
	case h.SYNACK != 0 && !h.SYNACKCapable:
		c.report(fallbackSYNACK, sf, refs(h.SYN, h.SYNACK)).exclude(
			"a bad offer: the SYN's MP_CAPABLE is version 1, H set, B clear, as it left this capture point",
			answered(h.SYNs))
	case h.SYNACKCapable && h.ACK != 0 && !h.ACKCapable && c.FirstDSS == 0 && !sf.Dir[0].speaks:
		c.report(fallbackACK, sf, refs(h.SYN, h.SYNACK, h.ACK)).exclude(
			"a plain TCP server: its SYN/ACK agreed to MPTCP",
			"a late option: no segment of the connection carries a DSS")
	}
}

func answered(syns uint32) string {
	if syns == 1 {
		return "a SYN blackhole: the first SYN was answered"
	}
	return ""
}

// carried reports whether a DSS was exchanged on the flow in both directions.
func (sf *Subflow) carried() bool {
	return sf.Dir[0].DataNew+sf.Dir[0].DataDup+sf.Dir[1].DataNew+sf.Dir[1].DataDup > 0
}

// established reports whether the joiner got its fourth ACK: anything from the
// responder after the third ACK (R3.2-12, R3.2-14). Data proves it too.
func (sf *Subflow) established() bool {
	if sf.join == nil || sf.carried() {
		return sf.join != nil
	}
	later := sf.Dir[1].Packets - sf.Handshake.SYNACKs
	if sf.RST != 0 && sf.RSTDir == 1 {
		later--
	}
	return sf.join.ACK != 0 && later > 0
}

// sole reports whether no more than one subflow came to life.
func (c *Conn) sole() bool {
	n := 0
	for _, sf := range c.Subflows {
		if sf.Kind != Join || sf.established() {
			n++
		}
	}
	return n <= 1
}

// judgeFail explains MP_FAIL and infinite mappings.
func (c judgment) judgeFail() {
	// The one who detected it speaks first; the other's is the answer.
	if who := int(c.failedFirst) - 1; who >= 0 {
		frames := append([]Ref{}, c.Dir[who^1].SumBadFrames...)
		frames = append(frames, c.MPFail[who], c.MPFail[who^1], c.Infinite[who^1], c.Infinite[who])
		name, dsn := sideName(who), c.MPFailDSN[who]
		if c.Infinite == [2]Ref{} && (c.failReset || !c.sole()) {
			c.report(failReset, nil, frames, name, dsn)
		} else {
			f := c.report(fallbackSum, nil, frames, name, dsn)
			f.exclude("options that vanished: they stop after MP_FAIL, not before")
			if c.sole() {
				f.exclude("a reset of the subflow (RFC 8684 section 3.7): it is the only one")
			}
		}
		if c.Dir[who^1].SumBad == 0 && c.Checksum {
			c.report(failNoProof, nil, refs(c.MPFail[who]), name, dsn)
		}
	}
	for side, r := range c.Infinite {
		if r != 0 {
			c.report(infiniteMap, nil, refs(r), sideName(side))
		}
	}
}

// silenceMin is how many packets without options, payload among them, make a
// finding: a last ACK or FIN without options is what Linux does.
const silenceMin = 2

// judgeSilence finds options that vanished without a fallback that explains it.
func (c judgment) judgeSilence() {
	if c.MPFail != [2]Ref{} || c.Infinite != [2]Ref{} {
		return
	}
	for _, sf := range c.Subflows {
		h := &sf.Handshake
		if sf == c.Subflows[0] && h.SYN != 0 && (!h.SYNACKCapable || !h.ACKCapable && c.FirstDSS == 0) {
			continue // a fallback in the handshake, explained there
		}
		if sf.Kind == Plain {
			continue
		}
		for dir := range sf.silent {
			q := &sf.silent[dir]
			if q.count < silenceMin || q.data == 0 {
				continue
			}
			k := *optionsLost
			k.counter = "DssFallback"
			if c.FirstDSS == 0 {
				k.counter = "MPCapableDataFallback"
			}
			c.report(&k, sf, refs(sf.Dir[dir].LastOption, q.since), sideName(sf.Side(dir)), q.count, q.data)
		}
	}
}

// judgeClose looks at how the connection ended.
func (c judgment) judgeClose() {
	if c.Fastclose != 0 {
		c.report(fastclosed, nil, refs(c.Fastclose), sideName(c.FastcloseSide))
		return
	}
	if c.FirstDSS == 0 || c.MPFail != [2]Ref{} || c.Infinite != [2]Ref{} {
		return
	}
	closed := true
	for _, sf := range c.Subflows {
		closed = closed && (sf.Closed() || !sf.established() && sf.Kind == Join)
		if sf.silent[0].data+sf.silent[1].data > 0 {
			return
		}
	}
	for side := range c.Dir {
		d := &c.Dir[side]
		switch {
		case d.HasFin && d.FinAcked == 0 && closed:
			c.report(finUnacked, nil, refs(d.FinRef), sideName(side))
		case !d.HasFin && closed && !c.Inferred && c.seen(side) && d.Acked <= d.end:
			c.report(noFin, nil, refs(c.Subflows[0].Last), sideName(side))
		}
	}
}

// seen reports whether anything that a side sent is in the capture.
func (c *Conn) seen(side int) bool {
	for _, sf := range c.Subflows {
		if sf.Dir[sf.dirOf(side)].Packets > 0 {
			return true
		}
	}
	return false
}

// staleAfter is how long data may go unacknowledged before a subflow counts as
// stale, ns: about four data-level retransmission intervals of Linux.
const staleAfter = 1e9

// judgeSubflow reports resets and subflows that stopped.
func (c judgment) judgeSubflow(sf *Subflow) {
	if sf.RST != 0 && !sf.RSTLate && (sf.Kind != Join || sf.established()) && c.Fastclose == 0 && sf.Dir[0].Packets+sf.Dir[1].Packets > 2 {
		reason := " without a reason"
		if sf.RSTReason >= 0 {
			reason = fmt.Sprintf(" with MP_TCPRST reason %d (%v)", sf.RSTReason, wire.ResetReason(sf.RSTReason))
		}
		c.report(subflowReset, sf, refs(sf.RST), " by "+sideName(sf.Side(sf.RSTDir))+reason)
	}
	for dir := range sf.Dir {
		fd := &sf.Dir[dir]
		if fd.Stalled >= staleAfter && c.Dir[sf.Side(dir)].Reinjected > 0 {
			c.report(stale, sf, refs(fd.StallRef), sideName(sf.Side(dir)), float64(fd.Stalled)/1e9)
		}
	}
}

// judgeFlows judges what belongs to no connection.
func (t *Tracker) judgeFlows() {
	n := 0
	for _, sf := range t.subflows {
		if sf.Conn != nil || sf.join == nil {
			continue
		}
		judgeJoin(sf, func(k *kind, frames []Ref, args ...any) *Finding {
			// Thousands of joins with unknown tokens are one attack, not a
			// thousand findings.
			if n++; n <= 64 {
				t.general = append(t.general, k.make(nil, sf, args, frames...))
				return &t.general[len(t.general)-1]
			}
			t.find(sf, k, frames[0], args...)
			return new(Finding) // counted; what it excludes was said of others
		})
	}
	if bad := t.Totals.BadSum - t.Totals.PartialSum; bad > 0 {
		f := tcpSum.make(nil, nil, []any{count(bad, "packet")})
		f.Count = bad
		t.general = append(t.general, f)
	}
}
