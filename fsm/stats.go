package fsm

// Stats counts what an endpoint met. Names are those of Linux (nstat -a) where it
// has the counter.
type Stats struct {
	MPCapableSYNTX          uint64 // SYNs sent with MP_CAPABLE
	MPCapableSYNRX          uint64
	MPCapableSYNACKRX       uint64
	MPCapableACKRX          uint64 // third packets with a valid MP_CAPABLE
	MPCapableFallbackACK    uint64 // third packet without it: server side fell back
	MPCapableFallbackSYNACK uint64 // SYN/ACK without it: client side fell back
	MPCapableSYNTXDrop      uint64 // plain SYN sent after those with the option went unanswered
	MPFallbackTokenInit     uint64 // no unique token was found
	MPCapableDataFallback   uint64 // options missing on the first data
	DssFallback             uint64 // options vanished later
	SimultConnectFallback   uint64
	FallbackFailed          uint64 // fallback was due but not possible
	MPTCPRetrans            uint64 // mappings sent again at the data level
	WindowLimited           uint64 // times that a subflow could send and the connection's window forbade it
	OpportunisticRetrans    uint64 // mappings sent again for that reason (paper section 4.2, mechanism 1)
	SubflowPenalized        uint64 // windows halved for that reason (mechanism 2)
	SubflowPaused           uint64 // pauses of a subflow whose window could not usefully be halved
	RedundantTx             uint64 // mappings sent on one more subflow because the scheduler wants it

	MPJoinNoTokenFound      uint64
	MPJoinSynTx             uint64
	MPJoinSynRx             uint64
	MPJoinSynAckRx          uint64
	MPJoinSynAckHMacFailure uint64
	MPJoinAckRx             uint64
	MPJoinAckHMacFailure    uint64
	MPJoinRejected          uint64
	MPJoinSynBackupRx       uint64 // joins that ask for a backup
	MPJoinSynAckBackupRx    uint64
	MPJoinEvicted           uint64 // half-open joins given up for others

	DSSNotMatching       uint64 // mappings that contradict an earlier one
	DSSCorruptionReset   uint64
	MappingsFull         uint64 // segments refused: too many mappings wait for octets before them
	InfiniteMapTx        uint64
	InfiniteMapRx        uint64
	DataCsumErr          uint64 // DSS checksums that failed
	NoDSSInWindow        uint64 // octets without a mapping, given up
	DuplicateData        uint64 // octets received that were known
	OFOQueue             uint64 // segments out of order at the data level
	RcvPruned            uint64 // octets refused for want of room
	AddAddr              uint64
	AddAddrTx            uint64
	EchoAdd              uint64
	EchoAddTx            uint64
	AddAddrDrop          uint64 // invalid ones, and those beyond the limit
	AddAddrTxDrop        uint64 // announcements that were not sent: no room, or too many wait
	EchoAddTxDrop        uint64
	PortAdd              uint64 // announcements received with a port
	RmAddr               uint64
	RmAddrTx             uint64
	RmAddrDrop           uint64 // withdrawals of ids that are not known
	RmAddrTxDrop         uint64 // withdrawals that were not sent
	RmSubflow            uint64 // subflows removed because an address was
	MPPrioTx             uint64
	MPPrioRx             uint64
	MPFailTx             uint64
	MPFailRx             uint64
	MPFastcloseTx        uint64
	MPFastcloseRx        uint64
	MPFastcloseKeyError  uint64 // MP_FASTCLOSE with a key that is not ours
	MPRstTx              uint64
	MPRstRx              uint64
	SndWndShared         uint64 // a flow's own window was the limit
	MPCurrEstab          uint64 // gauge
	WinProbe             uint64 // data-level window probes
	DataAckBeyond        uint64 // DATA_ACKs of data never sent
	InCsumErrors         uint64 // TCP checksums that failed
	ListenOverflows      uint64 // SYNs and third packets passed over: too many wait for Accept
	SyncookiesSent       uint64 // SYNs answered without state
	SyncookiesRecv       uint64 // ...and third packets that came of it
	SyncookiesFailed     uint64 // third packets that fit no answer of ours
	SubflowStale         uint64
	SubflowRecover       uint64
	NoSuchConn           uint64 // segments that belong to nothing
	DataFinTx, DataFinRx uint64
}
