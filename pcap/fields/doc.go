// Package fields shows captured frames as named values, under Wireshark's names and
// printed as tshark prints them, and selects frames with display filters in the same
// language, so that known filters and scripts carry over.
//
// It owns the names, the printing, the numbering of TCP streams and the filter
// language. It knows nothing of connections: which MPTCP connection a frame belongs to
// is for the caller to say, see [Row.SetStream].
//
// Package wire is strict. This package reads the same octets leniently: of a frame that
// is damaged, or cut by the snapshot length, it shows each value that is still there, in
// the order of the octets, and stops where tshark stops. A value that a header names
// twice, or a header that occurs twice, is shown twice.
//
// What differs from tshark, on purpose:
//   - frame.protocols goes as far as TCP, UDP and MPTCP; applications are not guessed.
//   - IP fragments are not put together; their TCP header, if any, is not shown.
//   - Of tunnels (IP in IP, GRE, GTP-U, VXLAN, Geneve) both IP headers are shown, but
//     no field of the encapsulation itself and no inner Ethernet addresses. The packet
//     inside an ICMP error is not shown.
//   - An IPv6 payload length of 0 means the whole frame, as it does for IPv4, even
//     without a jumbo payload option.
//   - mptcp.expected_token and mptcp.expected_idsn belong to the key beside them, even
//     where the stream has seen another key before, which tshark would go by.
//   - Names under "mpd." are ours.
package fields
