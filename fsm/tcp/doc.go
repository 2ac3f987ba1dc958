// Package tcp is one TCP flow: RFC 9293 with what a present-day peer expects of
// it, namely window scaling and timestamps (RFC 7323), SACK (2018, 2883, 6675),
// RACK-TLP (8985), PRR (6937), Fast Open (7413) and the defences of RFC 5961.
//
// It knows nothing of Multipath TCP. [Conn] is the plain TCP peer, with a send
// buffer and a receive queue; a subflow of Multipath TCP is a bare [Flow] whose
// octets belong to somebody else. A Flow decides what may be sent and when, and
// keeps for what was sent and received only ranges of stream offsets; the octets
// themselves stay with its owner.
//
// There is no clock, no I/O, no goroutine and no lock here. Time is an argument,
// and must not jump back (a driver derives it from a monotonic clock; the year
// may be any after 1970). Randomness is [Config].Rand. The same inputs give the
// same octets.
//
// # Driving a flow
//
// Input enters by [Flow.HandleSegment], [Flow.HandleTimer] and the application's
// calls. After each, poll until there is nothing more to send:
//
//	in := f.HandleSegment(now, seg, 0)
//	if len(in.Data) > 0 {
//		f.Keep(now, keepSomewhere(in.Off, in.Data))
//	}
//	for {
//		out, ok := f.Poll(now, &seg)          // header and TCP options
//		if !ok {
//			break
//		}
//		seg.Options = moreOptions(seg.Options) // the owner's
//		if f.Commit(now, &out, &seg, octetsAt(out.Off, out.Max)) {
//			transmit(&seg)
//		}
//	}
//	wakeUpAt(f.Deadline())
//
// # Offsets
//
// Streams are addressed by offsets from 0, the first octet behind the SYN. Inside
// they are int64: the SYN lies at -1 and the FIN right behind the last octet.
// Sequence numbers are made from them, and unwrapped, in seq.go alone.
package tcp
