package fsm

import "iter"

// Stats counts what an endpoint met. Names are those of Linux (nstat -a) where it
// has the counter; docs/statistics.md has both.
type Stats struct {
	MPCapableSYNTX          uint64 // SYNs sent with MP_CAPABLE
	MPCapableSYNRX          uint64 // SYNs received with MP_CAPABLE
	MPCapableSYNACKRX       uint64 // SYN/ACKs received with a valid MP_CAPABLE
	MPCapableACKRX          uint64 // third packets received with a valid MP_CAPABLE
	MPCapableFallbackACK    uint64 // connections whose third packet lacked MP_CAPABLE: the listener fell back
	MPCapableFallbackSYNACK uint64 // connections whose SYN/ACK lacked MP_CAPABLE: the opener fell back
	MPCapableSYNTXDrop      uint64 // connections whose SYN went out plain after those with the option had no answer
	MPFallbackTokenInit     uint64 // connections that are TCP since no unique token was found
	MPCapableDataFallback   uint64 // fallbacks since the first data had no option
	DssFallback             uint64 // fallbacks since options vanished later
	SimultConnectFallback   uint64 // fallbacks since the SYNs crossed
	FallbackFailed          uint64 // times that a fallback was due and not possible
	MPTCPRetrans            uint64 // mappings sent again at the data level
	WindowLimited           uint64 // times that a subflow could send and the connection's window forbade it
	OpportunisticRetrans    uint64 // mappings sent again for that reason (paper section 4.2, mechanism 1)
	SubflowPenalized        uint64 // windows halved for that reason (paper section 4.2, mechanism 2)
	SubflowPaused           uint64 // pauses of a subflow whose window could not usefully be halved
	RedundantTx             uint64 // mappings sent on one more subflow because the scheduler wants it

	MPJoinNoTokenFound      uint64 // joins received whose token names no connection
	MPJoinSynTx             uint64 // SYNs sent with MP_JOIN
	MPJoinSynRx             uint64 // SYNs received with MP_JOIN
	MPJoinPortSynRx         uint64 // ...of those with a token of ours, to a port that the connection did not begin with
	MPJoinSynBackupRx       uint64 // ...those that ask for a backup
	MPJoinSynAckRx          uint64 // SYN/ACKs received in answer to joins of ours
	MPJoinPortSynAckRx      uint64 // ...from a port that the connection did not begin with
	MPJoinSynAckBackupRx    uint64 // ...that ask for a backup
	MPJoinSynAckHMacFailure uint64 // ...whose HMAC is wrong
	MPJoinAckRx             uint64 // third packets of joins received
	MPJoinPortAckRx         uint64 // ...to a port that the connection did not begin with, the HMAC right
	MPJoinAckHMacFailure    uint64 // ...whose HMAC is wrong or missing
	MPJoinRejected          uint64 // joins refused by policy or for want of room
	MPJoinEvicted           uint64 // half-open joins given up for others
	MPJoinNoAnswer          uint64 // joins of ours that ended before the peer said whether it took their proof

	DSSNotMatching      uint64 // mappings that contradict an earlier one
	DSSCorruptionReset  uint64 // subflows reset for what their mappings said
	MappingsFull        uint64 // segments refused: too many mappings wait for octets before them
	InfiniteMapTx       uint64 // infinite mappings sent
	InfiniteMapRx       uint64 // infinite mappings received
	DataCsumErr         uint64 // DSS checksums that failed
	NoDSSInWindow       uint64 // octets without a mapping, given up (Linux counts segments)
	DuplicateData       uint64 // octets received that were known (Linux counts segments)
	OFOQueue            uint64 // segments out of order at the data level
	RcvPruned           uint64 // octets refused for want of room (Linux counts segments)
	AddAddr             uint64 // ADD_ADDRs taken
	AddAddrTx           uint64 // ADD_ADDRs sent
	EchoAdd             uint64 // echoes of our ADD_ADDRs received
	EchoAddTx           uint64 // echoes sent
	AddAddrDrop         uint64 // ADD_ADDRs ignored: invalid, or beyond the limit
	AddAddrTxDrop       uint64 // announcements that were not sent: no room, or too many wait
	EchoAddTxDrop       uint64 // echoes that were not sent
	PortAdd             uint64 // ADD_ADDRs taken that name a port
	RmAddr              uint64 // REMOVE_ADDRs received
	RmAddrTx            uint64 // REMOVE_ADDRs sent
	RmAddrDrop          uint64 // withdrawals received of ids that are not known
	RmAddrTxDrop        uint64 // withdrawals that were not sent
	RmSubflow           uint64 // subflows removed because an address was
	MPPrioTx            uint64 // MP_PRIOs sent
	MPPrioRx            uint64 // MP_PRIOs received
	MPFailTx            uint64 // MP_FAILs sent
	MPFailRx            uint64 // MP_FAILs received
	MPFastcloseTx       uint64 // MP_FASTCLOSEs sent
	MPFastcloseRx       uint64 // MP_FASTCLOSEs received with the right key
	MPFastcloseKeyError uint64 // MP_FASTCLOSEs received with a key that is not ours
	MPRstTx             uint64 // MP_TCPRSTs sent
	MPRstRx             uint64 // MP_TCPRSTs received
	SndWndShared        uint64 // times that a subflow's own window was the limit
	MPCurrEstab         uint64 // connections that are Multipath TCP now: a gauge
	WinProbe            uint64 // data-level window probes sent
	DataAckBeyond       uint64 // DATA_ACKs received of data never sent
	DataAckAsked        uint64 // questions for a DATA_ACK that was overdue
	InCsumErrors        uint64 // segments dropped since their TCP checksum is wrong
	ListenOverflows     uint64 // SYNs and third packets passed over: too many wait for Accept
	SyncookiesSent      uint64 // SYNs answered without state
	SyncookiesRecv      uint64 // third packets that came of such answers
	SyncookiesFailed    uint64 // third packets that fit no answer of ours
	SubflowStale        uint64 // subflows that got no new data any more: they timed out too often in a row
	SubflowRecover      uint64 // ...and did again
	NoSuchConn          uint64 // segments that belong to nothing
	DataFinTx           uint64 // streams of ours whose end was told by a DATA_FIN
	DataFinRx           uint64 // peers' streams whose end was told by a DATA_FIN
}

