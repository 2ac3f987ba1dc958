package trace

import (
	"fmt"

	"github.com/mptcp-go/mptcp/wire"
)

// judgeJoin explains a join that did not become a subflow.
func judgeJoin(sf *Subflow, report func(k *kind, frames []Ref, args ...any) *Finding) {
	h, j := &sf.Handshake, sf.join
	ended := ""
	if sf.RST != 0 {
		ended = "; the subflow was then reset"
		if sf.RSTReason >= 0 {
			ended += fmt.Sprintf(" with reason %d (%v)", sf.RSTReason, wire.ResetReason(sf.RSTReason))
		}
	}
	early := sf.RST != 0 && sf.Dir[0].Payload == 0 && sf.Dir[1].Payload == 0 && !sf.carried()
	switch {
	case j.TokenMatch == Wrong && j.SYN != 0 && sf.established() && sf.RST == 0:
		k := *tokenUnknown
		k.severity = Info
		report(&k, refs(j.SYN), uint32(j.Token), "; its owner knows it, for the join was accepted")
	case j.TokenMatch == Wrong && j.SYN != 0:
		report(tokenUnknown, refs(j.SYN, sf.RST), uint32(j.Token), ended).exclude(
			"a refusal by policy: Linux answers those only after the third ACK, with reason 3")
	case j.SYNACKHMAC == Wrong:
		report(joinSYNACKHMAC, refs(j.SYN, j.SYNACK, sf.RST), ended).exclude(
			"an unknown token: it is that of a key in this capture")
	case j.ACKHMAC == Wrong:
		report(joinACKHMAC, refs(j.SYN, j.SYNACK, j.ACK, sf.RST), ended).exclude(
			"an unknown token: it is that of a key in this capture",
			rightHMAC(j.SYNACKHMAC))
	case j.SYN == 0:
	case h.SYNACK == 0 && sf.RST != 0 && sf.RSTDir == 1 && sf.RSTReason < 0:
		report(joinNoListener, refs(j.SYN, sf.RST), sf.Dst).exclude(
			"an unknown token: it is that of a key in this capture, and Linux answers unknown ones with MP_TCPRST reason 1",
			"a refusal by policy: no MP_TCPRST, and the RST came before any SYN/ACK")
	case h.SYNACK == 0 && h.ACK == 0 && sf.RST == 0 && sf.Dir[1].Packets == 0:
		report(joinUnanswered, refs(j.SYN, sf.Last), count(h.SYNs, "MP_JOIN SYN"))
	case h.SYNACK != 0 && !h.SYNACKJoin:
		report(joinStripped, refs(j.SYN, h.SYNACK, sf.RST))
	case early && sf.RSTReason == int16(wire.ResetProhibited):
		report(joinRejected, refs(j.SYN, j.SYNACK, j.ACK, sf.RST)).exclude(
			"an unknown token: it is that of a key in this capture",
			rightHMAC(j.SYNACKHMAC), rightACK(j.ACKHMAC))
	case early && sf.RSTReason == int16(wire.ResetMPTCPError) && j.SYNACKHMAC == Right:
		k := *joinHMACUnproven
		k.counter = "MPJoinAckHMacFailure"
		if sf.RSTDir == 0 {
			k.counter = "MPJoinSynAckHMacFailure"
		}
		report(&k, refs(j.SYN, j.SYNACK, j.ACK, sf.RST), "MP_TCPRST reason 1")
	case early && !sf.established():
		reason := "a RST without a reason"
		if sf.RSTReason >= 0 {
			reason = fmt.Sprintf("MP_TCPRST reason %d (%v)", sf.RSTReason, wire.ResetReason(sf.RSTReason))
		}
		report(joinReset, refs(j.SYN, j.SYNACK, sf.RST), reason)
	}
}

func rightHMAC(v Tri) string {
	if v == Right {
		return "a wrong HMAC in the SYN/ACK: it is right"
	}
	return ""
}

func rightACK(v Tri) string {
	if v == Right {
		return "a wrong HMAC in the third ACK: it is right"
	}
	return ""
}
