// Package dataseq places the octets of subflows in the data stream of a
// connection: it converts sequence numbers to stream offsets and back, keeps the
// data sequence mappings that a peer declared (RFC 8684 section 3.3.1), and
// verifies their checksums.
//
// Inside this project a stream is addressed by uint64 offsets from 0, so that
// nothing but this package compares numbers that wrap. It knows neither segments
// nor options: what a mapping means for a connection is for its callers to judge.
//
//	SYN is relative SSN 0, so SSN 1 is subflow offset 0   (type Subflow)
//	MP_CAPABLE is DSN IDSN, so DSN IDSN+1 is data offset 0 (type Space)
//	a DATA_FIN takes one DSN and no subflow octet          (Mapping.Fin)
package dataseq
