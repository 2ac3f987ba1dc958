// Package mbox is the middleboxes of the Multipath TCP paper as path elements: the
// Click elements of its section 4.1, the boxes behind the measurements of sections
// 3.1 to 3.3, and some more that break things in the field. They run in a simulated
// world ([netsim.World]) or between two live interfaces ([netsim.Line]).
//
// A box gets octets and patches them: what it does not mean to change (IP id, TTL,
// flow label, unknown options) stays, and what a real box also shifts (SACK blocks,
// checksums) is shifted too. Whatever is no intact TCP segment passes untouched:
// fragments, other protocols, malformed headers, wrong checksums.
//
// A flow may be first seen in the middle. Unless its description says otherwise, a
// box then leaves alone what it would have needed the handshake for, and begins to
// count at the first segment it sees.
//
// Each box is made from a specification by [Parse]; the type's description gives the
// syntax, in which the fields at the end are common to most:
//
//	dir=c2s|s2c    segments from the left end to the right one, or back
//	on=KIND+...    syn, synack, ack3 (the handshake's third), data, ack, fin, rst
//	after=MOMENT   once a flow got there: 3whs, 5000B, 20p, or at a time: 2s
//	until=MOMENT   before it
//	count=N        at most N times in all
//	chance=P       with that probability, 0.1 or 10%
//
// One element is no box: [Lie] makes a host misbehave.
//
// The left end is called the client, for that is where tests put it. Every edit is
// one line in the log of the world.
package mbox
