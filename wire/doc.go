// Package wire reads and writes what stands in a packet: IPv4, IPv6 and TCP
// headers, TCP options, every Multipath TCP option of RFC 8684 (version 1) and
// RFC 6824 (version 0), and the keys, tokens and HMACs that those carry. It reads
// and writes ICMP errors about TCP segments too, says what each octet of an option
// is (Explain), and has the one text form of a segment (AppendText, ParseText).
//
// It judges shape only. A length that fits its flags is well formed; whether a
// checksum was negotiated, or a key is the right one, is for the state machine
// or the analyser to say. Nothing is allocated to decode a segment and its
// options, nor to append one to a buffer with room.
//
// Slices in decoded values (Options, Payload, RemoveAddr.IDs) alias the packet
// they were read from and live as long as it does.
package wire