// All returns every counter by the name of its field, in order.
func (s *Stats) All() iter.Seq2[string, uint64] {
	return func(yield func(string, uint64) bool) {
		for _, c := range [...]struct {
			name string
			n    uint64
		}{
			{"MPCapableSYNTX", s.MPCapableSYNTX},
			{"MPCapableSYNRX", s.MPCapableSYNRX},
			{"MPCapableSYNACKRX", s.MPCapableSYNACKRX},
			{"MPCapableACKRX", s.MPCapableACKRX},
			{"MPCapableFallbackACK", s.MPCapableFallbackACK},
			{"MPCapableFallbackSYNACK", s.MPCapableFallbackSYNACK},
			{"MPCapableSYNTXDrop", s.MPCapableSYNTXDrop},
			{"MPFallbackTokenInit", s.MPFallbackTokenInit},
			{"MPCapableDataFallback", s.MPCapableDataFallback},
			{"DssFallback", s.DssFallback},
			{"SimultConnectFallback", s.SimultConnectFallback},
			{"FallbackFailed", s.FallbackFailed},
			{"MPTCPRetrans", s.MPTCPRetrans},
			{"WindowLimited", s.WindowLimited},
			{"OpportunisticRetrans", s.OpportunisticRetrans},
			{"SubflowPenalized", s.SubflowPenalized},
			{"SubflowPaused", s.SubflowPaused},
			{"RedundantTx", s.RedundantTx},
			{"MPJoinNoTokenFound", s.MPJoinNoTokenFound},
			{"MPJoinSynTx", s.MPJoinSynTx},
			{"MPJoinSynRx", s.MPJoinSynRx},
			{"MPJoinPortSynRx", s.MPJoinPortSynRx},
			{"MPJoinSynBackupRx", s.MPJoinSynBackupRx},
			{"MPJoinSynAckRx", s.MPJoinSynAckRx},
			{"MPJoinPortSynAckRx", s.MPJoinPortSynAckRx},
			{"MPJoinSynAckBackupRx", s.MPJoinSynAckBackupRx},
			{"MPJoinSynAckHMacFailure", s.MPJoinSynAckHMacFailure},
			{"MPJoinAckRx", s.MPJoinAckRx},
			{"MPJoinPortAckRx", s.MPJoinPortAckRx},
			{"MPJoinAckHMacFailure", s.MPJoinAckHMacFailure},
			{"MPJoinRejected", s.MPJoinRejected},
			{"MPJoinEvicted", s.MPJoinEvicted},
			{"MPJoinNoAnswer", s.MPJoinNoAnswer},
			{"DSSNotMatching", s.DSSNotMatching},
			{"DSSCorruptionReset", s.DSSCorruptionReset},
			{"MappingsFull", s.MappingsFull},
			{"InfiniteMapTx", s.InfiniteMapTx},
			{"InfiniteMapRx", s.InfiniteMapRx},
			{"DataCsumErr", s.DataCsumErr},
			{"NoDSSInWindow", s.NoDSSInWindow},
			{"DuplicateData", s.DuplicateData},
			{"OFOQueue", s.OFOQueue},
			{"RcvPruned", s.RcvPruned},
			{"AddAddr", s.AddAddr},
			{"AddAddrTx", s.AddAddrTx},
			{"EchoAdd", s.EchoAdd},
			{"EchoAddTx", s.EchoAddTx},
			{"AddAddrDrop", s.AddAddrDrop},
			{"AddAddrTxDrop", s.AddAddrTxDrop},
			{"EchoAddTxDrop", s.EchoAddTxDrop},
			{"PortAdd", s.PortAdd},
			{"RmAddr", s.RmAddr},
			{"RmAddrTx", s.RmAddrTx},
			{"RmAddrDrop", s.RmAddrDrop},
			{"RmAddrTxDrop", s.RmAddrTxDrop},
			{"RmSubflow", s.RmSubflow},
			{"MPPrioTx", s.MPPrioTx},
			{"MPPrioRx", s.MPPrioRx},
			{"MPFailTx", s.MPFailTx},
			{"MPFailRx", s.MPFailRx},
			{"MPFastcloseTx", s.MPFastcloseTx},
			{"MPFastcloseRx", s.MPFastcloseRx},
			{"MPFastcloseKeyError", s.MPFastcloseKeyError},
			{"MPRstTx", s.MPRstTx},
			{"MPRstRx", s.MPRstRx},
			{"SndWndShared", s.SndWndShared},
			{"MPCurrEstab", s.MPCurrEstab},
			{"WinProbe", s.WinProbe},
			{"DataAckBeyond", s.DataAckBeyond},
			{"DataAckAsked", s.DataAckAsked},
			{"InCsumErrors", s.InCsumErrors},
			{"ListenOverflows", s.ListenOverflows},
			{"SyncookiesSent", s.SyncookiesSent},
			{"SyncookiesRecv", s.SyncookiesRecv},
			{"SyncookiesFailed", s.SyncookiesFailed},
			{"SubflowStale", s.SubflowStale},
			{"SubflowRecover", s.SubflowRecover},
			{"NoSuchConn", s.NoSuchConn},
			{"DataFinTx", s.DataFinTx},
			{"DataFinRx", s.DataFinRx},
		} {
			if !yield(c.name, c.n) {
				return
			}
		}
	}
}
