package main

import (
	"fmt"
	"strings"

	"github.com/mptcp-go/mptcp/pcap/trace"
)

// checks counts what was verified of a connection.
type checks struct {
	keys                       bool // both are known
	tokens, hmacs, sums, addrs int  // right
	wrong                      int
	sumsOpen                   int // mappings that are not whole in the capture
	joins, joinsDone           int
}

func check(c *trace.Conn) checks {
	var k checks
	k.keys = c.HasKey[0] && c.HasKey[1]
	count := func(v trace.Tri, right *int) {
		switch v {
		case trace.Right:
			*right++
		case trace.Wrong:
			k.wrong++
		}
	}
	for _, sf := range c.Subflows {
		j := sf.Join()
		if j == nil {
			continue
		}
		k.joins++
		count(j.TokenMatch, &k.tokens)
		count(j.SYNACKHMAC, &k.hmacs)
		count(j.ACKHMAC, &k.hmacs)
		if joined(sf) {
			k.joinsDone++
		}
	}
	for side := range c.Dir {
		d := &c.Dir[side]
		k.sums += int(d.SumOK + d.FinSumOK)
		k.wrong += int(d.SumBad + d.FinSumBad)
		k.sumsOpen += int(d.SumIncomplete)
	}
	k.addrs = c.AddAddrs
	return k
}

// joined reports whether a join became a subflow: both HMACs were exchanged, none is
// wrong, and the responder said something afterwards.
func joined(sf *trace.Subflow) bool {
	j := sf.Join()
	if j == nil || j.TokenMatch == trace.Wrong || j.SYNACKHMAC == trace.Wrong || j.ACKHMAC == trace.Wrong {
		return false
	}
	carried := sf.Dir[0].DataNew+sf.Dir[0].DataDup+sf.Dir[1].DataNew+sf.Dir[1].DataDup > 0
	if sf.MidStream || carried {
		return true
	}
	answered := sf.Dir[1].Packets > 1
	if sf.RST != 0 && sf.RSTDir == 1 {
		answered = sf.Dir[1].Packets > 2
	}
	return j.ACK != 0 && answered
}

// proven lists what was verified, in words; "" if nothing was.
func (k *checks) proven() string {
	var list []string
	add := func(n int, noun string) {
		if n > 0 {
			list = append(list, plural(n, noun))
		}
	}
	if k.keys {
		list = append(list, "keys")
	}
	add(k.tokens, "token")
	add(k.hmacs, "HMAC")
	add(k.addrs, "address")
	add(k.sums, "checksum")
	return strings.Join(list, ", ")
}

// verdict says in words what became of c, and how bad it is.
func verdict(c *trace.Conn) (words string, worst trace.Severity) {
	k := check(c)
	problems := map[trace.Severity]int{}
	for i := range c.Findings {
		f := &c.Findings[i]
		worst = max(worst, f.Severity)
		problems[f.Severity]++
	}
	return verdictWords(c, &k, problems), worst
}

func verdictWords(c *trace.Conn, k *checks, problems map[trace.Severity]int) string {
	if h := &c.Subflows[0].Handshake; !c.Inferred && !c.MPTCP() && h.SYN == 0 && h.SYNACK == 0 {
		return "parts of a handshake only"
	}
	switch c.State() {
	case "fallback":
		return "fell back to TCP: " + fallbackWords(c)
	case "unanswered":
		for _, f := range c.Findings {
			if f.ID == "MPD-SYN-REFUSED" {
				return "refused: the SYN was answered by a RST"
			}
		}
		return "no answer to " + plural(c.Subflows[0].Handshake.SYNs, "SYN")
	case "half-open":
		return "the handshake never finished"
	}
	words := "MPTCP, " + plural(len(c.Subflows)-k.joins+k.joinsDone, "subflow")
	if failed := k.joins - k.joinsDone; failed > 0 {
		words += ", " + plural(failed, "join") + " failed"
	}
	bad := problems[trace.Error] + problems[trace.Warn]
	switch {
	case c.Inferred && !k.keys && k.sums == 0:
		words += ", seen from midstream: without its keys nothing was verified"
	case c.Inferred && !k.keys:
		words += ", seen from midstream: without its keys no more than checksums were verified"
	case k.wrong > 0 || problems[trace.Error] > 0:
		words += fmt.Sprintf(", %s", plural(max(problems[trace.Error], 1), "error"))
	case bad > 0:
		words += ", " + plural(bad, "warning")
	case !k.keys:
		words += ", a key is not in the capture: not all was verified"
	case k.sumsOpen > 0:
		words += ", " + plural(k.sumsOpen, "checksum") + " not judged, the rest verified"
	default:
		words += ", everything verified"
	}
	if p := k.proven(); p != "" {
		if k.wrong > 0 {
			words += " (right: " + p + "; wrong: " + group(k.wrong) + ")"
		} else {
			words += " (" + p + ")"
		}
	}
	return words
}

