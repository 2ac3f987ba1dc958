package tcp

import "iter"

// Stats are counters, named as Linux names its own (nstat) where it has them. A
// flow adds to the Stats of its Config, which many flows may share. The list in
// docs/statistics.md has the names of both.
type Stats struct {
	InSegs                uint64 // segments received
	OutSegs               uint64 // segments sent
	InOctets              uint64 // octets of payload received, repetitions included
	OutOctets             uint64 // octets of payload sent, repetitions included
	ActiveOpens           uint64 // connections opened
	PassiveOpens          uint64 // connections begun by a peer
	AttemptFails          uint64 // handshakes that failed
	EstabResets           uint64 // established connections that a RST ended
	OutRsts               uint64 // RSTs sent
	RetransSegs           uint64 // segments repeated, SYNs included
	Timeouts              uint64 // expiries of the retransmission timer
	SynRetrans            uint64 // SYNs and SYN/ACKs repeated
	SlowStartRetrans      uint64 // segments repeated after a timeout
	FastRetrans           uint64 // segments repeated in fast recovery
	RenoRecovery          uint64 // recoveries begun by duplicate ACKs
	SackRecovery          uint64 // recoveries begun by SACK or RACK
	SpuriousRTOs          uint64 // timeouts that timestamps showed to be none
	SpuriousRecovery      uint64 // recoveries that timestamps showed to be none
	LossProbes            uint64 // tail loss probes sent
	LossProbeRecovery     uint64 // losses that only a probe had repaired
	SACKReneging          uint64 // times that the receiver dropped data it had SACKed
	SACKDiscard           uint64 // SACK blocks that make no sense
	SACKReorderSeen       uint64 // flows on which reordering was seen
	DSACKRecv             uint64 // D-SACK blocks received
	DSACKOldSent          uint64 // D-SACKs sent for data below the cumulative ACK
	DSACKOfoSent          uint64 // D-SACKs sent for data above it
	DelayedACKs           uint64 // ACKs sent by the delay's timer
	PAWSEstab             uint64 // segments dropped since their timestamp is old
	TSMissing             uint64 // segments without timestamps where they were negotiated
	ChallengeACK          uint64 // challenge ACKs sent
	ChallengeACKSkipped   uint64 // challenge ACKs that the rate limit suppressed
	SYNChallenge          uint64 // SYNs received in a synchronized state
	RSTChallenge          uint64 // RSTs in the window, but not at its left edge
	AckUnsent             uint64 // ACKs of data that was never sent
	AckTooOld             uint64 // ACKs older than a window (RFC 5961 section 5.2)
	OutOfWindow           uint64 // segments outside the receive window
	OFOQueue              uint64 // segments that came out of order
	OFODrop               uint64 // ...and found no place
	RcvQDrop              uint64 // octets that the owner did not keep (Linux counts segments)
	AfterFin              uint64 // octets beyond the peer's FIN
	UrgentSegs            uint64 // segments with URG, their data delivered in line
	ZeroWindowAdv         uint64 // segments sent with a window of 0
	WindowUpdates         uint64 // ACKs sent only to open the window
	WinProbe              uint64 // zero-window probes sent
	KeepAlive             uint64 // keepalive probes sent
	PMTUReduced           uint64 // times that ICMP made segments shorter
	MTUPFail              uint64 // times that repeated loss made segments shorter
	OutOfWindowIcmps      uint64 // ICMP messages that quote nothing in flight
	FastOpenActive        uint64 // SYNs of ours whose data was acknowledged
	FastOpenActiveFail    uint64 // ...and was not
	FastOpenPassive       uint64 // SYNs received with a valid cookie and data
	FastOpenPassiveFail   uint64 // SYNs received with a cookie that is not valid
	FastOpenCookieReqd    uint64 // SYNs that ask for a cookie
	TimeWaitRecycled      uint64 // TIME-WAITs that a newer SYN ended
	AbortOnTimeout        uint64 // flows given up since nothing was acknowledged, or keepalives were not answered
	IdleRestarts          uint64 // congestion windows reduced after idle
	MaxAckRanges          uint64 // most ranges above the cumulative ACK at once: a maximum
	SimultaneousOpenCross uint64 // SYNs that crossed
}

