// Package pcap reads and writes capture files: pcap and pcapng, plain or inside
// gzip or zstd, from a file or from a pipe.
//
// It owns the file formats, the link layers (the way from the first captured octet
// to the IP header, see [Network]) and the common tunnels (the way from an IP
// header to the IP header inside, see [Tunnel]). It knows nothing of TCP.
//
// The reader streams. Its memory does not grow with the file, it allocates nothing
// per packet, and lengths found in a file are believed only as far as octets
// arrive. Damaged files end in a [*FormatError] that says where; all packets
// before that place are delivered first.
//
// File formats: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng; link types:
// https://www.tcpdump.org/linktypes.html.
package pcap