// fallbackWords names a cause in a few words; the finding has the sentence.
func fallbackWords(c *trace.Conn) string {
	id := c.Fallback()
	if w, ok := map[string]string{
		"MPD-FALLBACK-SYNACK":   "no MP_CAPABLE in the SYN/ACK",
		"MPD-FALLBACK-OFFER":    "the SYN's offer was not acceptable",
		"MPD-FALLBACK-ACK":      "no MP_CAPABLE in the third ACK",
		"MPD-SYN-BLACKHOLE":     "SYNs with MP_CAPABLE got no answer",
		"MPD-FALLBACK-CHECKSUM": "checksum failure on the only subflow",
		"MPD-OPTIONS-LOST":      "options vanished after the handshake",
		"MPD-INFINITE-MAPPING":  "an infinite mapping was sent",
		"MPD-SYN-STRIPPED":      "a middlebox removed MP_CAPABLE from the SYN",
		"MPD-SYNACK-STRIPPED":   "a middlebox removed MP_CAPABLE from the SYN/ACK",
		"MPD-PLAIN-SERVER":      "the server speaks plain TCP",
	}[id]; ok {
		return w
	}
	for _, f := range c.Findings {
		if f.ID == id {
			first, _, _ := strings.Cut(f.Cause, ": ")
			return first
		}
	}
	return "no cause found"
}

// sideName is how findings call the ends too.
func sideName(side int) string { return [...]string{"A", "B"}[side&1] }

// closing says how a connection ended.
func closing(c *trace.Conn) string {
	if c.Fastclose != 0 {
		return "aborted by " + sideName(c.FastcloseSide) + " with MP_FASTCLOSE"
	}
	open := 0
	reset := 0
	for _, sf := range c.Subflows {
		if !sf.Closed() {
			open++
		}
		if sf.RST != 0 {
			reset++
		}
	}
	a, b := &c.Dir[0], &c.Dir[1]
	switch {
	case a.FinAcked != 0 && b.FinAcked != 0:
		return "closed by DATA_FINs"
	case a.HasFin && b.HasFin:
		return "DATA_FIN both ways, not both acknowledged"
	case open > 0:
		switch {
		case a.HasFin:
			return "DATA_FIN of A only, open at the end"
		case b.HasFin:
			return "DATA_FIN of B only, open at the end"
		}
		return "open at the end of the capture"
	case reset == len(c.Subflows):
		return "reset"
	case a.HasFin:
		return "closed, DATA_FIN of A only"
	case b.HasFin:
		return "closed, DATA_FIN of B only"
	}
	return "closed by FIN"
}

// times are those of the first and the last packet of c, ns.
func times(c *trace.Conn) (first, last int64) {
	for i, sf := range c.Subflows {
		if i == 0 || sf.FirstTime < first {
			first = sf.FirstTime
		}
		last = max(last, sf.LastTime)
	}
	return first, last
}

// handshakeWords judges how a subflow came about.
func handshakeWords(sf *trace.Subflow) (words, colour string) {
	h, j := &sf.Handshake, sf.Join()
	if j == nil {
		switch {
		case sf.MidStream && sf.Kind != trace.Initial:
			return "not captured", dim
		case h.SYNACKCapable && h.ACKCapable:
			return "keys right", green
		case h.SYNACK == 0 && sf.RST != 0:
			return "refused", red
		case h.SYNACK == 0:
			return "no answer", yellow
		case h.SYNCapable && !h.SYNACKCapable:
			return "SYN only", yellow
		case h.SYNACKCapable && h.ACK != 0 && !h.ACKCapable:
			if sf.Conn != nil && sf.Conn.MPTCP() {
				return "MPTCP", plain
			}
			return "no key in ACK", yellow
		case h.SYNACKCapable:
			return "no ACK", yellow
		}
		return "plain", dim
	}
	hmac := func(v trace.Tri) string {
		return [...]string{"-", "right", "WRONG"}[v]
	}
	switch {
	case j.TokenMatch == trace.Wrong && j.SYN != 0:
		return "token UNKNOWN", yellow
	case j.SYNACKHMAC == trace.Wrong || j.ACKHMAC == trace.Wrong:
		return "HMAC B " + hmac(j.SYNACKHMAC) + ", A " + hmac(j.ACKHMAC), red
	case j.SYNACKHMAC == trace.Right && j.ACKHMAC == trace.Right:
		return "token, HMACs right", green
	case j.TokenMatch == trace.Right && j.SYNACK == 0:
		return "token right, no answer", yellow
	case j.TokenMatch == trace.Right && j.ACK == 0:
		return "token right, no ACK", yellow
	case j.TokenMatch == trace.Right:
		return "token right", plain
	}
	return "not verifiable", dim
}

// resetWords are short for a reason of MP_TCPRST (RFC 8684 section 3.6).
func resetWords(reason int16) string {
	short := [...]string{
		"unspecified", "MPTCP error", "no resources", "prohibited", "too much data", "too slow", "middlebox",
	}
	if int(reason) < len(short) {
		return short[reason]
	}
	return fmt.Sprintf("reason %d", reason)
}

// endWords says how a subflow ended.
func endWords(sf *trace.Subflow) string {
	fin := func(dir int) bool { return sf.Dir[dir].FIN != 0 }
	switch {
	case sf.RST != 0:
		w := "RST by " + sideName(sf.Side(sf.RSTDir))
		if sf.RSTReason >= 0 {
			w += ": " + resetWords(sf.RSTReason)
		}
		return w
	case fin(0) && fin(1):
		return "FIN"
	case fin(0):
		return "FIN of " + sideName(sf.Side(0)) + " only"
	case fin(1):
		return "FIN of " + sideName(sf.Side(1)) + " only"
	}
	return "open"
}
