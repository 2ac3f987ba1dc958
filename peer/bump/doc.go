// Package bump puts path elements (package mbox) on live traffic: a bump in the wire.
//
// [Run] joins two ends, which may be Ethernet interfaces without addresses ([Tap]), so
// that the hosts on either side see no hop between them, or any links (package link).
// What arrives at one leaves at the other through the elements, which see what would
// be on a wire: segments that the sender's kernel left to a network card are cut, and
// checksums completed. What is no IP packet passes as it came.
//
// [Wrap] is a link behind elements: a host that lies, or one with a middlebox in its
// own cable. [Watch] is a link that shows what passes.
//
// The elements patch packets in place, so that IP id, TTL and flow label survive; a
// [netsim.Line] drives them on the real clock. The package knows packets; it knows
// nothing of connections.
package bump
