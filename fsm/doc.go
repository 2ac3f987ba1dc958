// Package fsm is Multipath TCP as a pure state machine: RFC 8684 (version 1) and
// RFC 6824 (version 0) on top of package fsm/tcp, which knows nothing of it.
//
// An Endpoint is a host: it takes segments, timer expiries and the application's
// calls, and gives back segments, events and a deadline. A Conn is one Multipath
// TCP connection, or a plain TCP one where the peer or a middlebox allows no more:
// a connection that falls back is the same Conn, whose segments are no longer
// dressed with options.
//
// There is no clock, no I/O, no goroutine and no lock here. Time is an argument and
// must not jump back; randomness is Config.Rand. The same inputs give the same
// octets.
//
// # Driving an endpoint
//
//	e.HandleSegment(now, &seg)        // or HandleTimer, or a call of the application
//	for e.PollSegment(now, &out) {    // until it reports false
//		transmit(&out)
//	}
//	for c, ev, ok := e.PollEvent(); ok; c, ev, ok = e.PollEvent() {
//		...
//	}
//	wakeUpAt(e.Deadline())
//
// # Offsets
//
// The data stream of each direction is addressed by offsets from 0, the octet
// behind the MP_CAPABLE handshake; each subflow by offsets from 0, the octet behind
// its SYN. Data and subflow sequence numbers exist in options only, and are made
// and read by package dataseq.
package fsm
