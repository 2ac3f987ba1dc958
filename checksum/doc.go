// Package checksum adds up octets as the Internet checksum does (RFC 1071): it
// takes the data as big-endian 16-bit words, padded with a zero octet if their
// number is odd, and adds them in ones-complement arithmetic.
//
// It owns the arithmetic only. Which octets belong to a checksum (a pseudo-header,
// a header, a mapping) is known to the packages that import it; it imports
// nothing but arithmetic and byte order from the standard library.
//
// # Sums in pieces
//
// A [Sum] is not complemented, so sums can be added up. [Of] sums one slice and
// [Copy] sums what it copies; [Sum.AddAt] joins the sums of pieces that may begin
// at odd offsets. The payload of a segment is thus read once, for the checksum
// of TCP and for the DSS checksum of RFC 8684 section 3.3.1, and a mapping that
// arrives in many segments needs no second pass over its octets.
//
// # The two zeros
//
// Ones-complement arithmetic has two zeros, 0x0000 and 0xffff. Here they are told
// apart: the sum of octets that are all zero, or of none, is 0x0000, and the sum
// of anything else is in 0x0001..0xffff. Folding keeps it so by itself, since an
// end-around carry never turns a positive total into zero. Hence Of, Copy, Add,
// AddAt and the AddUint methods give a canonical result: equal data gives equal
// Sums under ==, however the data was cut.
//
// Subtraction cannot keep that promise, since it cannot see whether what is left
// is all zero. [Sum.Sub] and the Update methods give 0xffff wherever the result is
// a zero of either kind (but taking 0 from 0 leaves 0). That is right whenever some
// octet that remains is not zero, as under every IP, TCP and DSS checksum, which
// cover a version, a protocol or a length.
package checksum
