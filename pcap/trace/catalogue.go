package trace

// The catalogue. Ids are stable: scripts match on them.
var (
	fallbackSYNACK = &kind{
		"MPD-FALLBACK-SYNACK", Warn, "RFC 8684 section 3.7", "MPCapableFallbackSYNACK",
		"the SYN offered MP_CAPABLE and the SYN/ACK has none: the server is plain TCP or refused, or a middlebox removed the option on the way",
		"capture at the server too and run `mpdecode why CLIENT.pcap SERVER.pcap`: it tells the two apart",
	}
	fallbackOddSYN = &kind{
		"MPD-FALLBACK-OFFER", Warn, "RFC 8684 section 3.1", "MPCapableFallbackSYNACK",
		"the SYN/ACK has no MP_CAPABLE and the SYN's gave reason: %s",
		"have the opener send a version 1 MP_CAPABLE of 4 octets with H set and B clear",
	}
	fallbackACK = &kind{
		"MPD-FALLBACK-ACK", Warn, "RFC 8684 section 3.1", "MPCapableFallbackACK",
		"SYN and SYN/ACK agreed on MPTCP but the third ACK has no MP_CAPABLE: something removed it, or the opener never saw the SYN/ACK's option",
		"look for a middlebox that strips options from packets without SYN; compare captures of both ends",
	}
	synBlackhole = &kind{
		"MPD-SYN-BLACKHOLE", Warn, "RFC 8684 section 3.7", "MPCapableSYNTXDrop",
		"%s with MP_CAPABLE got no answer and a plain SYN did: something drops SYNs that carry the option",
		"find the firewall that drops TCP option 30; the opener falls back by itself meanwhile",
	}
	synUnanswered = &kind{
		"MPD-SYN-UNANSWERED", Warn, "RFC 9293 section 3.5", "",
		"%s got no answer in this capture",
		"check that the host is up and the path lets the packets through; the capture may also end too early",
	}
	synRefused = &kind{
		"MPD-SYN-REFUSED", Warn, "RFC 9293 section 3.5.2", "",
		"the SYN was answered by a RST: nothing listens on %s",
		"start the server, or check the port",
	}
	synStripped = &kind{
		"MPD-SYN-STRIPPED", Error, "RFC 8684 section 3.7", "MPCapableFallbackSYNACK",
		"MP_CAPABLE left the client in the SYN and did not arrive: a middlebox between the two captures removed it",
		"find the device that removes or replaces TCP option 30 between the two capture points",
	}
	synackStripped = &kind{
		"MPD-SYNACK-STRIPPED", Error, "RFC 8684 section 3.7", "MPCapableFallbackSYNACK",
		"the server's SYN/ACK left with MP_CAPABLE and arrived without: a middlebox between the two captures removed it",
		"find the device that removes TCP option 30 between the two capture points",
	}
	plainServer = &kind{
		"MPD-PLAIN-SERVER", Warn, "RFC 8684 section 3.7", "MPCapableFallbackSYNACK",
		"the SYN arrived at the server with its MP_CAPABLE and the server answered without: it is plain TCP, or refused this offer",
		"enable MPTCP on the server (net.mptcp.enabled, and a listener with IPPROTO_MPTCP)",
	}
	optionStripped = &kind{
		"MPD-OPTION-STRIPPED", Error, "RFC 8684 section 6", "",
		"%s left one capture point and did not reach the other: a middlebox removed it",
		"find the device between the two capture points",
	}
	synLost = &kind{
		"MPD-SYN-LOST", Warn, "RFC 8684 section 6", "",
		"%s of the %s from %s to %s in one capture and none in the other: dropped between the two, or its addresses were rewritten beyond recognition",
		"find the firewall or NAT between the two capture points",
	}
	payloadChanged = &kind{
		"MPD-PAYLOAD-CHANGED", Error, "RFC 8684 section 3.3.1", "DataCsumErr",
		"payload changed between the two capture points at the same sequence number: a middlebox rewrote it",
		"find the application-level gateway or the faulty hardware between the two capture points",
	}
	optionChanged = &kind{
		"MPD-OPTION-CHANGED", Error, "RFC 8684 section 3.8", "",
		"%s changed between the two capture points: a middlebox rewrote it",
		"find the device between the two capture points",
	}
	keyEcho = &kind{
		"MPD-KEY-ECHO", Error, "RFC 8684 section 3.1", "MPCapableFallbackACK",
		"the third ACK echoes another key than the SYN/ACK gave",
		"a middlebox rewrote an option, or two connections were mixed up: compare captures of both ends",
	}
	optionsLost = &kind{
		"MPD-OPTIONS-LOST", Warn, "RFC 8684 section 3.7", "%s",
		"MPTCP options vanish after the handshake: %s sends %d packets (%d payload octets) without any from this frame on",
		"look for a middlebox that strips options from data packets, or that terminates TCP",
	}
	infiniteMap = &kind{
		"MPD-INFINITE-MAPPING", Warn, "RFC 8684 section 3.7", "InfiniteMapTx",
		"%s sent an infinite mapping: from here on the connection is plain TCP on this subflow",
		"see the finding that names the cause",
	}
	sumBad = &kind{
		"MPD-CHECKSUM", Error, "RFC 8684 section 3.3.1", "DataCsumErr",
		"the DSS checksum of %s sent by %s is wrong: payload or option changed after the sender computed it",
		"a middlebox rewrites payload (an application-level gateway, say): find it, or keep checksums on",
	}
	finSumBad = &kind{
		"MPD-CHECKSUM-FIN", Error, "RFC 8684 section 3.3.3", "DataCsumErr",
		"the DSS checksum of a DATA_FIN sent by %s is wrong",
		"a middlebox or the sender's stack is at fault: compare captures of both ends",
	}
	fallbackSum = &kind{
		"MPD-FALLBACK-CHECKSUM", Warn, "RFC 8684 section 3.7", "MPFailTx",
		"%s reported a checksum failure at DSN %d with MP_FAIL on the only subflow, so the connection fell back to TCP",
		"a middlebox rewrites payload: the stream arrives as plain TCP would deliver it, changed octets included",
	}
	failReset = &kind{
		"MPD-FAIL-RESET", Warn, "RFC 8684 section 3.7", "MPFailTx",
		"%s reported a checksum failure at DSN %d, and the subflow was reset (RFC 8684 demands it unless it is the only one)",
		"a middlebox on this path rewrites payload: take the path out of use, or find the device",
	}
	failNoProof = &kind{
		"MPD-FAIL-UNPROVEN", Info, "RFC 8684 section 3.7", "MPFailRx",
		"%s reported a checksum failure at DSN %d, but the mapping is right as captured here: the change happened behind this capture point",
		"capture closer to the receiver",
	}
	tokenUnknown = &kind{
		"MPD-JOIN-TOKEN", Warn, "RFC 8684 section 3.2", "MPJoinNoTokenFound",
		"MP_JOIN names token %08x, which belongs to no key in this capture%s",
		"the connection ended, or never was at this host: if the capture began late, supply the key with --key",
	}
	joinSYNACKHMAC = &kind{
		"MPD-JOIN-HMAC-SYNACK", Error, "RFC 8684 section 3.2", "MPJoinSynAckHMacFailure",
		"the HMAC in the SYN/ACK's MP_JOIN is not the one that the keys and nonces give%s",
		"a middlebox rewrote the option, or the responder does not know the key: compare captures of both ends",
	}
	joinACKHMAC = &kind{
		"MPD-JOIN-HMAC-ACK", Error, "RFC 8684 section 3.2", "MPJoinAckHMacFailure",
		"the HMAC in the third ACK's MP_JOIN is not the one that the keys and nonces give%s",
		"a middlebox rewrote the option, or the joiner does not know the key: compare captures of both ends",
	}
	joinHMACUnproven = &kind{
		"MPD-JOIN-HMAC-BEHIND", Warn, "RFC 8684 section 3.2", "%s",
		"the join was reset (%s) right after an HMAC that is right as captured here: it was changed behind this capture point, or refused for another reason",
		"capture at the other end too and run `mpdecode why` on both files",
	}
	joinNoListener = &kind{
		"MPD-JOIN-NO-LISTENER", Warn, "RFC 8684 section 3.2", "",
		"the MP_JOIN SYN to %s was answered by a plain RST: nothing listens on that address and port, or a firewall refused it; the token is right",
		"let the server listen on that address, or announce the address with a port that it listens on",
	}
	joinRejected = &kind{
		"MPD-JOIN-REJECTED", Warn, "RFC 8684 section 3.2", "MPJoinRejected",
		"the join was refused by policy (MP_TCPRST reason 3, administratively prohibited), though token and HMACs are right",
		"raise the peer's limit (ip mptcp limits set subflows N) or allow the address",
	}
	joinReset = &kind{
		"MPD-JOIN-RESET", Warn, "RFC 8684 section 3.2", "",
		"the join was reset before it was established: %s",
		"see the reason; compare captures of both ends if it is unclear",
	}
	joinStripped = &kind{
		"MPD-JOIN-STRIPPED", Warn, "RFC 8684 section 3.2", "",
		"the SYN asked to join and the SYN/ACK has no MP_JOIN: a middlebox removed the option, or the port belongs to a plain TCP listener",
		"capture at the other end too and run `mpdecode why` on both files",
	}
	joinUnanswered = &kind{
		"MPD-JOIN-UNANSWERED", Warn, "RFC 8684 section 3.2", "",
		"%s got no answer: the address is unreachable from here, or something drops them",
		"check routing and firewalls for this pair of addresses",
	}
	joinFlood = &kind{
		"MPD-JOIN-FLOOD", Warn, "RFC 8684 section 5", "",
		"more joins than %d name this connection: further ones are counted, not followed",
		"if it is no attack, find out why the opener tries so often",
	}
	joinEarly = &kind{
		"MPD-JOIN-EARLY", Info, "RFC 8684 section 3.1 (R3.1-21)", "",
		"a join was tried before the first subflow had carried a DSS",
		"Linux does so when an ADD_ADDR comes first; a stricter peer may refuse it",
	}
	addAddrHMAC = &kind{
		"MPD-ADDADDR-HMAC", Error, "RFC 8684 section 3.4.1", "",
		"ADD_ADDR of %s carries an HMAC that the keys do not give: forged, rewritten on the way, or of an early kernel that used the leftmost octets",
		"a receiver ignores it; find out who sent it",
	}
	fastclosed = &kind{
		"MPD-FASTCLOSE", Info, "RFC 8684 section 3.5", "MPFastcloseTx",
		"%s aborted the connection with MP_FASTCLOSE",
		"nothing, if the application meant to abort",
	}
	fastcloseKey = &kind{
		"MPD-FASTCLOSE-KEY", Error, "RFC 8684 section 3.5", "",
		"MP_FASTCLOSE carries a key that is not the receiver's",
		"a receiver ignores it; it may be a blind attack",
	}
	subflowReset = &kind{
		"MPD-SUBFLOW-RESET", Info, "RFC 8684 section 3.6", "MPRstTx",
		"the subflow was reset%s",
		"a reset ends its subflow only: the others carry on",
	}
	conflict = &kind{
		"MPD-CONFLICT", Error, "RFC 8684 section 3.3.1", "",
		"%s of data sent by %s with other octets than the first copy",
		"a middlebox or a faulty sender changes data; what a receiver delivers depends on which copy came first",
	}
	mapConflict = &kind{
		"MPD-MAPPING-CONFLICT", Error, "RFC 8684 section 3.3.1 (R3.3.1-01)", "DSSNotMatching",
		"%s sent by %s in contradiction to an earlier one on the same subflow",
		"a middlebox coalesced or split segments, or the sender is faulty",
	}
	reinjected = &kind{
		"MPD-REINJECTED", Info, "RFC 8684 section 3.3.6", "MPTCPRetrans",
		"%d octets of %s were sent again on another subflow, in %d packets",
		"expected when a path is slow or fails; see the timing of the subflows",
	}
	resent = &kind{
		"MPD-RESENT", Info, "RFC 8684 section 3.3.6", "MPTCPRetrans",
		"%d octets of %s were sent again on the same subflow at new sequence numbers",
		"the sender repeated data at the data level though TCP had it: a path failed, or DATA_ACKs were late",
	}
	stale = &kind{
		"MPD-SUBFLOW-STALE", Warn, "RFC 8684 section 3.3.6", "SubflowStale",
		"the subflow stopped: %s sent data for %.1f s without an acknowledgment, and it was sent again elsewhere",
		"the path is down or loses everything: check it",
	}
	noFin = &kind{
		"MPD-NO-DATA-FIN", Warn, "RFC 8684 section 3.3.3", "",
		"all subflows ended and %s never sent a DATA_FIN: the end of its stream is not proven",
		"an application or a host died, or a middlebox closed the subflows",
	}
	finUnacked = &kind{
		"MPD-DATA-FIN-UNACKED", Info, "RFC 8684 section 3.3.3", "",
		"the DATA_FIN of %s was not acknowledged in this capture",
		"nothing, if the capture ended early",
	}
	malformedOption = &kind{
		"MPD-MALFORMED", Warn, "RFC 8684 section 2", "",
		"malformed %s option: %d octets fit no form of it",
		"receivers ignore it; report it to the sender's implementer",
	}
	overrunOption = &kind{
		"MPD-OVERRUN", Warn, "RFC 9293 section 3.1", "",
		"malformed %s option: it claims %d octets and the header has %d left",
		"receivers ignore it and what follows; report it to the sender's implementer",
	}
	unknownOption = &kind{
		"MPD-UNKNOWN-SUBTYPE", Info, "RFC 8684 section 8", "",
		"an option of %s, for which no standard has a meaning",
		"receivers ignore it",
	}
	midstream = &kind{
		"MPD-MIDSTREAM", Info, "", "",
		"the capture holds no handshake of this connection: subflows were joined by their data sequence numbers, and nothing that needs a key was checked",
		"supply the keys with --key to have DSNs, joins and addresses verified",
	}
	evidence = &kind{
		"MPD-EVIDENCE-DROPPED", Info, "", "",
		"%d repeated octets are older than what is remembered per connection: who sent them first is not judged",
		"raise the limits if it matters",
	}
	moreFindings = &kind{
		"MPD-FINDINGS-LIMIT", Info, "", "",
		"%d more findings about single subflows of this connection are not listed",
		"raise the limit if they matter",
	}
	cutCapture = &kind{
		"MPD-CHECKSUM-INCOMPLETE", Info, "", "",
		"%s with a checksum not whole in this capture, so not judged",
		"capture whole packets (tcpdump -s 0) and without loss",
	}
	tcpSum = &kind{
		"MPD-TCP-CHECKSUM", Warn, "RFC 9293 section 3.1", "TcpInCsumErrors",
		"%s with a wrong TCP checksum",
		"damaged on the way, or offloaded in a way that is not recognised",
	}
)

// catalogue is in the order of documentation.
var catalogue = []*kind{
	fallbackSYNACK, fallbackOddSYN, fallbackACK, synBlackhole, synUnanswered, synRefused,
	synStripped, synackStripped, plainServer, optionStripped, optionChanged, synLost, payloadChanged,
	keyEcho, optionsLost, infiniteMap, sumBad, finSumBad, fallbackSum, failReset, failNoProof,
	tokenUnknown, joinSYNACKHMAC, joinACKHMAC, joinHMACUnproven, joinNoListener, joinRejected,
	joinReset, joinStripped, joinUnanswered, joinFlood, joinEarly, addAddrHMAC, fastclosed, fastcloseKey,
	subflowReset, conflict, mapConflict, reinjected, resent, stale, noFin, finUnacked,
	sumPresence, finForm, ackBeyond, unasked, joinForbidden, addressReused, timestampsLost, reservedBits, earlyData, afterFallback, signalFlood, urgentData, mapElsewhere,
	malformedOption, overrunOption, unknownOption, midstream, evidence, moreFindings, cutCapture, tcpSum,
}
