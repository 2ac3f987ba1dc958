// Package trace turns captured packets into Multipath TCP connections and judges
// them: it joins subflows to connections by keys and tokens, recomputes every
// token, HMAC and DSS checksum, accounts for every octet of data (new, repeated on
// its subflow, reinjected on another), and names the causes of fallback and of
// refused joins together with the frames that prove them.
//
// A [Tracker] takes packets one at a time and keeps a bounded amount of state: see
// [Limits]. What it had to forget it says.
//
// Terms: a flow has an opener (direction 0) and a responder (direction 1). A
// connection has a side A (0), the sender of the first SYN, and a side B (1). Data
// of a side lies at positions: 64-bit offsets that never wrap, whose origin is
// chosen so that they are positive even for data sent before the IDSN.
package trace