// All returns every counter by the name of its field, in order.
func (s *Stats) All() iter.Seq2[string, uint64] {
	return func(yield func(string, uint64) bool) {
		for _, c := range [...]struct {
			name string
			n    uint64
		}{
			{"InSegs", s.InSegs},
			{"OutSegs", s.OutSegs},
			{"InOctets", s.InOctets},
			{"OutOctets", s.OutOctets},
			{"ActiveOpens", s.ActiveOpens},
			{"PassiveOpens", s.PassiveOpens},
			{"AttemptFails", s.AttemptFails},
			{"EstabResets", s.EstabResets},
			{"OutRsts", s.OutRsts},
			{"RetransSegs", s.RetransSegs},
			{"Timeouts", s.Timeouts},
			{"SynRetrans", s.SynRetrans},
			{"SlowStartRetrans", s.SlowStartRetrans},
			{"FastRetrans", s.FastRetrans},
			{"RenoRecovery", s.RenoRecovery},
			{"SackRecovery", s.SackRecovery},
			{"SpuriousRTOs", s.SpuriousRTOs},
			{"SpuriousRecovery", s.SpuriousRecovery},
			{"LossProbes", s.LossProbes},
			{"LossProbeRecovery", s.LossProbeRecovery},
			{"SACKReneging", s.SACKReneging},
			{"SACKDiscard", s.SACKDiscard},
			{"SACKReorderSeen", s.SACKReorderSeen},
			{"DSACKRecv", s.DSACKRecv},
			{"DSACKOldSent", s.DSACKOldSent},
			{"DSACKOfoSent", s.DSACKOfoSent},
			{"DelayedACKs", s.DelayedACKs},
			{"PAWSEstab", s.PAWSEstab},
			{"TSMissing", s.TSMissing},
			{"ChallengeACK", s.ChallengeACK},
			{"ChallengeACKSkipped", s.ChallengeACKSkipped},
			{"SYNChallenge", s.SYNChallenge},
			{"RSTChallenge", s.RSTChallenge},
			{"AckUnsent", s.AckUnsent},
			{"AckTooOld", s.AckTooOld},
			{"OutOfWindow", s.OutOfWindow},
			{"OFOQueue", s.OFOQueue},
			{"OFODrop", s.OFODrop},
			{"RcvQDrop", s.RcvQDrop},
			{"AfterFin", s.AfterFin},
			{"UrgentSegs", s.UrgentSegs},
			{"ZeroWindowAdv", s.ZeroWindowAdv},
			{"WindowUpdates", s.WindowUpdates},
			{"WinProbe", s.WinProbe},
			{"KeepAlive", s.KeepAlive},
			{"PMTUReduced", s.PMTUReduced},
			{"MTUPFail", s.MTUPFail},
			{"OutOfWindowIcmps", s.OutOfWindowIcmps},
			{"FastOpenActive", s.FastOpenActive},
			{"FastOpenActiveFail", s.FastOpenActiveFail},
			{"FastOpenPassive", s.FastOpenPassive},
			{"FastOpenPassiveFail", s.FastOpenPassiveFail},
			{"FastOpenCookieReqd", s.FastOpenCookieReqd},
			{"TimeWaitRecycled", s.TimeWaitRecycled},
			{"AbortOnTimeout", s.AbortOnTimeout},
			{"IdleRestarts", s.IdleRestarts},
			{"MaxAckRanges", s.MaxAckRanges},
			{"SimultaneousOpenCross", s.SimultaneousOpenCross},
		} {
			if !yield(c.name, c.n) {
				return
			}
		}
	}
}
