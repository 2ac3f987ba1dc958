package tcp

// Stats are counters, named as Linux names its own (nstat) where it has them. A
// flow adds to the Stats of its Config, which many flows may share.
type Stats struct {
	InSegs, OutSegs       uint64
	InOctets, OutOctets   uint64 // of payload, retransmissions included
	ActiveOpens           uint64
	PassiveOpens          uint64
	AttemptFails          uint64 // handshakes that failed
	EstabResets           uint64 // established connections that a RST ended
	OutRsts               uint64
	RetransSegs           uint64 // segments repeated, SYNs included
	Timeouts              uint64 // retransmission timer expiries
	SynRetrans            uint64
	SlowStartRetrans      uint64 // repeated after a timeout
	FastRetrans           uint64 // repeated in fast recovery
	RenoRecovery          uint64 // recoveries started by duplicate ACKs
	SackRecovery          uint64 // recoveries started by SACK or RACK
	SpuriousRTOs          uint64 // timeouts that timestamps showed to be none
	SpuriousRecovery      uint64 // recoveries that timestamps showed to be none
	LossProbes            uint64 // TLP probes sent
	LossProbeRecovery     uint64 // losses that only a probe had repaired
	SACKReneging          uint64 // SACKed data that the receiver dropped
	SACKDiscard           uint64 // SACK blocks that make no sense
	SACKReorderSeen       uint64 // first sign of reordering on a flow
	DSACKRecv             uint64
	DSACKOldSent          uint64 // D-SACK for data below the cumulative ACK
	DSACKOfoSent          uint64 // D-SACK for data above it
	DelayedACKs           uint64
	PAWSEstab             uint64 // segments dropped by PAWS
	TSMissing             uint64 // timestamps negotiated, but missing in a segment
	ChallengeACK          uint64 // challenge ACKs sent
	ChallengeACKSkipped   uint64 // and those that the rate limit suppressed
	SYNChallenge          uint64 // SYNs in a synchronized state
	RSTChallenge          uint64 // RSTs in the window, but not at its left edge
	AckUnsent             uint64 // ACKs of data that was never sent
	AckTooOld             uint64 // ACKs older than a window (RFC 5961 section 5.2)
	OutOfWindow           uint64 // segments outside the receive window
	OFOQueue              uint64 // segments that arrived out of order
	OFODrop               uint64 // ...and found no place
	RcvQDrop              uint64 // octets the owner did not keep
	AfterFin              uint64 // octets beyond the peer's FIN
	UrgentSegs            uint64 // segments with URG, their data delivered inline
	ZeroWindowAdv         uint64 // zero windows advertised
	WindowUpdates         uint64 // ACKs sent only to open the window
	WinProbe              uint64 // zero-window probes sent
	KeepAlive             uint64 // keepalive probes sent
	PMTUReduced           uint64 // segment size lowered by ICMP
	MTUPFail              uint64 // segment size lowered after repeated loss
	OutOfWindowIcmps      uint64 // ICMP messages that quote nothing in flight
	FastOpenActive        uint64 // data in our SYN was acknowledged
	FastOpenActiveFail    uint64 // ...or not
	FastOpenPassive       uint64 // valid cookies with data
	FastOpenPassiveFail   uint64 // invalid cookies
	FastOpenCookieReqd    uint64 // cookies asked for
	TimeWaitRecycled      uint64 // TIME-WAIT ended by a newer SYN
	AbortOnTimeout        uint64
	IdleRestarts          uint64 // congestion windows reduced after idle
	MaxAckRanges          uint64 // most ranges above the cumulative ACK at once
	SimultaneousOpenCross uint64 // SYNs that crossed
}
